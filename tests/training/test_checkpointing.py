"""Gradient checkpointing, by what a layer keeps."""

from __future__ import annotations

from kept_tensors import kept_bytes
from tiny_models import build_example, build_tiny

from momentor_lib.training.checkpointing import checkpoint_layers


def kept(checkpointed: bool) -> int:
    """Bytes of activations that the graph holds on to."""
    model, processor = build_tiny()
    batch = processor.collate([processor.encode(build_example())])
    model.train()
    if checkpointed:
        checkpoint_layers(model)
    found, output = kept_bytes(lambda: model(**batch), but=model.parameters())
    output.loss.backward()
    return found


def test_of_a_layer_little_more_than_its_input_is_kept():
    assert kept(checkpointed=True) < 0.5 * kept(checkpointed=False)

"""Gradient checkpointing, by what a layer keeps."""

from __future__ import annotations

import torch
from tiny_models import build_example, build_tiny

from momentor_lib.training.checkpointing import checkpoint_layers


def kept(checkpointed: bool) -> int:
    """Bytes of activations that the graph holds on to."""
    model, processor = build_tiny()
    batch = processor.collate([processor.encode(build_example())])
    model.train()
    if checkpointed:
        checkpoint_layers(model)
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    held = {}

    def hold(tensor):
        held[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(hold, lambda tensor: tensor):
        loss = model(**batch).loss
    found = sum(tensor.untyped_storage().nbytes() for place, tensor in held.items() if place not in own)
    loss.backward()
    return found


def test_of_a_layer_little_more_than_its_input_is_kept():
    assert kept(checkpointed=True) < 0.5 * kept(checkpointed=False)

"""LoRA on a 4-bit base, with bitsandbytes' kernels for a CPU."""

from __future__ import annotations

import pytest
import torch

from momentor_lib.model.example import VideoExample
from momentor_lib.model.four_bit import nf4
from momentor_lib.model.lora import merge
from momentor_lib.model.momentor import Momentor
from momentor_lib.model.processing import MomentorProcessor
from momentor_lib.paths import shipped
from momentor_lib.training.lora import add_lora

bitsandbytes = pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed: pip install 'momentor[four-bit]' runs this")
TINY = shipped("checkpoints/tiny")


def batch_of(model: Momentor) -> dict[str, torch.Tensor]:
    features = torch.randn(64, model.config.vision_config.hidden_size, generator=torch.Generator().manual_seed(0))
    times = torch.linspace(0, 20, 64, dtype=torch.float64).tolist()
    dialogues = [[("When does this happen: the red circle moves left?", "<2.5s>-<7.25s>")]]
    processor = MomentorProcessor.from_pretrained(TINY)
    return processor.collate([processor.encode(VideoExample(times, 20.0, dialogues, features=features))])


def load(**more) -> Momentor:
    return Momentor.from_pretrained(TINY, quantization_config=nf4(torch.float32), **more)


def test_lora_trains_on_four_bit_weights_and_its_adapter_fits_the_whole_model_too(tmp_path):
    model = load()
    quantised = {name for name, layer in model.named_modules() if isinstance(layer, bitsandbytes.nn.Linear4bit)}
    layers = model.config.text_config.num_hidden_layers
    assert len(quantised) == 7 * layers and all(name.startswith("language_model.model.layers.") for name in quantised)
    weights = {name: model.get_submodule(name).weight.clone() for name in quantised}

    model.set_trainable(language=False)
    add_lora(model, rank=2).train()
    batch = batch_of(model)
    optimizer = torch.optim.AdamW([parameter for parameter in model.parameters() if parameter.requires_grad], lr=1e-2)
    losses = []
    for _ in range(12):
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.25 * losses[0]
    for name, weight in weights.items():
        assert torch.equal(model.get_submodule(name).base_layer.weight, weight), "4-bit weights do not train"

    model.save_pretrained(tmp_path)
    with torch.no_grad():
        expected = model(**batch).loss
        torch.testing.assert_close(load(adapter=tmp_path).train()(**batch).loss, expected)
        whole = Momentor.from_pretrained(TINY, adapter=tmp_path)(**batch).loss
    assert whole < 0.5 * losses[0], "what was learned on rounded weights holds on whole ones"
    with pytest.raises(ValueError, match="4-bit base"):
        merge(model)

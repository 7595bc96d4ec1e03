"""The presets' sizes, and where models come from."""

from __future__ import annotations

import pytest
import torch
from tiny_models import build_tiny

from momentor_lib.model import presets
from momentor_lib.model.lora import insert_lora
from momentor_lib.model.momentor import Momentor


def test_tiny_has_the_size_that_it_says():
    with torch.device("meta"):
        model = Momentor(presets.tiny())
    assert f"About {model.num_parameters() / 1e6:.1f} M parameters" in presets.tiny.__doc__
    assert model.config.vision_config.num_hidden_layers == 4


def test_a_name_that_is_no_pair_has_no_parts(tmp_path):
    assert presets.backbones_of("tiny") is None and presets.backbones_of(tmp_path) is None
    assert presets.backbones_of("paper") == ("openai/clip-vit-large-patch14", "lmsys/vicuna-7b-v1.5")
    assert presets.backbones_of("openai/clip+HuggingFaceTB/SmolLM2-135M") == ("openai/clip", "HuggingFaceTB/SmolLM2-135M")


@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
def test_an_adapters_folder_is_loaded_onto_its_base(dtype, tmp_path):
    from peft import LoraConfig

    model, processor = build_tiny(scale=10)
    for folder in ("base", "adapter"):
        processor.save_pretrained(tmp_path / folder)
    model.save_pretrained(tmp_path / "base")
    model, _ = presets.load(tmp_path / "base")
    insert_lora(model, LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False))
    model.save_pretrained(tmp_path / "adapter")
    ids = torch.randint(0, 300, (1, 7))
    loaded, _ = presets.load(tmp_path / "adapter", dtype)
    expected, found = model(ids).logits, loaded(ids).logits
    assert found.dtype == (dtype or torch.float32)
    torch.testing.assert_close(found.float(), expected, rtol=0, atol=0 if dtype is None else 0.05 * expected.abs().max().item())

"""The gated layer that keeps less, against transformers' own."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from kept_tensors import kept_bytes
from transformers import CONFIG_MAPPING, AutoModelForCausalLM

from momentor_lib.model.feed_forward import CLASSES, keep_less, swiglu

MODEL_TYPES = ("llama", "mistral", "qwen2", "qwen3", "smollm3", "olmo2", "granite")


def build(model_type: str, **settings) -> torch.nn.Module:
    sizes = {"vocab_size": 40, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "tie_word_embeddings": False}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 8}
    torch.manual_seed(0)
    config = CONFIG_MAPPING[model_type](**sizes, **heads, pad_token_id=0, bos_token_id=1, eos_token_id=2, **settings)
    return AutoModelForCausalLM.from_config(config).train()


def run(model: torch.nn.Module, embeds: torch.Tensor) -> tuple[int, torch.Tensor, torch.Tensor]:
    """Bytes of activations that are kept, the output and the gradient by the input."""
    embeds = embeds.clone().requires_grad_()
    kept, output = kept_bytes(lambda: model(inputs_embeds=embeds, use_cache=False).logits, but=model.parameters())
    output.square().sum().backward()
    return kept, output, embeds.grad


@pytest.mark.parametrize("model_type", MODEL_TYPES)
@pytest.mark.parametrize("frozen", [True, False])
def test_values_and_gradients_are_transformers_own_and_less_is_kept(model_type, frozen):
    plain = build(model_type)
    plain.requires_grad_(not frozen)
    lean = copy.deepcopy(plain)
    keep_less(lean)
    embeds = torch.randn(2, 7, 16, generator=torch.Generator().manual_seed(1))
    (before, expected, slope), (after, output, found) = run(plain, embeds), run(lean, embeds)
    torch.testing.assert_close(output, expected)
    torch.testing.assert_close(found, slope)
    middle = 2 * 7 * 24 * 4  # bytes of one tensor of the layer's middle
    assert before - after == 2 * middle, "one of each of the two layers: silu(gate)"
    for (name, one), other in zip(plain.named_parameters(), lean.parameters(), strict=True):
        assert (one.grad is None) == (other.grad is None) == (frozen or "embed_tokens" in name), name
        if one.grad is not None:
            torch.testing.assert_close(other.grad, one.grad)


def test_every_class_that_is_changed_is_tested():
    tested = {type(layer).__name__ for model_type in MODEL_TYPES for layer in build(model_type).modules()}
    assert tested >= CLASSES


@pytest.mark.parametrize("settings", [{"hidden_act": "gelu"}, {}])
def test_layers_of_another_form_stay_as_they_are(settings):
    model = build("llama" if settings else "gemma", **settings)
    keep_less(model)
    assert not any("forward" in vars(layer) for layer in model.modules())


def test_without_a_gradient_it_is_transformers_own_formula():
    plain = build("llama").eval()
    lean = copy.deepcopy(plain)
    keep_less(lean)
    ids = torch.arange(12).view(2, 6)
    with torch.no_grad():
        assert torch.equal(lean(ids).logits, plain(ids).logits)


@pytest.mark.parametrize("copy_of", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))], ids=["copied", "pickled"])
def test_a_copy_is_a_model_of_its_own(copy_of):
    model = build("llama")
    keep_less(model)
    other, ids = copy_of(model), torch.arange(12).view(2, 6)
    torch.testing.assert_close(other(ids).logits, model(ids).logits)
    with torch.no_grad():
        other.model.layers[0].mlp.up_proj.weight.zero_()
    assert not torch.allclose(other(ids).logits, model(ids).logits)


def test_the_operation_is_sound():
    gate, up = (torch.randn(2, 3, 5, dtype=torch.double, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(swiglu, (gate, up))
    torch.library.opcheck(swiglu, (gate, up))

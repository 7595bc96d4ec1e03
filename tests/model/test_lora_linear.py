"""LoRA's layer in one operation, against peft's own."""

from __future__ import annotations

import peft
import pytest
import torch
from peft.tuners.lora import Linear
from torch import nn

from momentor_lib.model import lora_linear as module
from momentor_lib.model.feed_forward import swiglu
from momentor_lib.model.frozen_linear import frozen_linear
from momentor_lib.model.lora_linear import LoraLinear


def build(kind: type[Linear], bias: bool = True, **settings) -> Linear:
    torch.manual_seed(0)
    config = peft.LoraConfig(r=3, lora_alpha=6, **settings)
    layer = kind(nn.Linear(6, 4, bias=bias), "default", config, r=3, lora_alpha=6)
    layer.base_layer.requires_grad_(False)
    with torch.no_grad():
        layer.lora_B["default"].weight.copy_(torch.randn(4, 3))
    return layer.train()


def run(layer: Linear, *inputs: torch.Tensor) -> list[torch.Tensor]:
    """The output, and the gradients by inputs, A and B."""
    inputs = [one.clone().requires_grad_() for one in inputs]
    learned = [layer.lora_A["default"].weight, layer.lora_B["default"].weight]
    if len(inputs) == 1:
        output = layer(*inputs)
    elif isinstance(layer, LoraLinear):
        output = layer.forward_gated(*inputs)
    else:
        output = layer(swiglu(*inputs))
    return [output, *torch.autograd.grad(output.float().square().sum(), [*inputs, *learned])]


def count(monkeypatch) -> list[None]:
    """Grows by one with each call of the operation."""
    calls = []
    monkeypatch.setattr(module, "frozen_linear", lambda *given: calls.append(None) or frozen_linear(*given))
    return calls


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("gated", [False, True])
def test_values_and_gradients_are_those_of_peft(bias, gated, monkeypatch):
    calls = count(monkeypatch)
    inputs = torch.randn(2, 2, 5, 6, generator=torch.Generator().manual_seed(1)).unbind()[: 1 + gated]
    for mine, theirs in zip(run(build(LoraLinear, bias), *inputs), run(build(Linear, bias), *inputs), strict=True):
        torch.testing.assert_close(mine, theirs)
    assert len(calls) == 1


def test_in_mixed_precision_it_multiplies_in_the_lower_one(monkeypatch):
    calls = count(monkeypatch)
    x = torch.randn(2, 5, 6, generator=torch.Generator().manual_seed(1))
    results = []
    for kind in (LoraLinear, Linear):
        with torch.autocast("cpu", torch.bfloat16):
            results.append(run(build(kind), x))
    assert len(calls) == 1 and results[0][0].dtype == torch.bfloat16
    assert [one.dtype for one in results[0]] == [one.dtype for one in results[1]]
    for mine, theirs in zip(*results, strict=True):
        torch.testing.assert_close(mine.float(), theirs.float(), rtol=0.05, atol=0.05)


def with_hook(layer: Linear) -> None:
    layer.lora_A["default"].register_forward_hook(lambda *_: None)


def merged(layer: Linear) -> None:
    layer.merge()


def disabled(layer: Linear) -> None:
    layer.enable_adapters(False)


def learning(layer: Linear) -> None:
    layer.base_layer.requires_grad_(True)


def halved(layer: Linear) -> None:
    layer.base_layer.to(torch.bfloat16)


@pytest.mark.parametrize("change", [with_hook, merged, disabled, learning, halved])
def test_what_is_out_of_the_ordinary_goes_peft_s_way(change, monkeypatch):
    calls = count(monkeypatch)
    layers = [build(LoraLinear), build(Linear)]
    x = torch.randn(2, 5, 6, generator=torch.Generator().manual_seed(1))
    if change is halved:
        x = x.bfloat16()
    for layer in layers:
        change(layer)
    mine, theirs = (layer(x.requires_grad_()) for layer in layers)
    assert torch.equal(mine, theirs) and not calls
    assert torch.equal(layers[0].forward_gated(x, x), layers[1](swiglu(x, x))) and not calls


@pytest.mark.parametrize("settings", [{"lora_dropout": 0.5}, {"use_dora": True}])
def test_dropout_and_dora_are_peft_s(settings, monkeypatch):
    calls = count(monkeypatch)
    torch.manual_seed(0)
    layer = LoraLinear(nn.Linear(6, 4), "default", peft.LoraConfig(r=3, **settings), r=3, lora_alpha=6)
    layer.base_layer.requires_grad_(False)
    layer.train()(torch.randn(2, 6))
    assert not calls
    if "lora_dropout" in settings:
        layer.eval()(torch.randn(2, 6))
        assert len(calls) == 1, "nothing is dropped in evaluation"


def test_a_hook_on_the_layer_itself_sees_a_gated_call(monkeypatch):
    calls, seen = count(monkeypatch), []
    layer = build(LoraLinear)
    layer.register_forward_hook(lambda *_: seen.append(None))
    x = torch.randn(2, 6, requires_grad=True)
    torch.testing.assert_close(layer.forward_gated(x, x), layer(swiglu(x, x)))
    assert len(seen) == 2 and len(calls) == 2


def test_without_a_gradient_it_is_bit_for_bit_peft_s():
    x = torch.randn(2, 5, 6)
    with torch.no_grad():
        assert torch.equal(build(LoraLinear)(x), build(Linear)(x))

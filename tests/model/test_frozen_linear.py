"""The frozen layer, with and without LoRA and gate, against its formula."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from momentor_lib.model import frozen_linear as module
from momentor_lib.model.autocast import in_one_dtype
from momentor_lib.model.frozen_linear import frozen_linear, is_plain


def tensors(gated: bool, lora: bool, bias: bool) -> dict[str, torch.Tensor | None]:
    generator = torch.Generator().manual_seed(2)

    def random(*shape, wanted=True):
        return torch.randn(*shape, dtype=torch.double, generator=generator) if wanted else None

    found = {"x": random(2, 5, 6), "weight": random(4, 6), "bias": random(4, wanted=bias), "up": random(2, 5, 6, wanted=gated)}
    return found | {"a": random(3, 6, wanted=lora), "b": random(4, 3, wanted=lora)}


@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("lora", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("rows", [256, 3])
def test_it_is_its_formula_and_its_gradients_are_right(gated, lora, bias, rows, monkeypatch):
    monkeypatch.setattr(module, "ROWS", rows)
    given = tensors(gated, lora, bias)
    x = functional.silu(given["x"]) * given["up"] if gated else given["x"]
    expected = functional.linear(x, given["weight"], given["bias"]) + (0.7 * x @ given["a"].T @ given["b"].T if lora else 0)
    torch.testing.assert_close(frozen_linear(**given, scale=0.7), expected)
    learned = {name: value.requires_grad_() for name, value in given.items() if value is not None and name not in ("weight", "bias")}
    assert torch.autograd.gradcheck(
        lambda *values: frozen_linear(**given | dict(zip(learned, values, strict=True)), scale=0.7), list(learned.values())
    )
    torch.library.opcheck(module._frozen_linear, (*given.values(), 0.7))


def test_without_lora_or_gate_the_input_is_not_kept():
    given = tensors(gated=False, lora=False, bias=True)
    shapes = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: shapes.append(tensor.shape) or tensor, lambda tensor: tensor):
        frozen_linear(**given | {"x": given["x"].requires_grad_()})
    assert given["x"].shape not in shapes and given["weight"].shape in shapes


def test_what_is_plain():
    layer = nn.Linear(2, 2).requires_grad_(False)
    assert is_plain(layer)
    handle = layer.register_forward_hook(lambda *_: None)
    assert not is_plain(layer)
    handle.remove()
    assert is_plain(layer) and not is_plain(layer.requires_grad_()) and not is_plain(nn.Identity())

    class Other(nn.Linear):
        """As bitsandbytes' layers are."""

    assert not is_plain(Other(2, 2).requires_grad_(False))


def test_dtypes_that_differ_are_cast_in_autocast_only():
    one, other = torch.zeros(1), torch.zeros(1, dtype=torch.bfloat16)
    assert in_one_dtype(one, None, other) is None and in_one_dtype(one, None, one) == [one, None, one]
    with torch.autocast("cpu", torch.bfloat16):
        assert [None if cast is None else cast.dtype for cast in in_one_dtype(one, None, other)] == [torch.bfloat16, None, torch.bfloat16]

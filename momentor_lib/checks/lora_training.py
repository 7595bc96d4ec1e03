"""Self-checks of notebook 05: counting parameters, LoRA by hand, folding it in."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from momentor_lib.checks.result import require, require_something, self_check

WIDE, NARROW, RANK, ALPHA = 6, 4, 2, 3.0
ALIKE = {"atol": 1e-5, "rtol": 1e-4}


class _Shared(nn.Module):
    """A frozen layer, one that learns, and a table that two layers share."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen = nn.Linear(3, 5).requires_grad_(False)  # 20
        self.table = nn.Embedding(7, 4)  # 28
        self.head = nn.Linear(4, 7, bias=False)
        self.head.weight = self.table.weight
        self.bias = nn.Parameter(torch.zeros(2, 3))  # 6


@self_check
def count(function: Callable[[nn.Module], tuple[int, int]]) -> str:
    """What learns and what there is, a shared parameter once."""
    got = function(_Shared())
    require_something(got)
    require(isinstance(got, (tuple, list)) and len(got) == 2, "two numbers should come back: those that learn, and all.")
    learn, every = (int(number) for number in got)
    require(every != 4 and learn != 2, "you count matrices and vectors. How many numbers does each hold?")
    require((learn, every) != (62, 82), "the table that two layers share is counted twice.")
    require(learn != every, "a frozen layer is counted among those that learn.")
    require((every, learn) != (34, 54), "the two numbers are the wrong way round.")
    require((learn, every) == (34, 54), f"of a module with 34 that learn and 54 in all you count {learn} and {every}.")
    return "frozen parameters and shared ones are counted as they should be."


def _layers(kind: type[nn.Module]) -> tuple[nn.Module, nn.Linear, Tensor]:
    torch.manual_seed(0)
    base = nn.Linear(WIDE, NARROW)
    return kind(base, RANK, ALPHA), base, torch.randn(5, WIDE)


@self_check
def lora_linear(kind: type[nn.Module]) -> str:
    """Beside peft's own layer: the start, the values, the gradients."""
    from peft import LoraConfig, inject_adapter_in_model

    mine, base, x = _layers(kind)
    start = mine(x)
    require_something(start)
    require(tuple(start.shape) == (5, NARROW), f"five inputs should give shape [5, {NARROW}], not {list(start.shape)}.")
    require(torch.allclose(start, base(x), **ALIKE), "before the first step the layer should answer exactly as its base does.")
    theirs = nn.Sequential(nn.Linear(WIDE, NARROW))
    theirs[0].load_state_dict(base.state_dict())
    theirs = inject_adapter_in_model(LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=["0"]), theirs)
    pair = theirs[0].lora_A["default"].weight, theirs[0].lora_B["default"].weight
    with torch.no_grad():
        mine.b.normal_()
        pair[0].copy_(mine.a)
        pair[1].copy_(mine.b)
    got, expected = mine(x), theirs(x)
    require(not torch.allclose(got, base(x), **ALIKE), "A and B hold numbers now, and still the output is the base's alone.")
    part, whole = got - base(x), expected - base(x)
    ratio = float(((part * whole).sum() / whole.square().sum()).detach())
    require(
        torch.allclose(part, ratio * whole, **ALIKE),
        "LoRA's part points elsewhere. In which order does x go through A and B, and is the base's own answer still in the sum?",
    )
    require(abs(ratio - 1) < 1e-4, f"LoRA's part is {ratio:.2f} times as large as it should be. By what is it scaled?")
    gradients = torch.autograd.grad(got.square().sum(), [mine.a, mine.b])
    for name, own, its in zip("AB", gradients, torch.autograd.grad(expected.square().sum(), pair), strict=True):
        require(torch.allclose(own, its, **ALIKE), f"the values agree with peft's, but the gradient of {name} does not.")
    require(not any(parameter.requires_grad for parameter in base.parameters()), "the base should be frozen: only A and B learn.")
    return "start, values and gradients equal those of peft's layer."


@self_check
def fold(function: Callable[[Tensor, Tensor, Tensor, float], Tensor]) -> str:
    """One matrix that answers as the three do."""
    generator = torch.Generator().manual_seed(1)
    weight, a, b, x = (torch.randn(shape, generator=generator) for shape in ((NARROW, WIDE), (RANK, WIDE), (NARROW, RANK), (5, WIDE)))
    kept = weight.clone()
    got = function(weight, a, b, ALPHA)
    require_something(got)
    require(tuple(got.shape) == (NARROW, WIDE), f"W' should have W's own shape [{NARROW}, {WIDE}], not {list(got.shape)}.")
    require(torch.equal(weight, kept), "W itself was changed: whoever wants to take LoRA out again needs it as it was.")
    require(not torch.allclose(got, weight, **ALIKE), "W' is W: where are A and B?")
    expected = x @ weight.T + ALPHA / RANK * (x @ a.T @ b.T)
    require(not torch.allclose(x @ got.T, x @ (weight + b @ a).T, **ALIKE), "LoRA's part should be scaled, as in the layer.")
    require(torch.allclose(x @ got.T, expected, **ALIKE), "the one matrix answers differently from W, A and B together.")
    return "one matrix answers as the three do."

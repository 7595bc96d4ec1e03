"""Self-checks of notebook 02: the temporal perception module, piece by piece."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from momentor_lib.checks.result import require, require_something, self_check
from momentor_lib.model.temporal import TemporalPerceptionModule, propagate

N, D = 9, 4  # anchors and width of the checks' own tables
ALIKE = {"atol": 1e-5, "rtol": 1e-4}


def _table(seed: int) -> Tensor:
    return torch.randn(N, D, generator=torch.Generator().manual_seed(seed), requires_grad=True)


@self_check
def embed(function: Callable[[Tensor, Tensor], Tensor]) -> str:
    """Interpolation between the two anchors around each position: values, both ends, gradients."""
    table = _table(0)
    positions = torch.tensor([0.0, 0.125, 0.3, 0.51, 0.99, 1.0])
    got = function(table, positions)
    require_something(got)
    require(tuple(got.shape) == (6, D), f"six positions should give shape [6, {D}], not {list(got.shape)}.")
    require(torch.allclose(got[0], table[0], **ALIKE), "position 0 should give the first anchor's token.")
    require(
        torch.allclose(got[-1], table[-1], **ALIKE),
        f"position 1 should give the last anchor's token. There are {N} anchors: how many steps?",
    )
    require(torch.allclose(got[1], table[1], **ALIKE), f"position 1/8 lies exactly on an anchor of {N}: its token should come out pure.")
    expected = TemporalPerceptionModule(N, D).embed(positions, table)
    nearest = TemporalPerceptionModule(N, D, interpolation=False).embed(positions, table)
    require(not torch.allclose(got, nearest, **ALIKE), "between two anchors you give only one of them. Both should take part.")
    require(
        torch.allclose(got, expected, **ALIKE),
        "between two anchors the mixture is off. Which one should weigh more when the time is close to it?",
    )
    require(got.requires_grad, "no gradient can flow back into the table: keep to tensor operations.")
    return "the tokens agree with the library's at both ends, on an anchor and in between."


@self_check
def propagated(function: Callable[[Tensor], Tensor]) -> str:
    """Same values; gradients spread to neighbours."""
    table, reference = _table(1), _table(1)
    got = function(table)
    require_something(got)
    require(tuple(got.shape) == (N, D), f"a table [{N}, {D}] should give a table of the same shape, not {list(got.shape)}.")
    require(torch.equal(got.detach(), table.detach()), "the values changed: forwards, the new table must equal the old one exactly.")
    require(got.requires_grad, "no gradient can flow back into the table at all.")
    upstream = torch.zeros(N, D)
    upstream[4] = 1.0
    (got * upstream).sum().backward()
    (propagate(reference) * upstream).sum().backward()
    size = table.grad[:, 0]
    require(bool((size[[3, 5]] != 0).all()), "only the anchor itself gets a gradient: its neighbours get nothing.")
    require(bool((size > 0).all()), "some anchors are pushed the wrong way. What is left of the bracket's gradient?")
    require(float(size[4]) > 1.5, "the anchor itself should get its own gradient and, through the spreading, its own once more.")
    require(torch.allclose(table.grad, reference.grad, **ALIKE), "gradients spread, but not by a half for each step away.")
    return "values stay as they are, and each step away halves the gradient, as in the library."


@self_check
def soft_target(function: Callable[[float, int], Tensor]) -> str:
    """(1 - r) on f and r on f + 1; a time on an anchor has all its weight there."""
    for position in (0.3, 0.51, 0.99, 0.125, 0.0, 1.0):
        got = function(position, N)
        require_something(got)
        got = torch.as_tensor(got, dtype=torch.float32)
        require(tuple(got.shape) == (N,), f"{N} anchors need {N} numbers, not shape {list(got.shape)}.")
        place = f"position {position}"
        require(float(got.sum()) > 0.5, f"at {place} the target is empty: this time would train towards nothing.")
        require(abs(float(got.sum()) - 1) < 1e-5, f"at {place} the target sums to {float(got.sum()):.2f}; probabilities sum to 1.")
        mean = float((got * torch.arange(N)).sum()) / (N - 1)
        require(abs(mean - position) < 1e-5, f"read back, your target for {place} means {mean:.3f}: its weights should balance there.")
        require(int((got > 1e-6).sum()) <= 2, f"at {place} more than two anchors take part.")
    return "each target sums to 1 and means exactly its own position, on an anchor and at both ends too."


@self_check
def module(kind: Callable[[int, int], nn.Module]) -> str:
    """A whole module beside the library's: values while training, and the gradient of both tables."""
    ours = TemporalPerceptionModule(N, D).train()
    theirs = kind(N, D).train()
    with torch.no_grad():
        theirs.input_tokens.copy_(ours.input_tokens)
        theirs.output_tokens.copy_(ours.output_tokens)
    generator = torch.Generator().manual_seed(2)
    positions = torch.rand(2, 5, generator=generator)
    features, hidden = torch.randn(2, 2, 5, D, generator=generator)
    results = []
    for name, arguments in (("embed", (positions,)), ("infuse", (features, positions)), ("logits", (hidden,))):
        got, expected = getattr(theirs, name)(*arguments), getattr(ours, name)(*arguments)
        require(got is not None, f"`{name}` returns nothing yet.")
        require(got.shape == expected.shape, f"`{name}` gives shape {list(got.shape)}, the library {list(expected.shape)}.")
        require(
            torch.allclose(got, expected, **ALIKE),
            f"the values of `{name}` differ from the library's. Which table does it need, or is it both?",
        )
        results.append((name, got, expected))
    for name, got, expected in results:
        weights = torch.randn(expected.shape, generator=generator)
        for table in ("input_tokens", "output_tokens"):
            pair = [
                torch.autograd.grad((value * weights).sum(), getattr(part, table), retain_graph=True, allow_unused=True)[0]
                for value, part in ((got, theirs), (expected, ours))
            ]
            pair = [torch.zeros(N, D) if gradient is None else gradient for gradient in pair]
            require(
                torch.allclose(*pair, **ALIKE),
                f"`{name}` has the right values, but the gradient of `{table}` differs. Is that table propagated?",
            )
    return "embedding, infusion and logits equal the library's, and so do the gradients of both tables."

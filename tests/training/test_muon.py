"""Muon in float32 against torch's own and against what it should compute."""

from __future__ import annotations

import pytest
import torch

from momentor_lib.training.muon import Muon, orthogonalise
from momentor_lib.training.optimizer import build_optimizers

COEFFICIENTS, STEPS, EPS = (3.4445, -4.7750, 2.0315), 5, 1e-7


def matrices(seed: int = 0) -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(seed)
    shapes = [(24, 24), (40, 16), (24, 24), (16, 40), (40, 16)]
    return [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]


def take_steps(optimizer: torch.optim.Optimizer, parameters: list[torch.nn.Parameter], steps: int = 4) -> None:
    for step in range(steps):
        generator = torch.Generator().manual_seed(100 + step)
        for parameter in parameters:
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizer.step()


@pytest.mark.parametrize("adjust", [None, "original", "match_rms_adamw"])
@pytest.mark.parametrize("nesterov", [True, False])
def test_steps_are_torchs_within_bfloat16(adjust, nesterov):
    ours, theirs, start = matrices(), matrices(), matrices()
    options = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.05, "nesterov": nesterov, "adjust_lr_fn": adjust}
    take_steps(Muon(ours, **options), ours)
    take_steps(torch.optim.Muon(theirs, **options), theirs)
    for mine, other, before in zip(ours, theirs, start, strict=True):
        assert (mine - other).norm() < 0.02 * (other - before).norm()  # bfloat16 has 8 bits: 0.4 % a number
        assert not torch.equal(mine, before)


@pytest.mark.parametrize("shape", [(12, 30), (30, 12), (20, 20)])
def test_singular_values_follow_the_polynomial(shape):
    matrix = torch.randn(3, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    u, values, v = torch.linalg.svd(matrix, full_matrices=False)
    values = values / matrix.flatten(1).norm(dim=1)[:, None]
    a, b, c = COEFFICIENTS
    for _ in range(STEPS):
        values = a * values + b * values**3 + c * values**5
    wanted = u * values[:, None] @ v
    assert torch.allclose(orthogonalise(matrix, COEFFICIENTS, STEPS, EPS), wanted, atol=1e-9)


def test_nothing_to_learn_from_moves_nothing():
    (still,) = parameters = [torch.nn.Parameter(torch.ones(4, 6))]
    optimizer = Muon(parameters, lr=0.1, weight_decay=0.0)
    optimizer.step()  # no gradient
    still.grad = torch.zeros(4, 6)
    optimizer.step()
    assert torch.equal(still, torch.ones(4, 6))


def test_a_stopped_run_goes_on_as_if_it_had_not_stopped():
    whole, first = matrices(), matrices()
    take_steps(Muon(whole, lr=0.1), whole, 4)
    optimizer = Muon(first, lr=0.1)
    take_steps(optimizer, first, 2)
    again = Muon(first, lr=0.1)
    again.load_state_dict(optimizer.state_dict())
    for step in (2, 3):
        generator = torch.Generator().manual_seed(100 + step)
        for parameter in first:
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        again.step()
    assert all(torch.equal(a, b) for a, b in zip(whole, first, strict=True))


def test_training_uses_it():
    model = torch.nn.ModuleDict({"layers": torch.nn.ModuleList([torch.nn.Linear(4, 4)])})
    named = torch.nn.ModuleDict({"model": model})
    assert any(isinstance(optimizer, Muon) for optimizer in build_optimizers(named, 0.02, 1e-3))

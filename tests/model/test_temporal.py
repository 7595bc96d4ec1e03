"""The temporal perception module against a NumPy brute force written from the paper's formulas, in float64."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from momentor_lib.model.loss import Targets, summed_loss, token_losses
from momentor_lib.model.temporal import TemporalPerceptionModule, propagate

N, D = 9, 5
# Both ends, anchors, between anchors, and a hair beside an anchor.
POSITIONS = np.array([0.0, 1.0, 0.5, 3 / 8, 0.1, 0.77, 0.999, 1e-9, 0.5 + 1e-7])


def build(dtype=torch.float64, **switches) -> TemporalPerceptionModule:
    torch.manual_seed(0)
    module = TemporalPerceptionModule(N, D, **switches)
    with torch.no_grad():
        module.input_tokens.normal_()
        module.output_tokens.normal_()
    return module.to(dtype)


def array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().double().numpy()


def brute_embed(table: np.ndarray, position: float) -> np.ndarray:
    e = position * (N - 1)
    f = int(np.floor(e))
    return table[f] if e == f else (1 - (e - f)) * table[f] + (e - f) * table[f + 1]


def brute_table_gradient(positions: np.ndarray, upstream: np.ndarray, propagated: bool) -> np.ndarray:
    """d(sum embed * upstream) / dT."""
    gradient = np.zeros((N, D))
    for position, row in zip(positions, upstream, strict=True):
        e = position * (N - 1)
        f = int(np.floor(e))
        gradient[f] += (1 - (e - f)) * row
        if e > f:
            gradient[f + 1] += (e - f) * row
    if propagated:
        spread = np.array([[2.0 ** -abs(i - j) for j in range(N)] for i in range(N)])
        gradient = gradient + spread.T @ gradient
    return gradient


def test_embedding_is_the_interpolation_of_two_anchors():
    module = build()
    expected = np.stack([brute_embed(array(module.input_tokens), p) for p in POSITIONS])
    np.testing.assert_allclose(array(module.embed(torch.from_numpy(POSITIONS))), expected, atol=1e-12)


@pytest.mark.parametrize("training, propagation", [(True, True), (True, False), (False, True)])
def test_gradients_spread_only_while_training_with_propagation(training, propagation):
    module = build(propagation=propagation).train(training)
    upstream = np.random.default_rng(1).normal(size=(len(POSITIONS), D))
    (module.embed(torch.from_numpy(POSITIONS)) * torch.from_numpy(upstream)).sum().backward()
    expected = brute_table_gradient(POSITIONS, upstream, propagated=training and propagation)
    np.testing.assert_allclose(array(module.input_tokens.grad), expected, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_propagation_leaves_the_values_exactly(dtype):
    tokens = build(dtype).input_tokens
    assert torch.equal(propagate(tokens), tokens)


def test_the_released_order_of_propagation_drifts_in_bfloat16():
    # What the test above would miss if it could not fail.
    tokens = build(torch.bfloat16).input_tokens
    index = torch.arange(N)
    spread = torch.exp2(-(index[:, None] - index).abs().to(tokens.dtype)) @ tokens
    assert not torch.equal((tokens + spread) - spread.detach(), tokens)


def test_bfloat16_gradients_follow_the_brute_force():
    module = build(torch.bfloat16).train()
    upstream = np.random.default_rng(1).normal(size=(len(POSITIONS), D))
    (module.embed(torch.from_numpy(POSITIONS)).double() * torch.from_numpy(upstream)).sum().backward()
    expected = brute_table_gradient(POSITIONS, upstream, propagated=True)
    np.testing.assert_allclose(array(module.input_tokens.grad), expected, atol=0.03 * np.abs(expected).max())


def test_infusion_adds_the_mean_of_both_tables_at_each_frames_own_position():
    module = build()
    frames = 4  # M need not be N
    features = np.random.default_rng(2).normal(size=(2, frames, D))
    positions = np.array([[0.0, 0.3, 0.6, 1.0], [0.0, 0.25, 0.5, 0.9]])
    infused = array(module.infuse(torch.from_numpy(features), torch.from_numpy(positions)))
    for b in range(2):
        for t in range(frames):
            both = [brute_embed(array(table), positions[b, t]) for table in (module.input_tokens, module.output_tokens)]
            np.testing.assert_allclose(infused[b, t], features[b, t] + sum(both) / 2, atol=1e-12)


def test_switches():
    features, positions = torch.randn(1, 3, D, dtype=torch.float64), torch.tensor([[0.0, 0.31, 1.0]], dtype=torch.float64)
    assert torch.equal(build(infusion=False).infuse(features, positions), features)
    module = build(interpolation=False)
    nearest = module.input_tokens[[0, round(0.31 * (N - 1)), N - 1]]
    assert torch.equal(module.embed(positions[0]), nearest)
    assert build(propagation=False).train().tables().input is not None
    assert all(a is b for a, b in zip(module.eval().tables(), (module.input_tokens, module.output_tokens), strict=True))


def test_logits_are_scores_against_the_output_table():
    module, hidden = build(), torch.randn(3, D, dtype=torch.float64)
    np.testing.assert_allclose(array(module.logits(hidden)), array(hidden) @ array(module.output_tokens).T, atol=1e-12)


def test_too_few_anchors():
    with pytest.raises(ValueError, match="2 anchors or more"):
        TemporalPerceptionModule(1, D)


@pytest.mark.parametrize("position", POSITIONS)
def test_the_loss_is_the_soft_targets_cross_entropy_also_at_0_at_the_end_and_on_an_anchor(position):
    # The released code's target is all zero where r = 0, so such a time trains towards nothing.
    rng = np.random.default_rng(3)
    words, times = rng.normal(size=(1, 7)), rng.normal(size=(1, N))
    e = position * (N - 1)
    f = int(np.floor(e))
    target = np.zeros(7 + N)
    target[7 + f] += 1 - (e - f)
    if e > f:
        target[7 + f + 1] += e - f
    assert target.sum() == pytest.approx(1)
    logits = np.concatenate((words, times), axis=1)[0]
    expected = target @ (logits - np.log(np.exp(logits).sum()))
    floor, remainder = build().anchors(torch.tensor([position], dtype=torch.float64))
    targets = Targets(torch.tensor([0]), torch.tensor([True]), floor, remainder)
    found, _ = token_losses(torch.from_numpy(words), torch.from_numpy(times), targets)
    assert found.item() == pytest.approx(-expected, abs=1e-5)
    # Its derivative by the logits is softmax minus target.
    both = torch.from_numpy(logits)[None].requires_grad_()
    summed_loss(both, targets, lambda part: (part[:, :7], part[:, 7:]), [], 7 + N).backward()
    np.testing.assert_allclose(array(both.grad)[0], np.exp(logits) / np.exp(logits).sum() - target, atol=1e-6)


@pytest.mark.parametrize("position", [0.0, 0.5, 1.0])
def test_a_time_on_an_anchor_is_learned(position):
    module = build(torch.float32).train()
    hidden = torch.randn(1, D)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.1)
    floor, remainder = module.anchors(torch.tensor([position]))
    for _ in range(60):
        found, _ = token_losses(
            torch.zeros(1, 3), module.logits(hidden), Targets(torch.tensor([0]), torch.tensor([True]), floor, remainder)
        )
        optimizer.zero_grad()
        found.sum().backward()
        optimizer.step()
    assert module.decode(module.logits(hidden)).position.item() == pytest.approx(position, abs=0.02)


@settings(max_examples=200, deadline=None)
@given(st.floats(0, 1), st.integers(2, 400), st.integers(1, 3))
def test_a_training_target_comes_back_exactly(position, num_tokens, window):
    module = TemporalPerceptionModule(num_tokens, 1)
    floor, remainder = module.anchors(torch.tensor([position], dtype=torch.float64))
    target = torch.zeros(1, num_tokens, dtype=torch.float64)
    target[0, floor] += 1 - remainder
    target[0, floor + 1] += remainder
    decoded = module.decode(target.log(), window=window)
    assert decoded.position.item() == pytest.approx(position, abs=2e-7)
    r = remainder.item()
    assert decoded.std.item() == pytest.approx((r * (1 - r)) ** 0.5 / (num_tokens - 1), abs=1e-4)
    assert decoded.mass.item() == pytest.approx(1)


def test_decoding_reads_the_window_around_the_mode_only():
    module = build()
    probabilities = np.array([0.2, 0, 0, 0.1, 0.5, 0.1, 0, 0, 0.1])
    decoded = module.decode(torch.from_numpy(probabilities).log(), window=2)
    inside = slice(2, 7)
    weights = probabilities[inside] / probabilities[inside].sum()
    mean = weights @ np.arange(2, 7)
    assert decoded.position.item() == pytest.approx(mean / (N - 1))
    assert decoded.std.item() == pytest.approx((weights @ (np.arange(2, 7) - mean) ** 2) ** 0.5 / (N - 1))
    assert decoded.mass.item() == pytest.approx(0.7)


def test_nearest_reads_the_modes_own_anchor():
    probabilities = torch.tensor([0, 0, 0, 0.0, 0.6, 0.4, 0, 0, 0])
    assert build().decode(probabilities.log(), nearest=True).position.item() == 4 / 8
    assert build().decode(probabilities.log()).position.item() == pytest.approx(4.4 / 8)


@settings(max_examples=100, deadline=None)
@given(st.floats(0, 1), st.integers(0, 2**31 - 1))
def test_an_end_never_precedes_its_start(start, seed):
    logits = 3 * torch.randn(N, generator=torch.Generator().manual_seed(seed))
    minimum = torch.tensor(start)
    decoded = build().decode(logits, minimum)
    assert minimum <= decoded.position <= 1
    assert 0 < decoded.mass <= 1 and decoded.std >= 0

"""Intervals by the bootstrap: what is drawn, and what is known of them."""

from __future__ import annotations

import numpy as np
import pytest

from momentor_lib.evaluation.interval import score_with_intervals


def test_the_value_is_the_mean_without_nan_or_the_ratio_of_sums():
    found = score_with_intervals({"a": np.array([1.0, np.nan, 3.0]), "b": (np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 4.0]))}, "xyz")
    assert found["a"][0] == 2
    assert found["b"][0] == 6 / 8


def test_the_spread_is_that_of_the_mean():
    values = np.random.default_rng(1).normal(50, 10, 400)
    _, low, high = score_with_intervals({"a": values}, range(400), draws=4000)["a"]
    half = 1.96 * values.std() / np.sqrt(400)  # of a normal distribution
    assert low == pytest.approx(values.mean() - half, abs=0.15)
    assert high == pytest.approx(values.mean() + half, abs=0.15)


def test_whole_groups_are_drawn():
    values = np.repeat(np.random.default_rng(1).normal(50, 10, 40), 10)
    alone, grouped = (score_with_intervals({"a": values}, groups)["a"] for groups in (range(400), np.repeat(range(40), 10).tolist()))
    assert alone[0] == pytest.approx(grouped[0])
    assert grouped[2] - grouped[1] > 2.5 * (alone[2] - alone[1])


def test_the_seed_decides_and_the_order_of_metrics_does_not():
    a, b = np.arange(9.0), np.arange(9.0)[::-1]
    groups = list("aabbccdde")
    first = score_with_intervals({"a": a, "b": b}, groups, seed=3)
    assert first == score_with_intervals({"b": b, "a": a}, groups, seed=3)
    assert first != score_with_intervals({"a": a, "b": b}, groups, seed=4)


def test_nothing_to_say():
    assert score_with_intervals({}, []) == {}
    assert np.isnan(score_with_intervals({"a": np.array([np.nan])}, ["x"])["a"]).all()
    assert np.isnan(score_with_intervals({"a": np.zeros(0)}, [])["a"]).all()
    value, low, high = score_with_intervals({"a": np.array([5.0])}, ["x"], draws=0)["a"]
    assert value == 5 and np.isnan([low, high]).all()
    with pytest.raises(ValueError, match="1 scores of a for 2 units"):
        score_with_intervals({"a": np.array([5.0])}, ["x", "y"])

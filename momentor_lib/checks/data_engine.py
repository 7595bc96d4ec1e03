"""Self-checks of notebook 04: the data generation engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from momentor_lib.checks.result import require, require_something, self_check


@self_check
def peaks(function: Callable[[np.ndarray, float, float], Sequence[int]]) -> str:
    """Frames at which a smoothed curve has a local maximum above a threshold."""
    curve = np.zeros(60)
    curve[20], curve[45] = 10.0, 6.0
    got = function(curve.copy(), 2.0, 0.5)
    require_something(got)
    got = [int(frame) for frame in got]
    require(len(got) > 0, "two frames stand out here, and nothing is found.")
    require(got == sorted(got), "give the frames in order of time.")
    require(45 in got and 20 in got, "each of the two frames that stand out is a local maximum, the lower one too.")
    require(len(got) == 2, "only local maxima count, not every frame above the threshold.")
    require([int(f) for f in function(curve.copy(), 2.0, 1.5)] == [20], "the threshold holds for the smoothed curve, not for the raw one.")
    pair = np.zeros(60)
    pair[30], pair[32] = 10.0, 10.0
    require([int(f) for f in function(pair.copy(), 3.0, 0.1)] == [31], "two spikes side by side are one hill once they are smoothed.")
    noise = np.random.default_rng(0).normal(0, 1, 200) + 80 * np.exp(-0.5 * ((np.arange(200) - 120) / 4.0) ** 2)
    require([int(f) for f in function(noise, 4.0, 20.0)] == [120], "under noise there is one hill; smooth first, then look for maxima.")
    return "two spikes, a threshold, spikes side by side, and a hill under noise."


@self_check
def consistency(function: Callable[..., float]) -> str:
    """``cos(F', F'') + (1 / |U|) sum_i cos(F'_i, F''_i) (1 - Dist_i)``."""

    def ask(frames: tuple, before: dict, after: dict, distances: dict) -> float:
        vectors = [np.array(frame, float) for frame in frames]
        sides = [{name: np.array(value, float) for name, value in side.items()} for side in (before, after)]
        return float(function(*vectors, *sides, dict(distances)))

    first = function(np.array([1.0, 0.0]), np.array([1.0, 0.0]), {"a": np.array([1.0, 0.0])}, {"a": np.array([1.0, 0.0])}, {"a": 0.0})
    require_something(first)
    require(abs(float(first) - 2.0) < 1e-6, "where nothing changes both parts are 1: together 2.")
    plain = ask(([3, 4], [6, 8]), {"a": [1, 0]}, {"a": [0, 2]}, {"a": 0.0})
    require(abs(plain - 1.0) < 1e-6, "a cosine does not depend on how long the vectors are: divide by both lengths.")
    far = ask(([1, 0], [1, 0]), {"a": [1, 0]}, {"a": [1, 0]}, {"a": 0.75})
    require(abs(far - 1.25) < 1e-6, "an instance's cosine is weighted by 1 - distance.")
    mean = ask(([1, 0], [1, 0]), {"a": [1, 0], "b": [1, 0]}, {"a": [1, 0], "b": [1, 0]}, {"a": 0.0, "b": 0.0})
    require(abs(mean - 2.0) < 1e-6, "the instances' part is a mean: two that stay as they are give 1, not 2.")
    gone = ask(([1, 0], [1, 0]), {"a": [1, 0], "b": [1, 0]}, {"a": [1, 0]}, {"a": 0.0})
    require(abs(gone - 1.5) < 1e-6, "who is seen on one side only has the distance 1 and counts in |U| all the same.")
    new = ask(([1, 0], [1, 0]), {"a": [1, 0]}, {"a": [1, 0], "c": [0, 1]}, {"a": 0.0})
    require(abs(new - 1.5) < 1e-6, "who appears on the later side only counts in |U| too.")
    none = ask(([1, 0], [0, 1]), {}, {}, {})
    require(abs(none) < 1e-6, "without instances only the frames' cosine is left.")
    return "frames, instances, distances, one that leaves, one that appears, and none."


@self_check
def pair(function: Callable[[np.ndarray, float], Sequence[tuple[int, int]]]) -> str:
    """Rows and columns paired so that the sum of costs is least; no pair that costs too much."""

    def ask(cost: list, worst: float) -> set[tuple[int, int]]:
        return {(int(row), int(column)) for row, column in function(np.array(cost, float), worst)}

    got = function(np.array([[0.1, 0.9], [0.9, 0.1]]), 1.0)
    require_something(got)
    require(ask([[0.1, 0.9], [0.9, 0.1]], 1.0) == {(0, 0), (1, 1)}, "here each row has one cheap column.")
    greedy = [[0.1, 0.2], [0.2, 0.9]]
    require(ask(greedy, 1.0) == {(0, 1), (1, 0)}, "the cheapest pair first leaves a dear one: the sum of all is what should be least.")
    require(ask([[0.1, 0.9], [0.9, 0.8]], 0.5) == {(0, 0)}, "a pair that costs more than the worst allowed is none.")
    require(ask([[0.3, 0.1, 0.2]], 1.0) == {(0, 1)}, "there can be more boxes than tracks: the others stay alone.")
    wide = [[0.2, 0.6], [0.1, 2.0]]
    require(ask(wide, 1.0) == {(0, 1), (1, 0)}, "forbidden pairs must not keep two good ones from being found.")
    return "two by two, greed, a pair that is too dear, and more boxes than tracks."

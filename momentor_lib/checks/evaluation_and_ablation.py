"""Self-checks of notebook 07: recall and mean overlap, average precision, and the matching of SODA."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np

from momentor_lib.checks.result import require, require_something, self_check
from momentor_lib.evaluation.highlights import average_precision as library_precision


@self_check
def recall_and_mean(function: Callable[[Sequence[float | None], float], tuple[float, float]]) -> str:
    """R@1 at a threshold and mean IoU, percent, where None stands for an answer that could not be read."""
    got = function([0.8, 0.2], 0.5)
    require_something(got)
    try:
        recall, mean = (float(value) for value in got)
    except (TypeError, ValueError):
        recall = mean = float("nan")
    require(recall == recall and mean == mean, "two numbers should come back: the recall and the mean.")
    require(not (recall <= 1 and mean <= 1), "the scores should be percents: 50, not 0.5.")
    require(abs(recall - 50) < 1e-6, "one of the IoUs 0.8 and 0.2 reaches 0.5, so the recall is half of all.")
    require(abs(mean - 50) < 1e-6, "the mean of 0.8 and 0.2 is right in the middle.")
    require(abs(function([0.5, 0.1], 0.5)[0] - 50) < 1e-6, "an IoU that is just the threshold reaches it.")
    recall, mean = function([1.0, None, None, None], 0.5)
    require(abs(recall - 100) > 1e-6, "three of four answers could not be read, and the recall is perfect? They count too.")
    require(abs(recall - 25) < 1e-6, "with one right answer of four the recall is a quarter.")
    require(abs(mean - 25) < 1e-6, "the mean, too, is over all four queries: an answer that cannot be read overlaps with nothing.")
    require(tuple(map(float, function([None, None], 0.5))) == (0.0, 0.0), "if nothing can be read, both are 0.")
    return "right ones, one just at the threshold, and answers that could not be read."


@self_check
def average_precision(function: Callable[[Sequence[bool], int], float]) -> str:
    """Interpolated AP of a ranked list of hits, given how many true windows there are."""
    got = function([True], 1)
    require_something(got)
    require(abs(float(got) - 1) < 1e-9, "the only window is found at once: that is 1.")
    require(abs(function([False, False], 3)) < 1e-9, "without a hit it is 0.")
    require(abs(function([], 2)) < 1e-9, "without a prediction it is 0.")
    require(abs(function([False, True], 1) - 0.5) < 1e-9, "the only true window comes second: the precision there is a half.")
    require(abs(function([True], 2) - 0.5) < 1e-9, "one of two true moments was never found. It counts 0, but it counts.")
    require(
        abs(function([True, False, True], 2) - (1 + 2 / 3) / 2) < 1e-9, "precision counts at the hits only: here at the first and third."
    )
    require(
        abs(function([False, True, True], 2) - 2 / 3) < 1e-9,
        "interpolated: at a hit stands the best precision of there or any later place. Here the third place is better than the second.",
    )
    rng = np.random.default_rng(0)
    for _ in range(50):
        hits = (rng.random(8) < 0.4).tolist()
        total = sum(hits) + int(rng.integers(1, 3))
        windows = [(2.0 * i, 2.0 * i + 1, 1.0 - i / 10) for i in range(8)]
        truth = [(a, b) for (a, b, _), hit in zip(windows, hits, strict=True) if hit] + [
            (100.0 + i, 101.0 + i) for i in range(total - sum(hits))
        ]
        expected = float(library_precision(windows, truth, [0.5])[0])
        require(
            abs(function(hits, total) - expected) < 1e-9,
            f"for the hits {[int(h) for h in hits]} of {total} the library says {expected:.3f}.",
        )
    return "fifty random lists give the library's own figure."


@self_check
def best_in_order(function: Callable[[np.ndarray], float]) -> str:
    """The largest sum over one-to-one matchings that keep the order of rows and columns."""
    got = function(np.array([[0.5]]))
    require_something(got)
    require(abs(float(got) - 0.5) < 1e-9, "one event and one event: they are matched, and the sum is their value.")
    crossed = function(np.array([[0.1, 0.9], [0.9, 0.1]]))
    require(crossed < 1.7, "that matching crosses: the first said event with the second true one, and the other way round.")
    require(abs(crossed - 0.9) < 1e-9, "where the two best pairs cross, only one of them can be had.")
    twice = function(np.array([[0.9], [0.8]]))
    require(abs(twice - 0.9) < 1e-9, "a true event is used once, so a single column gives a single pair.")
    greedy = function(np.array([[0.6, 0.0], [0.7, 0.6]]))
    require(abs(greedy - 1.2) < 1e-9, "taking the best pair first can cost two good ones.")
    rng = np.random.default_rng(1)
    for _ in range(40):
        values = rng.random((int(rng.integers(1, 5)), int(rng.integers(1, 5)))).round(2)
        kept = range(min(values.shape) + 1)
        ways = (
            (r, c) for size in kept for r in combinations(range(values.shape[0]), size) for c in combinations(range(values.shape[1]), size)
        )
        expected = max(sum(values[i, j] for i, j in zip(r, c, strict=True)) for r, c in ways)
        require(
            abs(function(values) - expected) < 1e-9,
            f"of all matchings in order the best has {expected:.2f} for the table {values.tolist()}.",
        )
    return "forty random tables, each against every matching that there is."

"""Temporal grounding: how well do predicted moments fit the true ones? Plain functions on spans [start, end] in seconds.

Rules that every function here keeps:

* **Everything counts.** A query for which nothing was predicted (or nothing that could be read) has IoU 0, and stays in every mean.
* **No mending.** A span is taken as it is: one that is reversed, empty, infinite or not a number has IoU 0 with everything; one that goes
  past the end of the video is not cut.
* **Order.** R@1 and mIoU look at the *first* span of a prediction; scores, where there are some, have no say in them. Among several true
  moments the one that fits best counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

Span = tuple[float, float]
THRESHOLDS = (0.3, 0.5, 0.7)
F1_THRESHOLD = 0.5


def temporal_iou(predicted: Sequence[Span], truth: Sequence[Span]) -> np.ndarray:
    """Intersection over union of every predicted span with every true one, [P, K]; 0 where the union is empty."""
    a = np.asarray(predicted, float).reshape(-1, 1, 2)
    b = np.asarray(truth, float).reshape(1, -1, 2)
    return paired_iou(a, b)  # [P, K]


def paired_iou(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """IoU of spans [..., 2] with others [..., 2] of the same place, [...]; shapes broadcast."""
    with np.errstate(invalid="ignore"):  # infinite times
        shared = np.clip(np.minimum(predicted[..., 1], truth[..., 1]) - np.maximum(predicted[..., 0], truth[..., 0]), 0, None)
        union = (predicted[..., 1] - predicted[..., 0]) + (truth[..., 1] - truth[..., 0]) - shared
        return np.divide(shared, union, out=np.zeros(union.shape), where=union > 0)


@dataclass(frozen=True)
class Overlaps:
    """The IoU of each predicted span of a query with each true one, all queries in one list of pairs.

    Attributes:
        iou: of a pair [pairs].
        query, predicted, true: of a pair: its query, and the number of its span among all spans of all queries [pairs].
        num_predicted, num_true: spans of a query [Q].
    """

    iou: np.ndarray
    query: np.ndarray
    predicted: np.ndarray
    true: np.ndarray
    num_predicted: np.ndarray
    num_true: np.ndarray

    @classmethod
    def of(cls, predicted: Sequence[Sequence[Span]], truth: Sequence[Sequence[Span]]) -> Overlaps:
        """From the spans of each query [Q][...].

        Raises:
            ValueError: the two are not about as many queries.
        """
        if len(predicted) != len(truth):
            raise ValueError(
                f"{len(predicted)} predictions for {len(truth)} queries: give each query its list of spans, empty where there is none"
            )
        said, num_predicted = _flat(predicted)
        true, num_true = _flat(truth)
        num_pairs = num_predicted * num_true  # [Q]
        query = np.repeat(np.arange(len(num_pairs)), num_pairs)  # [pairs]
        inside = np.arange(len(query)) - (np.cumsum(num_pairs) - num_pairs)[query]  # number of a pair among its query's [pairs]
        first, second = ((np.cumsum(number) - number)[query] for number in (num_predicted, num_true))
        width = num_true[query]
        first, second = first + inside // np.maximum(width, 1), second + inside % np.maximum(width, 1)
        return cls(paired_iou(said[first], true[second]), query, first, second, num_predicted, num_true)

    def of_first(self) -> np.ndarray:
        """IoU of each query's first predicted span with the true one that fits it best, [Q]; 0 where either is missing."""
        is_first = self.predicted == (np.cumsum(self.num_predicted) - self.num_predicted)[self.query]
        best = np.zeros(len(self.num_true))
        np.maximum.at(best, self.query[is_first], self.iou[is_first])
        return best

    def f1(self, threshold: float = F1_THRESHOLD) -> np.ndarray:
        """:func:`span_f1` of each query, [Q]."""
        fits = np.flatnonzero(self.iou >= threshold)
        pairs = np.bincount(self.query[fits], minlength=len(self.num_true))  # [Q]; right where no span is in two pairs
        crowded = set()
        for spans in (self.predicted[fits], self.true[fits]):
            repeated = np.bincount(spans)[spans] > 1 if len(spans) else np.zeros(0, bool)
            crowded |= set(self.query[fits][repeated].tolist())
        for number in crowded:
            pairs[number] = self._matched(number, threshold)
        total = self.num_predicted + self.num_true
        return np.where(total > 0, 2 * pairs / np.maximum(total, 1), 1.0)

    def _matched(self, number: int, threshold: float) -> int:
        first, stop = np.searchsorted(self.query, [number, number + 1])
        return _most_pairs(self.iou[first:stop].reshape(self.num_predicted[number], self.num_true[number]) >= threshold)


def _flat(spans: Sequence[Sequence[Span]]) -> tuple[np.ndarray, np.ndarray]:
    """All spans of all queries [spans, 2], and how many each query has [Q]."""
    counts = np.fromiter(map(len, spans), int, len(spans))
    try:
        numbers = np.fromiter(chain.from_iterable(chain.from_iterable(spans)), float)
    except TypeError as error:
        raise ValueError(f"each query needs a list of spans [start, end]: {error}") from None
    if len(numbers) != 2 * counts.sum():
        raise ValueError("a span is [start, end], two numbers")
    return numbers.reshape(-1, 2), counts


def first_span_iou(predicted: Sequence[Sequence[Span]], truth: Sequence[Span]) -> np.ndarray:
    """IoU of each query's first predicted span with its true one, [Q]; 0 where nothing was predicted.

    Raises:
        ValueError: as many predictions as true spans are not given.
    """
    return Overlaps.of([spans[:1] for spans in predicted], [[true] for true in truth]).of_first()


def recall_at(ious: np.ndarray, threshold: float) -> float:
    """R@1, IoU >= threshold, over all queries, 0 to 1. Not a number where there is no query."""
    return float(np.mean(ious >= threshold)) if len(ious) else float("nan")


def matched(predicted: Sequence[Span], truth: Sequence[Span], threshold: float = F1_THRESHOLD, allowed: np.ndarray | None = None) -> int:
    """How many predicted spans can be paired one to one with true ones at IoU >= threshold: the most that any pairing reaches.

    Args:
        allowed: which pairs may match at all, bool [P, K]; all of them where it is left out.
    """
    fits = temporal_iou(predicted, truth) >= threshold
    if allowed is not None:
        fits &= allowed
    return _most_pairs(fits)


def _most_pairs(fits: np.ndarray) -> int:
    from scipy.optimize import linear_sum_assignment  # takes longer to import than all the rest

    return int(fits[linear_sum_assignment(fits, maximize=True)].sum()) if fits.any() else 0


def span_f1(predicted: Sequence[Span], truth: Sequence[Span], threshold: float = F1_THRESHOLD, allowed: np.ndarray | None = None) -> float:
    """F1 of one query's spans at an IoU threshold, 0 to 1; 1 where both are empty."""
    if not len(predicted) and not len(truth):
        return 1.0
    return 2 * matched(predicted, truth, threshold, allowed) / (len(predicted) + len(truth))


def score_grounding(
    predicted: Sequence[Sequence[Span]], truth: Sequence[Sequence[Span]], thresholds: Sequence[float] = THRESHOLDS
) -> dict[str, np.ndarray]:
    """Score of every query by every metric, percent; a metric's value is the mean over its queries.

    ``R@1, IoU>=m`` is 100 where the first span reaches m; ``mIoU`` is that span's IoU; ``F1@0.5`` pairs all spans of a query one to one
    with its true ones; ``F1@0.5, several moments`` is the same for the queries with more than one true moment only, NaN for the others.

    Args:
        predicted: spans of each query, best first [Q][...].
        truth: true moments of each query [Q][...].

    Raises:
        ValueError: the two are not about as many queries, or hold something that is no span.
    """
    overlaps = Overlaps.of(predicted, truth)
    ious, f1 = overlaps.of_first(), 100 * overlaps.f1()
    scores = {f"R@1, IoU>={threshold:g}": 100.0 * (ious >= threshold) for threshold in thresholds}
    several = np.where(overlaps.num_true > 1, f1, np.nan)
    return {**scores, "mIoU": 100 * ious, f"F1@{F1_THRESHOLD:g}": f1, f"F1@{F1_THRESHOLD:g}, several moments": several}

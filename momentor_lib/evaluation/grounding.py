"""Temporal grounding: how well do predicted moments fit the true ones? Plain functions on spans [start, end] in seconds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

Span = tuple[float, float]


def temporal_iou(predicted: Sequence[Span], truth: Sequence[Span]) -> np.ndarray:
    """Intersection over union of every predicted span with every true one, [P, K]; 0 where the union is empty."""
    a = np.asarray(predicted, float).reshape(-1, 1, 2)
    b = np.asarray(truth, float).reshape(1, -1, 2)
    shared = np.clip(np.minimum(a[..., 1], b[..., 1]) - np.maximum(a[..., 0], b[..., 0]), 0, None)
    union = (a[..., 1] - a[..., 0]) + (b[..., 1] - b[..., 0]) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def first_span_iou(predicted: Sequence[Sequence[Span]], truth: Sequence[Span]) -> np.ndarray:
    """IoU of each query's first predicted span with its true one, [Q]; 0 where nothing was predicted."""
    return np.array([temporal_iou(spans[:1], [true])[0, 0] if len(spans) else 0.0 for spans, true in zip(predicted, truth, strict=True)])


def recall_at(ious: np.ndarray, threshold: float) -> float:
    """R@1, IoU >= threshold, over all queries, 0 to 1. Not a number where there is no query."""
    return float(np.mean(ious >= threshold)) if len(ious) else float("nan")


def matched(predicted: Sequence[Span], truth: Sequence[Span], threshold: float = 0.5, allowed: np.ndarray | None = None) -> int:
    """How many predicted spans can be paired one to one with true ones at IoU >= threshold: the most that any pairing reaches.

    Args:
        allowed: which pairs may match at all, bool [P, K]; all of them where it is left out.
    """
    fits = temporal_iou(predicted, truth) >= threshold
    if allowed is not None:
        fits &= allowed
    return int(fits[linear_sum_assignment(fits, maximize=True)].sum()) if fits.size else 0


def span_f1(predicted: Sequence[Span], truth: Sequence[Span], threshold: float = 0.5, allowed: np.ndarray | None = None) -> float:
    """F1 of one query's spans at an IoU threshold, 0 to 1; 1 where both are empty."""
    if not len(predicted) and not len(truth):
        return 1.0
    return 2 * matched(predicted, truth, threshold, allowed) / (len(predicted) + len(truth))

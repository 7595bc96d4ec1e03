"""QVHighlights: moment retrieval (several moments of a query, ranked) and highlights (which clips are salient).

Source: Lei et al., "QVHighlights", 2021, and what its evaluator does; every number of it comes out to its printed digits. Rules:

* **R1** takes the *first* window of a prediction, against the true window that fits best; scores have no say.
* **mAP** takes the first ten windows, sorts them by score (equal scores stay in the file's order), and lets each, in turn, use up the best
  true window that is still free. Where two true windows fit equally well the later one is used. A query's AP is interpolated; the mean is
  over queries.
* **By length**: a query counts in (0, 10], (10, 30] or (30, 150] seconds with those of its true windows that are so long; the same
  predictions are compared with each part.
* **Highlights**: clips of 2 s, each rated from 0 to 4 by three annotators. HIT@1: the clip with the highest score (the first of equals) is
  good enough for at least one. AP: of one annotator's good clips, equal scores being one step of the curve; a query without any has 0, one
  with nothing else 1. Scores that are missing are 0, those past the last clip are left out.
* A query without a prediction counts 0 everywhere. (The reference evaluator refuses such a file.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from momentor_lib.evaluation.grounding import paired_iou, temporal_iou

CLIP = 2.0  # seconds
THRESHOLDS = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))
RANGES = {"full": (0.0, float("inf")), "long": (30.0, 150.0), "middle": (10.0, 30.0), "short": (0.0, 10.0)}
LEVELS = {"Fair": 2, "Good": 3, "VeryGood": 4}
MOST_WINDOWS = 10

Window = tuple[float, float, float]  # start, end, score


@dataclass(frozen=True)
class Ratings:
    """What annotators said of a video's clips.

    Attributes:
        scores: 0 to 4 of each clip by each annotator [clips, annotators].
    """

    scores: np.ndarray

    @classmethod
    def of_clips(cls, duration: float, clips: Sequence[int], scores: Sequence[Sequence[float]]) -> Ratings:
        """As QVHighlights has them: only the clips of the true windows are rated, the others are 0.

        Args:
            duration: of the video, seconds.
            clips: numbers of the rated clips, from 0.
            scores: of each of them by each annotator.

        Raises:
            ValueError: a clip past the end, or not as many scores as clips.
        """
        number = int(duration / CLIP)
        if len(clips) != len(scores):
            raise ValueError(f"{len(clips)} clips but {len(scores)} ratings")
        if any(not 0 <= clip < number for clip in clips):
            raise ValueError(f"a rated clip lies outside the video, which has {number} clips of {CLIP:g} s")
        full = np.zeros((number, len(scores[0]) if len(scores) else 1))
        if len(clips):
            full[np.asarray(clips, int)] = np.asarray(scores, float)
        return cls(full)


def average_precision(
    predicted: Sequence[Window], truth: Sequence[Sequence[float]], thresholds: Sequence[float] = THRESHOLDS
) -> np.ndarray:
    """Interpolated AP of one query's windows at each IoU threshold, 0 to 1, [thresholds]; 0 where either is empty."""
    limits = np.asarray(thresholds, float)
    windows = np.asarray([window[:3] for window in predicted[:MOST_WINDOWS]], float).reshape(-1, 3)
    if not len(windows) or not len(truth):
        return np.zeros(len(limits))
    windows = windows[np.argsort(-windows[:, 2], kind="stable")]
    ious = temporal_iou(windows[:, :2], [true[:2] for true in truth])  # [P, K]
    free = np.ones((len(limits), len(truth)), bool)
    hits = np.zeros((len(limits), len(windows)))
    for number, row in enumerate(ious):
        for true in np.argsort(row, kind="stable")[::-1]:
            takes = (row[true] >= limits) & free[:, true] & (hits[:, number] == 0)
            hits[takes, number] = 1
            free[takes, true] = False
    found = np.cumsum(hits, axis=1)  # [thresholds, P]
    precision = np.maximum.accumulate((found / np.arange(1, len(windows) + 1))[:, ::-1], axis=1)[:, ::-1]
    return (precision * hits).sum(axis=1) / len(truth)


def best_window_iou(predicted: Sequence[Sequence[Window]], truth: Sequence[Sequence[Sequence[float]]]) -> np.ndarray:
    """IoU of each query's first window with the true one that fits it best, [Q]; 0 where nothing was predicted."""
    return np.array(
        [
            paired_iou(np.asarray(windows[0][:2], float), np.asarray([t[:2] for t in true], float)).max()
            if len(windows) and len(true)
            else 0.0
            for windows, true in zip(predicted, truth, strict=True)
        ]
    )


@dataclass(frozen=True)
class Retrieval:
    """Moment retrieval of every query, 0 to 1.

    Attributes:
        precisions: AP [Q, thresholds].
        ious: of the first window with the best true one [Q].
        queries: which of all queries these are [Q].
    """

    precisions: np.ndarray
    ious: np.ndarray
    queries: np.ndarray


def retrieve(
    predicted: Sequence[Sequence[Window]], truth: Sequence[Sequence[Sequence[float]]], lengths: tuple[float, float] = RANGES["full"]
) -> Retrieval:
    """How well the predicted windows of each query find the true ones whose length is in a range (above the first, up to the second, s)."""
    shortest, longest = lengths
    if lengths == RANGES["full"]:
        kept = list(truth)
    else:
        kept = [[window for window in true if shortest < window[1] - window[0] <= longest] for true in truth]
    queries = np.array([number for number, true in enumerate(kept) if len(true) or lengths == RANGES["full"]], int)
    said, true = [predicted[i] for i in queries], [kept[i] for i in queries]
    precisions = np.array([average_precision(*pair) for pair in zip(said, true, strict=True)]).reshape(-1, len(THRESHOLDS))
    return Retrieval(precisions, best_window_iou(said, true), queries)


def saliency_precision(scores: Sequence[float], good: np.ndarray) -> float:
    """Interpolated AP of one annotator's good clips, 0 to 1.

    Args:
        scores: predicted of each clip; missing ones at the end are 0, those too many are left out.
        good: of each clip, bool [clips].
    """
    if not good.any():
        return 0.0
    if good.all():
        return 1.0
    padded = _fitted(scores, len(good))
    order = np.argsort(-padded, kind="stable")
    steps = np.flatnonzero(np.diff(padded[order], append=-np.inf))  # the last clip of those with equal scores
    found = np.cumsum(good[order])[steps]
    precision = np.maximum.accumulate((found / (steps + 1))[::-1])[::-1]
    return float(precision[np.diff(found, prepend=0) > 0].mean())


def hit_at_1(scores: Sequence[float], ratings: Ratings, level: int) -> float:
    """1 where the clip with the highest score is good enough for any annotator, else 0; 0 without scores."""
    if not len(scores):
        return 0.0
    top = int(np.argmax(scores))
    return float(top < len(ratings.scores) and (ratings.scores[top] >= level).any())


def _fitted(scores: Sequence[float], length: int) -> np.ndarray:
    found = np.zeros(length)
    part = np.asarray(scores[:length], float)
    found[: len(part)] = part
    return found


def score_saliency(scores: Sequence[Sequence[float]], ratings: Sequence[Ratings], level: int) -> tuple[np.ndarray, np.ndarray]:
    """AP, the mean over annotators, and HIT@1 of each query, both 0 to 1, [Q]."""
    precisions = [
        np.mean([saliency_precision(said, good) for good in (rated.scores >= level).T]) if len(said) else 0.0
        for said, rated in zip(scores, ratings, strict=True)
    ]
    hits = [hit_at_1(said, rated, level) for said, rated in zip(scores, ratings, strict=True)]
    return np.array(precisions, float), np.array(hits, float)


def score_highlights(
    windows: Sequence[Sequence[Window]],
    true_windows: Sequence[Sequence[Sequence[float]]],
    saliency: Sequence[Sequence[float]] | None = None,
    ratings: Sequence[Ratings] | None = None,
) -> dict[str, np.ndarray]:
    """Score of every query by every metric under the names that the reference's short table has, percent; NaN where one has no say.

    Args:
        windows: (start, end, score) of each query, first the one for R1 [Q][...].
        true_windows: (start, end) of each query [Q][...].
        saliency: predicted score of each 2 s clip [Q][clips]; without it, or without ratings, there are no ``HL`` metrics.
        ratings: of the annotators.
    """
    full = retrieve(windows, true_windows)
    scores = {f"MR-full-R1@{m:g}": 100.0 * (full.ious >= m) for m in (0.5, 0.7)}
    scores["MR-full-mAP"] = 100 * full.precisions.mean(axis=1)
    for m in (0.5, 0.75):
        scores[f"MR-full-mAP@{m:g}"] = 100 * full.precisions[:, THRESHOLDS.index(m)]
    for name in ("long", "middle", "short"):
        part = retrieve(windows, true_windows, RANGES[name])
        scores[f"MR-{name}-mAP"] = np.full(len(windows), np.nan)
        scores[f"MR-{name}-mAP"][part.queries] = 100 * part.precisions.mean(axis=1)
    if saliency is not None and ratings is not None:
        for name, level in LEVELS.items():
            precisions, hits = score_saliency(saliency, ratings, level)
            scores[f"HL-min-{name}-mAP"], scores[f"HL-min-{name}-Hit1"] = 100 * precisions, 100 * hits
    return scores


def every_number(
    windows: Sequence[Sequence[Window]],
    true_windows: Sequence[Sequence[Sequence[float]]],
    saliency: Sequence[Sequence[float]],
    ratings: Sequence[Ratings],
) -> dict[str, dict]:
    """All numbers of the reference evaluator, under its names and with its two decimals; arguments as of :func:`score_highlights`."""
    brief = {name: _mean(values) for name, values in score_highlights(windows, true_windows, saliency, ratings).items()}
    document: dict[str, dict] = {"brief": brief}
    for name in LEVELS:
        document[f"HL-min-{name}"] = {f"HL-{kind}": brief[f"HL-min-{name}-{kind}"] for kind in ("mAP", "Hit1")}
    for name, lengths in RANGES.items():
        part = retrieve(windows, true_windows, lengths)
        precisions = {f"{m:g}": _mean(100 * part.precisions[:, i]) for i, m in enumerate(THRESHOLDS)}
        precisions["average"] = _mean(100 * part.precisions)
        document[name] = {"MR-mAP": precisions, "MR-R1": {f"{m:g}": _mean(100.0 * (part.ious >= m)) for m in THRESHOLDS}}
    return document


def _mean(values: np.ndarray) -> float | None:
    values = values[~np.isnan(values)]
    return float(f"{values.mean():.2f}") if values.size else None

"""A truth and a file of predictions -> scores with counts and intervals: what ``momentor evaluate`` prints."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from momentor_lib.evaluation import captioning, grounding, highlights, qa, segmentation
from momentor_lib.evaluation.interval import DRAWS, score_with_intervals
from momentor_lib.evaluation.matching import Matched
from momentor_lib.evaluation.predictions import Prediction
from momentor_lib.evaluation.truth import Item, Query, Truth

Values = Mapping[str, np.ndarray | tuple[np.ndarray, np.ndarray]]
METEOR_NOTE = "METEOR is by word and stem, without Java: it differs from METEOR 1.5, mostly below it (momentor_lib/evaluation/meteor.py)"
CEILING_NOTE = "perfect: what the truth itself scores by the same rule; events that overlap keep it below the maximum"
POOLED_NOTE = "METEOR pooled adds up a video's pairs first: the published evaluator prints that as METEOR"


@dataclass(frozen=True)
class Score:
    """One metric.

    Attributes:
        name: of the metric.
        value: percent (CIDEr: up to 1000); NaN where nothing has a say.
        low, high: ends of its interval; NaN where none was asked for.
        count: how many queries, videos or questions have a say.
        perfect: what a perfect answer has, where that is not 100.
    """

    name: str
    value: float
    low: float
    high: float
    count: int
    perfect: float | None = None

    def record(self) -> dict[str, Any]:
        """For ``--json``."""
        share = 100 * self.value / self.perfect if self.perfect else self.value
        numbers = {"value": self.value, "low": self.low, "high": self.high, "perfect": self.perfect, "percent_of_perfect": share}
        return {"metric": self.name, "count": self.count} | {k: v if v is None or math.isfinite(v) else None for k, v in numbers.items()}


@dataclass
class Evaluation:
    """What came out.

    Attributes:
        task, truth, items: what was asked.
        counts: how many queries, videos, and how many predictions are missing, unparsed, ...
        scores: the metrics.
        values: of each query by each metric, as the metrics' functions give them.
        states: of each query: ``""``, ``missing``, ``unparsed`` or ``empty``.
        ious: of each query (a caption: of each true event with the predicted one that fits it best), where there are spans.
        notes: what a reader of the figures should know.
    """

    task: str
    truth: Truth
    counts: dict[str, int]
    scores: list[Score]
    values: Values
    states: list[str]
    ious: np.ndarray | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def items(self) -> Sequence[Item]:
        """What was asked, in the order of ``values``."""
        return self.truth.items

    def record(self) -> dict[str, Any]:
        """For ``--json``: everything but the single queries."""
        dirt = {finding.kind: finding.count for finding in self.truth.dirt.in_order}
        return {
            "task": self.task,
            "ground_truth": {"file": self.truth.path, "format": self.truth.format, "dirt": dirt},
            "counts": self.counts,
            "scores": [score.record() for score in self.scores],
            "notes": self.notes,
        }

    def per_query(self) -> str:
        """One line a query as CSV: id, video, words, state, then every metric; empty where it has no say."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["id", "video", "query", "state", *self.values])
        columns = [_column(values) for values in self.values.values()]
        for place, (item, state) in enumerate(zip(self.items, self.states, strict=True)):
            cells = ["" if math.isnan(column[place]) else f"{column[place]:.6g}" for column in columns]
            writer.writerow([item.id, item.video, getattr(item, "text", ""), state, *cells])
        return out.getvalue()


def _column(values: np.ndarray | tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    if not isinstance(values, tuple):
        return values
    top, bottom = values
    return np.divide(top, bottom, out=np.full(len(top), np.nan), where=bottom > 0)


def evaluate(
    truth: Truth, matched: Matched, task: str, *, draws: int = DRAWS, seed: int = 0, rarity: str = "video", judge: qa.Judge | None = None
) -> Evaluation:
    """Scores every annotation, those without a prediction as wrong.

    Args:
        truth: as :func:`~momentor_lib.evaluation.formats.read_truth` gives it.
        matched: as :func:`~momentor_lib.evaluation.matching.match` gives it.
        task: one of :data:`~momentor_lib.evaluation.formats.TASKS`.
        draws, seed: of the bootstrap; 0 draws: no intervals.
        rarity: of CIDEr; see :func:`~momentor_lib.evaluation.captioning.score_captions`.
        judge: of answers; see :func:`~momentor_lib.evaluation.qa.score_answers`.

    Raises:
        ValueError: nothing of what the task needs is in the annotations, or the judge's verdict is none.
    """
    predictions = [prediction or Prediction() for prediction in matched.predictions]
    found = _TASKS[task](truth.items, predictions, rarity, judge)
    intervals = score_with_intervals(found.values, [item.video for item in truth.items], draws, seed)
    scores = []
    for name, (value, low, high) in intervals.items():
        kept = found.values[name]
        count = int((kept[1] > 0).sum() if isinstance(kept, tuple) else (~np.isnan(kept)).sum())
        scores.append(Score(name, value, low, high, count, found.perfect.get(name)))
    states = [_state(prediction, task) for prediction in matched.predictions]
    counts = {_UNITS[task]: len(truth.items), "videos": truth.videos, "predicted": len(truth.items) - matched.missing}
    counts |= {state: states.count(state) for state in ("missing", "unparsed", "empty")}
    counts |= {"unknown ids": len(matched.unknown), "repeated": len(matched.repeated)}
    if "multiple choice" in found.values:
        counts["unparsed"] = found.unparsed
    return Evaluation(task, truth, counts, scores, found.values, states, found.ious, found.notes)


_UNITS = {"grounding": "queries", "highlights": "queries", "captioning": "videos", "segmentation": "videos", "qa": "questions"}


def _state(prediction: Prediction | None, task: str) -> str:
    if prediction is None:
        return "missing"
    if prediction.unparsed:
        return "unparsed"
    has = (
        prediction.moments or prediction.saliency or prediction.labels or (task == "qa" and prediction.answer and prediction.answer.strip())
    )
    return "" if has else "empty"


@dataclass
class _Found:
    values: Values
    ious: np.ndarray | None = None
    perfect: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    unparsed: int = 0


def _spans(prediction: Prediction) -> list[grounding.Span]:
    return [(moment.start, moment.end) for moment in prediction.moments]


def _ground(items: Sequence[Query], predictions: Sequence[Prediction], *_: object) -> _Found:
    values = grounding.score_grounding([_spans(one) for one in predictions], [item.spans for item in items])
    return _Found(values, values["mIoU"] / 100)


def _highlight(items: Sequence[Query], predictions: Sequence[Prediction], *_: object) -> _Found:
    windows = [[(moment.start, moment.end, moment.score) for moment in one.moments] for one in predictions]
    true = [item.spans for item in items]
    rated = all(item.ratings is not None for item in items)
    scored = any(one.saliency for one in predictions) or not any(one.moments for one in predictions)
    notes = (
        []
        if rated and scored
        else [f"no HL figures: {'nothing was predicted of' if rated else 'the ground truth does not rate'} the clips"]
    )
    saliency = [one.saliency for one in predictions] if rated and scored else None
    values = highlights.score_highlights(windows, true, saliency, [item.ratings for item in items] if rated else None)
    return _Found(values, highlights.best_window_iou(windows, true), notes=notes)


def _caption(items: Sequence[Any], predictions: Sequence[Prediction], rarity: str, *_: object) -> _Found:
    said, true = [one.moments for one in predictions], [item.events for item in items]
    values = captioning.score_captions(said, true, rarity=rarity)
    highest = captioning.ceiling(true, rarity=rarity)
    perfect = {name: float(np.nanmean(row)) for name, row in highest.items() if not np.isnan(row).all()}
    ious = [
        grounding.temporal_iou(_spans(one), [(event.start, event.end) for event in events]).max(axis=0, initial=0)
        for one, events in zip(predictions, true, strict=True)
    ]
    return _Found(values, np.concatenate(ious), perfect, [METEOR_NOTE, POOLED_NOTE, CEILING_NOTE])


def _segment(items: Sequence[Any], predictions: Sequence[Prediction], *_: object) -> _Found:
    known = sorted({label for item in items for label in item.labels} - set(segmentation.BACKGROUND))
    said, mapped = [], 0
    for item, one in zip(items, predictions, strict=True):
        if one.labels or not one.moments:
            said.append(list(one.labels))
            continue
        mapped += 1
        labels = [segmentation.closest_label(moment.label, known) for moment in one.moments]
        pairs = [pair for pair in zip(one.moments, labels, strict=True) if pair[1] is not None]
        events = [replace(moment, label=label) for moment, label in pairs]
        times = (np.arange(len(item.labels)) + 0.5) / item.fps
        said.append(segmentation.frame_labels(events, times, segmentation.background_of(item.labels)))
    notes = [f"{mapped} predictions are events in words; each was given the label that is most alike by METEOR"] if mapped else []
    return _Found(segmentation.score_segmentation(said, [item.labels for item in items]), notes=notes)


def _answer(items: Sequence[Any], predictions: Sequence[Prediction], _: str, judge: qa.Judge | None) -> _Found:
    said, truth, asked = [one.answer for one in predictions], [item.answer for item in items], [item.text for item in items]
    with_options = [bool(item.options) for item in items]
    plain = [str(answer) for answer in truth]
    if not any(with_options):
        return _Found(qa.score_answers(said, plain, asked, None, judge))
    if not all(with_options):
        raise ValueError(f"{sum(with_options)} of {len(items)} questions have options: put the others into a file of their own")
    options = [item.options for item in items]
    right = [own[qa.true_option(answer, own)] for answer, own in zip(truth, options, strict=True)]
    unread = sum(answer is not None and qa.chosen_option(answer, own) is None for answer, own in zip(said, options, strict=True))
    return _Found(qa.score_answers(said, right, asked, options, judge), unparsed=unread)


_TASKS: dict[str, Callable[..., _Found]] = {
    "grounding": _ground,
    "highlights": _highlight,
    "captioning": _caption,
    "segmentation": _segment,
    "qa": _answer,
}

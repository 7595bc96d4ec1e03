"""Action segmentation: one label for every frame of a video.

Source: Lea et al., "Temporal Convolutional Networks for Action Segmentation and Detection", 2017, and the evaluator of Farha and Gall,
"MS-TCN", 2019. Rules:

* **MoF**: frames right / frames, over all videos together, background included. Where a prediction is too short, the frames that it lacks
  are wrong; where it is too long, the rest is cut off.
* A **segment** is a run of frames of one label. Background makes none.
* **Edit**: 100 (1 - Levenshtein distance of the segments' labels / the longer of the two), the mean over videos; 100 where neither has a
  segment.
* **F1@k**: in order of time, each predicted segment looks at the true segment of its label that it overlaps most (the first of equals); it
  is right where their IoU reaches k % and no segment before it has used that one. Right, wrong and missing ones are summed over all
  videos.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from momentor_lib.evaluation.grounding import temporal_iou
from momentor_lib.evaluation.meteor import meteor
from momentor_lib.moments import Moment

BACKGROUND = ("background", "SIL")  # 50Salads has other names too: action_start, action_end
PERCENTS = (10, 25, 50)

Segment = tuple[str, int, int]  # label, first frame, frame behind the last


def segments(labels: Sequence[str], background: Collection[str] = BACKGROUND) -> list[Segment]:
    """A label a frame -> its runs, in order, without background."""
    edges = [0, *(i for i in range(1, len(labels)) if labels[i] != labels[i - 1]), len(labels)]
    return [(labels[first], first, stop) for first, stop in pairwise(edges) if first < stop and labels[first] not in background]


def frame_labels(events: Sequence[Moment], times: Sequence[float], background: str = BACKGROUND[0]) -> list[str]:
    """Events -> a label for each frame: of the event at its time that began last; of several such ones the shortest.

    Args:
        events: their labels are those of the frames; an event includes its start, not its end.
        times: of the frames, seconds.
    """
    ordered = sorted(events, key=lambda event: (event.start, -event.end))
    found = [background] * len(times)
    for event in ordered:
        for place, time in enumerate(times):
            if event.start <= time < event.end:
                found[place] = event.label
    return found


def closest_label(words: str, labels: Sequence[str], alike: Callable[[str, str], float] = meteor) -> str | None:
    """The label that words come closest to, None where they have nothing in common with any; the first of equals.

    Args:
        alike: of two texts; by default METEOR, an underscore of a label being a blank. A sentence embedding's cosine is the paper's way.
    """
    if words in labels:
        return words
    values = [alike(words, label.replace("_", " ")) for label in labels]
    return labels[int(np.argmax(values))] if values and max(values) > 0 else None


def background_of(labels: Sequence[str]) -> str:
    """What a video's labels call background."""
    return next((name for name in BACKGROUND if name in labels), BACKGROUND[0])


@dataclass(frozen=True)
class Counts:
    """What is right in one video.

    Attributes:
        right, frames: of its frames.
        edit: its edit score, 0 to 100.
        hits: right segments at each IoU [percents].
        predicted, true: number of segments.
    """

    right: int
    frames: int
    edit: float
    hits: tuple[int, ...]
    predicted: int
    true: int


def compare(
    predicted: Sequence[str], truth: Sequence[str], percents: Sequence[int] = PERCENTS, background: Collection[str] = BACKGROUND
) -> Counts:
    """One video's labels, a frame each, against the true ones."""
    said = list(predicted[: len(truth)])
    right = sum(a == b for a, b in zip(said, truth, strict=False))
    ours, true = segments(said, background), segments(truth, background)
    hits = tuple(_hits(ours, true, percent / 100) for percent in percents)
    return Counts(right, len(truth), edit_score([label for label, *_ in ours], [label for label, *_ in true]), hits, len(ours), len(true))


def _hits(predicted: list[Segment], truth: list[Segment], overlap: float) -> int:
    if not predicted or not truth:
        return 0
    ious = temporal_iou([segment[1:] for segment in predicted], [segment[1:] for segment in truth])
    ious *= np.array([[a[0] == b[0] for b in truth] for a in predicted])
    used: set[int] = set()
    for row in ious:
        best = int(row.argmax())
        if row[best] >= overlap and row[best] > 0:
            used.add(best)
    return len(used)


def edit_score(predicted: Sequence[str], truth: Sequence[str]) -> float:
    """100 (1 - Levenshtein distance / the longer of the two), 0 to 100; 100 where both are empty."""
    longer = max(len(predicted), len(truth))
    return 100 * (1 - levenshtein(predicted, truth) / longer) if longer else 100.0


def levenshtein(a: Sequence[str], b: Sequence[str]) -> int:
    """How many labels have to be put in, taken out or changed to make one sequence the other."""
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, right in enumerate(b, 1):
            diagonal, row[j] = row[j], min(diagonal + (left != right), row[j] + 1, row[j - 1] + 1)
    return row[-1]


def score_segmentation(
    predicted: Sequence[Sequence[str]],
    truth: Sequence[Sequence[str]],
    percents: Sequence[int] = PERCENTS,
    background: Collection[str] = BACKGROUND,
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Each metric as a numerator and a denominator of every video; its value, percent, is the sum of the ones over the sum of the others.

    Args:
        predicted, truth: a label a frame of each video [videos][frames]; an empty prediction has everything wrong.

    Raises:
        ValueError: the two are not about as many videos.
    """
    if len(predicted) != len(truth):
        raise ValueError(
            f"{len(predicted)} predictions for {len(truth)} videos: give each video its list of labels, empty where there is none"
        )
    counts = [compare(said, true, percents, background) for said, true in zip(predicted, truth, strict=True)]
    scores = {
        "MoF": (np.array([100.0 * one.right for one in counts]), np.array([float(one.frames) for one in counts])),
        "Edit": (np.array([one.edit for one in counts]), np.ones(len(counts))),
    }
    both = np.array([float(one.predicted + one.true) for one in counts])
    for place, percent in enumerate(percents):
        scores[f"F1@{percent}"] = np.array([200.0 * one.hits[place] for one in counts]), both
    return scores

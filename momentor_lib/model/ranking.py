"""From a generated answer to ranked moments in seconds, with scores, spreads and alternatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from momentor_lib.model.generation import Conversation, Generated
from momentor_lib.model.momentor import Momentor
from momentor_lib.model.prefix import VideoPrefix
from momentor_lib.model.processing import MomentorProcessor
from momentor_lib.model.temporal import DecodedTime
from momentor_lib.moments import Moment
from momentor_lib.timecode import SPAN_PATTERN, find_tags, to_seconds

SAME_MOMENT = 0.5  # two spans above this IoU are one moment


def written_text(processor: MomentorProcessor, generated: Generated, duration: float) -> str:
    """A generated answer -> its text with time tags."""
    return processor.decode(generated.ids, torch.tensor(generated.positions, dtype=torch.float32), duration)


def written_moments(text: str, times: Sequence[DecodedTime], duration: float) -> list[Moment]:
    """The spans of an answer's text, in its order, each with what was decoded with it.

    Args:
        text: the answer, times as time tags.
        times: position, spread and mass of its tags in their order; empty where times were written as digits, which have no spread
            and score 1.
    """
    tags = find_tags(text)
    index_of = {tag.begin: index for index, tag in enumerate(tags)}
    moments = []
    for match in SPAN_PATTERN.finditer(text):
        first = index_of[match.start()]
        start, end = float(match.group(1)), float(match.group(2))
        moment = Moment(min(start, end), max(start, end))
        if len(times) == len(tags):
            moment = replace(moment, **_certainty(times[first], times[first + 1], duration))
        moments.append(moment)
    return moments


def _certainty(start: DecodedTime, end: DecodedTime, duration: float) -> dict[str, float]:
    return {
        "score": float(start.mass * end.mass),
        "start_std": to_seconds(float(start.std), duration),
        "end_std": to_seconds(float(end.std), duration),
    }


@torch.no_grad()
def alternatives(
    model: Momentor, processor: MomentorProcessor, video: VideoPrefix, question: str, generated: Generated, count: int
) -> list[Moment]:
    """What else the model considered for its first start: one moment for each other peak of that distribution, best first.

    Each peak's start is fed back, and its end decoded, all in one batch.
    """
    if generated.first_temporal_logits is None or count < 1:
        return []
    temporal, window = model.temporal, model.config.decoding_window
    probabilities = generated.first_temporal_logits.float().softmax(-1)  # [N]
    padded = torch.nn.functional.pad(probabilities, (1, 1), value=-1.0)
    peaks = ((padded[1:-1] >= padded[:-2]) & (padded[1:-1] > padded[2:])).nonzero().squeeze(-1)  # [peaks]
    peaks = peaks[probabilities[peaks].argsort(descending=True)][:count]
    starts = temporal.read(probabilities.expand(len(peaks), -1), peaks, window=window)
    ids, positions = processor.encode_question(question, video.duration)
    nan = float("nan")
    rows = [[*ids, processor.time_token_id, *processor.dash_ids] for _ in peaks]
    places = [[*positions, start, *[nan] * len(processor.dash_ids)] for start in starts.position.tolist()]
    _, times = Conversation(model, [video] * len(peaks)).extend(rows, places)
    ends = temporal.decode(times, starts.position, window=window)
    moments = []
    for row in range(len(peaks)):
        start, end = (DecodedTime(*(float(part[row]) for part in decoded)) for decoded in (starts, ends))
        span = (to_seconds(start.position, video.duration), to_seconds(end.position, video.duration))
        moments.append(Moment(*span, **_certainty(start, end, video.duration)))
    return sorted(moments, key=lambda moment: -moment.score)


def rank(written: Sequence[Moment], others: Sequence[Moment] = (), top_k: int | None = None) -> list[Moment]:
    """The answer's own moments, best first, then the others, best first; of two that are one moment the later is dropped.

    What the model did not choose never scores above what it chose, so the whole list is sorted by score.
    """
    own = sorted(written, key=lambda moment: -moment.score)
    ceiling = min((moment.score for moment in own), default=1.0)
    others = [replace(moment, score=min(moment.score, ceiling)) for moment in sorted(others, key=lambda moment: -moment.score)]
    kept: list[Moment] = []
    for moment in [*own, *others]:
        if all(_iou(moment, better) <= SAME_MOMENT for better in kept):
            kept.append(moment)
    return kept[:top_k]


def _iou(one: Moment, other: Moment) -> float:
    intersection = max(0.0, min(one.end, other.end) - max(one.start, other.start))
    union = one.duration + other.duration - intersection
    return intersection / union if union > 0 else float(one.start == other.start)


def labelled_events(text: str, moments: Sequence[Moment]) -> list[Moment]:
    """A text ``<a>-<b> what happens. <c>-<d> ...`` and its moments -> the moments with the words after each as their label."""
    spans = list(SPAN_PATTERN.finditer(text))
    stops = [*(match.start() for match in spans[1:]), len(text)][: len(spans)]
    labels = (text[match.end() : stop].strip(" .:\n") for match, stop in zip(spans, stops, strict=True))
    return [replace(moment, label=label) for moment, label in zip(moments, labels, strict=True)]

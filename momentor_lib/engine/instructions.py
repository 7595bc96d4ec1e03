"""The matrix -> records of the packed format, of all ten data types, and the GESM sequence. Paper: section 4.1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from momentor_lib.data.moment10m import DATA_TYPES
from momentor_lib.engine.backends import Writer
from momentor_lib.engine.matrix import Event, Matrix

Span = tuple[float, float]


@dataclass(frozen=True)
class Draft:
    """An instruction before it has a score.

    Attributes:
        variables: what its placeholders stand for, as in the packed format.
        question, answer: with placeholders.
        shown: a caption of what is to be seen, by which a CLIP can judge it.
        spans: when it is to be seen, seconds.
    """

    variables: dict[str, Any]
    question: str
    answer: str
    shown: str
    spans: list[Span] = field(default_factory=list)


def write_instructions(matrix: Matrix, writer: Writer) -> dict[str, list[Draft]]:
    """Data type -> drafts, for all ten."""
    return {data_type: list(writer.write(matrix, data_type)) for data_type in DATA_TYPES}


def to_record(video_id: str, data_type: str, draft: Draft, score: float) -> dict[str, Any]:
    """A draft -> a record of the packed file."""
    turns = [{"User": draft.question, "Assistant": draft.answer}]
    scored = {"clip_similarity": round(score, 4)}
    return {"id": video_id, "data_type": data_type, **scored, "variables": draft.variables, "conversations": turns}


def event_sequence(matrix: Matrix) -> dict[str, list]:
    """The video's events in order, as GESM has them: ``timestamps`` [[s, e], ...] and ``captions``."""
    return {"timestamps": [[e.start, e.end] for e in matrix.events], "captions": [e.caption for e in matrix.events]}


def same_events(events: Sequence[Event]) -> dict[str, list[Event]]:
    """Caption -> the events that it tells, in order of time."""
    found: dict[str, list[Event]] = {}
    for event in events:
        found.setdefault(event.caption, []).append(event)
    return found


def moment_of(events: Sequence[Event]) -> list:
    """``[s, e]`` of one event, a list of such for several."""
    spans = [[event.start, event.end] for event in events]
    return spans[0] if len(spans) == 1 else spans

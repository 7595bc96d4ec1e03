"""What a reader finds at one place of an annotation file: spans, texts and a duration, or nothing that can be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Span = tuple[float, float]


@dataclass(frozen=True)
class Place:
    """Where something stands.

    Attributes:
        video_id: the video's name in the file, empty where there is none.
        data_type: of a packed record, otherwise empty.
        index: number of the record, event or window in its list, from 0.
        line: number of the line, from 1, in a file of lines.
    """

    video_id: str = ""
    data_type: str = ""
    index: int | None = None
    line: int | None = None


@dataclass(frozen=True)
class Entry:
    """What is said at one place. Times are seconds as the file has them: negative, reversed and NaN ones too.

    Attributes:
        place: where.
        spans: (start, end) of each.
        times: single times.
        texts: what must hold words.
        duration: of the video, where the file says it.
        identity: what no other entry may have; None where this does not matter.
    """

    place: Place
    spans: Sequence[Span] = ()
    times: Sequence[float] = ()
    texts: Sequence[str] = ()
    duration: float | None = None
    identity: str | None = None


@dataclass(frozen=True)
class Fault:
    """A place that a reader cannot read, or that it knows to be wrong.

    Attributes:
        place: where.
        kind: a key of :data:`momentor_lib.data.check.report.KINDS`.
        detail: what is wrong there.
    """

    place: Place
    kind: str
    detail: str


def to_number(value: Any) -> float:
    """A JSON number -> float; one too large for a float is infinite.

    Raises:
        ValueError: it is no number.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{describe(value)} where a number of seconds belongs")
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def to_span(value: Any, extra: int = 0) -> Span:
    """A JSON list [start, end] -> span.

    Args:
        extra: how many more numbers, such as a score, stand behind.

    Raises:
        ValueError: it is no such list.
    """
    if not isinstance(value, list) or len(value) != 2 + extra:
        raise ValueError(f"{describe(value)} where [start, end{', score' * extra}] belongs")
    start, end = (to_number(number) for number in value[:2])
    for number in value[2:]:
        to_number(number)
    return start, end


def to_text(value: Any, name: str) -> str:
    """A JSON string -> str.

    Raises:
        ValueError: it is no string.
    """
    if not isinstance(value, str):
        raise ValueError(f"{name} is {describe(value)}, not a text")
    return value


def to_list(value: Any, name: str) -> list:
    """A JSON list -> list.

    Raises:
        ValueError: it is no list.
    """
    if not isinstance(value, list):
        raise ValueError(f"{name} is {describe(value)}, not a list")
    return value


def describe(value: Any) -> str:
    """A JSON value in a few words: ``null``, ``a text``, ``a list of 3``."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return "a text" if isinstance(value, str) else "a number"

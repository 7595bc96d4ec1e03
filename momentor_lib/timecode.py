"""Seconds, positions and time tags: the only place where time is converted.

Three forms of one time:

* **seconds**, a float counted from the start of the video: what people and files use;
* **position**, ``seconds / duration`` in [0, 1]: what the temporal perception module uses (paper: section 3.2);
* **time tag**, ``<12.34s>``: how a time stands in any text that the library keeps. A tag is one temporal token.

Nothing here rounds a time, except :func:`display` and :func:`clock`, which write for people.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

TAG_PATTERN = re.compile(r"<(\d+(?:\.\d+)?)s>")
SPAN_PATTERN = re.compile(rf"{TAG_PATTERN.pattern}-{TAG_PATTERN.pattern}")


@dataclass(frozen=True)
class TimeTag:
    """A time tag found in a text.

    Attributes:
        begin, stop: the tag is ``text[begin:stop]``.
        seconds: the time that it names.
    """

    begin: int
    stop: int
    seconds: float


def to_position(seconds: float, duration: float) -> float:
    """Seconds -> position in [0, 1]. A time outside the video goes to its nearer end.

    Raises:
        ValueError: ``duration`` is not above zero, or ``seconds`` is not a number.
    """
    if not duration > 0:
        raise ValueError(f"a duration must be above 0 s, not {duration}")
    if seconds != seconds:
        raise ValueError("a time must be a number, not NaN")
    return min(max(seconds / duration, 0.0), 1.0)


def to_seconds(position: float, duration: float) -> float:
    """Position in [0, 1] -> seconds."""
    return position * duration


def format_tag(seconds: float) -> str:
    """Seconds -> ``<12.34s>``: at least two decimals, and as many more as the float has, so that nothing is lost.

    Raises:
        ValueError: the time is negative or not finite.
    """
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"a time tag needs a time of 0 s or more, not {seconds}")
    digits = format(Decimal(repr(abs(float(seconds)))), "f")  # minus zero as zero
    whole, _, fraction = digits.partition(".")
    return f"<{whole}.{fraction:0<2}s>"


def find_tags(text: str) -> list[TimeTag]:
    """Every time tag of a text, in the order of the text, repeated ones too."""
    return [TimeTag(m.start(), m.end(), float(m.group(1))) for m in TAG_PATTERN.finditer(text)]


def format_span(start: float, end: float) -> str:
    """A moment -> ``<12.34s>-<18.40s>``."""
    return f"{format_tag(start)}-{format_tag(end)}"


def format_spans(spans: Sequence[tuple[float, float]]) -> str:
    """Several moments -> ``a, b and c``, each as :func:`format_span` writes it."""
    parts = [format_span(start, end) for start, end in spans]
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def find_spans(text: str) -> list[tuple[float, float]]:
    """Every ``<a>-<b>`` of a text in seconds, in the order of the text."""
    return [(float(m.group(1)), float(m.group(2))) for m in SPAN_PATTERN.finditer(text)]


def display(seconds: float) -> str:
    """For people: ``12.3 s``."""
    return f"{seconds:.1f} s"


def clock(seconds: float) -> str:
    """For people: ``0:12.3``, ``1:02:03.4``."""
    tenths = round(seconds * 10)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    tail = f"{tenths / 10:04.1f}"
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"


def for_people(text: str) -> str:
    """A text with its time tags written as :func:`display` writes them."""
    return TAG_PATTERN.sub(lambda m: display(float(m.group(1))), text)


def merge_order(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Spans sorted by start, then end: the order in which an answer lists them."""
    return sorted((float(s), float(e)) for s, e in spans)

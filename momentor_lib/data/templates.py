"""How a moment is written: by one of twelve templates for people's eyes, or as time tags.

A form (:class:`TextForm`, :class:`TagsForm`) writes the variables of a record and the event sequence of a video.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from momentor_lib.data.moment10m import click_of, spans_of
from momentor_lib.timecode import format_span, format_spans, format_tag

Span = Sequence[float]  # start, end
SENTENCE_ENDS = (".", "!", "?")
MOST_DECIMALS = 17
INFINITY = math.inf


@dataclass(frozen=True)
class Template:
    """One of the ways to write a moment, for instance ``12.30s-18.40s`` or ``12 seconds to 18 seconds``.

    Attributes:
        separator: between start and end.
        decimals: of both.
        unit: after both.
    """

    separator: str
    decimals: int
    unit: str

    def pattern(self, decimals: int) -> bytes:
        """For ``%``: start and end in seconds. Bytes, which are formatted quicker than a text."""
        return f"%.{decimals}f{self.unit}{self.separator}%.{decimals}f{self.unit}".encode()

    @cached_property
    def usual_pattern(self) -> bytes:
        """The one with as many decimals as the template has."""
        return self.pattern(self.decimals)

    def write(self, spans: Sequence[Span]) -> list[str]:
        """Each span in words. All get more decimals than the template has where one would become empty by rounding."""
        pattern = self.usual_pattern
        for start, end in spans:
            if end - start <= 10.0**-self.decimals:  # no longer one becomes empty
                pattern = self.pattern(self._enough_decimals(spans))
                break
        return [(pattern % (start, end)).decode() for start, end in spans]

    def _enough_decimals(self, spans: Sequence[Span]) -> int:
        decimals = self.decimals
        while any(start < end and f"{start:.{decimals}f}" == f"{end:.{decimals}f}" for start, end in spans) and decimals < MOST_DECIMALS:
            decimals = max(decimals + 1, 2)
        return decimals


TEMPLATES = tuple(
    Template(separator, decimals, unit) for separator in ("-", "~", " to ") for decimals in (2, 0) for unit in ("s", " seconds")
)
_BY_PATTERN = {template.usual_pattern: template for template in TEMPLATES}
_PATTERNS = tuple(_BY_PATTERN)
# Bytes are drawn by the thousand, and each below 252 = 21 x 12 stands for a template.
_TABLE = bytes(number % len(TEMPLATES) for number in range(256))
_UNUSED = bytes(range(256 // len(TEMPLATES) * len(TEMPLATES), 256))


class TextForm:
    """Times as text, each variable of a record by a template drawn for it.

    Args:
        seed: the same seed gives the same draws, in every process.
    """

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._drawn: list[bytes] = []

    def draw(self) -> Template:
        """A template."""
        return _BY_PATTERN[(self._drawn or self._draw_thousands()).pop()]

    def _draw_thousands(self) -> list[bytes]:
        """Patterns of the templates to come."""
        self._drawn = [_PATTERNS[number] for number in self._random.randbytes(4096).translate(_TABLE, _UNUSED)]
        return self._drawn

    def moment(self, value: Any) -> str:
        """A ``moment`` or ``SOURCE_CLIP`` -> text.

        Raises:
            ValueError: it has another form, a time is negative, or an end is before its start.
        """
        try:
            start, end = value
            # Most moments go forward and are too long to become empty: they are written here, at a third of the time.
            if type(start) is float is type(end) and start > 0.0 and 1.0 < end - start < INFINITY:
                return ((self._drawn or self._draw_thousands()).pop() % (start, end)).decode()
        except (TypeError, ValueError):  # of another form
            pass
        spans = _forward(value)
        return _joined(self.draw().write(spans))

    def click(self, value: Any) -> str:
        """A ``click_position`` -> ``[12.3s, <0.1, 0.25>]``, the time as it stands.

        Raises:
            ValueError: it has another form, or its time is negative.
        """
        time, x, y = _click(value)
        if type(x) is float is type(y):  # as _place writes them, in less time
            return f"[{time}s, <{x:.2f}, {y:.2f}>]".replace("0, ", ", ").replace("0>", ">")
        return f"[{time}s, <{_place(x)}, {_place(y)}>]"

    def events(self, timestamps: Sequence[Span], captions: Sequence[str]) -> str:
        """``12.30s-18.40s: caption 18.40s-25.00s: caption``, by one template, in the order given.

        Raises:
            ValueError: a time is negative, or an end is before its start.
        """
        spans = self.draw().write(_events(timestamps))
        return " ".join(f"{span}: {caption}" for span, caption in zip(spans, captions, strict=True))


class TagsForm:
    """Times as continuous time tags, nothing rounded."""

    def moment(self, value: Any) -> str:
        """A ``moment`` or ``SOURCE_CLIP`` -> ``<12.34s>-<18.40s>``.

        Raises:
            ValueError: as :meth:`TextForm.moment`.
        """
        return format_spans(_forward(value))

    def click(self, value: Any) -> str:
        """A ``click_position`` -> ``[<12.34s>, <0.1, 0.25>]``.

        Raises:
            ValueError: it has another form, or its time is negative.
        """
        time, x, y = _click(value)
        return f"[{format_tag(time)}, <{_place(x)}, {_place(y)}>]"

    def events(self, timestamps: Sequence[Span], captions: Sequence[str]) -> str:
        """``<12.30s>-<18.40s> Caption. <18.40s>-...``, in order of time, as the model is asked for them.

        Raises:
            ValueError: as :meth:`TextForm.events`.
        """
        pairs = sorted(zip(_events(timestamps), captions, strict=True), key=lambda pair: pair[0])
        return " ".join(f"{format_span(*span)} {_sentence(caption)}" for span, caption in pairs)


Form = TextForm | TagsForm


def _forward(value: Any) -> Sequence[Span]:
    """The spans of a moment, or of several, all of which go forward from 0 s on."""
    try:
        spans = value if type(value[0]) is list else (value,)
        for start, end in spans:
            if not (type(start) is float is type(end) and 0.0 < start <= end < INFINITY):
                break
        else:
            return spans
    except (TypeError, ValueError, LookupError):  # of another form
        pass
    spans = spans_of(value)
    for start, end in spans:
        if start < 0:
            raise ValueError(f"a moment starts at {start} s, before the video")
        if end < start:
            raise ValueError(f"a moment ends at {end} s, before it starts at {start} s")
    return [(start + 0.0, end + 0.0) for start, end in spans]  # as floats, and minus zero as zero


def _events(timestamps: Sequence[Span]) -> Sequence[Span]:
    """The spans of events, all of which go forward."""
    return _forward([list(span) for span in timestamps]) if timestamps else []


def _click(value: Any) -> tuple[float, float, float]:
    """A click whose time is 0 s or more."""
    try:
        time, (x, y) = value
        if type(time) is float is type(x) and type(y) is float and time > 0.0 and -INFINITY < time + x + y < INFINITY:
            return time, x, y
    except (TypeError, ValueError):
        pass
    time, x, y = click_of(value)
    if time < 0:
        raise ValueError(f"a click is at {time} s, before the video")
    return abs(time), x, y


def _place(part: float) -> str:
    """Of the picture's width or height, rounded to two decimals: ``0.1``, ``0.25``."""
    if type(part) is not float:
        return str(part)
    text = f"{part:.2f}"
    return text[:-1] if text[-1] == "0" else text


def _joined(parts: list[str]) -> str:
    """``a, b and c``."""
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def _sentence(caption: str) -> str:
    caption = caption.strip()
    return caption if caption.endswith(SENTENCE_ENDS) else f"{caption}."

"""What a timeline says in words: cleaned, shortened, and with its times written for people."""

from __future__ import annotations

import math
import unicodedata

from momentor_lib.moments import Moment
from momentor_lib.timecode import clock, display
from momentor_lib.viz.spans import is_outside

CLOCK_FROM = 90.0  # seconds; a longer video is read on a clock
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800)


def clean(text: str) -> str:
    """One line of printable characters: line breaks become spaces; control characters and broken Unicode go."""
    whole = text.encode("utf-8", "replace").decode("utf-8")
    visible = (" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in whole)
    return " ".join("".join(visible).split())


def columns(text: str) -> int:
    """How many columns of type a text takes; Chinese, Japanese and Korean characters take two."""
    return sum(map(_width, text))


def shorten(text: str, room: int) -> str:
    """The text, or as much of it as fits into ``room`` columns with an ellipsis."""
    if _fitting(text, room) == len(text):
        return text
    return text[: _fitting(text, room - 1)].rstrip() + "…"


def wrap(text: str, room: int, lines: int) -> list[str]:
    """The text in at most ``lines`` lines of ``room`` columns, broken between words where it can be."""
    done: list[str] = []
    rest = text
    while len(done) < lines - 1 and (fitting := _fitting(rest, room)) < len(rest):
        space = rest.rfind(" ", 0, fitting + 1)
        cut = space if space > 0 else max(1, fitting)
        done.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [*done, shorten(rest, room)] if rest or not done else done


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _fitting(text: str, room: int) -> int:
    """How many characters from the text's start fit into ``room`` columns."""
    used = 0
    for index, character in enumerate(text):
        used += _width(character)
        if used > room:
            return index
    return len(text)


def write_time(seconds: float, duration: float) -> str:
    """A time for people: seconds in a short video, a clock in a long one."""
    return clock(seconds) if duration >= CLOCK_FROM and seconds >= 0 else display(seconds)


def write_span(moment: Moment, duration: float) -> str:
    """``12.3 s – 18.4 s``."""
    return f"{write_time(moment.start, duration)} – {write_time(moment.end, duration)}"


def describe(moment: Moment, duration: float, is_truth: bool = False) -> str:
    """``12.3 s to 18.4 s, score 0.93``: what a screen reader says. The truth has no score."""
    words = f"{write_time(moment.start, duration)} to {write_time(moment.end, duration)}"
    if moment.label:
        words = f"{clean(moment.label)}, {words}"
    if not is_truth:
        words = f"{words}, score {moment.score:.2f}"
    return f"{words}, outside the video" if is_outside(moment, duration) else words


def ticks(duration: float) -> list[tuple[float, str]]:
    """At most nine round times from 0 to the duration, each with its label."""
    step = next((s for s in _STEPS if duration / s <= 8), duration / 8)
    times = [i * step for i in range(math.floor(duration / step + 1e-9) + 1)]
    if duration >= CLOCK_FROM:
        return [(t, clock(t).removesuffix(".0")) for t in times]
    return [(t, display(t) if step < 1 else display(t).replace(".0 s", " s")) for t in times]

"""Free text -> the spans of time that it names, as models write them: seconds, clock times, ranges in the usual wordings, several."""

from __future__ import annotations

import re
from collections.abc import Iterator

from momentor_lib.evaluation.grounding import Span

# One time: a time tag, 1:02:03.5, 2:03, "1 minute 5 seconds", "1 min", "12.5 seconds", 12.5s, 12.5. A clock goes before a plain number.
_UNIT = r"(?:seconds?|secs?|s)(?![a-z])"
_MINUTES = r"(?:minutes?|mins?|m)(?![a-z])"
_HOURS = r"(?:hours?|hrs?|h)(?![a-z])"
_NUMBER = r"\d+(?:\.\d+)?"
_TIME = rf"""(?:
    <\s*(?P<tag{{0}}>{_NUMBER})\s*s?\s*>
  | (?P<clock{{0}}>\d{{{{1,2}}}}(?::\d{{{{1,2}}}}){{{{1,2}}}}(?:[.,]\d+)?)(?!:?\d)
  | (?:(?P<hours{{0}}>{_NUMBER})\s*{_HOURS}\s*(?:and\s*)?)?(?P<minutes{{0}}>{_NUMBER})\s*{_MINUTES}
      (?:\s*(?:and\s*)?(?P<rest{{0}}>{_NUMBER})\s*{_UNIT})?
  | (?P<plain{{0}}>{_NUMBER})(?!\s*%)\s*(?P<unit{{0}}>{_UNIT})?
)"""
_WORDS = r"(?:the\s+)?(?:time(?:stamp)?s?|moments?|seconds?|frames?\s+at|around|about|approximately|roughly|t\s*=)\s*(?:of\s*)?"
_END = r"(?:(?:it\s+)?(?:and\s+)?(?:ends?|stops?|finish(?:es)?|lasts)\s*(?:at|time|until|by)?\s*(?:is|:|=)?\s*)"
_JOIN = (
    r"(?:\s*(?:-+>?|–|—|~|→|to|until|till|through|and|,|;|up\s+to|,?\s*end(?:s|ing)?\s*(?:time\s*)?(?:at|is|:|=)?)\s*"
    rf"{_END}?|\s*,?\s*{_END})"
)
_RANGE = re.compile(
    _TIME.format("1") + r"\s*[\])]?" + _JOIN + r"[\[(]?\s*(?:" + _WORDS + r")?" + _TIME.format("2"), re.IGNORECASE | re.VERBOSE
)
_NUMBERED = re.compile(r"(?m)^\s*(?:\d+[.)]\s+|[-*•]\s+)|\b(?:event|moment|segment|clip|step|part)\s*#?\d+\s*[:.)]\s*", re.IGNORECASE)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\s*(?:s\b|sec))")
_QUOTES = str.maketrans(dict.fromkeys("\"'`", " "))


def find_spans_in_text(text: str) -> list[Span]:
    """Every span that a text names, in its order, seconds; empty where none can be read.

    Read are two times with a hyphen, dash, arrow, tilde, "to", "until", "through", "and" or a comma between, with or without brackets,
    "from", "between", "starts at ... ends at", and units; a time is a number of seconds (``12.5``, ``12.5s``, ``12.5 seconds``), a clock
    time (``0:12``, ``1:02:03.5``), minutes and seconds in words (``1 minute 5 seconds``) or a time tag (``<12.34s>``). Not read, and so no
    span: a single time, percents, an end before its start, numbers as words.
    """
    return [span for span, _, _ in _found(_tidy(text))]


def find_events_in_text(text: str) -> list[tuple[Span, str]]:
    """Every span of a text with the words that follow it, up to the next one: ``0:01 - 0:05: a man runs. 0:06 - ...``."""
    text = _tidy(text)
    found = list(_found(text))
    stops = [*(begin for _, begin, _ in found), len(text)][1:]
    return [(span, " ".join(text[end:stop].split()).strip(" .,;:-[]")) for (span, _, end), stop in zip(found, stops, strict=True)]


def _tidy(text: str) -> str:
    return _NUMBERED.sub(" ", _THOUSANDS.sub("", text)).translate(_QUOTES)


def _found(text: str) -> Iterator[tuple[Span, int, int]]:
    """Each span and where it stands."""
    place = 0
    while (found := _RANGE.search(text, place)) is not None:
        start, end = _seconds(found, "1"), _seconds(found, "2")
        if found["plain1"] and not found["unit1"] and found["minutes2"] and not found["rest2"]:
            start *= 60  # "from 1 to 2 minutes"
        if start <= end:
            yield (start, end), found.start(), found.end()
            place = found.end()
        else:  # the first number may be another thing: look again from the second
            place = found.start() + max(1, _length_of_first(found))


def _length_of_first(found: re.Match[str]) -> int:
    names = ("tag1", "clock1", "hours1", "minutes1", "plain1")
    return max(found.end(name) for name in names if found[name] is not None) - found.start()


def _seconds(found: re.Match[str], which: str) -> float:
    if (tag := found[f"tag{which}"]) is not None:
        return float(tag)
    if (clock := found[f"clock{which}"]) is not None:
        seconds = 0.0
        for part in clock.replace(",", ".").split(":"):
            seconds = 60 * seconds + float(part)
        return seconds
    if (minutes := found[f"minutes{which}"]) is not None:
        hours, rest = (float(found[f"{name}{which}"] or 0) for name in ("hours", "rest"))
        return 3600 * hours + 60 * float(minutes) + rest
    return float(found[f"plain{which}"])

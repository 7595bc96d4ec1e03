"""Which format a file of annotations has, told from its first part."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from momentor_lib.data.check.charades import parse_line

FORMATS = ("moment10m", "gesm", "charades-sta", "activitynet", "qvhighlights", "youcook2")
WINDOW = 1 << 20  # bytes that are looked at
LINES = 20  # of a file of lines: the first may be damaged
TELLING = ("sentences", "captions", "duration", "timestamps")
BLANK = " \t\r\n"
DECODER = json.JSONDecoder(parse_int=float)  # Python's own refuses a whole number of thousands of digits


def recognise(path: str | Path) -> str:
    """A file's format, one of :data:`FORMATS`. YouCook2 in ActivityNet's layout is ``activitynet``: nothing in it tells the two apart.

    Raises:
        ValueError: it has none of them; one line that says what it looks like.
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        head = file.read(WINDOW)
    text = head.decode("utf-8-sig", errors="replace")
    if not text.strip():
        raise ValueError(f"{path} is empty")
    found = _of_object(text) if text.lstrip().startswith("{") else None
    found = found or _of_lines(text)
    if found is None:
        raise ValueError(f"{path} is of no format known here: {_looks(text)}; --format names one of {', '.join(FORMATS)}")
    return found


def _of_lines(text: str) -> str | None:
    for line in text.splitlines()[:LINES]:
        if line.lstrip().startswith("{"):
            record = _decode(line.strip())
            if isinstance(record, dict) and "qid" in record:
                return "qvhighlights"
            continue
        try:
            parse_line(line)
        except ValueError:
            continue
        return "charades-sta"
    return None


def _of_object(text: str) -> str | None:
    """The format of a JSON object: what its first telling value looks like."""
    for key, value, keys in _entries(text):
        if key == "database":
            return "youcook2"
        if "sentences" in keys or {"duration", "timestamps"} <= keys:
            return "activitynet"
        if "captions" in keys or "timestamps" in keys:
            return "gesm"
        if any(name.endswith("_data") for name in keys):
            return "moment10m"
        if isinstance(value, dict) and any(_is_records(records) for records in value.values()):
            return "moment10m"
    return None


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(record, dict) and "conversations" in record for record in value)


def _entries(text: str) -> Iterator[tuple[str, Any, set[str]]]:
    """(key, value, the value's own keys) of a JSON object. Where the text ends in a value or is damaged there, the value is None and its
    keys are the first one and those telling ones that follow somewhere."""
    place = text.index("{") + 1
    while True:
        key, place = _key(text, place)
        if key is None:
            return
        begin = _skip(text, place)
        value, place = _decode_at(text, begin)
        if place is None:
            first = _key(text, begin + 1)[0] if text[begin : begin + 1] == "{" else None
            yield key, None, {name for name in TELLING if f'"{name}"' in text[begin:]} | ({first} - {None})
            return
        yield key, value, set(value) if isinstance(value, dict) else set()
        place = _skip(text, place)
        if text[place : place + 1] != ",":
            return
        place += 1


def _key(text: str, place: int) -> tuple[str | None, int]:
    """The key that stands at a place, and where its value begins."""
    key, end = _decode_at(text, _skip(text, place))
    if not isinstance(key, str):
        return None, place
    end = _skip(text, end)
    return (key, end + 1) if text[end : end + 1] == ":" else (None, place)


def _skip(text: str, place: int) -> int:
    while place < len(text) and text[place] in BLANK:
        place += 1
    return place


def _decode_at(text: str, place: int) -> tuple[Any, int | None]:
    try:
        return DECODER.raw_decode(text, place)
    except (ValueError, RecursionError):
        return None, None


def _decode(text: str) -> Any:
    return _decode_at(text, 0)[0]


def _looks(text: str) -> str:
    start = text.lstrip()
    if start.startswith("["):
        return "it is a JSON list, as converted files are; check the packed file itself"
    if start.startswith("{"):
        return "it is JSON, but not of videos or queries"
    first = start.splitlines()[0][:40]
    return f"it begins with {first!r}"

"""Lines and JSON of a file from anywhere: whatever stands in it, it is read, or there is one clear line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LONGEST_LINE = 1 << 24  # bytes; a longer one is no annotation
LONGEST_WHOLE_NUMBER = 18  # digits that Python reads as an int; a longer one becomes a float, at once and whatever its length


class Object(dict):
    """A JSON object that remembers which of its keys stood in it more than once; the last value counts, as everywhere."""

    repeated: tuple[str, ...] = ()


def _make_object(pairs: list[tuple[str, Any]]) -> dict:
    made = Object(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        made.repeated = tuple(key for key, _ in pairs if key in seen or seen.add(key))
    return made


def _whole_number(digits: str) -> int | float:
    return int(digits) if len(digits) <= LONGEST_WHOLE_NUMBER else float(digits)


def parse_json(content: bytes | str) -> Any:
    """JSON -> objects (as :class:`Object`), lists, texts and numbers. ``NaN`` and ``Infinity``, which Python's writer makes, are numbers.

    Raises:
        ValueError: it is not JSON, not UTF-8, or nested too deeply; says where.
    """
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
        return json.loads(text, object_pairs_hook=_make_object, parse_int=_whole_number)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON at line {error.lineno}, column {error.colno}: {error.msg}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise ValueError("nested too deeply to be an annotation") from None


def load_object(path: str | Path) -> Object:
    """A file that holds one JSON object.

    Raises:
        ValueError: it holds something else; one line with the file and the reason.
        OSError: it cannot be read.
    """
    try:
        found = parse_json(Path(path).read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is {error}") from None
    if not isinstance(found, Object):
        raise ValueError(f"{path} holds {'a list' if isinstance(found, list) else 'a single value'}, not an object of videos")
    return found


def read_lines(path: str | Path) -> Iterator[tuple[int, str | ValueError]]:
    """Lines of a text file that are not blank: (number from 1, text without its line end, or why it is none).

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                yield number, ValueError(f"a line of more than {LONGEST_LINE >> 20} MiB")
                while line and not line.endswith(b"\n"):
                    line = file.readline(LONGEST_LINE)
                continue
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                yield number, ValueError(f"not UTF-8 at byte {error.start} of the line")
                continue
            if text.strip():
                yield number, text

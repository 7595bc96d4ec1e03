"""Charades-STA: lines ``VID start end##text``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from momentor_lib.data.check.entry import Entry, Fault, Place
from momentor_lib.data.check.source import read_lines


def read_charades(path: str | Path) -> Iterator[Entry | Fault]:
    """Every query of a Charades-STA file, in order. A query may not come twice.

    Raises:
        OSError: the file cannot be read.
    """
    for number, line in read_lines(path):
        try:
            if isinstance(line, ValueError):
                raise line
            video_id, start, end, text = parse_line(line)
        except ValueError as error:
            yield Fault(Place(line=number), "malformed", str(error))
        else:
            identity = f"{video_id} {start} {end}##{text}"
            yield Entry(Place(video_id, line=number), spans=[(start, end)], texts=[text], identity=identity)


def parse_line(line: str) -> tuple[str, float, float, str]:
    """``VID start end##text`` -> video id, start and end in seconds, text.

    Raises:
        ValueError: the line has another form.
    """
    head, mark, text = line.partition("##")
    words = head.split()
    if not mark or len(words) != 3:
        raise ValueError("not of the form VID START END##TEXT")
    try:
        start, end = (float(word) for word in words[1:])
    except ValueError:
        raise ValueError(f"{words[1]!r} or {words[2]!r} is no number of seconds") from None
    return words[0], start, end, text

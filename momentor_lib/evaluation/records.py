"""JSON records of a file: looked at before they are trusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from momentor_lib.data.check.entry import Place, describe, to_list, to_number, to_span, to_text
from momentor_lib.data.check.report import Report
from momentor_lib.data.check.source import parse_json, read_lines
from momentor_lib.evaluation.grounding import Span


def dicts_of_lines(path: str | Path, dirt: Report | None) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """(line number, JSON object) of each line that holds one; the others are malformed in ``dirt``.

    Raises:
        OSError: the file cannot be read.
    """
    for number, line in read_lines(path):
        try:
            record = line if isinstance(line, ValueError) else parse_json(line)
            if isinstance(record, ValueError):
                raise record
            if not isinstance(record, dict):
                raise ValueError(f"{describe(record)} where an object belongs")
        except ValueError as error:
            if dirt is not None:
                dirt.add("malformed", Place(line=number), str(error))
            continue
        yield number, record


def get_text(record: Mapping[str, Any], name: str) -> str:
    """A text of a record.

    Raises:
        ValueError: it is missing, or no text.
    """
    return to_text(_get(record, name), name)


def get_number(record: Mapping[str, Any], name: str) -> float:
    """A number of a record.

    Raises:
        ValueError: it is missing, or no number.
    """
    return to_number(_get(record, name))


def get_list(record: Mapping[str, Any], name: str) -> list[Any]:
    """A list of a record.

    Raises:
        ValueError: it is missing, or no list.
    """
    return to_list(_get(record, name), name)


def _get(record: Mapping[str, Any], name: str) -> Any:
    if name not in record:
        raise ValueError(f"has no {name}")
    return record[name]


def spans_of(value: Any) -> tuple[Span, ...]:
    """[[start, end], ...] -> spans, as they are.

    Raises:
        ValueError: it is no such list.
    """
    return tuple(to_span(span) for span in to_list(value, "the list of spans"))

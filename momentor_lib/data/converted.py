"""Files that ``momentor convert`` writes, read back: JSON Lines and Parquet a piece at a time, a JSON list from a map of the file."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import msgspec

BATCH = 1000  # rows of a Parquet file that are in memory at once
OnFault = Callable[[str, str], None]


class Said(msgspec.Struct, frozen=True):
    """A turn, times as they were written."""

    User: str
    Assistant: str


class Converted(msgspec.Struct, frozen=True):
    """A record of a converted file."""

    id: str
    data_type: str
    conversations: list[Said]


def is_converted(path: str | PathLike[str]) -> bool:
    """Whether a file is a converted one rather than a packed one: Parquet, a JSON list, or an object a line.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        head = file.read(4)
        if head == b"PAR1":
            return True
        file.seek(0)
        while (line := file.readline(1 << 16)) and not line.strip(b"\xef\xbb\xbf \t\r\n"):
            pass
    line = line.strip(b"\xef\xbb\xbf \t\r\n")
    return line.startswith(b"[") or (line.startswith(b"{") and b'"conversations"' in line and line.lstrip(b"{ ").startswith(b'"id"'))


def read_converted(path: str | PathLike[str], on_fault: OnFault | None = None) -> Iterator[Converted]:
    """The records of a converted file, in order.

    Args:
        path: ``.json`` (a list), ``.jsonl`` or ``.parquet``; told by its content.
        on_fault: called with the place and the reason of a record that cannot be read; such a one is left out.

    Raises:
        ValueError: the file is none of these; one line.
        OSError: it cannot be read.
    """
    path = Path(path)
    with path.open("rb") as file:
        head = file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"PAR1"):
        records = _of_parquet(path)
    elif head.startswith(b"["):
        records = _of_list(path)
    elif head.startswith(b"{"):
        records = _of_lines(path)
    else:
        raise ValueError(f"{path} is no converted file: neither a JSON list, nor JSON Lines, nor Parquet")
    for place, record in records:
        try:
            yield _decode(record)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            if on_fault is not None:
                on_fault(place, str(error))


def _decode(record: Any) -> Converted:
    if isinstance(record, (bytes, msgspec.Raw)):
        return msgspec.json.decode(record, type=Converted)
    return msgspec.convert(record, Converted)


def _of_lines(path: Path) -> Iterator[tuple[str, bytes]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            content = line.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else line.strip()
            if content:
                yield f"line {number}", content


def _of_list(path: Path) -> Iterator[tuple[str, msgspec.Raw]]:
    """Each element as the bytes it has in the file: memory is a small object for each of them, not the file's contents."""
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # closed with the last element, which points into it
    begin = 3 if mapped[:3] == b"\xef\xbb\xbf" else 0
    try:
        records = msgspec.json.decode(memoryview(mapped)[begin:], type=list[msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path} is not whole JSON: {error}") from None
    yield from ((f"record {number}", record) for number, record in enumerate(records))


def _of_parquet(path: Path) -> Iterator[tuple[str, Any]]:
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(BATCH):
                for record in batch.to_pylist():
                    yield f"row {number}", record
                    number += 1
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"{path} is damaged or no Parquet file: {error}") from None

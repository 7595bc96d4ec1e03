"""Converted records -> a file, piece by piece: a JSON list, JSON Lines or Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import RawIOBase
from pathlib import Path
from typing import Any

import msgspec

from momentor_lib.data.moment10m import Turn
from momentor_lib.files import atomic_path

OUTPUT_FORMATS = ("json", "jsonl", "parquet")
BLOCK = 256 << 10  # bytes that are written at a time
PIECE = 4 << 20  # bytes of JSON that become one row group of a Parquet file
_encode = msgspec.json.encode
_encode_lines = msgspec.json.Encoder().encode_lines


@contextmanager
def opened_writer(path: str | Path, output_format: str | None = None) -> Iterator[RecordWriter]:
    """A writer to a file that is whole or not there.

    Args:
        path: the file.
        output_format: one of ``OUTPUT_FORMATS``; by default what the file's ending says, else ``"json"``.

    Raises:
        ValueError: the format is unknown.
        OSError: the file cannot be written.
    """
    if output_format is None:
        ending = Path(path).suffix.lower().removeprefix(".")
        output_format = ending if ending in OUTPUT_FORMATS else "json"
    if output_format not in OUTPUT_FORMATS:
        raise ValueError(f"no output format {output_format!r}: choose one of {', '.join(OUTPUT_FORMATS)}")
    with atomic_path(path) as half:
        if output_format == "parquet":
            sink = _Parquet(half)
            yield RecordWriter(sink, b"\n")
            sink.close()
            return
        with open(half, "wb", buffering=0) as file:
            sink = _Lines(file, *((b"[\n", b",\n", b"\n]\n") if output_format == "json" else (b"", b"\n", b"\n")))
            yield RecordWriter(sink, sink.between)
            sink.close()


class RecordWriter:
    """Writes records, many at a time.

    Args:
        sink: takes records as JSON, ``separator`` between them.
    """

    def __init__(self, sink: _Lines | _Parquet, separator: bytes) -> None:
        self._sink, self._separator = sink, separator

    def write_dialogues(self, video_id: str, data_type: str, dialogues: list[list[Turn]]) -> None:
        """Records with ``conversations``."""
        if dialogues:
            before = b'{"id":%b,"data_type":%b,"conversations":' % (_encode(video_id), _encode(data_type))
            joint = b"}" + self._separator + before
            records = _encode_lines(dialogues).replace(b"\n", joint)  # JSON has no line end inside: each one is behind a dialogue
            self._sink.add([before, memoryview(records)[: -len(joint)], b"}"], len(records))

    def write_data(self, video_id: str, data_type: str, data: str) -> None:
        """A record with ``data``."""
        record = _encode({"id": video_id, "data_type": data_type, "data": data})
        self._sink.add([record], len(record))


class _Lines:
    """Records as JSON with something before, between and after them."""

    def __init__(self, file: RawIOBase, before: bytes, between: bytes, after: bytes) -> None:
        self.between = between
        self._file, self._before, self._after = file, before, after
        self._pending: list[bytes | memoryview] = []
        self._size, self._empty = 0, True

    def add(self, records: list[bytes | memoryview], size: int) -> None:
        self._pending.append(self._before if self._empty else self.between)
        self._empty = False
        self._pending += records
        self._size += size
        if self._size >= BLOCK:
            self._flush()

    def _flush(self) -> None:
        block = memoryview(b"".join(self._pending))
        while block:  # a raw file may take a part
            block = block[self._file.write(block) :]
        self._pending, self._size = [], 0

    def close(self) -> None:
        self._pending.append(self._after if not self._empty else b"[]\n" if self._before else b"")
        self._flush()


class _Parquet:
    """Records as rows, a row group for every few megabytes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: list[bytes] = []
        self._size = 0
        self._writer: Any = None

    def add(self, records: list[bytes | memoryview], size: int) -> None:
        self._lines.append(b"".join(records))
        self._size += size
        if self._size >= PIECE:
            self._flush()

    def _flush(self) -> None:
        import pyarrow
        from pyarrow import parquet

        rows = msgspec.json.decode(b"[" + b",".join(b"\n".join(self._lines).split(b"\n")) + b"]") if self._lines else []
        turn = pyarrow.struct([("User", pyarrow.string()), ("Assistant", pyarrow.string())])
        content = ("data", pyarrow.string()) if rows and "data" in rows[0] else ("conversations", pyarrow.list_(turn))
        schema = pyarrow.schema([("id", pyarrow.string()), ("data_type", pyarrow.string()), content])
        if self._writer is None:
            self._writer = parquet.ParquetWriter(self._path, schema)
        if rows:
            self._writer.write_table(pyarrow.Table.from_pylist(rows, schema))
        self._lines, self._size = [], 0

    def close(self) -> None:
        if self._lines or self._writer is None:
            self._flush()
        self._writer.close()

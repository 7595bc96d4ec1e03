"""A JSON object that is too large for memory, entry by entry: the file is mapped, and one value at a time is looked at."""

from __future__ import annotations

import json
import mmap
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

RELEASE_EVERY = 8 << 20  # bytes that have been read are given back to the system in pieces of this size
WINDOW = 64 << 10  # bytes in which entries are decoded together
ENDING = 3  # bytes of a value's end by which a border between entries is known
# What a parser says of a bad value. (UnicodeError and JSONDecodeError are ValueErrors.)
BAD_VALUE = (ValueError, OverflowError, RecursionError, msgspec.MsgspecError)
T = TypeVar("T")
BOM = b"\xef\xbb\xbf"
_SPACE = re.compile(rb"[ \t\n\r]*")
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_SCALAR = re.compile(rb"[^\s,{}\[\]\"]+")
_OUTSIDE = re.compile(rb'["{}\[\]]')  # what matters outside of a string
_INSIDE = re.compile(rb'\\.|"', re.DOTALL)  # and inside
_TRAILING = re.compile(r"trailing characters \(byte (\d+)\)")
_decode_raw = msgspec.json.Decoder(msgspec.Raw).decode


def entries(
    path: str | Path,
    progress: Callable[[int], None] | None = None,
    decode_some: Callable[[bytes], Iterable[tuple[str, T]]] | None = None,
) -> Iterator[tuple[str, memoryview | T]]:
    """The entries of the JSON object that a file holds, in order, repeated keys too.

    Memory is that of one value, however large the file. A value is handed on as a view of its bytes: it need not be JSON in every detail
    (NaN, half a surrogate pair, nesting too deep for a parser), but it is one whole value.

    Args:
        path: the file, UTF-8.
        progress: called with the number of bytes read so far, after each entry or a few.
        decode_some: makes reading quicker: what decodes an object of a few entries, all of them in order. Where it raises one of
            ``BAD_VALUE``, these entries are handed on as bytes.

    Raises:
        ValueError: the file is empty, no JSON, cut off, or holds something else than an object; one line that says where.
        OSError: the file cannot be read.
    """
    data = _map(path)
    view = memoryview(data)
    at = _skip(data, _first_key(path, data))
    released, border, one_by_one = 0, b"", 0
    while data[at : at + 1] != b"}":
        # What stood between two entries will stand between others. If an object is cut there and is JSON, then it was cut between two
        # entries: the beginning of a whole value is never a whole value.
        cut = data.rfind(border, at, at + WINDOW) if decode_some is not None and border and at >= one_by_one else -1
        if cut >= 0:
            try:
                decoded = decode_some(b"".join((b"{", view[at : cut + ENDING], b"}")))
            except BAD_VALUE:
                one_by_one = cut + len(border)
                continue
            yield from decoded
            at = cut + len(border) - 1
        else:
            name, start = _read_key(path, data, at)
            end = _end_by_msgspec(view, start) or _end_by_scanning(path, data, start, name)
            yield name, view[start:end]
            at = _next_key(path, data, end)
            border = data[end - ENDING : at + 1]
        released = _release(data, released, at)
        if progress is not None:
            progress(at)
    at = _skip(data, at + 1)
    if at < len(data):
        raise _not_json(path, data, at, "something follows the closing brace")


def _map(path: str | Path) -> mmap.mmap:
    """The file's bytes. The map is gone when nobody looks at it any more."""
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise ValueError(f"{path} is empty")
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _first_key(path: str | Path, data: mmap.mmap) -> int:
    """Where the object's content begins."""
    at = _skip(data, len(BOM) if data[: len(BOM)] == BOM else 0)
    mark = data[at : at + 1]
    if mark == b"[":
        raise ValueError(f"{path} holds a list, not an object with an entry for each video: is it a converted file?")
    if mark != b"{":
        raise _not_json(path, data, at, "it should begin with '{'")
    return at + 1


def _read_key(path: str | Path, data: mmap.mmap, at: int) -> tuple[str, int]:
    """The key that begins at ``at``, and where its value begins."""
    found = _STRING.match(data, at)
    if found is None:
        if at >= len(data) or data[at : at + 1] == b'"':
            raise ValueError(f"{path} is cut off: it ends where an entry should begin; get the file again")
        raise _not_json(path, data, at, "a key in double quotes should stand here")
    try:
        name = json.loads(found[0].decode())
    except UnicodeDecodeError:
        raise _not_json(path, data, at, "this key is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise _not_json(path, data, at, error.msg) from None
    at = _skip(data, found.end())
    if data[at : at + 1] not in (b":", b""):
        raise _not_json(path, data, at, "':' should stand here")
    start = _skip(data, at + 1)
    if start >= len(data):
        raise _cut_off(path, name)
    return name, start


def _next_key(path: str | Path, data: mmap.mmap, end: int) -> int:
    """Where the next key or the closing brace stands, given the end of a value."""
    at = _skip(data, end)
    mark = data[at : at + 1]
    if mark == b",":
        at = _skip(data, at + 1)
        if data[at : at + 1] == b"}":
            raise _not_json(path, data, at, "a key should follow the comma")
    elif mark == b"":
        raise ValueError(f"{path} is cut off: its closing brace is missing; get the file again")
    elif mark != b"}":
        raise _not_json(path, data, at, "',' or '}' should stand here")
    return at


# -- the end of a value ------------------------------------------------------------------------------------------------------------------


def _trailing(data: bytes | memoryview) -> int | None:
    """The number by which msgspec names the place where something follows the first value."""
    try:
        _decode_raw(data)
    except (msgspec.MsgspecError, RecursionError) as error:
        found = _TRAILING.search(str(error))
        return int(found[1]) if found else None
    return None


# How much that number is past the place itself. Asked, not known: should msgspec's message change, values are scanned, which is slower.
_AHEAD = (_trailing(b"{},") or 0) - 2


def _end_by_msgspec(view: memoryview, start: int) -> int | None:
    """Where the value that begins at ``start`` ends, found at a gigabyte a second; None where msgspec does not like the value."""
    found = _trailing(view[start:])
    return None if found is None else start + found - _AHEAD


def _end_by_scanning(path: str | Path, data: mmap.mmap, start: int, name: str) -> int:
    """The same by counting brackets outside of strings, for values that a strict parser refuses."""
    end = _count_brackets(data, start)
    if end is None:
        raise _cut_off(path, name)
    if end == start:
        raise _not_json(path, data, start, "a value should stand here")
    try:
        json.loads(data[start:end].decode(errors="surrogateescape"))
    except json.JSONDecodeError as error:
        place = start + len(error.doc[: error.pos].encode(errors="surrogateescape"))
        raise _not_json(path, data, place, error.msg) from None
    except (ValueError, RecursionError):  # a number too long, nesting too deep: the reader's to tell
        pass
    return end


def _count_brackets(data: mmap.mmap, start: int) -> int | None:
    """Where the value ends; None where the file ends first."""
    if data[start : start + 1] not in (b"{", b"[", b'"'):
        found = _SCALAR.match(data, start)
        return found.end() if found else start
    depth, at = 0, start
    while (found := _OUTSIDE.search(data, at)) is not None:
        at = found.end()
        mark = found[0]
        if mark == b'"':
            while (inner := _INSIDE.search(data, at)) is not None and inner[0] != b'"':
                at = inner.end()
            if inner is None:
                return None
            at = inner.end()
        else:
            depth += 1 if mark in b"{[" else -1
        if depth <= 0:
            return at
    return None


# -- the file ----------------------------------------------------------------------------------------------------------------------------


def _skip(data: mmap.mmap, at: int) -> int:
    """The first place from ``at`` on that is no white space."""
    return _SPACE.match(data, at).end()


def _release(data: mmap.mmap, released: int, at: int) -> int:
    """Gives pages that have been read back to the system, so that they do not count as this process's memory."""
    if at - released < RELEASE_EVERY or not hasattr(mmap, "MADV_DONTNEED"):
        return released
    stop = at // mmap.PAGESIZE * mmap.PAGESIZE
    data.madvise(mmap.MADV_DONTNEED, released, stop - released)
    return stop


def _cut_off(path: str | Path, name: str) -> ValueError:
    return ValueError(f"{path} is cut off: it ends inside the entry {name!r}; get the file again")


def _not_json(path: str | Path, data: mmap.mmap, at: int, what: str) -> ValueError:
    before = data.rfind(b"\n", 0, at)
    pieces = range(0, at, RELEASE_EVERY)
    line = 1 + sum(data[first : min(first + RELEASE_EVERY, at)].count(b"\n") for first in pieces)
    return ValueError(f"{path} is not JSON: line {line}, column {at - before}: {what}")

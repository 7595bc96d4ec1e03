"""The ledger of a run: a JSONL file to which a line is added whenever a job ends, and which survives a kill at any moment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from filelock import FileLock, Timeout

# Every line begins so. A half line at the end is removed only where it does, so that a file of another kind is never cut.
OPENING = b'{"status": "'


@dataclass(frozen=True)
class Entry:
    """How a job ended.

    Attributes:
        status: ``done`` or ``failed``.
        id: the job's.
        reason: why it failed; empty where it is done.
        attempts: how often it was tried in the run that wrote this.
        facts: what the work gave back, a JSON object.
    """

    status: str
    id: str
    reason: str = ""
    attempts: int = 1
    facts: dict[str, Any] = field(default_factory=dict)

    def to_line(self) -> bytes:
        return json.dumps(asdict(self), allow_nan=False).encode() + b"\n"


def read_ledger(path: str | Path) -> Iterator[Entry]:
    """The entries of a ledger in the order of writing; an id's last one counts. A torn last line is left out.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: a line is no ledger entry.
    """
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if line.endswith(b"\n"):
                yield _parse(path, number, line)
            elif not _torn(line):
                raise _not_a_ledger(path, number)


class Ledger:
    """A ledger that one run writes; a second one is refused while the first lives.

    Opening it removes a torn last line. In memory stand only the ids that are done, each with the place of its entry.

    Raises:
        OSError: the file cannot be written, or another run is using it.
        ValueError: the file is there and is no ledger; it is left as it is.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._done: dict[str, int] = {}
        with ExitStack() as opened:
            try:
                opened.enter_context(FileLock(self.path.with_name(f".{self.path.name}.lock"), timeout=0))
            except Timeout:
                raise OSError(f"another run is writing {self.path}; wait until it has ended, or stop it") from None
            self._file = opened.enter_context(open(self.path, "ab", buffering=0))
            self._reader = opened.enter_context(open(self.path, "rb"))
            self._end = self._read()
            self._file.truncate(self._end)
            self._opened = opened.pop_all()

    def _read(self) -> int:
        """Notes every id that is done; returns where the last whole line ends."""
        end = 0
        for number, line in enumerate(self._reader, 1):
            if line.endswith(b"\n"):
                self._note(_parse(self.path, number, line), end)
                end += len(line)
            elif not _torn(line):
                raise _not_a_ledger(self.path, number)
        return end

    def _note(self, entry: Entry, place: int) -> None:
        if entry.status == "done":
            self._done[entry.id] = place
        else:
            self._done.pop(entry.id, None)

    def done(self, id: str) -> Entry | None:
        """The entry of a job that is done, or None where it has none or failed at last."""
        if id not in self._done:
            return None
        self._reader.seek(self._done[id])
        return Entry(**json.loads(self._reader.readline()))

    def append(self, entry: Entry) -> None:
        """Adds a line by one write. Where the disk is full, what was written of it is taken back.

        Raises:
            OSError: it cannot be written.
        """
        line = entry.to_line()
        try:
            written = self._file.write(line)
            if written != len(line):
                raise OSError(f"{self.path} cannot be written: is the disk full?")
        except OSError:
            self._file.truncate(self._end)
            raise
        self._note(entry, self._end)
        self._end += len(line)

    def close(self) -> None:
        self._opened.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _torn(line: bytes) -> bool:
    return line.startswith(OPENING) or OPENING.startswith(line)


def _parse(path: str | Path, number: int, line: bytes) -> Entry:
    try:
        entry = Entry(**json.loads(line))
    except (TypeError, ValueError, RecursionError):
        raise _not_a_ledger(path, number) from None
    if entry.status not in ("done", "failed") or not isinstance(entry.id, str) or not isinstance(entry.facts, dict):
        raise _not_a_ledger(path, number)
    return entry


def _not_a_ledger(path: str | Path, number: int) -> ValueError:
    return ValueError(f"{path}, line {number}: no entry of a ledger; move the file away to start a new one, or name another")

"""Moment-10M's own two files: the packed one and GESM, read video by video."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from momentor_lib.data.check.entry import Entry, Fault, Place
from momentor_lib.data.convert import PLACEHOLDER
from momentor_lib.data.moment10m import DATA_TYPES, Problem, Record, click_of, read_gesm, read_packed, spans_of


def read_packed_file(path: str | Path) -> Iterator[Entry | Fault]:
    """Every video, then every record of it, of a packed file, in order.

    Raises:
        ValueError: the file is not a JSON object, or is cut off.
        OSError: it cannot be read.
    """
    problems: list[Problem] = []
    for video_id, records in read_packed(path, on_problem=problems.append):
        yield Entry(Place(video_id), identity=video_id)
        yield from _faults(problems)
        places = _Numbering(problems)
        problems.clear()
        for record in records:
            yield _read_record(record, Place(video_id, record.data_type, places.next(record.data_type)))
    yield from _faults(problems)


class _Numbering:
    """The number that a record had in its list of the file, where the reader left out malformed ones."""

    def __init__(self, problems: list[Problem]):
        self.left_out = {(problem.data_type, problem.index) for problem in problems}
        self.now: Counter[str] = Counter()

    def next(self, data_type: str) -> int:
        while (data_type, self.now[data_type]) in self.left_out:
            self.now[data_type] += 1
        self.now[data_type] += 1
        return self.now[data_type] - 1


def _faults(problems: list[Problem]) -> Iterator[Fault]:
    for problem in problems:
        unknown = problem.data_type and problem.data_type not in DATA_TYPES
        yield Fault(Place(problem.video_id, problem.data_type, problem.index), "unknown-type" if unknown else "malformed", problem.reason)


def _read_record(record: Record, place: Place) -> Entry | Fault:
    texts = [text for turn in record.conversations for text in (turn.User, turn.Assistant)]
    variables = {name: value for name, value in record.variables.items() if value is not None}
    missing = {name for text in texts for name in PLACEHOLDER.findall(text) if name not in variables}
    if missing:
        return Fault(place, "missing-variable", ", ".join(sorted(missing)))
    try:
        spans = [span for name in ("moment", "SOURCE_CLIP") if name in variables for span in spans_of(variables[name])]
        times = [click_of(variables["click_position"])[0]] if "click_position" in variables else []
    except ValueError as error:
        return Fault(place, "malformed", str(error))
    return Entry(place, spans=spans, times=times, texts=texts)


def read_gesm_file(path: str | Path) -> Iterator[Entry | Fault]:
    """Every video, then every event of it, of a GESM file, in order.

    Raises:
        ValueError: the file is not a JSON object, or is cut off.
        OSError: it cannot be read.
    """
    problems: list[Problem] = []
    for video_id, sequence in read_gesm(path, on_problem=problems.append):
        yield from _faults(problems)
        problems.clear()
        yield Entry(Place(video_id), identity=video_id)
        for index, (span, caption) in enumerate(zip(sequence.timestamps, sequence.captions, strict=True)):
            yield Entry(Place(video_id, index=index), spans=[(span[0], span[1])], texts=[caption])
    yield from _faults(problems)

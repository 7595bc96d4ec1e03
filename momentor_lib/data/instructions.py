"""Training examples: packed or converted Moment-10M files and GESM files -> turns of text with time tags, as rows of ``datasets``.

An example is one instruction. :mod:`momentor_lib.data.mixing` draws from them by task, :mod:`momentor_lib.data.grouping` puts those of a
video together, cut to a length.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from os import PathLike
from typing import TYPE_CHECKING, Any

from momentor_lib.data.converted import is_converted
from momentor_lib.data.drafts import Example, Turn, Unusable, finish, of_converted, of_gesm, of_packed
from momentor_lib.files import atomic_path

if TYPE_CHECKING:
    import datasets

__all__ = ["Example", "Turn", "load_examples", "read_examples", "schema", "stream_examples"]

SLACK = 1.0  # seconds
ROWS = 1000  # examples that become Arrow at once
File = str | PathLike[str]


def schema() -> datasets.Features:
    """The columns of :class:`Example`."""
    from datasets import Features, List, Value

    turn = {"question": Value("string"), "answer": Value("string")}
    return Features({"video_id": Value("string"), "data_type": Value("string"), "turns": List(turn), "duration": Value("float64")})


def read_examples(
    instructions: File | Iterable[File] = (),
    gesm: File | Iterable[File] = (),
    *,
    durations: Mapping[str, float],
    keep_all: bool = False,
    slack: float = SLACK,
    dropped: Counter[str] | None = None,
) -> Iterator[Example]:
    """Examples one by one, in the files' order; memory is that of one video's records.

    Args:
        instructions: packed files, or files that ``momentor convert --time-format tags`` wrote.
        gesm: GESM files: a video's events become the question "List every event in order." and an answer with all of them.
        durations: video id -> seconds: :func:`momentor_lib.data.durations.collect_durations` finds them. A video without one is left out.
        keep_all: also what does not pass the thresholds of its data type. (A converted file is past them already.)
        slack: seconds by which a time may be after the video's end; such a time becomes the end. One later than that is wrong, and its
            instruction is left out.
        dropped: reason -> how many were left out, is counted up here.

    Raises:
        ValueError: a file is of another kind or damaged; one line.
        OSError: it cannot be read.
    """
    dropped = Counter() if dropped is None else dropped
    for file in _files(instructions):
        yield from _examples("instructions", file, durations, keep_all, slack, dropped)
    for file in _files(gesm):
        yield from _examples("gesm", file, durations, keep_all, slack, dropped)


def load_examples(
    instructions: File | Iterable[File] = (),
    gesm: File | Iterable[File] = (),
    *,
    durations: Mapping[str, float],
    keep_all: bool = False,
    slack: float = SLACK,
    dropped: Counter[str] | None = None,
    arrow_file: File | None = None,
) -> datasets.Dataset:
    """The examples of :func:`read_examples` as a data set.

    Args:
        arrow_file: where the data set lies, mapped rather than in memory; written whole, over what was there. None: in memory.
    """
    from datasets import Dataset

    examples = read_examples(instructions, gesm, durations=durations, keep_all=keep_all, slack=slack, dropped=dropped)
    if arrow_file is None:
        import pyarrow

        sink = pyarrow.BufferOutputStream()
        _write_arrow(examples, sink)
        return Dataset.from_buffer(sink.getvalue())
    with atomic_path(arrow_file) as half:
        _write_arrow(examples, str(half))
    return Dataset.from_file(str(arrow_file))


def stream_examples(
    instructions: File | Iterable[File] = (),
    gesm: File | Iterable[File] = (),
    *,
    durations: Mapping[str, float],
    keep_all: bool = False,
    slack: float = SLACK,
) -> datasets.IterableDataset:
    """The examples of :func:`read_examples`, read anew on every pass. Every file is a shard, so that workers share the files."""
    from datasets import IterableDataset

    files = [("instructions", str(file)) for file in _files(instructions)] + [("gesm", str(file)) for file in _files(gesm)]
    settings = {"files": files, "durations": dict(durations), "keep_all": keep_all, "slack": slack}
    return IterableDataset.from_generator(_stream, features=schema(), gen_kwargs=settings)


def _stream(files: list[tuple[str, str]], durations: dict[str, float], keep_all: bool, slack: float) -> Iterator[Example]:
    for kind, file in files:
        yield from _examples(kind, file, durations, keep_all, slack, Counter())


def _files(files: File | Iterable[File]) -> list[File]:
    return [files] if isinstance(files, (str, PathLike)) else list(files)


def _write_arrow(examples: Iterable[Example], sink: Any) -> None:
    import pyarrow

    arrow_schema = schema().arrow_schema
    with pyarrow.ipc.new_stream(sink, arrow_schema) as writer:
        examples = iter(examples)
        while rows := list(islice(examples, ROWS)):
            writer.write_batch(pyarrow.RecordBatch.from_pylist(rows, schema=arrow_schema))


def _examples(
    kind: str, file: File, durations: Mapping[str, float], keep_all: bool, slack: float, dropped: Counter[str]
) -> Iterator[Example]:
    if kind == "gesm":
        drafts = of_gesm(file, dropped)
    else:
        drafts = of_converted(file, dropped) if is_converted(file) else of_packed(file, keep_all, dropped)
    for draft in drafts:
        try:
            yield finish(draft, durations, slack)
        except Unusable as reason:
            dropped[str(reason)] += 1

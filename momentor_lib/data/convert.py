"""The converter: records of a packed Moment-10M file -> dialogues, GESM -> event sequences, their times as text or as time tags."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from momentor_lib import prompts
from momentor_lib.data.filling import PLACEHOLDER, fill
from momentor_lib.data.moment10m import OnProblem, PackedRecord, Problem, Progress, Turn, read_batches, read_gesm
from momentor_lib.data.record_writer import RecordWriter, opened_writer
from momentor_lib.data.templates import INFINITY, Form, TagsForm, TextForm
from momentor_lib.data.thresholds import NO_SCORE, THRESHOLDS, TOO_LOW, UNKNOWN_TYPE
from momentor_lib.timecode import format_span, format_spans, format_tag

TIME_FORMATS = ("text", "tags")
GESM_TYPE = "event_sequence_decoding"


@dataclass
class Tally:
    """How many records of a data type were kept, dropped for which reason, and malformed."""

    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    malformed: int = 0

    @property
    def total(self) -> int:
        """All that were there."""
        return self.kept + self.dropped.total() + self.malformed

    @property
    def share(self) -> float:
        """Of the kept ones, 0-1; 0 where there was none."""
        return self.kept / self.total if self.total else 0.0


@dataclass
class Summary:
    """What became of a file's records (GESM: videos), by data type; what was malformed before its data type was known is under ``""``."""

    tallies: dict[str, Tally] = field(default_factory=dict)

    def of(self, data_type: str) -> Tally:
        """A data type's tally, begun if need be."""
        tally = self.tallies.get(data_type)
        if tally is None:
            tally = self.tallies[data_type] = Tally()
        return tally

    @property
    def whole(self) -> Tally:
        """All data types together."""
        tallies = self.tallies.values()
        dropped = sum((tally.dropped for tally in tallies), Counter())
        return Tally(sum(tally.kept for tally in tallies), dropped, sum(tally.malformed for tally in tallies))

    def record(self) -> dict[str, Any]:
        """As JSON has it."""

        def figures(tally: Tally) -> dict[str, Any]:
            why = dict(sorted(tally.dropped.items()))
            return {"records": tally.total, "kept": tally.kept, "share": tally.share, "dropped": why, "malformed": tally.malformed}

        return figures(self.whole) | {"data_types": {data_type: figures(tally) for data_type, tally in self.tallies.items()}}


def convert_file(
    source: str | Path,
    target: str | Path,
    *,
    gesm: bool = False,
    time_format: str = "text",
    seed: int = 0,
    keep_all: bool = False,
    output_format: str | None = None,
    strict: bool = False,
    on_problem: OnProblem | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Write a packed file's dialogues, or a GESM file's event sequences. The target is whole or not there; memory is that of a video.

    A packed file gives ``{"id", "data_type", "conversations"}``, in the file's order. GESM gives ``{"id", "data_type", "data"}`` as text,
    and as tags a dialogue too: the question that the model is asked for every event, and the events.

    Args:
        source, target: files.
        gesm: the source is a GESM file.
        time_format: ``"text"``, by a template drawn for each variable (GESM: each video), or ``"tags"``, for training.
        seed: of those draws; the same seed gives the same bytes.
        keep_all: also records that do not pass the threshold of their data type.
        output_format: ``"json"`` (a list), ``"jsonl"`` or ``"parquet"``; by default what the target's ending says, else ``"json"``.
        strict, on_problem, progress: as :func:`momentor_lib.data.moment10m.read_batches`.

    Raises:
        ValueError: an argument is unknown, the source is no such file, or, with ``strict``, something in it is malformed.
        OSError: a file cannot be read or written.
    """
    if time_format not in TIME_FORMATS:
        raise ValueError(f"no time format {time_format!r}: choose one of {', '.join(TIME_FORMATS)}")
    if os.path.exists(target) and os.path.samefile(source, target):
        raise ValueError(f"{target} is the source itself; name another target")
    form = TextForm(seed) if time_format == "text" else TagsForm()
    summary = Summary()

    def report(problem: Problem) -> None:
        summary.of(GESM_TYPE if gesm else problem.data_type).malformed += 1
        if strict:
            raise ValueError(f"{source}: {problem}")
        if on_problem is not None:
            on_problem(problem)

    with opened_writer(target, output_format) as writer:
        convert = _convert_gesm if gesm else _convert_packed
        convert(source, writer, form, summary, report, keep_all, progress)
    return summary


def _convert_packed(
    source: str | Path, writer: RecordWriter, form: Form, summary: Summary, report: OnProblem, keep_all: bool, progress: Progress | None
) -> None:
    for video_id, data_type, records, numbers in read_batches(source, on_problem=report, progress=progress):
        threshold = THRESHOLDS.get(data_type, INFINITY)
        kept, low, unscored = (records, 0, 0) if keep_all else _passing(records, threshold)
        dialogues, faults = fill(kept, form)
        for record, reason in faults:
            [place] = [number for number, other in zip(numbers, records, strict=True) if other is record]
            report(Problem(video_id, data_type, place, reason))
        tally = summary.of(data_type)
        tally.kept += len(dialogues)
        if low:
            tally.dropped[TOO_LOW if data_type in THRESHOLDS else UNKNOWN_TYPE] += low
        if unscored:
            tally.dropped[NO_SCORE if data_type in THRESHOLDS else UNKNOWN_TYPE] += unscored
        writer.write_dialogues(video_id, data_type, dialogues)


def _passing(records: list[PackedRecord], threshold: float) -> tuple[list[PackedRecord], int, int]:
    """The records that pass, by ``thresholds.keeps`` in line for speed; and how many have too low a score, or none."""
    kept, unscored = [], 0
    for record in records:
        match = record.match_score
        if match is None or match <= threshold:
            clip = record.clip_similarity
            if clip is None or clip <= threshold:
                if match is None and clip is None:
                    unscored += 1
                continue
        kept.append(record)
    return kept, len(records) - len(kept) - unscored, unscored


def _convert_gesm(
    source: str | Path, writer: RecordWriter, form: Form, summary: Summary, report: OnProblem, keep_all: bool, progress: Progress | None
) -> None:
    for video_id, sequence in read_gesm(source, on_problem=report, progress=progress):
        try:
            if not sequence.captions:
                raise ValueError("there are no events")
            text = form.events(sequence.timestamps, sequence.captions)
        except ValueError as error:
            report(Problem(video_id, "", None, str(error)))
            continue
        summary.of(GESM_TYPE).kept += 1
        if isinstance(form, TagsForm):
            writer.write_dialogues(video_id, GESM_TYPE, [[Turn(prompts.EVENTS, text)]])
        else:
            writer.write_data(video_id, GESM_TYPE, text)


# -- placeholders ------------------------------------------------------------------------------------------------------------------------


def to_dialogue(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A record as JSON has it -> its turns (question, answer), each placeholder filled in place by time tags, nothing rounded.

    Raises:
        KeyError: a text names a placeholder for which the record has no variable.
    """
    conversations = record["conversations"]
    turns = [conversations] if isinstance(conversations, Mapping) else conversations
    variables = record.get("variables") or {}
    return [(_tag(turn["User"], variables), _tag(turn["Assistant"], variables)) for turn in turns]


def _tag(text: str, variables: Mapping[str, Any]) -> str:
    return PLACEHOLDER.sub(lambda found: _write_tags(found[1], variables[found[1]]), text)


def _write_tags(name: str, value: Any) -> str:
    if name in ("instance_class", "content"):
        return str(value)
    if name == "click_position":
        time, (x, y) = value
        return f"[{format_tag(time)}, <{round(x, 2)}, {round(y, 2)}>]"
    if isinstance(value[0], (int, float)):
        return format_span(*value)
    return format_spans([tuple(span) for span in value])

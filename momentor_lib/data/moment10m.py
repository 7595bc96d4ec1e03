"""The files of Moment-10M, read video by video: the packed one and GESM.

A packed file is one JSON object, video id -> data type -> list of records; a GESM file one of video id -> ``{"timestamps", "captions"}``.
They are gigabytes, and loose: what a record may look like is written down in :class:`Record`, what cannot be one is a :class:`Problem`.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from momentor_lib.data.large_json import BAD_VALUE, entries

DATA_TYPES = (
    "segment_caption_data",
    "instance_segment_caption_data",
    "instance_caption_data",
    "appearance_data",
    "qa_data",
    "instance_qa_data",
    "cross_segment_qa_data",
    "hypo_scene_data",
    "comp_ret_data",
    "segment_locate_data",
)
KNOWN_KEYS = {"id", "data_type", "conversations", "variables", "match_score", "clip_similarity"}
Progress = Callable[[int], None]
T = TypeVar("T")


class WrongFile(ValueError):
    """The file is one of another kind."""


class Turn(Struct, gc=False):
    """A question and its answer, with placeholders in braces."""

    User: str
    Assistant: str


class Variables(Struct, gc=False):
    """What placeholders stand for; times are looked into later."""

    moment: Any = None
    SOURCE_CLIP: Any = None
    click_position: Any = None
    content: str | None = None
    instance_class: str | None = None


class PackedRecord(Struct, gc=False, kw_only=True):
    """What converting needs of a record, as the file has it: ``conversations`` may be one bare turn, ``variables`` may be missing."""

    match_score: float | None = None
    clip_similarity: float | None = None
    variables: Variables | None = None
    conversations: list[Turn] | Turn


class Record(Struct):
    """An instruction of Moment-10M.

    Attributes:
        id: the video under which it is filed.
        data_type: the data type under which it is filed, one of ``DATA_TYPES``.
        conversations: its turns. Their texts hold placeholders: the names of variables in braces. Other braces are the text's own.
        variables: ``moment`` [start, end] in seconds or a list of such, ``SOURCE_CLIP`` the same, ``click_position`` [seconds, [x, y]] with
            x and y in 0-1, ``instance_class`` and ``content`` texts; all optional. Times may still be negative or reversed.
        match_score, clip_similarity: how well text and video go together, if known.
        extra: every other key of the record.
    """

    id: str
    data_type: str
    conversations: list[Turn]
    variables: dict[str, Any]
    match_score: float | None = None
    clip_similarity: float | None = None
    extra: dict[str, Any] = {}


class EventSequence(Struct):
    """A video's events in the file's order: ``timestamps`` (start, end) in seconds, and as many ``captions``."""

    timestamps: list[tuple[float, float]]
    captions: list[str]


class Problem(NamedTuple):
    """Something malformed.

    Attributes:
        video_id: where.
        data_type: the list that it is in; empty where the whole video is meant.
        index: its place in that list, from 0; None where the whole list or video is meant.
        reason: what is wrong.
    """

    video_id: str
    data_type: str
    index: int | None
    reason: str

    def __str__(self) -> str:
        place = f"video {self.video_id!r}"
        if self.data_type:
            place += f", {self.data_type!r}"
        if self.index is not None:
            place += f", record {self.index}"
        return f"{place}: {' '.join(self.reason.split())}"


OnProblem = Callable[[Problem], None]
Batch = tuple[str, str, list[PackedRecord], Sequence[int]]


def read_packed(path: str | Path, *, strict: bool = False, on_problem: OnProblem | None = None) -> Iterator[tuple[str, list[Record]]]:
    """The videos of a packed file with their records, one video in memory at a time.

    Args:
        path: the file.
        strict: stop at the first malformed record.
        on_problem: called with every malformed record; it is left out. A warning is given of the first one where this is None.

    Raises:
        ValueError: the file is not a JSON object, or is cut off; or, with ``strict``, a record is malformed.
        OSError: the file cannot be read.
    """
    report = _reporter(path, strict, on_problem)
    for video_id, raw in entries(path):
        records = []
        for data_type, values in _lists(path, video_id, raw, report):
            if data_type not in DATA_TYPES:
                report(Problem(video_id, data_type, None, f"this is none of the {len(DATA_TYPES)} data types"))
                continue
            for index, value in enumerate(values):
                read = _attempt(_to_record, (video_id, data_type, index), value, report)
                if read is not None:
                    record, extra = read
                    turns = [record.conversations] if isinstance(record.conversations, Turn) else record.conversations
                    scores = record.match_score, record.clip_similarity
                    records.append(Record(video_id, data_type, turns, value.get("variables") or {}, *scores, extra))
        if _is_text(video_id):
            yield video_id, records


def read_batches(
    path: str | Path, *, strict: bool = False, on_problem: OnProblem | None = None, progress: Progress | None = None
) -> Iterator[Batch]:
    """(video id, data type, records, their places in the file's list) list by list: what :func:`read_packed` reads, several times as fast.

    This is for the converter. Records of unknown data types come along, extra keys do not, and variables are not looked into.

    Args:
        path, strict, on_problem: as there.
        progress: called with the number of bytes read so far.

    Raises:
        ValueError, OSError: as there.
    """
    report = _reporter(path, strict, on_problem)
    for video_id, found in entries(path, progress, _decode_videos):
        lists = found if isinstance(found, dict) else _decode_video(video_id, found)
        if lists is not None:
            for data_type, records in lists.items():
                yield video_id, data_type, records, range(len(records))
            continue
        for data_type, values in _lists(path, video_id, found, report):
            read = [_attempt(_to_record, (video_id, data_type, index), value, report) for index, value in enumerate(values)]
            numbers = [index for index, record in enumerate(read) if record is not None]
            yield video_id, data_type, [read[index][0] for index in numbers], numbers


def read_gesm(
    path: str | Path, *, strict: bool = False, on_problem: OnProblem | None = None, progress: Progress | None = None
) -> Iterator[tuple[str, EventSequence]]:
    """The videos of a GESM file with their events, one video in memory at a time; a malformed video is left out.

    Args, Raises: as :func:`read_packed` and :func:`read_batches`.
    """
    report = _reporter(path, strict, on_problem)
    for video_id, raw in entries(path, progress):
        sequence = _attempt(lambda value: _to_sequence(path, value), (video_id, "", None), raw, report)
        if sequence is not None:
            yield video_id, sequence


# -- some values -------------------------------------------------------------------------------------------------------------------------


class _Id:
    """A key of the file. Equal ones are different keys of a dict, so that none is lost."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


Lists = dict[str, list[PackedRecord]]
_several = msgspec.json.Decoder(dict[_Id, Lists], dec_hook=lambda _, text: _Id(text))
_one = msgspec.json.Decoder(Lists)


def _decode_videos(piece: bytes) -> list[tuple[str, Lists]]:
    return [(video_id.text, lists) for video_id, lists in _several.decode(piece).items()]


def _decode_video(video_id: str, raw: memoryview) -> Lists | None:
    """None where anything in it is malformed."""
    try:
        return _one.decode(raw) if _is_text(video_id) else None
    except BAD_VALUE:
        return None


# -- one value ---------------------------------------------------------------------------------------------------------------------------


def _reporter(path: str | Path, strict: bool, on_problem: OnProblem | None) -> OnProblem:
    told = False

    def report(problem: Problem) -> None:
        nonlocal told
        if strict:
            raise ValueError(f"{path}: {problem}")
        if on_problem is not None:
            on_problem(problem)
        elif not told:
            told = True
            warnings.warn(f"{path}: {problem}; it is left out, and so is whatever else is malformed", UserWarning, stacklevel=3)

    return report


def _attempt(make: Callable[[Any], T], place: tuple[str, str, int | None], value: Any, report: OnProblem) -> T | None:
    """What a value becomes; None where it is malformed, which is reported."""
    try:
        if not _is_text(place[0]):
            raise ValueError("its id is no Unicode text")
        return make(value)
    except WrongFile:
        raise
    except BAD_VALUE as error:
        report(Problem(*place, str(error)))
        return None


def _parse(raw: memoryview) -> Any:
    """JSON, also with NaN, half surrogate pairs, and bytes that are no UTF-8 (as half surrogate pairs): whoever uses these refuses them.

    Raises:
        ValueError, RecursionError: it is none.
    """
    try:
        return msgspec.json.decode(raw)
    except BAD_VALUE:
        return json.loads(bytes(raw).decode(errors="surrogateescape"), parse_int=_to_number)


def _to_number(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:  # thousands of digits
        return float(digits)


def _lists(path: str | Path, video_id: str, raw: memoryview, report: OnProblem) -> Iterator[tuple[str, list[Any]]]:
    """A video's value -> data type, list of values."""

    def check(value: memoryview) -> dict[str, Any]:
        lists = _parse(value)
        if not isinstance(lists, dict):
            raise ValueError(f"an object of data types should stand here, not {_brief(lists)}")
        if "timestamps" in lists and "captions" in lists:
            raise WrongFile(f"{path} is a GESM file, not a packed one (video {video_id!r} has timestamps and captions): --gesm converts it")
        return lists

    for data_type, values in (_attempt(check, (video_id, "", None), raw, report) or {}).items():
        if not isinstance(values, list):
            report(Problem(video_id, data_type, None, f"a list of records should stand here, not {_brief(values)}"))
        elif not _is_text(data_type):
            report(Problem(video_id, data_type, None, "the data type is no Unicode text"))
        else:
            yield data_type, values


def _to_record(value: Any) -> tuple[PackedRecord, dict[str, Any]]:
    """A record and its extra keys."""
    packed = msgspec.convert(value, PackedRecord)
    for score in (packed.match_score, packed.clip_similarity):
        if score is not None and not math.isfinite(score):
            raise ValueError(f"a score is {score}")
    check_variables(value.get("variables") or {})
    msgspec.json.encode((packed.conversations, packed.variables))  # half a surrogate pair cannot be written
    return packed, {key: kept for key, kept in value.items() if key not in KNOWN_KEYS}


def _to_sequence(path: str | Path, raw: memoryview) -> EventSequence:
    try:
        sequence = msgspec.json.decode(raw, type=EventSequence)
    except BAD_VALUE:
        value = _parse(raw)
        if isinstance(value, dict) and not value.keys().isdisjoint(DATA_TYPES):
            raise WrongFile(f"{path} is a packed file, not a GESM one: it is converted without --gesm") from None
        sequence = msgspec.convert(value, EventSequence)
        "".join(sequence.captions).encode()
    if len(sequence.timestamps) != len(sequence.captions):
        raise ValueError(f"{len(sequence.timestamps)} timestamps but {len(sequence.captions)} captions")
    if not all(math.isfinite(time) for span in sequence.timestamps for time in span):
        raise ValueError("a time is not a finite number")
    return sequence


def check_variables(variables: dict[str, Any]) -> None:
    """Looks at the form of a record's variables; an empty or null one counts as missing.

    Raises:
        ValueError: one has another form than :class:`Record` says.
    """
    for name, value in variables.items():
        if not value:
            continue
        if name in ("moment", "SOURCE_CLIP"):
            spans_of(value)
        elif name == "click_position":
            click_of(value)
        elif name in ("instance_class", "content") and not isinstance(value, str):
            raise ValueError(f"{name} is {_brief(value)}, not a text")


def spans_of(value: Any) -> list[tuple[float, float]]:
    """A ``moment`` or ``SOURCE_CLIP`` -> its spans (start, end) in seconds, of which there is at least one.

    Raises:
        ValueError: it is neither [start, end] nor a list of such, or a time is not a finite number.
    """
    spans = value if type(value) is list and value and type(value[0]) is list else (value,)
    found = []
    for span in spans:
        if type(span) is not list or len(span) != 2 or not (_is_number(span[0]) and _is_number(span[1])):
            raise ValueError(f"a moment is {_brief(value)}, not [start, end] in seconds nor a list of such")
        found.append((span[0], span[1]))
    return found


def click_of(value: Any) -> tuple[float, float, float]:
    """A ``click_position`` -> seconds, x, y.

    Raises:
        ValueError: it is not [seconds, [x, y]], or one of them is not a finite number.
    """
    if isinstance(value, list) and len(value) == 2 and isinstance(value[1], list) and len(value[1]) == 2:
        numbers = value[0], *value[1]
        if all(map(_is_number, numbers)):
            return numbers
    raise ValueError(f"click_position is {_brief(value)}, not [seconds, [x, y]]")


def _is_number(value: Any) -> bool:
    """Whether it is one that a float can be."""
    if type(value) is float:
        return -math.inf < value < math.inf
    return type(value) is int and abs(value) < 2**1023


def _is_text(text: str) -> bool:
    """Whether it is Unicode: half a surrogate pair is not."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _brief(value: Any) -> str:
    """A value for a message, cut short."""
    if isinstance(value, dict):
        return f"an object of {len(value)} entries"
    if isinstance(value, list) and len(value) > 4:
        return f"a list of {len(value)}"
    try:
        text = ascii(value[:60] if isinstance(value, str) else value)
    except (ValueError, RecursionError):  # thousands of digits or brackets
        return "a value too long to be shown"
    return text if len(text) <= 60 else f"{text[:57]}..."

"""One instruction of a file -> a training example, or the reason why it can be none."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from os import PathLike
from typing import TypedDict

import msgspec

from momentor_lib import prompts
from momentor_lib.data.convert import GESM_TYPE, to_dialogue
from momentor_lib.data.converted import read_converted
from momentor_lib.data.moment10m import DATA_TYPES, Problem, read_gesm, read_packed
from momentor_lib.data.templates import TagsForm
from momentor_lib.data.thresholds import UNKNOWN_TYPE, why_dropped
from momentor_lib.timecode import find_spans, find_tags, format_tag

ANSWERED_BY_TIMES = ("hypo_scene_data", "comp_ret_data", "segment_locate_data", GESM_TYPE)

# What the converter's twelve templates make of a moment.
TEXT_SPAN = re.compile(r"\d(?:s| seconds)(?:-|~| to )\d+(?:\.\d+)?(?:s| seconds)\b")

# Why an instruction is left out, beside the reasons of thresholds.py.
MALFORMED = "it is malformed"
NOT_FILLED = "a placeholder has no variable, or a malformed one"
NO_DURATION = "the video's duration is not known"
REVERSED = "a span ends before it starts"
LATE = "a time is after the video's end"
EMPTY = "a question or an answer is empty"
NO_TIME = "its answer should name a time and does not"
TEXT_TIMES = "its times are text, not time tags: convert with --time-format tags"
NO_UNICODE = "a text is not Unicode"

# What comes of filling in a variable that is missing, negative or of another form.
NOT_FILLABLE = (LookupError, ValueError, TypeError, ArithmeticError)
Draft = tuple[str, str, list[tuple[str, str]]]  # video id, data type, (question, answer) of each turn


class Turn(TypedDict):
    """A question and its answer, times as time tags."""

    question: str
    answer: str


class Example(TypedDict):
    """One instruction.

    Attributes:
        video_id: its video.
        data_type: one of Moment-10M's ten, or ``event_sequence_decoding``.
        turns: what is said.
        duration: of the video, seconds.
    """

    video_id: str
    data_type: str
    turns: list[Turn]
    duration: float


class Unusable(Exception):
    """An instruction that is left out, with the reason."""


def of_packed(file: str | PathLike[str], keep_all: bool, dropped: Counter[str]) -> Iterator[Draft]:
    """Drafts of a packed file, placeholders filled with time tags. What cannot be one is counted in ``dropped``.

    Args:
        keep_all: also records that do not pass the threshold of their data type.
    """
    for video_id, records in read_packed(file, on_problem=_counter(dropped)):
        for record in records:
            reason = why_dropped(record.data_type, record.match_score, record.clip_similarity)
            if reason is not None and not keep_all:
                dropped[reason] += 1
                continue
            try:
                turns = to_dialogue({"conversations": msgspec.to_builtins(record.conversations), "variables": record.variables})
            except NOT_FILLABLE:
                dropped[NOT_FILLED] += 1
            else:
                yield video_id, record.data_type, turns


def of_gesm(file: str | PathLike[str], dropped: Counter[str]) -> Iterator[Draft]:
    """Drafts of a GESM file: the question for every event, and all of a video's events. What cannot be one is counted in ``dropped``."""
    form = TagsForm()
    for video_id, sequence in read_gesm(file, on_problem=_counter(dropped)):
        if not all(caption.strip() for caption in sequence.captions):
            dropped[EMPTY] += 1
            continue
        try:
            answer = form.events(sequence.timestamps, sequence.captions)
        except ValueError:
            dropped[REVERSED] += 1
        else:
            yield video_id, GESM_TYPE, [(prompts.EVENTS, answer)]


def _counter(dropped: Counter[str]) -> Callable[[Problem], None]:
    def count(problem: Problem) -> None:
        unknown = problem.data_type and problem.data_type not in DATA_TYPES  # the whole list
        dropped[UNKNOWN_TYPE if unknown else MALFORMED] += 1

    return count


def of_converted(file: str | PathLike[str], dropped: Counter[str]) -> Iterator[Draft]:
    """Drafts of a file that ``momentor convert --time-format tags`` wrote. What is malformed is counted in ``dropped``."""

    def count(place: str, reason: str) -> None:
        dropped[MALFORMED] += 1

    for record in read_converted(file, count):
        turns = [(said.User, said.Assistant) for said in record.conversations]
        if any(TEXT_SPAN.search(text) for turn in turns for text in turn):
            dropped[TEXT_TIMES] += 1
        else:
            yield record.id, record.data_type, turns


def finish(draft: Draft, durations: Mapping[str, float], slack: float) -> Example:
    """A draft -> an example of which everything can be learned.

    Raises:
        Unusable: with the reason.
    """
    video_id, data_type, turns = draft
    duration = durations.get(video_id)
    if duration is None:
        raise Unusable(NO_DURATION)
    if not turns or any(not text.strip() for turn in turns for text in turn):
        raise Unusable(EMPTY)
    if data_type in ANSWERED_BY_TIMES and not any(find_tags(answer) for _, answer in turns):
        raise Unusable(NO_TIME)
    made: list[Turn] = [
        {"question": _inside(question, duration, slack), "answer": _inside(answer, duration, slack)} for question, answer in turns
    ]
    return {"video_id": video_id, "data_type": data_type, "turns": made, "duration": duration}


def _inside(text: str, duration: float, slack: float) -> str:
    """A text whose times are in the video: those a little after its end are set to the end."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unusable(NO_UNICODE) from None
    for start, end in find_spans(text):
        if end < start:
            raise Unusable(REVERSED)
        if end > duration and start >= duration:
            raise Unusable(LATE)
    for tag in reversed(find_tags(text)):
        if tag.seconds > duration + slack:
            raise Unusable(LATE)
        if tag.seconds > duration:
            text = text[: tag.begin] + format_tag(duration) + text[tag.stop :]
    return text

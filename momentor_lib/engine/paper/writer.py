"""Instructions by a chat model: a prompt a task, answers parsed strictly; a bad one is asked for once more, then dropped and counted."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from momentor_lib import prompts as ours
from momentor_lib.engine.instructions import Draft
from momentor_lib.engine.matrix import Event, Matrix
from momentor_lib.engine.paper.prompts import PROMPTS, QUESTIONS, RULES

MOST_WORDS = 20
FORBIDDEN = ("frame", "frames", "video", "videos")
LOCATED = ("hypo_scene_data", "comp_ret_data", "segment_locate_data")
BY_INSTANCE = ("instance_caption_data", "appearance_data", "instance_qa_data")
IN_PAIRS = ("cross_segment_qa_data", "comp_ret_data")
KEYS = {
    "hypo_scene_data": ("User",),
    "segment_locate_data": ("User",),
    "comp_ret_data": ("difference", "User"),
    "qa_data": ("User", "Assistant"),
    "instance_qa_data": ("User", "Assistant"),
    "cross_segment_qa_data": ("User", "Assistant"),
}
Ask = Callable[[str, int], str]


class ChatWriter:
    """Writes by a chat model.

    Args:
        ask: prompt, seed -> answer.

    Attributes:
        dropped: data type -> how many instructions were given up after two bad answers.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.dropped: Counter[str] = Counter()

    def write(self, matrix: Matrix, data_type: str) -> list[Draft]:
        """Drafts of one data type."""
        drafts = []
        for events in _subjects(matrix, data_type):
            answer = self._answer(data_type, _prompt(matrix, data_type, events))
            if answer is None:
                self.dropped[data_type] += 1
            else:
                draft = _draft(matrix, data_type, events, answer)
                if draft is not None:
                    drafts.append(draft)
        return drafts

    def _answer(self, data_type: str, prompt: str) -> dict[str, str] | None:
        for seed in (0, 1):
            try:
                return parse(data_type, self._ask(prompt, seed))
            except ValueError:
                continue
        return None


def parse(data_type: str, text: str) -> dict[str, str]:
    """A model's answer -> its texts.

    Raises:
        ValueError: it is no JSON object, lacks a text or has another one, is too long, or says what it must not.
    """
    try:
        answer = json.loads(text.strip())
    except (ValueError, RecursionError):
        raise ValueError("no JSON") from None
    keys = KEYS.get(data_type, ("Assistant",))
    if not isinstance(answer, dict) or set(answer) != set(keys):
        raise ValueError(f"the keys must be {', '.join(keys)}")
    for key in keys:
        value = answer[key]
        if not isinstance(value, str) or not value.strip() or len(value.split()) > MOST_WORDS:
            raise ValueError(f"{key} is no text of at most {MOST_WORDS} words")
        if any(word.strip(".,;:!?\"'").lower() in FORBIDDEN for word in value.split()):
            raise ValueError(f"{key} says what it must not")
    if data_type == "comp_ret_data" and answer["User"].count("{SOURCE_CLIP}") != 1:
        raise ValueError("the slot {SOURCE_CLIP} must stand in it once")
    return {key: " ".join(answer[key].split()) for key in keys}


def _subjects(matrix: Matrix, data_type: str) -> list[list[Event]]:
    """What each instruction of a type is about: an event, two of them, or all of an instance."""
    events = [event for event in matrix.events if event.track is not None]
    if data_type in BY_INSTANCE:
        return [[e for e in events if e.track == number] for number in sorted({e.track for e in events})]
    if data_type in IN_PAIRS:
        return [[one, other] for one, other in itertools.pairwise(events)]
    return [[event] for event in events]


def _prompt(matrix: Matrix, data_type: str, events: list[Event]) -> str:
    notes = "\n".join(f"{number}. the {event.name}: {event.deed.text}" for number, event in enumerate(matrix.events, 1))
    numbers = [matrix.events.index(event) + 1 for event in events]
    text = PROMPTS[data_type].format(events=notes, one=numbers[0], other=numbers[-1], name=events[0].name)
    return text + RULES


def _draft(matrix: Matrix, data_type: str, events: list[Event], said: dict[str, str]) -> Draft | None:
    first, last = events[0], events[-1]
    span = [first.start, first.end]
    variables: dict[str, Any] = {"moment": span}
    question, answer = said.get("User", ""), said.get("Assistant", "{moment}")
    if data_type == "segment_locate_data":
        question = ours.GROUND.format(query=question.rstrip("?."))
    elif data_type == "comp_ret_data":
        variables = {"SOURCE_CLIP": span, "moment": [last.start, last.end]}
    elif data_type == "cross_segment_qa_data":
        variables = {"moment": [span, [last.start, last.end]]}
    elif data_type in ("instance_caption_data", "instance_qa_data"):
        variables = {"instance_class": first.name}
    elif data_type == "appearance_data":
        places = matrix.places.get(first.track)
        if not places:
            return None
        time, place = places[len(places) // 2]
        variables = {"click_position": [time, list(place)]}
    if data_type in QUESTIONS:
        question = QUESTIONS[data_type]
        if data_type == "instance_segment_caption_data":
            question = question.format(name=first.name)
    if "{moment}" not in question and data_type == "qa_data":
        question = f"In {{moment}}: {question}"
    shown = answer if data_type not in LOCATED else last.deed.text
    return Draft(variables, question, answer, shown, [(event.start, event.end) for event in events])

"""Instructions by templates: the offline backend's writer. Several wordings of each, drawn by a seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from momentor_lib import prompts
from momentor_lib.engine.instructions import Draft, moment_of, same_events
from momentor_lib.engine.matrix import Event, Matrix
from momentor_lib.toy.dice import Dice
from momentor_lib.toy.instructions import TIMES, ways_to_ask_when
from momentor_lib.toy.words import ACTIONS


class TemplateWriter:
    """Writes the same for the same matrix and seed.

    Args:
        seed: picks the wordings.
    """

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed

    def write(self, matrix: Matrix, data_type: str) -> list[Draft]:
        """Drafts of one data type."""
        return _MAKERS[data_type](matrix, Dice(f"engine/{self._seed}/{matrix.video_id}/{data_type}"))


def _words(event: Event) -> tuple[str, str, str, str]:
    """Third person, infinitive, progressive, and a hint of an event's action."""
    return ACTIONS[event.deed.action]


def _draft(variables: dict[str, Any], question: str, answer: str, events: list[Event]) -> Draft:
    return Draft(variables, question, answer, f"a {events[0].name}", [(event.start, event.end) for event in events])


def _span(event: Event) -> list[float]:
    return [event.start, event.end]


def _by_name(matrix: Matrix) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for event in matrix.events:
        found.setdefault(event.name, []).append(event)
    return dict(sorted(found.items()))


def _segment_captions(matrix: Matrix, dice: Dice) -> list[Draft]:
    asks = (prompts.CAPTION.format(span="{moment}"), "Describe {moment}.")
    return [_draft({"moment": _span(e)}, dice.choice(asks), e.caption, [e]) for e in matrix.events]


def _instance_segment_captions(matrix: Matrix, dice: Dice) -> list[Draft]:
    asks = ("What does the {name} do in {{moment}}?", "Describe the {name} in {{moment}}.")
    return [_draft({"moment": _span(e)}, dice.choice(asks).format(name=e.name), e.caption, [e]) for e in matrix.events]


def _instance_captions(matrix: Matrix, dice: Dice) -> list[Draft]:
    drafts = []
    for name, events in _by_name(matrix).items():
        answer = f"the {name} {', then '.join(event.deed.text for event in events)}"
        asks = ("What does the {instance_class} do in the whole video?", "What does the {instance_class} do from beginning to end?")
        drafts.append(_draft({"instance_class": name}, dice.choice(asks), answer, events))
    return drafts


def _appearances(matrix: Matrix, dice: Dice) -> list[Draft]:
    drafts = []
    for row in matrix.rows:
        there = [i for i, cell in enumerate(row.cells) if cell is not None]
        if row.track is None or not there or row.track not in matrix.places:
            continue
        time, place = dice.choice(matrix.places[row.track])
        answer = f"a {row.name}"
        variables = {"click_position": [time, list(place)]}
        drafts.append(Draft(variables, "What is at {click_position}?", answer, answer, [(time, time)]))
    return drafts


def _segment_questions(matrix: Matrix, dice: Dice) -> list[Draft]:
    drafts = []
    attributes = {row.track: row.attributes for row in matrix.rows}
    for event in matrix.events:
        doing, own = _words(event)[2], attributes[event.track]
        pairs = [(f"Who is {doing} in {{moment}}?", f"the {event.name}")]
        pairs += [(f"What {key} is the thing {doing} in {{moment}}?", own[key]) for key in ("colour", "shape") if key in own]
        drafts.append(_draft({"moment": _span(event)}, *dice.choice(pairs), [event]))
    return drafts


def _instance_questions(matrix: Matrix, dice: Dice) -> list[Draft]:
    drafts = []
    for name, events in _by_name(matrix).items():
        which, event = dice.choice((("first", events[0]), ("last", events[-1])))
        drafts.append(_draft({"instance_class": name}, f"What does the {name} do {which}?", event.caption, [event]))
    return drafts


def _cross_segment_questions(matrix: Matrix, dice: Dice) -> list[Draft]:
    drafts = []
    found = same_events(matrix.events)
    for events in found.values():
        if len(events) in TIMES:
            question = f"How often does the {events[0].name} {_words(events[0])[1]}?"
            drafts.append(_draft({"moment": moment_of(events)}, question, TIMES[len(events)], events))
    single = [events[0] for events in found.values() if len(events) == 1]
    if len(single) >= 2:
        pair = dice.sample(single, 2)
        first = min(pair, key=lambda event: event.start)
        drafts.append(_draft({}, f"What comes first, {pair[0].caption} or {pair[1].caption}?", first.caption, [first]))
    return drafts


def _hypothetical_scenes(matrix: Matrix, dice: Dice) -> list[Draft]:
    drafts = []
    for action in sorted({event.deed.action for event in matrix.events}):
        events = [event for event in matrix.events if event.deed.action == action]
        ask = dice.choice(("Which clip should I watch to see something {hint}?", "Where would you see something {hint}?"))
        drafts.append(_draft({"moment": moment_of(events)}, ask.replace("{hint}", ACTIONS[action][3]), "{moment}", events))
    return drafts


def _composed_retrievals(matrix: Matrix, dice: Dice) -> list[Draft]:
    drafts = []
    found = same_events(matrix.events)
    for source in matrix.events:
        others = [e for e in matrix.events if e.name == source.name and e.deed.action != source.deed.action]
        if others:
            targets = found[dice.choice(others).caption]
            question = f"In {{SOURCE_CLIP}} {source.caption}. When does it {_words(targets[0])[1]} instead?"
            drafts.append(_draft({"SOURCE_CLIP": _span(source), "moment": moment_of(targets)}, question, "{moment}", targets))
    return drafts


def _segment_locations(matrix: Matrix, dice: Dice) -> list[Draft]:
    drafts = []
    for caption, events in same_events(matrix.events).items():
        name, (_, infinitive, progressive, _) = events[0].name, _words(events[0])
        asked = ways_to_ask_when(caption, name, infinitive, progressive)
        drafts.append(_draft({"moment": moment_of(events)}, dice.choice(asked), "{moment}", events))
    return drafts


_MAKERS: dict[str, Callable[[Matrix, Dice], list[Draft]]] = {
    "segment_caption_data": _segment_captions,
    "instance_segment_caption_data": _instance_segment_captions,
    "instance_caption_data": _instance_captions,
    "appearance_data": _appearances,
    "qa_data": _segment_questions,
    "instance_qa_data": _instance_questions,
    "cross_segment_qa_data": _cross_segment_questions,
    "hypo_scene_data": _hypothetical_scenes,
    "comp_ret_data": _composed_retrievals,
    "segment_locate_data": _segment_locations,
}

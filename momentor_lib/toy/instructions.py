"""A script -> instructions of all ten Moment-10M data types, as records of the packed file (see ``data/moment10m.py``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from momentor_lib import prompts
from momentor_lib.timecode import merge_order
from momentor_lib.toy.dice import Dice
from momentor_lib.toy.motion import pose_at
from momentor_lib.toy.script import Event, Script

# Above every threshold of the converter: what follows from a script is never doubtful.
CERTAIN = 2.0
TIMES = {1: "once", 2: "twice", 3: "three times", 4: "four times", 5: "five times", 6: "six times"}
Record = dict[str, Any]


def instructions(script: Script, seed: int = 0) -> dict[str, list[Record]]:
    """Every instruction about a toy video: data type -> records with placeholders and variables.

    Args:
        script: what happens.
        seed: picks the wordings.
    """
    dice = Dice(f"wordings/{seed}/{script.id}")
    return {kind: [_record(script, kind, *draft) for draft in make(script, dice)] for kind, make in _MAKERS.items()}


def queries(script: Script) -> dict[str, list[tuple[float, float]]]:
    """Every distinct caption of a video and all its moments in seconds."""
    found: dict[str, list[tuple[float, float]]] = {}
    for event in script.events:
        found.setdefault(script.caption(event), []).append((event.start, event.end))
    return {caption: merge_order(moments) for caption, moments in found.items()}


def event_sequence(script: Script) -> dict[str, list]:
    """The video's events in order, as GESM has them: ``timestamps`` [[s, e], ...] and ``captions``."""
    return {"timestamps": [[e.start, e.end] for e in script.events], "captions": [script.caption(e) for e in script.events]}


Draft = tuple[dict[str, Any], str, str]  # variables, question, answer


def _record(script: Script, kind: str, variables: dict[str, Any], question: str, answer: str) -> Record:
    turns = [{"User": question, "Assistant": answer}]
    return {"id": script.id, "data_type": kind, "match_score": CERTAIN, "variables": variables, "conversations": turns}


def ways_to_ask_when(caption: str, name: str, infinitive: str, progressive: str) -> tuple[str, ...]:
    """Questions of when something happens: ``the red circle moves left`` of ``red circle``, ``move left``, ``moving left``."""
    return (
        prompts.GROUND.format(query=caption),
        prompts.GROUND.format(query=caption),
        prompts.GROUND.format(query=f"a {caption.removeprefix('the ')}"),
        prompts.GROUND.format(query=f"the {name} is {progressive}"),
        prompts.GROUND.format(query=f"{name} {progressive}"),
        f"When does the {name} {infinitive}?",
        f"Find the {name} {progressive}.",
    )


def _span(event: Event) -> list[float]:
    return [event.start, event.end]


def _moment(spans: list[tuple[float, float]]) -> list:
    return list(spans[0]) if len(spans) == 1 else [list(span) for span in spans]


def _segment_captions(script: Script, dice: Dice) -> list[Draft]:
    asks = (prompts.CAPTION.format(span="{moment}"), "Describe {moment}.")
    return [({"moment": _span(e)}, dice.choice(asks), script.caption(e)) for e in script.events]


def _instance_segment_captions(script: Script, dice: Dice) -> list[Draft]:
    return [({"moment": _span(e)}, f"What does {script.actors[e.actor].name} do in {{moment}}?", script.caption(e)) for e in script.events]


def _instance_captions(script: Script, dice: Dice) -> list[Draft]:
    drafts = []
    for name in sorted({script.actors[e.actor].name for e in script.events}):
        deeds = [script.actions[e.action][0] for e in script.events if script.actors[e.actor].name == name]
        question = "What does the {instance_class} do in the whole video?"
        drafts.append(({"instance_class": name.removeprefix("the ")}, question, f"{name} {', then '.join(deeds)}"))
    return drafts


def _appearances(script: Script, dice: Dice) -> list[Draft]:
    drafts = []
    for i, actor in enumerate(script.actors):
        scene = script.scenes[actor.scene]
        time = round(dice.uniform(scene.start, scene.end), 3)
        pose = pose_at(actor, script.events_of(i), time)
        if pose.on_screen and 0 <= pose.x <= 1:
            place = [round(pose.x, 4), round(pose.y, 4)]
            drafts.append(({"click_position": [time, place]}, "What is at {click_position}?", f"a {actor.colour} {actor.shape}"))
    return drafts


def _segment_questions(script: Script, dice: Dice) -> list[Draft]:
    drafts = []
    for event in script.events:
        actor = script.actors[event.actor]
        progressive = script.actions[event.action][2]
        pairs = (
            (f"Who is {progressive} in {{moment}}?", actor.name),
            (f"What colour is the thing {progressive} in {{moment}}?", actor.colour),
            (f"What shape is the thing {progressive} in {{moment}}?", actor.shape),
        )
        drafts.append(({"moment": _span(event)}, *dice.choice(pairs)))
    return drafts


def _instance_questions(script: Script, dice: Dice) -> list[Draft]:
    drafts = []
    for name in sorted({script.actors[e.actor].name for e in script.events}):
        deeds = [e for e in script.events if script.actors[e.actor].name == name]
        which, event = dice.choice((("first", deeds[0]), ("last", deeds[-1])))
        drafts.append(({"instance_class": name.removeprefix("the ")}, f"What does {name} do {which}?", script.caption(event)))
    return drafts


def _cross_segment_questions(script: Script, dice: Dice) -> list[Draft]:
    drafts = []
    found = queries(script)
    for caption, moments in found.items():
        event = next(e for e in script.events if script.caption(e) == caption)
        question = f"How often does {script.actors[event.actor].name} {script.actions[event.action][1]}?"
        drafts.append(({"moment": _moment(moments)}, question, TIMES[len(moments)]))
    single = [(moments[0], caption) for caption, moments in found.items() if len(moments) == 1]
    if len(single) >= 2:
        pair = dice.sample(single, 2)
        first = min(pair)[1]
        drafts.append(({}, f"What comes first, {pair[0][1]} or {pair[1][1]}?", first))
    return drafts


def _hypothetical_scenes(script: Script, dice: Dice) -> list[Draft]:
    drafts = []
    for action in sorted({e.action for e in script.events}):
        spans = merge_order((e.start, e.end) for e in script.events if e.action == action)
        ask = dice.choice(("Which clip should I watch to see something {hint}?", "Where would you see something {hint}?"))
        drafts.append(({"moment": _moment(spans)}, ask.replace("{hint}", script.actions[action][3]), "{moment}"))
    return drafts


def _composed_retrievals(script: Script, dice: Dice) -> list[Draft]:
    drafts = []
    for source in script.events:
        name = script.actors[source.actor].name
        others = [e for e in script.events if script.actors[e.actor].name == name and e.action != source.action]
        if others:
            target = dice.choice(others)
            spans = queries(script)[script.caption(target)]
            question = f"In {{SOURCE_CLIP}} {script.caption(source)}. When does it {script.actions[target.action][1]} instead?"
            drafts.append(({"SOURCE_CLIP": _span(source), "moment": _moment(spans)}, question, "{moment}"))
    return drafts


def _segment_locations(script: Script, dice: Dice) -> list[Draft]:
    drafts = []
    for caption, moments in queries(script).items():
        event = next(e for e in script.events if script.caption(e) == caption)
        actor, (_, infinitive, progressive, _) = script.actors[event.actor], script.actions[event.action]
        asked = ways_to_ask_when(caption, f"{actor.colour} {actor.shape}", infinitive, progressive)
        drafts.append(({"moment": _moment(moments)}, dice.choice(asked), "{moment}"))
    return drafts


_MAKERS: dict[str, Callable[[Script, Dice], list[Draft]]] = {
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

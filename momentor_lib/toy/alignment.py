"""What is to be seen, and when: the simplest questions about a toy video.

They tie words to frames before anything has to be said of motion.
They are the toy world's part of modality alignment (paper: stage 1, captions of pictures), beside the ten data types of Moment-10M.
"""

from __future__ import annotations

from momentor_lib.timecode import format_span, format_spans, format_tag
from momentor_lib.toy.dice import Dice
from momentor_lib.toy.motion import pose_at
from momentor_lib.toy.render import scene_at
from momentor_lib.toy.script import Script

Turn = tuple[str, str]


def frame_caption(script: Script, dice: Dice) -> Turn:
    """What is to be seen at some time: the instances from left to right."""
    time = round(dice.uniform(0, script.duration), 3)
    scene = scene_at(script, time)
    seen = []
    for i, actor in enumerate(script.actors):
        pose = pose_at(actor, script.events_of(i), time)
        if actor.scene == scene and pose.on_screen:
            seen.append((pose.x, f"a {actor.colour} {actor.shape}"))
    answer = " and ".join(name for _, name in sorted(seen)) or "nothing"
    return f"What is at {format_tag(time)}?", answer


def presence(script: Script, dice: Dice) -> Turn:
    """When some instance is to be seen: the stretches between its coming and its going, or between two cuts."""
    name = dice.choice(sorted({actor.name for actor in script.actors}))
    spans: list[tuple[float, float]] = []
    for i, actor in enumerate(script.actors):
        if actor.name != name:
            continue
        scene, own = script.scenes[actor.scene], script.events_of(i)
        start = own[0].start if own and own[0].action == "enter" else scene.start
        end = own[-1].end if own and own[-1].action == "leave" else scene.end
        if spans and spans[-1][1] == start:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return f"Find {name}.", format_spans(spans)


def by_attribute(script: Script, dice: Dice) -> Turn:
    """What somebody does in a stretch of time, told by its colour alone or by its shape alone."""
    event = dice.choice(script.events)
    actor, deed = script.actors[event.actor], script.actions[event.action][0]
    attribute, answer = dice.choice((("colour", f"the {actor.colour} one {deed}"), ("shape", f"the {actor.shape} {deed}")))
    return f"Tell by {attribute} what happens in {format_span(event.start, event.end)}.", answer

"""Where an actor is and how it looks at any time: a pure function of the script."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from momentor_lib.toy.script import Actor, Event

HOP_HEIGHT = 0.13
FAINTEST = 0.12


@dataclass(frozen=True)
class Pose:
    """How an actor looks at one time.

    Attributes:
        x, y, radius: as in ``Actor``; y downwards.
        turn: turns clockwise, 0 to 1.
        opacity: 0 (not to be seen) to 1.
        visible: whether it is there at all.
    """

    x: float
    y: float
    radius: float
    turn: float = 0.0
    opacity: float = 1.0
    visible: bool = True

    @property
    def on_screen(self) -> bool:
        """Whether any of it is inside the frame."""
        inside = -self.radius < self.x < 1 + self.radius and -self.radius < self.y < 1 + self.radius
        return self.visible and inside


def pose_at(actor: Actor, events: Sequence[Event], time: float) -> Pose:
    """The actor's pose at a time in seconds, given its own events in order of time."""
    pose = Pose(actor.x, actor.y, actor.radius)
    if events and events[0].action == "enter" and time < events[0].start:
        return _replace(pose, visible=False)
    for event in events:
        if time < event.start:
            break
        pose = _act(pose, event, min(1.0, (time - event.start) / (event.end - event.start)))
    return pose


def _act(pose: Pose, event: Event, progress: float) -> Pose:
    """The pose after the share ``progress`` of an event, from the pose before it."""
    action, amount = event.action, event.amount
    if action == "move_left":
        return _replace(pose, x=pose.x - amount * progress)
    if action == "move_right":
        return _replace(pose, x=pose.x + amount * progress)
    if action == "move_up":
        return _replace(pose, y=pose.y - amount * progress)
    if action == "move_down":
        return _replace(pose, y=pose.y + amount * progress)
    if action == "grow":
        return _replace(pose, radius=pose.radius * (1 + (amount - 1) * progress))
    if action == "shrink":
        return _replace(pose, radius=pose.radius * (1 + (1 / amount - 1) * progress))
    if action == "spin":
        return _replace(pose, turn=(pose.turn + amount * progress) % 1.0)
    if action == "blink":
        wave = 0.5 + 0.5 * math.cos(2 * math.pi * amount * progress)
        return _replace(pose, opacity=FAINTEST + (1 - FAINTEST) * wave)
    if action == "bounce":
        return _replace(pose, y=pose.y - HOP_HEIGHT * abs(math.sin(math.pi * amount * progress)))
    outside = _outside(pose)
    if action == "enter":
        return _replace(pose, x=outside + (pose.x - outside) * progress)
    return _replace(pose, x=pose.x + (outside - pose.x) * progress, visible=progress < 1)  # leave


def _outside(pose: Pose) -> float:
    """The x just beyond the nearer side of the frame."""
    return -pose.radius if pose.x < 0.5 else 1 + pose.radius


def _replace(pose: Pose, **changes: float | bool) -> Pose:
    # dataclasses.replace is several times slower, and rendering calls this for every sprite of every frame
    values = {**pose.__dict__, **changes}
    return Pose(**values)

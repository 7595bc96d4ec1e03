"""Looks and tracks made by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from momentor_lib.engine.backends import Detection
from momentor_lib.engine.looking import Look
from momentor_lib.engine.tracks import Track
from momentor_lib.toy import Actor, Event, Scene, Script, render

FPS = 10


def look_of(script: Script) -> Look:
    """A script's frames without a file between."""
    pixels = np.ascontiguousarray(render(script)[:, ::-1].transpose(0, 2, 3, 1))
    return Look(pixels, np.array(script.frame_times), script.duration, 128, 128)


def blank(frames: int, value: int = 90) -> Look:
    """A grey video of ten frames a second."""
    pixels = np.full((frames, 64, 64, 3), value, np.uint8)
    return Look(pixels, np.arange(frames) / FPS, frames / FPS, 64, 64)


def one_event(action: str, amount: float, start: float = 3.0, end: float = 7.0, colour: str = "red", shape: str = "heart") -> Script:
    """One instance that does one thing in one scene of twelve seconds."""
    x = 0.7 if action == "move_left" else 0.3
    y = 0.7 if action == "move_up" else 0.4
    radius = 0.19 if action == "shrink" else 0.11
    actor = Actor(colour, shape, 0, x, y, radius)
    return Script("one", 12.0, (Scene(0.0, 12.0, "one"),), (actor,), (Event(0, action, start, end, amount),))


def track_of(xs: Sequence[float], y: float = 0.5, radius: float = 0.1, first: int = 0, frames: int | None = None) -> Track:
    """A track whose centre is at ``xs``, a frame each."""
    numbers = list(range(first, first + len(xs)))
    boxes = [(x - radius, y - radius, x + radius, y + radius) for x in xs]
    length = len(xs)
    poses = {"x": list(xs), "y": [y] * length, "radius": [radius] * length, "turn": [0.0] * length, "opacity": [1.0] * length}
    span = (0, frames if frames is not None else first + length)
    return Track(0, numbers, boxes, "red circle", {"shape": "circle", "colour": "red"}, poses, np.ones(1, np.float32), scene_frames=span)


def seen(x: float, y: float, looks: Sequence[float] = (1.0, 0.0), radius: float = 0.05) -> Detection:
    """Something found."""
    feature = np.array(looks, np.float32)
    return Detection((x - radius, y - radius, x + radius, y + radius), feature / np.linalg.norm(feature), mask=np.ones((3, 3), bool))

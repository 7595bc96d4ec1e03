"""How a tracked instance changes in a span of time, from its boxes and, where they are known, its poses."""

from __future__ import annotations

import numpy as np

from momentor_lib.engine.looking import Look
from momentor_lib.engine.tracks import Track

# What counts as standing still, a second: movement in widths of the frame, growth as a logarithm, turns, opacity.
STILL = {"move": 0.012, "grow": 0.016, "turn": 0.06, "fade": 0.08}
SOON = 2  # frames: who is seen so soon after a cut was there before
FOLLOWED = 1.0  # seconds of its path that tell where an instance comes from or goes to
NEAR = 3.0  # pixels: a box so near the frame's edge touches it
FEWEST = 2  # frames that a span must have


def series(track: Track) -> dict[str, np.ndarray]:
    """``x``, ``y``, ``radius``, ``turn`` and ``opacity`` of a track, a value for each frame from its first to its last one."""
    if track.poses:
        return {name: np.asarray(track.poses[name], float) for name in ("x", "y", "radius", "turn", "opacity")}
    frames = np.arange(track.first, track.last + 1)
    boxes = np.array(track.boxes, float)
    left, top, right, bottom = (np.interp(frames, track.frames, boxes[:, side]) for side in range(4))
    still = np.zeros(len(frames))
    return {
        "x": (left + right) / 2,
        "y": (top + bottom) / 2,
        "radius": (right - left + bottom - top) / 4,
        "turn": still,
        "opacity": still + 1,
    }


def rates(look: Look, track: Track, start: float, end: float) -> dict[str, float] | None:
    """How quickly an instance moves, grows, turns and fades between two times, in units of :data:`STILL`; None where it is hardly seen."""
    times = look.times[track.first : track.last + 1]
    inside = (times >= start - 1e-6) & (times <= end + 1e-6)
    if inside.sum() < FEWEST:
        return None
    values = {name: value[inside] for name, value in series(track).items()}
    seconds = float(times[inside][-1] - times[inside][0])
    x, y = (_smooth(values[name]) for name in ("x", "y"))
    path = float(np.hypot(np.diff(x), np.diff(y)).sum())
    found = {
        "move": path / seconds,
        "grow": abs(_rise(np.log(np.maximum(values["radius"], 1e-3)))) / seconds,
        "turn": abs(_rise(values["turn"])) / seconds,
        "fade": float(np.abs(np.diff(_smooth(values["opacity"]))).sum()) / seconds,
    }
    return {name: value / STILL[name] for name, value in found.items()}


def change_feature(look: Look, track: Track, start: float, end: float) -> np.ndarray | None:
    """What an instance does between two times as a vector of length 1, float64 [5]: standing still first; None where it is not seen."""
    found = rates(look, track, start, end)
    if found is None:
        return None
    if found["fade"] > 2.5:  # a faint outline is measured badly
        found |= {"move": 0.0, "grow": 0.0, "turn": 0.0}
    vector = np.array([1.0, *(max(0.0, value - 1.0) for value in found.values())])
    return vector / np.linalg.norm(vector)


def place_at(look: Look, track: Track, time: float) -> np.ndarray:
    """Where its centre is, as shares of the frame, [2]; before its first and after its last sighting where it was then."""
    frame = int(np.clip(np.searchsorted(look.times, time), track.first, track.last)) - track.first
    values = series(track)
    return np.array([values["x"][frame], values["y"][frame]])


def _smooth(values: np.ndarray) -> np.ndarray:
    """A moving average over three values, the ends as they are."""
    if len(values) < 3:
        return values
    inner = (values[:-2] + values[1:-1] + values[2:]) / 3
    return np.concatenate([[inner[0]], inner, [inner[-1]]])


def _rise(values: np.ndarray) -> float:
    """From its beginning to its end, each taken over a fifth of the values."""
    part = max(1, len(values) // 5)
    return float(np.median(values[-part:]) - np.median(values[:part]))


def arrival(look: Look, track: Track, first: int) -> float | None:
    """The frame, between two frames too, at which an instance began to come in from the left or right; None where it did not.

    Its edge shows when it is on its way already: its path is followed back to where it was just outside. What is first seen in the middle
    was hidden before.

    Args:
        first: the scene's first frame.
    """
    outside = _outside_at(look, track, False) if track.first > first + SOON else None
    return None if outside is None else float(np.clip(outside, first, track.first))


def departure(look: Look, track: Track, stop: int) -> float | None:
    """The frame at which an instance has gone out to the left or right; None where it has not. ``stop`` is the scene's end."""
    outside = _outside_at(look, track, True) if track.last < stop - 1 - SOON else None
    return None if outside is None else float(np.clip(outside, track.last, stop))


def _outside_at(look: Look, track: Track, goes: bool) -> float | None:
    """The frame at which the line through its first, or last, places reaches the outside; None where it is at neither side then."""
    frames = np.arange(track.first, track.last + 1)
    values = series(track)
    part = slice(-round(FOLLOWED * look.fps), None) if goes else slice(0, round(FOLLOWED * look.fps))
    frames, x, radius = frames[part], values["x"][part], values["radius"][part]
    edge = float(frames[-1] if goes else frames[0])
    box = track.boxes[-1 if goes else 0]
    left, right = box[0] * look.pixels.shape[2] < NEAR, (1 - box[2]) * look.pixels.shape[2] < NEAR
    if not left and not right:
        return None
    if len(frames) < 3 or left == right:
        return edge
    outside = -float(np.median(radius)) if left else 1 + float(np.median(radius))
    slope, offset = np.polyfit(frames, x, 1)
    return (outside - offset) / slope if abs(slope) > 1e-4 else edge

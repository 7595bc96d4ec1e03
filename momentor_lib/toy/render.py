"""A script -> frames in memory."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from momentor_lib.toy.motion import Pose, pose_at
from momentor_lib.toy.script import SIZE, Actor, Script
from momentor_lib.toy.sprite import draw_sprite


def render(script: Script, times: Sequence[float] | None = None, size: int = SIZE) -> np.ndarray:
    """Draw a toy video.

    Args:
        script: what happens.
        times: seconds; the file's own frames (10 a second) where it is left out.
        size: width and height in pixels.

    Returns:
        uint8 [T, 3, H, W].
    """
    times = script.frame_times if times is None else times
    own_events = [script.events_of(i) for i in range(len(script.actors))]
    backdrops = [draw_backdrop(scene.background, size) for scene in script.scenes]
    frames = np.empty((len(times), 3, size, size), np.uint8)
    for i, time in enumerate(times):
        scene = scene_at(script, time)
        cast = [(a, pose_at(a, own_events[k], time)) for k, a in enumerate(script.actors) if a.scene == scene]
        frames[i] = draw_frame(backdrops[scene], cast)
    return frames


def draw_frame(backdrop: np.ndarray, cast: Sequence[tuple[Actor, Pose]]) -> np.ndarray:
    """A backdrop float32 [H, W, 3] and who stands before it -> uint8 [3, H, W]."""
    canvas = backdrop.copy()
    for actor, pose in cast:
        if pose.on_screen:
            draw_sprite(canvas, actor.colour, actor.shape, pose)
    return (canvas + 0.5).astype(np.uint8).transpose(2, 0, 1)


def scene_at(script: Script, time: float) -> int:
    """Index of the scene on screen at a time; a cut belongs to the scene that it begins."""
    later = [i for i, scene in enumerate(script.scenes) if scene.start <= time + 1e-9]
    return later[-1] if later else 0


def draw_backdrop(seed: str, size: int = SIZE) -> np.ndarray:
    """A muted, textured backdrop, float32 [H, W, 3], values 0-255: soft blotches of two tones under stripes."""
    rng = random.Random(seed)
    tones = [np.array([70 + 70 * rng.random() for _ in range(3)], np.float32) for _ in range(2)]
    # grey leaves the strong colours to the sprites
    tones = [0.35 * tone + 0.65 * tone.mean() for tone in tones]
    coarse = np.array([[rng.random() for _ in range(6)] for _ in range(6)], np.float32)
    blotches = _enlarge(coarse, size)
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size
    across, down = 8 * (2 * rng.random() - 1), 8 * (2 * rng.random() - 1)
    stripes = np.sin(2 * np.pi * (across * axis[None, :] + down * axis[:, None] + rng.random()))
    shade = 6 + 6 * rng.random()
    mixed = tones[0] + blotches[..., None] * (tones[1] - tones[0])
    return np.clip(mixed + shade * stripes[..., None], 0, 255).astype(np.float32)


def _enlarge(grid: np.ndarray, size: int) -> np.ndarray:
    """Bilinear enlargement of a small square grid to [size, size]."""
    place = np.linspace(0, len(grid) - 1, size, dtype=np.float32)
    low = np.minimum(place.astype(int), len(grid) - 2)
    share = place - low
    rows = grid[low] * (1 - share)[:, None] + grid[low + 1] * share[:, None]
    return rows[:, low] * (1 - share) + rows[:, low + 1] * share

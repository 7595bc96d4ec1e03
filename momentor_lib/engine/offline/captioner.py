"""Says what an instance is, from its outline and colour, and what it does, from its poses."""

from __future__ import annotations

from functools import cache

import numpy as np

from momentor_lib.engine.changes import arrival, departure, series
from momentor_lib.engine.looking import Look
from momentor_lib.engine.matrix import STILL, Deed
from momentor_lib.engine.offline.backdrop import find_backdrop
from momentor_lib.engine.offline.naming import name_track
from momentor_lib.engine.offline.poses import measure_poses
from momentor_lib.engine.settings import Settings
from momentor_lib.engine.tracks import Track, join_namesakes
from momentor_lib.toy.words import ACTIONS

FADES, TURNS, GROWS, MOVES, HOPS = 0.3, 0.6, 0.2, 0.04, 0.06  # least opacity, turns, logarithm of size, widths and heights that count
RETURNS = 0.5  # of the height of a hop: who ends farther from where it began has moved
NEAR = 0.5  # seconds


class OfflineCaptioner:
    """Names, poses, deeds and frame features without a model to download; the features are those of the tiny CLIP.

    Args:
        settings: what is a shape.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def identify(self, look: Look, tracks: list[Track], edges: list[int]) -> list[Track]:
        """Gives tracks names, attributes and poses; pieces of one instance are joined.

        Args:
            look: the video's frames.
            tracks: of all scenes.
            edges: numbers of the frames where scenes begin, and the number of frames.
        """
        for track in tracks:
            name_track(look.pixels[edges[track.scene] : edges[track.scene + 1]], track, edges[track.scene], self._settings)
        tracks = join_namesakes(tracks)
        for scene in sorted({track.scene for track in tracks}):
            pixels = look.pixels[edges[scene] : edges[scene + 1]]
            backdrop = find_backdrop(pixels)
            for track in (track for track in tracks if track.scene == scene):
                track.poses = {name: np.round(v, 5).tolist() for name, v in measure_poses(pixels, backdrop, track, edges[scene]).items()}
        return tracks

    def tell(self, look: Look, track: Track, start: float, end: float) -> Deed:
        """What a track does between two times."""
        action = _action(look, track, start, end)
        text = ACTIONS[action][0] if action in ACTIONS else "stands still" if action == STILL else ""
        return Deed(action, text, round(start, 3), round(end, 3))

    def tell_whole(self, start: float, end: float, doing: list[str]) -> str:
        """What is to be seen as a whole."""
        return " and ".join(doing[:3]) if doing else "nothing moves"

    def embed(self, pixels: np.ndarray) -> np.ndarray:
        """Frames uint8 [N, H, W, 3] -> features of the tiny CLIP, of length 1, float32 [N, D]."""
        from momentor_lib.engine.similarity import tiny_clip

        return tiny_clip().embed_frames(pixels)


def _action(look: Look, track: Track, start: float, end: float) -> str:
    first, stop = track.scene_frames
    comes, goes = arrival(look, track, first), departure(look, track, stop)
    times = look.times[track.first : track.last + 1]
    inside = (times >= start - 1e-6) & (times <= end + 1e-6)
    if inside.sum() < 2:
        return ""
    if comes is not None and start <= _time(look, comes) + NEAR < end:
        return "enter"
    if goes is not None and start < _time(look, goes) - NEAR <= end:
        return "leave"
    return _motion({name: value[inside] for name, value in series(track).items()}, look.pixels.shape[2] / look.pixels.shape[1])


def _motion(values: dict[str, np.ndarray], aspect: float) -> str:
    """What goes on, from poses of a span in which one thing goes on at most."""
    part = max(1, len(values["x"]) // 8)
    opacity = values["opacity"]
    if min(np.median(opacity[:part]), np.median(opacity[-part:])) - np.percentile(opacity, 5) > FADES:  # it fades, and comes back
        return "blink"
    turned, grown, right, down = (
        float(np.median(v[-part:]) - np.median(v[:part]))
        for v in (values["turn"], np.log(np.maximum(values["radius"], 1e-3)), values["x"], values["y"])
    )
    right *= aspect  # in heights of the frame
    if abs(turned) > TURNS:
        return "spin"
    if abs(grown) > GROWS:
        return "grow" if grown > 0 else "shrink"
    height = float(np.ptp(values["y"]))
    if height > HOPS and abs(down) < RETURNS * height and height > abs(right):
        return "bounce"
    if max(abs(right), abs(down)) < MOVES:
        return STILL
    if abs(right) > abs(down):
        return "move_right" if right > 0 else "move_left"
    return "move_down" if down > 0 else "move_up"


def _time(look: Look, frame: float) -> float:
    return float(np.interp(frame, np.arange(len(look)), look.times))


@cache
def notice() -> str:
    """What a reader of this backend's results should know."""
    return "made by the offline backend: it is made for toy videos; on others it only finds what moves, and names it by colour and size"

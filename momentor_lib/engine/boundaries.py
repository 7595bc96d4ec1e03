"""Event boundaries: difference scores -> Gaussian filter -> local maxima -> merging of neighbours that are consistent. Paper: section 4.1.

# Departure: the score of a whole frame hides a small instance that sets off, so each tracked instance also has a score of its own region,
# by the same detector; and since the score is high while something moves, events begin and end where the smoothed score itself changes
# most, so the local maxima are those of its slope. Frames before and after somebody sets off look the same: an instance's feature also
# says how the instance changes just there. And since boundaries are an instance's own, another one that has a boundary of its own near by
# is not among those that are compared: its change is told already.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import linear_sum_assignment
from scipy.signal import find_peaks

from momentor_lib.engine.changes import arrival, change_feature, departure, place_at
from momentor_lib.engine.looking import Look
from momentor_lib.engine.scores import Scores, score_frames
from momentor_lib.engine.settings import Settings
from momentor_lib.engine.tracks import Track

MARGIN = 3  # pixels around an instance's region
Embed = Callable[[np.ndarray], np.ndarray]  # frames uint8 [N, H, W, 3] -> features [N, D]


@dataclass(frozen=True)
class Boundary:
    """Where something begins or ends.

    Attributes:
        time: seconds.
        kind: ``cut`` or ``event``.
        track: number of the instance whose score changes there; None for a cut.
        consistency: of what is before it and after it; high: it is hardly a boundary.
    """

    time: float
    kind: str
    track: int | None = None
    consistency: float = 0.0


@dataclass(frozen=True)
class Boundaries:
    """The boundaries of a video and what they were made from.

    Attributes:
        kept: in order of time.
        merged: candidates whose neighbours were merged.
        curve: the whole frames' smoothed score [T].
    """

    kept: list[Boundary]
    merged: list[Boundary] = field(default_factory=list)
    curve: list[float] = field(default_factory=list)

    @property
    def times(self) -> list[float]:
        """Seconds of the kept ones."""
        return [boundary.time for boundary in self.kept]

    def segments(self, duration: float) -> list[tuple[float, float]]:
        """The sub-segments between boundaries, seconds."""
        edges = sorted({0.0, *self.times, duration})
        return [(start, end) for start, end in itertools.pairwise(edges) if end - start > 1e-6]


def find_boundaries(look: Look, scores: Scores, tracks: Sequence[Track], embed: Embed, settings: Settings) -> Boundaries:
    """Boundaries of a video.

    Args:
        look: its frames.
        scores: of whole frames.
        tracks: named, with poses where they are known.
        embed: features of frames, for the consistency.
        settings: sigma, peak, merging, consistency, window, nearby.
    """
    curve = smooth(scores.values, look.fps, settings)
    edges = [0, *scores.cuts, len(look)]
    candidates = [Boundary(float(look.times[cut]), "cut") for cut in scores.cuts]
    if not tracks:
        return Boundaries(candidates, curve=[round(float(value), 3) for value in curve])
    for number, track in enumerate(tracks):
        for frame in candidate_frames(look, track, edges[track.scene], edges[track.scene + 1], settings):
            time = float(np.interp(frame, np.arange(len(look)), look.times))
            candidates.append(Boundary(round(time, 3), "event", number))
    candidates.sort(key=lambda boundary: (boundary.time, boundary.kind))
    kept, merged = merge(candidates, look, tracks, embed, settings) if settings.merging else (candidates, [])
    return Boundaries(_thin_out(kept, settings), merged, [round(float(value), 3) for value in curve])


def smooth(scores: np.ndarray, fps: float, settings: Settings) -> np.ndarray:
    """Scores [T] through the Gaussian filter."""
    return gaussian_filter1d(scores, settings.sigma * fps, mode="nearest") if settings.sigma > 0 else np.asarray(scores, float)


def candidate_frames(look: Look, track: Track, first: int, stop: int, settings: Settings) -> list[float]:
    """Frames at which an instance's own difference score begins or ceases to be high: local maxima of its smoothed slope.

    Args:
        first, stop: the scene's frames.
    """
    scores = region_scores(look.pixels[first:stop], track, settings)  # [T]
    slope = slope_of(scores, look.fps, settings)
    peaks, _ = find_peaks(slope, height=settings.peak)
    comes, goes = arrival(look, track, first), departure(look, track, stop)
    found = [first + float(peak) for peak in peaks]
    if comes is not None:
        found = [comes, *(frame for frame in found if frame > track.first + settings.shortest * look.fps)]
    if goes is not None:
        found = [*(frame for frame in found if frame < track.last - settings.shortest * look.fps), goes]
    return found


def slope_of(scores: np.ndarray, fps: float, settings: Settings) -> np.ndarray:
    """How steeply the root of smoothed scores [T] rises or falls, a second. The root lets slow and quick movements count alike."""
    curve = smooth(np.sqrt(scores), fps, settings)
    return np.abs(np.gradient(curve) if len(curve) > 1 else curve) * fps


def region_scores(pixels: np.ndarray, track: Track, settings: Settings) -> np.ndarray:
    """A scene's frames uint8 [T, H, W, 3] -> difference scores [T] of the region in which an instance is ever seen.

    They are scaled to the instance's own size, so that they say how much of it changes, not how much of the region.
    """
    height, width = pixels.shape[1:3]
    boxes = np.array(track.boxes) * [width, height, width, height]
    left, top = np.maximum(np.floor(boxes[:, :2].min(axis=0)) - MARGIN, 0).astype(int)
    right, bottom = np.minimum(np.ceil(boxes[:, 2:].max(axis=0)) + MARGIN, [width, height]).astype(int)
    own = max(float(np.median(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))), 1.0)
    values = score_frames((np.ascontiguousarray(frame[top:bottom, left:right]) for frame in pixels), settings).values
    return values * ((right - left) * (bottom - top) / own)


def merge(
    candidates: Sequence[Boundary], look: Look, tracks: Sequence[Track], embed: Embed, settings: Settings
) -> tuple[list[Boundary], list[Boundary]]:
    """Removes the boundary between the two most consistent neighbours, again and again, while they are above ``settings.consistency``.

    Returns:
        What is kept and what was merged, each with its consistency, in order of time.
    """
    frames = np.array([max(1, int(np.searchsorted(look.times, boundary.time - 1e-6))) for boundary in candidates], int)
    before, after = embed(look.pixels[frames - 1]), embed(look.pixels[np.minimum(frames, len(look) - 1)])
    likeness = np.einsum("nd,nd->n", before, after)  # both of length 1
    kept = list(range(len(candidates)))
    merged: list[Boundary] = []
    values = {i: consistency(i, kept, candidates, look, tracks, float(likeness[i]), settings) for i in kept}
    while kept:
        best = max(kept, key=values.__getitem__)
        if values[best] <= settings.consistency:
            break
        kept.remove(best)
        merged.append(_with(candidates[best], values.pop(best)))
        for i in kept:
            if candidates[i].track == candidates[best].track:
                values[i] = consistency(i, kept, candidates, look, tracks, float(likeness[i]), settings)
    for first, second in _pauses(kept, candidates, settings):
        across = consistency(first, kept, candidates, look, tracks, float(likeness[first]), settings, second)
        if across > settings.consistency:
            kept = [i for i in kept if i not in (first, second)]
            merged += [_with(candidates[i], across) for i in (first, second)]
    return [_with(candidates[i], values[i]) for i in kept], sorted(merged, key=lambda boundary: boundary.time)


def _pauses(kept: Sequence[int], candidates: Sequence[Boundary], settings: Settings) -> list[tuple[int, int]]:
    """Pairs of an instance's boundaries, one after the other, so near each other that what is between is hardly a sub-segment."""
    pairs: list[tuple[int, int]] = []
    for track in sorted({candidates[i].track for i in kept} - {None}):
        own = [i for i in kept if candidates[i].track == track]
        used = -1
        for first, second in itertools.pairwise(own):
            if first != used and candidates[second].time - candidates[first].time <= settings.pause:
                pairs.append((first, second))
                used = second
    return pairs


def consistency(
    number: int,
    kept: Sequence[int],
    candidates: Sequence[Boundary],
    look: Look,
    tracks: Sequence[Track],
    likeness: float,
    settings: Settings,
    until: int | None = None,
) -> float:
    """``cos(F', F'') + (1 / |U|) sum_i cos(F'_i, F''_i) (1 - Dist_i)`` of the sub-segments before and after a boundary.

    U are the instances of both, without those that have a boundary of their own there; one that is seen on one side only has the distance 1
    and adds nothing. Paper: section 4.1.

    Args:
        number: of the boundary among the candidates.
        kept: numbers of those that stand.
        likeness: cos(F', F''), of the frames before and after it.
        until: number of a later boundary: what is before the first one is compared with what is after this one.
    """
    time = candidates[number].time
    later = time if until is None else candidates[until].time
    step = 1 / look.fps
    shares = []
    for index, track in enumerate(tracks):
        begin, stop = float(look.times[track.first]), float(look.times[track.last])
        if candidates[number].track != index and (stop < time - settings.window or begin > time + settings.window):
            continue
        own = [candidates[i].time for i in kept if candidates[i].track == index and i not in (number, until)]
        if candidates[number].track not in (index, None) and any(time - settings.window < t < later + settings.window for t in own):
            continue  # it has a boundary of its own there, which tells its change
        before = time - max([t for t in own if t < time - 1e-9], default=-np.inf)
        after = min([t for t in own if t > later + 1e-9], default=np.inf) - later
        # a shorter sub-segment tells too little: at the top of a jump nothing moves
        left = change_feature(look, track, time - float(np.clip(before, settings.shortest, settings.window)), time)
        right = change_feature(look, track, later, later + float(np.clip(after, settings.shortest, settings.window)))
        if candidates[number].track == index and not (begin + step < time and later < stop - step):
            left = None  # it comes or goes just then
        elif left is None and right is None:
            continue
        if left is None or right is None:
            shares.append(0.0)
            continue
        distance = (
            0.0
            if until is not None
            else min(1.0, float(np.linalg.norm(place_at(look, track, time - step) - place_at(look, track, later + step))))
        )
        shares.append(float(left @ right) * (1 - distance))
    return likeness + (sum(shares) / len(shares) if shares else 0.0)


def _with(boundary: Boundary, value: float) -> Boundary:
    return Boundary(boundary.time, boundary.kind, boundary.track, round(value, 3))


def _thin_out(boundaries: Sequence[Boundary], settings: Settings) -> list[Boundary]:
    """Of boundaries of one instance that are nearly at the same time, the least consistent one; an event's next to a cut is the cut's."""
    kept: list[Boundary] = []
    cuts = [boundary.time for boundary in boundaries if boundary.kind == "cut"]
    for boundary in sorted(boundaries, key=lambda b: (b.kind != "cut", b.consistency, b.time)):
        near = [other for other in kept if abs(other.time - boundary.time) < settings.nearby and other.track == boundary.track]
        beside_cut = boundary.kind == "event" and any(abs(cut - boundary.time) < settings.nearby for cut in cuts)
        if not near and not beside_cut:
            kept.append(boundary)
    return sorted(kept, key=lambda boundary: (boundary.time, boundary.kind))


def match_times(said: Sequence[float], true: Sequence[float], tolerance: float = 0.3) -> int:
    """How many of two lists of times, in seconds, can be paired one to one, each pair no farther apart than ``tolerance``."""
    near = np.abs(np.subtract.outer(np.asarray(said, float), np.asarray(true, float))) <= tolerance + 1e-9
    return int(near[linear_sum_assignment(near, maximize=True)].sum()) if near.size else 0


def boundary_f1(said: Sequence[float], true: Sequence[float], tolerance: float = 0.3) -> float:
    """F1 of boundaries in seconds; 1 where both are empty."""
    return 2 * match_times(said, true, tolerance) / (len(said) + len(true)) if len(said) or len(true) else 1.0

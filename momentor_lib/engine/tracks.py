"""Boxes of single frames -> tracks, by overlap and looks; a track outlives short gaps and ends at a scene's end. Paper: section 4.1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from momentor_lib.engine.backends import Box, Detection
from momentor_lib.engine.settings import Settings

MEMORY = 0.9  # how much of a track's looks is kept when a new box is added
IMPOSSIBLE = 1e6
INSIDE = 0.7  # of a fragment's area and of its frames
AROUND = 1.0  # seconds: its own box can have shrunk to a fragment too


@dataclass
class Track:
    """One instance in one scene.

    Attributes:
        scene: number of the scene.
        scene_frames: the scene's first frame and the one behind its last.
        frames: numbers of the frames in which it is seen, ascending, int.
        boxes: its box in each of them.
        name: ``red circle``; empty until it is named.
        attributes: what else is to be said of it, for instance ``{"colour": "red", "shape": "circle", "size": "small"}``.
        poses: how it looks in every frame from the first to the last one (see the captioner that gives them).
        feature: its looks, float32 [D].
        masks: which pixels of each box are its own.
    """

    scene: int
    frames: list[int] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    name: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    poses: dict[str, list[float]] = field(default_factory=dict)
    feature: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    masks: list[Any] = field(default_factory=list, repr=False)
    labels: list[str] = field(default_factory=list, repr=False)
    scene_frames: tuple[int, int] = (0, 0)

    @property
    def first(self) -> int:
        """Number of the frame in which it is first seen."""
        return self.frames[0]

    @property
    def last(self) -> int:
        """Number of the frame in which it is last seen."""
        return self.frames[-1]

    def box_at(self, frame: int) -> Box | None:
        """Its box in a frame, between two sightings the box in between; None before the first and after the last."""
        if not self.first <= frame <= self.last:
            return None
        boxes = np.asarray(self.boxes)
        return tuple(float(np.interp(frame, self.frames, boxes[:, side])) for side in range(4))

    def add(self, frame: int, detection: Detection) -> None:
        """One more sighting."""
        mixed = detection.feature if not self.frames else MEMORY * self.feature + (1 - MEMORY) * detection.feature
        self.feature = mixed / max(float(np.linalg.norm(mixed)), 1e-9)
        self.frames.append(frame)
        self.boxes.append(detection.box)
        self.masks.append(detection.mask)
        self.labels.append(detection.label)


def box_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes [P, 4] with boxes [K, 4], [P, K]."""
    a, b = np.asarray(a, float).reshape(-1, 1, 4), np.asarray(b, float).reshape(1, -1, 4)
    sides = np.clip(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0, None)
    shared = sides.prod(axis=-1)
    area_a, area_b = ((box[..., 2:] - box[..., :2]).prod(axis=-1) for box in (a, b))
    union = area_a + area_b - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def link(detections: Sequence[Sequence[Detection]], first: int, scene: int, fps: float, settings: Settings) -> list[Track]:
    """What was found in each frame of one scene -> tracks, in order of their first sighting.

    In every frame, the living tracks and the boxes found are paired so that the sum of costs is least (Hungarian method); a pair that costs
    more than ``settings.worst_match`` is none. The cost of a pair is ``overlap (1 - IoU) + appearance (1 - cosine of their looks)``.

    Args:
        detections: T lists.
        first: number of the scene's first frame in the video.
        scene: number of the scene.
        fps: frames a second.
        settings: weights, gap and shortest track.
    """
    living: list[Track] = []
    ended: list[Track] = []
    for frame, found in enumerate(detections, first):
        alive = [track for track in living if frame - track.last <= settings.gap * fps]
        ended += [track for track in living if frame - track.last > settings.gap * fps]
        living = alive
        pairs = _pair(living, found, settings)
        taken = set()
        for row, column in pairs:
            living[row].add(frame, found[column])
            taken.add(column)
        for column, detection in enumerate(found):
            if column not in taken:
                living.append(Track(scene, scene_frames=(first, first + len(detections))))
                living[-1].add(frame, detection)
    whole = [track for track in ended + living if len(track.frames) >= settings.shortest_track * fps]
    whole = [track for track in whole if not any(_is_part(track, other, fps) for other in whole if other is not track)]
    return sorted(whole, key=lambda track: (track.first, track.boxes[0]))


def _pair(tracks: list[Track], found: Sequence[Detection], settings: Settings) -> list[tuple[int, int]]:
    if not tracks or not found:
        return []
    overlap = box_iou(np.array([track.boxes[-1] for track in tracks]), np.array([detection.box for detection in found]))
    looks = np.array([[float(track.feature @ detection.feature) for detection in found] for track in tracks])
    cost = settings.overlap * (1 - overlap) + settings.appearance * (1 - looks)
    cost[cost > settings.worst_match] = IMPOSSIBLE
    rows, columns = linear_sum_assignment(cost)
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if cost[r, c] < IMPOSSIBLE]


def _is_part(track: Track, other: Track, fps: float) -> bool:
    """Whether a track lies inside another one's place nearly all the time: a fragment of it, where it is faint."""
    if len(track.frames) > len(other.frames) or float(track.feature @ other.feature) < 0.5:
        return False
    frames, boxes = np.asarray(other.frames), np.asarray(other.boxes)
    inside = 0
    for frame, box in zip(track.frames, track.boxes, strict=True):
        near = boxes[np.abs(frames - frame) <= AROUND * fps]
        if len(near):
            around = (*near[:, :2].min(axis=0), *near[:, 2:].max(axis=0))
            shared = [max(0.0, min(box[i + 2], around[i + 2]) - max(box[i], around[i])) for i in (0, 1)]
            inside += shared[0] * shared[1] >= INSIDE * (box[2] - box[0]) * (box[3] - box[1])
    return inside >= INSIDE * len(track.frames)


def join_namesakes(tracks: Sequence[Track]) -> list[Track]:
    """Tracks of one scene that show one and the same shape in one colour are one instance: of each frame the longer track's box is kept."""
    joined: list[Track] = []
    for track in sorted(tracks, key=lambda t: (t.scene, -len(t.frames))):
        same = [t for t in joined if t.scene == track.scene and t.name == track.name and track.attributes.get("shape")]
        if not same:
            joined.append(track)
            continue
        [other] = same
        sightings = {f: (b, m) for f, b, m in zip(track.frames, track.boxes, track.masks, strict=True)}
        sightings |= {f: (b, m) for f, b, m in zip(other.frames, other.boxes, other.masks, strict=True)}
        other.frames = sorted(sightings)
        other.boxes, other.masks = [sightings[f][0] for f in other.frames], [sightings[f][1] for f in other.frames]
    return sorted(joined, key=lambda track: (track.first, track.boxes[0]))

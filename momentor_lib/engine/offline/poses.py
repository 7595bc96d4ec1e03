"""How a tracked instance looks in every frame: where its centre is, how large, how turned, how opaque."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from momentor_lib.engine.offline.palette import RGB, TOY_NAMES
from momentor_lib.engine.offline.shapes import SIDE, TURNS, Template, cut_out, template, turned
from momentor_lib.engine.tracks import Track

EDGE = 1.5  # pixels: a box so near the frame's edge may go on beyond it
BARE = 20  # a pixel that differs less from the backdrop shows it, 0-255
CLEAR = 0.6  # of its usual strength


def measure_poses(pixels: np.ndarray, backdrop: np.ndarray, track: Track, first: int) -> dict[str, np.ndarray]:
    """Poses of a track in every frame from its first to its last one.

    Args:
        pixels: the scene's frames uint8 [T, H, W, 3].
        backdrop: uint8 [H, W, 3].
        track: with a name, boxes and masks.
        first: number of the scene's first frame in the video.

    Returns:
        ``x``, ``y`` (of its centre), ``radius`` (shares of the frame's width and height, the radius of its width), ``turn`` (turns
        clockwise, unwrapped; 0 for an unknown shape), ``opacity`` (1: its usual one), ``seen`` (1 or 0); each float64 [F].
    """
    height, width = pixels.shape[1:3]
    known = template(track.attributes["shape"]) if track.attributes.get("shape") else None
    rows = [_silhouette(box, mask, (width, height), known) for box, mask in zip(track.boxes, track.masks, strict=True)]
    seen = np.array(rows)  # [S, 4]: x, y, radius in pixels, whether it is cut off by the frame's edge
    _mend_cut_off(seen, track, known, width, height)
    strength = np.array([_strength(pixels[f - first], backdrop, track, i) for i, f in enumerate(track.frames)])
    strength /= max(float(np.percentile(strength, 80)), 1e-6)
    clear = strength > CLEAR  # a faint outline is measured badly
    frames = np.arange(track.first, track.last + 1)
    sightings = np.array(track.frames)
    x, y, radius = (np.interp(frames, sightings[clear], seen[clear, column]) for column in range(3))
    turn = np.zeros(len(frames))
    opacity = np.interp(frames, sightings, strength)
    if known is not None:
        fills = np.stack([_fill(pixels[f - first], backdrop, track, (x[i], y[i]), radius[i]) for i, f in enumerate(frames)])
        turn = _turns(fills, known)
        middles = np.stack([x, y], axis=1)  # of its pixels
        opacity = np.array([_opacity(pixels[f - first], backdrop, track, middles[i], radius[i], turn[i]) for i, f in enumerate(frames)])
        opacity /= max(float(np.percentile(opacity, 80)), 1e-6)
        shift = radius[:, None] * np.array([turned(known.centroid, t) for t in turn])
        x, y = x - shift[:, 0], y - shift[:, 1]
    return {
        "x": x / width,
        "y": y / height,
        "radius": radius / width,
        "turn": turn,
        "opacity": opacity,
        "seen": np.isin(frames, track.frames).astype(float),
    }


def _silhouette(box, mask: np.ndarray, size: tuple[int, int], known: Template | None) -> tuple[float, float, float, float]:
    """Centroid and radius in pixels, and whether the box touches the frame's edge."""
    width, height = size
    rows, columns = np.nonzero(mask)
    left, top = box[0] * width, box[1] * height
    radius = np.sqrt(mask.sum() / (known.area if known else np.pi))
    cut = left < EDGE or top < EDGE or box[2] * width > width - EDGE or box[3] * height > height - EDGE
    return left + columns.mean() + 0.5, top + rows.mean() + 0.5, float(radius), float(cut)


def _mend_cut_off(seen: np.ndarray, track: Track, known: Template | None, width: int, height: int) -> None:
    """Where an instance is cut off at the left or right, its centre follows from its inner edge and its size when whole; in place."""
    cut, whole = seen[:, 3] > 0, seen[:, 3] == 0
    if not cut.any() or not whole.any():
        return
    extent = known.extent if known else (-1.0, -1.0, 1.0, 1.0)
    shift = known.centroid if known else (0.0, 0.0)
    sightings = np.flatnonzero(whole)
    for row in np.flatnonzero(cut):
        nearest = sightings[np.abs(sightings - row).argsort()[:5]]
        radius, y = np.median(seen[nearest, 2]), np.median(seen[nearest, 1])
        left, _, right, _ = track.boxes[row]
        if left * width >= EDGE and right * width <= width - EDGE:
            seen[row, 3] = 0  # it touches the top or the bottom only: it is inside
            continue
        inner = right * width - extent[2] * radius if left * width < EDGE else left * width - extent[0] * radius
        if seen[row, 2] > 0.97 * radius:
            seen[row, 3] = 0
            continue
        seen[row] = inner + shift[0] * radius, y, radius, 1  # where its pixels' centroid would be


def _strength(frame: np.ndarray, backdrop: np.ndarray, track: Track, sighting: int) -> float:
    """How far an instance's pixels differ from what is behind them, on average, 0-255."""
    mask, (left, top) = track.masks[sighting], track.boxes[sighting][:2]
    height, width = frame.shape[:2]
    row, column = round(top * height), round(left * width)
    window = (slice(row, row + mask.shape[0]), slice(column, column + mask.shape[1]))
    blue, green, red = cv2.split(cv2.absdiff(frame[window], backdrop[window]))
    return float(cv2.max(cv2.max(blue, green), red)[mask].mean())


def _opacity(frame: np.ndarray, backdrop: np.ndarray, track: Track, middle: np.ndarray, radius: float, turn: float) -> float:
    """How far the instance's fill is on the way from the backdrop to its colour, about 0 to 1."""
    known = template(track.attributes["shape"])
    fill = known.fills[round(turn * TURNS) % TURNS] > 0.9
    window, inner = _around(frame, middle, radius)
    if frame[window].size == 0:
        return 0.0
    seen, behind = (cut_out(picture[window], inner, radius).reshape(-1, 3)[fill].astype(np.float32) for picture in (frame, backdrop))
    towards = RGB[TOY_NAMES.index(track.attributes["colour"])][::-1] - behind
    within = behind.any(axis=1)  # not beyond the frame's edge
    return float(((seen - behind) * towards)[within].sum() / max(float((towards[within] ** 2).sum()), 1e-6))


def _fill(frame: np.ndarray, backdrop: np.ndarray, track: Track, middle: np.ndarray, radius: float) -> np.ndarray:
    """How bright each pixel is in the instance's own colour: 1 its fill, about 0.2 its outline and dot, 0 the backdrop; float32 [P]."""
    rgb = RGB[TOY_NAMES.index(track.attributes["colour"])] if track.attributes["colour"] in TOY_NAMES else np.full(3, 200.0, np.float32)
    window, inner = _around(frame, middle, radius)
    if frame[window].size == 0:
        return np.zeros(SIDE * SIDE, np.float32)
    bright = frame[window][..., ::-1].astype(np.float32) @ (rgb / (rgb @ rgb))
    blue, green, red = cv2.split(cv2.absdiff(frame[window], backdrop[window]))
    bright[cv2.max(cv2.max(blue, green), red) < BARE] = 0
    return cut_out(bright, inner, radius).ravel()


def _around(frame: np.ndarray, middle: np.ndarray, radius: float) -> tuple[tuple[slice, slice], tuple[float, float]]:
    """The part of a frame around an instance, and where the instance's middle is in it, pixels."""
    reach = int(radius * 1.5) + 2
    height, width = frame.shape[:2]
    left, top = max(0, int(middle[0]) - reach), max(0, int(middle[1]) - reach)
    window = (slice(top, max(0, min(height, int(middle[1]) + reach))), slice(left, max(0, min(width, int(middle[0]) + reach))))
    return window, (middle[0] - left, middle[1] - top)


def _turns(fills: np.ndarray, known: Template) -> np.ndarray:
    """Pictures [F, SIDE * SIDE] around an instance's centroid -> how it is turned in each, unwrapped, in turns."""
    inside = known.fills.max(axis=0) > 0.05
    wanted = known.fills[:, inside] - known.fills[:, inside].mean(axis=1, keepdims=True)
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    likeness = (fills[:, inside] - fills[:, inside].mean(axis=1, keepdims=True)) @ wanted.T  # [F, TURNS]
    likeness /= np.linalg.norm(likeness, axis=1, keepdims=True) + 1e-9
    likeness = gaussian_filter1d(likeness, 1.0, axis=0, mode="nearest")
    return _follow(likeness) / TURNS


def _follow(likeness: np.ndarray) -> np.ndarray:
    """The path of turns that is most alike and turns little from frame to frame (dynamic programming), unwrapped, in steps [F]."""
    count = likeness.shape[1]
    steps = np.arange(-4, 5)
    penalty = 0.004 * np.abs(steps)
    origins = (np.arange(count)[None] - steps[:, None]) % count
    score = likeness[0].copy()
    score -= 0.05 * np.minimum(np.arange(count), count - np.arange(count)) / count  # upright, where nothing tells
    back = np.zeros(likeness.shape, int)
    for frame in range(1, len(likeness)):
        reached = score[origins] - penalty[:, None]  # [9, TURNS]
        back[frame] = reached.argmax(axis=0)
        score = reached.max(axis=0) + likeness[frame]
    path = np.zeros(len(likeness))
    place = int(score.argmax())
    moves = []
    for frame in range(len(likeness) - 1, 0, -1):
        step = steps[back[frame, place]]
        moves.append(step)
        place = (place - step) % count
    path[0] = place if place <= count // 2 else place - count
    path[1:] = path[0] + np.cumsum(moves[::-1])
    return path

"""What an instance is called: its colour and shape, or its colour and size where its shape is unknown."""

from __future__ import annotations

import numpy as np

from momentor_lib.engine.offline.palette import TOY_NAMES, nearest_name
from momentor_lib.engine.offline.shapes import fit_shape
from momentor_lib.engine.settings import Settings
from momentor_lib.engine.tracks import Track

LOOKED_AT = 15  # frames of a track
EDGE = 1.5  # pixels
SIZES = ((0.02, "small"), (0.12, "medium-sized"), (2.0, "large"))  # area of the box, a share of the frame's


def name_track(pixels: np.ndarray, track: Track, first: int, settings: Settings) -> None:
    """Gives a track its name and attributes, in place.

    Args:
        pixels: the scene's frames uint8 [T, H, W, 3].
        first: number of the scene's first frame in the video.
    """
    height, width = pixels.shape[1:3]
    boxes = np.array(track.boxes) * [width, height, width, height]
    whole = (boxes[:, :2] >= EDGE).all(axis=1) & (boxes[:, 2:] <= np.array([width, height]) - EDGE).all(axis=1)
    areas = np.array([mask.sum() for mask in track.masks])
    clear = areas >= 0.7 * np.median(areas)  # not where it is nearly faded
    good = np.flatnonzero(whole & clear) if (whole & clear).any() else np.flatnonzero(clear)
    chosen = good[np.unique(np.linspace(0, len(good) - 1, LOOKED_AT).astype(int))]
    shape, fit = fit_shape([track.masks[i] for i in chosen])
    size = next(word for most, word in SIZES if np.prod(np.median(boxes[chosen, 2:] - boxes[chosen, :2], axis=0)) / (width * height) < most)
    track.attributes["size"] = size
    if fit >= settings.shape_fit:
        track.attributes |= {"colour": TOY_NAMES[int(track.feature.argmax())], "shape": shape}
        track.name = f"{track.attributes['colour']} {shape}"
        return
    picked = []
    for i in chosen:
        left, top = np.floor(boxes[i, :2] + 0.5).astype(int)
        window = pixels[track.frames[i] - first][top : top + track.masks[i].shape[0], left : left + track.masks[i].shape[1]]
        picked.append(window[track.masks[i]].mean(axis=0)[::-1])
    track.attributes["colour"] = nearest_name(np.median(picked, axis=0))
    track.name = f"{size} {track.attributes['colour']} object"

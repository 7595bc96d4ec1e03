"""What stands still behind everything: the backdrop of a scene, and which pixels differ from it."""

from __future__ import annotations

import cv2
import numpy as np

SATURATED, BRIGHT = 45, 60  # what stands out in a single frame: channels so far apart, or so much brighter than the middle
MOST = 0.5  # of a frame's pixels; where more stand out, standing out says nothing
LOOKED_AT = 19  # frames of a scene
REACH = 9  # pixels around what stands out that may belong to it
SEEN = 0.3  # of the frames must show a pixel bare, else it is filled in from beside


def find_backdrop(pixels: np.ndarray) -> np.ndarray:
    """A scene's frames uint8 [T, H, W, 3] -> its backdrop, uint8 [H, W, 3].

    A pixel's colour is the median over the frames in which it does not stand out; where it always does, what is around it is painted on.
    """
    chosen = pixels[np.unique(np.linspace(0, len(pixels) - 1, LOOKED_AT).astype(int))]
    covered = np.stack([_stands_out(frame) for frame in chosen])  # [t, H, W]
    if covered.mean() > MOST:
        return np.median(chosen, axis=0).astype(np.uint8)
    covered = np.stack([cv2.dilate(mask.astype(np.uint8), np.ones((REACH, REACH), np.uint8)) for mask in covered]).astype(bool)
    bare = np.where(covered[..., None], np.nan, chosen.astype(np.float32))
    hidden = (~covered).mean(0) < SEEN
    bare[:, hidden] = 0
    backdrop = np.nanmedian(bare, axis=0).astype(np.uint8)
    return cv2.inpaint(backdrop, hidden.astype(np.uint8), 5, cv2.INPAINT_TELEA) if hidden.any() else backdrop


def _stands_out(frame: np.ndarray) -> np.ndarray:
    """Which pixels are saturated or much brighter than the frame's middle, bool [H, W]."""
    highest = frame.max(axis=2)
    return (highest - frame.min(axis=2) > SATURATED) | (highest > np.median(highest) + BRIGHT)

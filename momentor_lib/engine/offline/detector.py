"""Instances by OpenCV on the pixels alone: what differs from the scene's backdrop, cut apart where two colours touch."""

from __future__ import annotations

import cv2
import numpy as np

from momentor_lib.engine.backends import Detection
from momentor_lib.engine.offline.backdrop import find_backdrop
from momentor_lib.engine.offline.palette import TOY_NAMES, classify
from momentor_lib.engine.settings import Settings

PURE = 0.9  # cosine from which a pixel is of a colour
PART = 0.07  # of a blob's area: two colours that each cover as much are two instances that touch
MOST = 0.6  # of the frame; what is larger is no instance but a camera that moves
CLOSE = 5  # pixels: pieces so near each other are one
HOLE = 0.08  # of a blob's area: smaller holes are its own
FEWEST = 12  # pixels of one colour that count


class OfflineDetector:
    """What stands out from the backdrop.

    Args:
        settings: contrast and smallest area.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def detect(self, pixels: np.ndarray, tags: list[str]) -> list[list[Detection]]:
        """Frames of one scene uint8 [T, H, W, 3] -> what is in each; ``tags`` are not needed."""
        backdrop = find_backdrop(pixels)
        return [self._find(frame, backdrop) for frame in pixels]

    def _find(self, frame: np.ndarray, backdrop: np.ndarray) -> list[Detection]:
        blue, green, red = cv2.split(cv2.absdiff(frame, backdrop))
        distance = cv2.max(cv2.max(blue, green), red)  # [H, W]; many times as quick as NumPy's max over so short an axis
        mask = cv2.medianBlur((distance > self._settings.contrast).astype(np.uint8), 3)
        joined = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((CLOSE, CLOSE), np.uint8))  # a faint instance falls into pieces
        count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
        least = self._settings.smallest * mask.size
        found = []
        for number in range(1, count):
            left, top, width, height, area = stats[number]
            if not least <= area <= MOST * mask.size:
                continue
            window = (slice(top, top + height), slice(left, left + width))
            for part in _split(frame[window], backdrop[window], _whole((labels[window] == number) & (mask[window] > 0))):
                if part.sum() >= least:
                    found.append(_detection(frame[window], backdrop[window], part, (left, top), mask.shape))
        return found


def _whole(blob: np.ndarray) -> np.ndarray:
    """A blob bool [h, w] without cracks and small holes: a dot or an outline can have the backdrop's own brightness."""
    closed = cv2.morphologyEx(np.pad(blob, 2).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(1 - closed, connectivity=4)
    for number in range(1, count):
        if stats[number, cv2.CC_STAT_AREA] < HOLE * blob.sum():
            closed[labels == number] = 1
    return closed[2:-2, 2:-2] > 0


def _split(pixels: np.ndarray, backdrop: np.ndarray, blob: np.ndarray) -> list[np.ndarray]:
    """A blob bool [h, w] -> the instances in it, bool [h, w] each: one for every colour that covers enough of it."""
    colours = np.full(blob.shape, -1)
    best, cosine = classify(pixels[blob], backdrop[blob])
    colours[blob] = np.where(cosine > PURE, best, -1)
    seeds = np.zeros(blob.shape, np.int32)
    inner = [cv2.medianBlur((colours == colour).astype(np.uint8), 3) for colour in np.unique(colours[colours >= 0])]
    sizes = [int(picture.sum()) for picture in inner]
    large = [picture for picture, size in zip(inner, sizes, strict=True) if size >= max(FEWEST, PART * sum(sizes))]
    if len(large) < 2:
        return [blob]
    for place, picture in enumerate(large, 1):
        seeds[picture > 0] = place
    nearest = np.stack([cv2.distanceTransform((seeds != place).astype(np.uint8), cv2.DIST_L2, 3) for place in range(1, len(large) + 1)])
    owner = nearest.argmin(axis=0)
    return [blob & (owner == place) for place in range(len(large)) if (seeds == place + 1).any()]


def _detection(pixels: np.ndarray, backdrop: np.ndarray, mask: np.ndarray, corner: tuple[int, int], shape: tuple[int, ...]) -> Detection:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    inner = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    left, top = corner[0] + columns[0], corner[1] + rows[0]
    height, width = shape[:2]
    box = (left / width, top / height, (left + inner.shape[1]) / width, (top + inner.shape[0]) / height)
    best, cosine = classify(pixels[mask], backdrop[mask])
    votes = np.bincount(best[cosine > PURE], minlength=len(TOY_NAMES)).astype(np.float32)
    if votes.sum() < FEWEST:
        votes = np.full(len(TOY_NAMES), 1.0, np.float32)
    return Detection(tuple(map(float, box)), votes / np.linalg.norm(votes), mask=inner)


class OfflineTagger:
    """Has no tags: the offline detector looks for whatever stands out."""

    def tags(self, pixels: np.ndarray) -> list[str]:
        """Always one tag."""
        return ["object"]

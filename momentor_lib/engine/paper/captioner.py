"""Names from the detector's words, deeds from captions of an instance's region."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

import numpy as np

from momentor_lib.engine.looking import Look
from momentor_lib.engine.matrix import DESCRIBED, Deed
from momentor_lib.engine.paper.parts import Encoder
from momentor_lib.engine.tracks import Track

MARGIN = 0.15  # of a box's sides: what is around an instance tells what it does


class Describer(Protocol):
    """Words for a picture."""

    def describe(self, picture: np.ndarray) -> str:
        """A picture uint8 [H, W, 3] -> one sentence."""


class PaperCaptioner:
    """Says what an instance is and does.

    Args:
        describer: for regions and whole frames.
        clip: for the features of frames.
    """

    def __init__(self, describer: Describer, clip: Encoder) -> None:
        self._describer, self._clip = describer, clip
        self._look: Look | None = None

    def identify(self, look: Look, tracks: list[Track], edges: list[int]) -> list[Track]:
        """A track's name is the word that the detector used most often."""
        self._look = look
        for track in tracks:
            track.name = Counter(track.labels).most_common(1)[0][0]
        return tracks

    def tell(self, look: Look, track: Track, start: float, end: float) -> Deed:
        """The caption of its region in the middle of the span."""
        self._look = look
        frame = int(np.argmin(np.abs(look.times - (start + end) / 2)))
        box = track.box_at(frame)
        if box is None:
            return Deed("", "", round(start, 3), round(end, 3))
        height, width = look.pixels.shape[1:3]
        wide, high = MARGIN * (box[2] - box[0]), MARGIN * (box[3] - box[1])
        left, right = int(max(0, box[0] - wide) * width), int(np.ceil(min(1, box[2] + wide) * width))
        top, bottom = int(max(0, box[1] - high) * height), int(np.ceil(min(1, box[3] + high) * height))
        return Deed(DESCRIBED, self._describer.describe(look.pixels[frame, top:bottom, left:right]), round(start, 3), round(end, 3))

    def tell_whole(self, start: float, end: float, doing: list[str]) -> str:
        """The caption of the frame in the middle of the span."""
        if self._look is None:
            return " and ".join(doing[:3])
        frame = int(np.argmin(np.abs(self._look.times - (start + end) / 2)))
        return self._describer.describe(self._look.pixels[frame])

    def embed(self, pixels: np.ndarray) -> np.ndarray:
        """Frames uint8 [N, H, W, 3] -> features of length 1 [N, D]."""
        return self._clip.embed_frames(pixels)

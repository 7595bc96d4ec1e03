"""Decoded frames -> the array that is returned: resized, upright, planes first."""

from __future__ import annotations

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

Size = int | tuple[int, int] | None


def shape_of(size: Size, height: int, width: int) -> tuple[int, int]:
    """The (height, width) asked for, of an upright frame that has ``height`` and ``width``; an int is the shorter side."""
    if size is None:
        return height, width
    if isinstance(size, tuple | list):
        return int(size[0]), int(size[1])
    short = min(height, width)
    return max(1, round(height * size / short)), max(1, round(width * size / short))


def quarter_turns(frame: av.VideoFrame) -> int:
    """How many quarter turns counter-clockwise bring the frame upright."""
    return round(frame.rotation / 90) % 4


class FrameWriter:
    """Writes frames into their places of one array; made for ``count`` frames, allocated when the first tells its size.

    Only the frame in hand is ever held at full size, so memory is that of the result.
    """

    def __init__(self, count: int, size: Size):
        self.count = count
        self.size = size
        self.pixels: np.ndarray | None = None  # uint8 [T, 3, H, W]
        self._scaler = VideoReformatter()  # keeps its scaling tables from frame to frame

    def write(self, places: list[int], frame: av.VideoFrame) -> None:
        """Writes a frame to all ``places``, converting it once."""
        turns = quarter_turns(frame)
        upright = (frame.width, frame.height) if turns % 2 else (frame.height, frame.width)
        if self.pixels is None:
            self.pixels = np.empty((self.count, 3, *shape_of(self.size, *upright)), dtype=np.uint8)
        height, width = self.pixels.shape[2:]
        if turns % 2:
            height, width = width, height
        planes = self._convert(frame, height, width)  # [3, H, W]
        self.pixels[places[0]] = np.rot90(planes, turns, axes=(1, 2)) if turns else planes
        for place in places[1:]:
            self.pixels[place] = self.pixels[places[0]]

    def _convert(self, frame: av.VideoFrame, height: int, width: int) -> np.ndarray:
        if (height, width) == (frame.height, frame.width):
            # The exact conversion that decord does, too: equal pixels.
            packed = self._scaler.reformat(frame, format="rgb24", threads=1)
            return packed.to_ndarray().transpose(2, 0, 1)
        # Planar output keeps the colour at full resolution (packed halves it) and takes a third less time; an area average suits shrinking.
        planar = self._scaler.reformat(frame, width, height, "gbrp", interpolation=Interpolation.AREA, threads=1)
        planes = [np.frombuffer(plane, np.uint8).reshape(height, plane.line_size)[:, :width] for plane in planar.planes]
        return np.stack((planes[2], planes[0], planes[1]))

"""A video file -> the small frames that the engine looks at."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike

import numpy as np

from momentor_lib.engine.settings import Settings
from momentor_lib.video import load_video, probe


@dataclass(frozen=True)
class Look:
    """Frames of a video, small, in the order of colours that OpenCV and PySceneDetect expect.

    Attributes:
        pixels: uint8 [T, H, W, 3], blue, green, red.
        times: float64 [T], seconds.
        duration: seconds.
        width, height: pixels of the file's own frames.
    """

    pixels: np.ndarray
    times: np.ndarray
    duration: float
    width: int
    height: int

    def __len__(self) -> int:
        return len(self.times)

    @property
    def fps(self) -> float:
        """Frames a second, on average."""
        return (len(self) - 1) / float(self.times[-1] - self.times[0]) if len(self) > 1 else 1.0


def look_at(video: str | PathLike[str], settings: Settings) -> Look:
    """Reads a video at ``settings.fps`` frames a second or its own rate, whichever is lower, its shorter side made ``settings.side``.

    Raises:
        VideoError: the file cannot be read.
    """
    info = probe(video)
    wanted = min(settings.max_frames, max(2, round(info.duration * settings.fps) + 1))
    own_rate = info.num_frames <= wanted * 1.2  # of a file of 12 frames a second, every frame
    size = None if min(info.width, info.height) <= settings.side else settings.side
    frames = load_video(video, num_frames=None if own_rate and info.num_frames <= settings.max_frames else wanted, size=size)
    pixels = np.ascontiguousarray(frames.pixels[:, ::-1].transpose(0, 2, 3, 1))  # [T, H, W, 3]
    return Look(pixels, frames.times, frames.duration, info.width, info.height)

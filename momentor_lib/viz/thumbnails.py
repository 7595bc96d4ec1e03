"""A few small frames that stand for a video: evenly spread, each with its time, as pixels or as an image for a page."""

from __future__ import annotations

import base64
import io
import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from momentor_lib.video import Frames

_HEIGHT = 120  # pixels


@dataclass(frozen=True)
class Thumbnail:
    """A frame of the strip.

    Attributes:
        pixels: uint8 [H, W, 3].
        time: seconds in the video.
    """

    pixels: np.ndarray
    time: float

    def data_uri(self) -> str:
        """The image itself as an address, so that a page needs no second file: a JPEG of at most 120 pixels' height."""
        from PIL import Image

        image = Image.fromarray(self.pixels)
        if image.height > _HEIGHT:
            image = image.resize((max(1, round(image.width * _HEIGHT / image.height)), _HEIGHT))
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=80)
        return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def choose(frames: Frames, duration: float) -> list[Thumbnail]:
    """The frames nearest to the middles of 8 to 12 equal stretches of the video: fewer where the frames are wide or few."""
    # A short video's frames come several times where more were asked for than it has.
    times, first = np.unique(frames.times, return_index=True)
    if len(times) == 0:
        return []
    height, width = frames.pixels.shape[-2:]
    wanted = min(12, max(8, math.floor(10 * height / width + 0.5)))
    count = min(wanted, len(times))
    middles = (np.arange(count) + 0.5) * duration / count
    nearest = [int(first[np.abs(times - middle).argmin()]) for middle in middles]
    return [Thumbnail(np.ascontiguousarray(frames.pixels[i].transpose(1, 2, 0)), float(frames.times[i])) for i in nearest]


def read(path: str | Path, duration: float) -> list[Thumbnail]:
    """The same from a video file; none where the file cannot be read, since a timeline is of use without them."""
    from momentor_lib.video import load_video

    try:
        with warnings.catch_warnings():
            # Who read the video for the answer has been warned of its damage already.
            warnings.simplefilter("ignore")
            return choose(load_video(path, num_frames=25, size=_HEIGHT), duration)
    except (OSError, ValueError):  # VideoError is one
        return []

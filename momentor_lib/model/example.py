"""VideoExample: a video and what is said about it, as training hands it to the processor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

Dialogue = Sequence[tuple[str, str]]


@dataclass
class VideoExample:
    """A video and what is said about it.

    Attributes:
        times: seconds of the frames [T].
        duration: of the whole video, seconds.
        dialogues: each a list of (question, answer) turns, times as time tags. A dialogue becomes one packed block.
        features: frame features [T, D_v], or
        pixel_values: normalised pixels [T, 3, S, S].
        video_id: its name, for messages.
    """

    times: Sequence[float]
    duration: float
    dialogues: Sequence[Dialogue]
    features: Tensor | None = None
    pixel_values: Tensor | None = None
    video_id: str = ""

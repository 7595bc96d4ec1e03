"""The four protocols behind which the engine's models stand. A backend is any object with these methods; no class is inherited."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from momentor_lib.engine.looking import Look

Box = tuple[float, float, float, float]  # left, top, right, bottom, as shares of the frame's width and height


@dataclass(frozen=True)
class Detection:
    """Something found in one frame.

    Attributes:
        box: where.
        feature: how it looks, a vector of length 1, float32 [D].
        label: what it is called so far; may be empty.
        score: how sure the detector is, 0 to 1.
        mask: which of the box's pixels are its own, bool [h, w], where the detector knows.
    """

    box: Box
    feature: np.ndarray
    label: str = ""
    score: float = 1.0
    mask: np.ndarray | None = field(default=None, compare=False, repr=False)


class Tagger(Protocol):
    """Says what there is in a scene, as words that a detector can look for."""

    def tags(self, pixels: np.ndarray) -> list[str]:
        """Frames uint8 [T, H, W, 3] (blue, green, red) -> tags, the surest first."""


class Detector(Protocol):
    """Finds instances."""

    def detect(self, pixels: np.ndarray, tags: list[str]) -> list[list[Detection]]:
        """Frames of one scene uint8 [T, H, W, 3] -> what is in each, T lists."""


class Captioner(Protocol):
    """Says what an instance is and what it does, and how much two moments have in common."""

    def identify(self, look: Look, tracks: list[Any]) -> list[Any]:
        """Gives tracks (:class:`momentor_lib.engine.tracks.Track`) their names, attributes and poses."""

    def caption(self, look: Look, track: Any, start: float, end: float) -> Any:
        """What a track, or the whole video where it is None, does in a span of seconds: a :class:`momentor_lib.engine.matrix.Deed`."""


class Writer(Protocol):
    """Writes instructions from what was seen."""

    def write(self, matrix: Any, data_type: str) -> list[Any]:
        """A :class:`momentor_lib.engine.matrix.Matrix` -> drafts (:class:`momentor_lib.engine.instructions.Draft`) of one data type."""

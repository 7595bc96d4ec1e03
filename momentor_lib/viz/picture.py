"""A figure with the words that stand for it where it cannot be seen."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from momentor_lib.files import atomic_path
from momentor_lib.viz import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOTS_PER_INCH = 100


@dataclass(frozen=True)
class Picture:
    """What the functions of :mod:`momentor_lib.viz.plots` return: a notebook shows it, a screen reader reads it.

    Attributes:
        figure: matplotlib's figure, free to be changed further.
        alt: what is to be seen, in a sentence.
    """

    figure: Figure
    alt: str

    def __repr__(self) -> str:
        return f"Figure: {self.alt}"

    def png(self) -> bytes:
        """The figure as the bytes of a PNG file of at most 256 colours, a third of the size with all colours."""
        drawn, small = io.BytesIO(), io.BytesIO()
        with style.use():
            self.figure.savefig(drawn, format="png", dpi=DOTS_PER_INCH, bbox_inches="tight")
        with Image.open(drawn) as image:
            image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(small, format="png", optimize=True)
        return small.getvalue()

    def save_png(self, path: str | Path) -> None:
        """Writes the PNG file, whole or not at all."""
        with atomic_path(path) as temporary:
            temporary.write_bytes(self.png())

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, object], dict[str, object]]:
        return {"image/png": self.png(), "text/plain": repr(self)}, {"image/png": {"alt": self.alt}}

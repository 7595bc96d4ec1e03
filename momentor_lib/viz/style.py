"""One look for every figure: the Okabe-Ito colours, which stay apart for colour-blind readers, and large plain type.

Colours: Okabe and Ito, "Color Universal Design", 2008. A colour is never the only sign: lines differ in their dashes too,
and the timeline's truth is hatched.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE = "#0072B2"
ORANGE = "#E69F00"
GREEN = "#009E73"
VERMILLION = "#D55E00"
PURPLE = "#CC79A7"
SKY = "#56B4E9"
BLACK = "#000000"
PALETTE = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, BLACK)

PREDICTED = BLUE
TRUTH = GREEN
SELECTED = VERMILLION
MUTED = "#5A5A5A"
FAINT = "#D9D9D9"

_DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
_SCRIPTS = ("Noto Sans CJK SC", "Noto Sans CJK JP", "Microsoft YaHei", "PingFang SC", "Noto Sans Arabic", "Noto Sans Devanagari")


@contextmanager
def use() -> Iterator[None]:
    """Matplotlib draws in this style inside the block, and as before after it::

    with style.use():
        figure, axes = plt.subplots()
    """
    from matplotlib import rc_context

    with rc_context(settings()), warnings.catch_warnings():
        # A script without an installed font is drawn as boxes, which say enough.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of this size in inches, which belongs to no window and needs no closing."""
    from matplotlib.figure import Figure

    with use():
        return Figure(figsize=(width, height))


def settings() -> dict[str, object]:
    """The style as matplotlib's own settings."""
    from cycler import cycler

    return {
        "axes.edgecolor": MUTED,
        "axes.grid": True,
        "axes.grid.axis": "y",
        "axes.labelcolor": BLACK,
        "axes.labelsize": 11,
        "axes.prop_cycle": cycler(color=PALETTE) + cycler(linestyle=_DASHES),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlelocation": "left",
        "axes.titlesize": 13,
        "axes.titleweight": "bold",
        "figure.dpi": 100,
        "figure.facecolor": "white",
        "font.family": _fonts(),
        "font.size": 11,
        "grid.color": FAINT,
        "grid.linewidth": 0.8,
        "hatch.linewidth": 1.2,
        "legend.frameon": False,
        "lines.linewidth": 2.0,
        "savefig.bbox": None,
        "savefig.dpi": 160,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
    }


def _fonts() -> list[str]:
    """DejaVu Sans, then whichever fonts for other scripts are installed: naming a missing one makes matplotlib warn."""
    from matplotlib import font_manager

    installed = set(font_manager.get_font_names())
    return ["DejaVu Sans", *(name for name in _SCRIPTS if name in installed)]

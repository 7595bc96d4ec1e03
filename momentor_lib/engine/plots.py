"""Figures of the engine's steps, for the notebook."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from momentor_lib.engine.boundaries import Boundaries
from momentor_lib.engine.looking import Look
from momentor_lib.engine.tracks import Track
from momentor_lib.viz import style
from momentor_lib.viz.style import BLUE, FAINT, MUTED, TRUTH, VERMILLION


def frames(look: Look, count: int, title: str) -> Figure:
    """Some frames side by side, each with its time."""
    with style.use():
        figure = style.new_figure(9, 1.9)
        chosen = np.linspace(0, len(look) - 1, count).astype(int)
        for place, (axes, number) in enumerate(zip(figure.subplots(1, count), chosen, strict=True)):
            axes.imshow(look.pixels[number][..., ::-1])
            axes.set_axis_off()
            axes.text(0, -4, f"{look.times[number]:.1f} s", fontsize=9, color=MUTED)
            if place == 0:
                figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold")
        figure.subplots_adjust(left=0.01, right=0.99, top=0.72, bottom=0.02, wspace=0.05)
    return figure


def curve(times: np.ndarray, values: np.ndarray, title: str, cuts: Sequence[float] = ()) -> Figure:
    """Scores [T] over time, with cuts marked."""
    with style.use():
        figure = style.new_figure(9, 2.6)
        axes = figure.subplots()
        axes.plot(times, values, color=BLUE)
        for number, cut in enumerate(cuts):
            axes.plot(cut, values[int(np.argmin(np.abs(times - cut)))], "v", color=VERMILLION, label="cut" if number == 0 else None)
        axes.set(title=title, xlabel="seconds", ylabel="score")
        if len(cuts):
            axes.legend()
        figure.tight_layout()
    return figure


def tracks(look: Look, found: Sequence[Track], frame: int, title: str) -> Figure:
    """A frame with the boxes of the tracks that are alive in it."""
    with style.use():
        figure = style.new_figure(4.2, 4.4)
        axes = figure.subplots()
        axes.imshow(look.pixels[frame][..., ::-1])
        height, width = look.pixels.shape[1:3]
        for track in found:
            box = track.box_at(frame)
            if box is not None:
                left, top, right, bottom = np.array(box) * [width, height, width, height]
                axes.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor="white", linewidth=2))
                axes.text(left, top - 2, track.name, color="white", fontsize=9)
        axes.set_axis_off()
        axes.set_title(title, fontsize=11)
        figure.tight_layout()
    return figure


def boundaries(found: Boundaries, true: Sequence[float], duration: float, title: str) -> Figure:
    """True boundaries, those that were kept and those that were merged away, a row each."""
    rows = [("truth", list(true), TRUTH, "-"), ("kept", found.times, BLUE, "-"), ("merged", [b.time for b in found.merged], MUTED, ":")]
    with style.use():
        figure = style.new_figure(9, 2.2)
        axes = figure.subplots()
        for place, (_, times, colour, dash) in enumerate(rows):
            axes.axhspan(-place - 0.4, -place + 0.4, color=FAINT, alpha=0.35)
            axes.vlines(times, -place - 0.4, -place + 0.4, color=colour, linestyle=dash, linewidth=2)
        axes.set_yticks([0, -1, -2], [f"{name} ({len(times)})" for name, times, _, _ in rows])
        axes.set(title=title, xlabel="seconds", xlim=(0, duration))
        axes.grid(False)
        figure.tight_layout()
    return figure

"""Figures of the engine's steps, for the notebook."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.patches import Rectangle

from momentor_lib.engine.boundaries import Boundaries
from momentor_lib.engine.looking import Look
from momentor_lib.engine.tracks import Track
from momentor_lib.viz import style
from momentor_lib.viz.picture import Picture
from momentor_lib.viz.style import BLUE, FAINT, MUTED, TRUTH, VERMILLION


def frames(look: Look, count: int, title: str) -> Picture:
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
    return Picture(figure, f"{title}: {count} frames of the video.")


def curve(times: np.ndarray, values: np.ndarray, title: str, cuts: Sequence[float] = ()) -> Picture:
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
    return Picture(figure, f"{title}. Scores from {times[0]:.1f} to {times[-1]:.1f} seconds, {len(cuts)} cuts marked.")


def tracks(look: Look, found: Sequence[Track], frame: int, title: str) -> Picture:
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
    return Picture(figure, f"{title}: " + ", ".join(track.name for track in found if track.box_at(frame) is not None))


def boundaries(found: Boundaries, true: Sequence[float], duration: float, title: str) -> Picture:
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
    return Picture(figure, f"{title}: " + ", ".join(f"{name} {len(times)}" for name, times, _, _ in rows))


def slope(times: np.ndarray, curves: dict[str, np.ndarray], steep: np.ndarray, peaks: np.ndarray, threshold: float, title: str) -> Picture:
    """Curves [T] above, the slope of the smoothed one below, with its local maxima above a threshold marked."""
    with style.use():
        figure = style.new_figure(9, 4.6)
        upper, lower = figure.subplots(2, 1, sharex=True)
        for name, values in curves.items():
            upper.plot(times, values, label=name)
        lower.plot(times, steep, color=BLUE, label="slope of the smoothed curve")
        lower.plot(times[peaks], steep[peaks], "v", color=VERMILLION, label="candidates")
        lower.axhline(threshold, linestyle=":", color=MUTED, label="threshold")
        upper.set_title(title)
        lower.set_xlabel("seconds")
        for axes in (upper, lower):
            axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
        figure.tight_layout()
    return Picture(figure, f"{title}: {len(peaks)} candidates")

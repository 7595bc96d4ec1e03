"""The figures of the notebook about grounding: plain arrays in, a :class:`~momentor_lib.viz.picture.Picture` out.

Times are seconds on every axis. Nothing here computes what it shows, and the caller's title says the point.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from momentor_lib.viz import style, thumbnails
from momentor_lib.viz.picture import Picture
from momentor_lib.viz.plots import axes_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from momentor_lib.video import Frames

Span = tuple[float, float]


@dataclass(frozen=True)
class Reading:
    """A temporal distribution and the time that was read from it.

    Attributes:
        probabilities: of the anchors [N], which stand at equal steps from 0 to the video's end.
        time, std: seconds.
    """

    probabilities: np.ndarray
    time: float
    std: float


def distributions(readings: Mapping[str, Reading], duration: float, title: str, truth: Mapping[str, float] | None = None) -> Picture:
    """One panel of bars for each distribution, with the time that was read and its standard deviation above them.

    Args:
        readings: name -> distribution, for instance of the start and of the end.
        truth: name -> the true time, a dashed line.
    """
    figure = style.new_figure(9, 0.9 + 1.7 * len(readings))
    with style.use():
        panels = figure.subplots(len(readings), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (name, reading) in zip(panels, readings.items(), strict=True):
            _bars(axes, reading, duration, name)
            if truth and name in truth:
                axes.axvline(truth[name], color=style.TRUTH, linestyle="--", label="true time")
        panels[0].legend(loc="upper left", bbox_to_anchor=(1.0, 1), fontsize=9)
        panels[0].set_title(title)
        panels[-1].set(xlabel="time (s)", xlim=(-0.02 * duration, 1.02 * duration))
    said = "; ".join(f"{name} read at {one.time:.1f} s ± {one.std:.1f} s" for name, one in readings.items())
    return Picture(figure, f"Bars of probability over {len(reading.probabilities)} anchors in time: {said}.")


def _bars(axes: Axes, reading: Reading, duration: float, name: str) -> None:
    """Probability of each anchor at its second, and above the bars the time that was read."""
    count, top = len(reading.probabilities), float(np.max(reading.probabilities))
    axes.set_axisbelow(True)
    axes.bar(np.linspace(0, duration, count), reading.probabilities, width=0.7 * duration / (count - 1), color=style.SKY, label="anchors")
    look = {"fmt": "v", "color": style.BLUE, "capsize": 5, "ms": 8, "zorder": 3}
    axes.errorbar(reading.time, 1.12 * top, xerr=reading.std, label="time read ± 1 std", **look)
    axes.set(ylabel=name and f"{name}\nprobability", ylim=(0, 1.3 * top))


def looking(frames: Frames, attention: Mapping[str, np.ndarray], reading: Reading, truth: Sequence[Span], title: str) -> Picture:
    """Frames, what attention falls on each of them, and the temporal distribution, all above one time axis; true spans are hatched.

    Args:
        frames: of the video, T of them.
        attention: name -> share of the attention on each frame [T].
        reading: of the boundary that is written meanwhile.
        truth: true spans of the query, seconds.
    """
    shots = thumbnails.choose(frames, frames.duration)
    strip = 0.55
    figure = style.new_figure(9, 1.4 + strip + 1.25 * (len(attention) + 1))
    with style.use():
        ratios = [strip, *[1.0] * (len(attention) + 1)]
        top, *panels = figure.subplots(len(ratios), 1, sharex=True, gridspec_kw={"height_ratios": ratios, "hspace": 0.16})
        slot = frames.duration / len(shots)
        for number, shot in enumerate(shots):
            box = ((number + 0.03) * slot, (number + 0.97) * slot, 0, 1)
            top.imshow(_coarse(shot.pixels), extent=box, aspect="auto", interpolation="nearest")
        top.set(ylim=(0, 1), yticks=[], title=title)
        top.tick_params(bottom=False)
        for side in top.spines.values():
            side.set_visible(False)
        for axes, (name, shares), colour in zip(panels, attention.items(), (style.VERMILLION, style.ORANGE, style.PURPLE), strict=False):
            axes.set_axisbelow(True)
            axes.bar(frames.times, shares, width=0.8 * frames.duration / len(shares), color=colour)
            axes.set_ylabel(name, fontsize=9, rotation=0, ha="right", va="center")
        _bars(panels[-1], reading, frames.duration, "")
        panels[-1].set_ylabel("probability\nof the start", fontsize=9, rotation=0, ha="right", va="center")
        for axes in panels:
            for number, (start, end) in enumerate(truth):
                look = {"facecolor": (style.TRUTH, 0.15), "edgecolor": style.TRUTH, "hatch": "////", "linewidth": 0, "zorder": 0}
                axes.axvspan(start, end, label="truth" if number == 0 else None, **look)
        panels[-1].legend(loc="upper center", bbox_to_anchor=(0.5, -0.45), ncols=3, fontsize=9)
        panels[-1].set(xlabel="time (s)", xlim=(-0.01 * frames.duration, 1.01 * frames.duration))
    most = "; ".join(f"{name.replace(chr(10), ' ')} most at {frames.times[int(np.argmax(s))]:.1f} s" for name, s in attention.items())
    spans = ", ".join(f"{start:.1f} to {end:.1f} s" for start, end in truth)
    return Picture(figure, f"Above one time axis: frames; attention, {most}; the start read at {reading.time:.1f} s; truth {spans}.")


def coverage(widths: Sequence[float], shares: Mapping[str, Sequence[float]], expected: Sequence[float], title: str) -> Picture:
    """How often the truth lies within so many standard deviations, beside how often it should.

    Args:
        widths: numbers of standard deviations.
        shares: name -> share of the truths inside, 0 to 1, for each width.
        expected: the same for errors as a bell curve has them.
    """
    axes = axes_of(9, 3.2, title)
    axes.plot(widths, expected, color=style.BLACK, linestyle="--", label="as a bell curve has it")
    for (name, inside), colour, mark in zip(shares.items(), (style.BLUE, style.VERMILLION, style.PURPLE), "osD", strict=False):
        axes.plot(widths, inside, color=colour, linestyle="-", marker=mark, label=name)
    axes.set(xlabel="width, in standard deviations to each side", ylabel="truths inside (share)", ylim=(0, 1.05))
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
    at = int(np.argmin(np.abs(np.asarray(widths) - 1)))
    said = "; ".join(f"{name} {inside[at]:.2f}" for name, inside in shares.items())
    return Picture(axes.figure, f"Share of truths inside over width; within {widths[at]:g}: {said}; a bell curve {expected[at]:.2f}.")


def score_strips(groups: Mapping[str, Sequence[float]], title: str, label: str = "score") -> Picture:
    """Every answer's score, 0 to 1, as a dot in its group's row; a bar marks the median."""
    axes = axes_of(9, 0.62 * len(groups) + 1.2, title)
    draw = np.random.default_rng(0)
    for row, (scores, colour, mark) in enumerate(zip(groups.values(), style.PALETTE, "osD^v<>", strict=False)):
        places = row + draw.uniform(-0.22, 0.22, len(scores))
        axes.plot(scores, places, mark, color=colour, alpha=0.6, markersize=6, markeredgewidth=0)
        if len(scores):
            axes.plot([np.median(scores)] * 2, [row - 0.34, row + 0.34], color=style.BLACK, linestyle="-", linewidth=2.5)
    axes.set_yticks(range(len(groups)), [f"{name} ({len(scores)})" for name, scores in groups.items()])
    axes.set(xlabel=f"{label} (bar: median)", xlim=(0, 1.02), ylim=(len(groups) - 0.5, -0.5))
    axes.grid(axis="x")
    said = "; ".join(f"{name}: {len(scores)}, median {np.median(scores) if len(scores) else 0:.2f}" for name, scores in groups.items())
    return Picture(axes.figure, f"A dot for each {label}. {said}.")


def _coarse(pixels: np.ndarray, step: int = 32) -> np.ndarray:
    """Few colours, so that a textured ground does not make the picture's file large."""
    return ((pixels.astype(int) + step // 2) // step * step).clip(0, 255).astype(np.uint8)

"""How well spans fit, as figures: the IoU of every query as a histogram, and the recall that each threshold would give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from momentor_lib.viz import style
from momentor_lib.viz.picture import Picture
from momentor_lib.viz.plots import axes_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKED = (0.3, 0.5, 0.7)
BINS = 20


def ious_and_recall(ious: Mapping[str, Sequence[float]], title: str) -> Picture:
    """Two panels: on the left a histogram of IoU for each model, on the right the share of queries at or above each IoU.

    Args:
        ious: model's name -> the IoU of each query, 0 to 1.
        title: what is to be seen.
    """
    figure = style.new_figure(10, 3.6 + 0.35 * max(len(ious) - 1, 0))
    with style.use():
        left, right = figure.subplots(1, 2)
        left.set_axisbelow(True)
        figure.suptitle(title, x=0.01, ha="left", weight="bold", fontsize=13)
        for number, (name, values) in enumerate(ious.items()):
            values, look = np.asarray(values, float), {"color": style.PALETTE[number % len(style.PALETTE)]}
            _histogram(left, len(ious) - 1 - number, values, look["color"], alone=len(ious) == 1)
            at = np.linspace(0, 1, 201)
            right.plot(at, [100 * np.mean(values >= threshold) if len(values) else 0 for threshold in at], label=name)
            for threshold in MARKED if len(ious) == 1 else ():
                recall = 100 * np.mean(values >= threshold)
                right.plot(threshold, recall, "o", **look)
                right.annotate(f"{recall:.1f} %", (threshold, recall), xytext=(6, 6), textcoords="offset points")
        left.set(xlabel="IoU", title="How well each query is met", xlim=(0, 1))
        right.set(xlabel="IoU asked for", ylabel="queries that reach it (%)", title="Recall over IoU", xlim=(0, 1), ylim=(0, 112))
        right.set_yticks(range(0, 101, 20))
        if len(ious) > 1:
            left.set(ylim=(0, len(ious)))
            left.set_yticks(np.arange(len(ious)), [""] * len(ious))
            for row, name in enumerate(reversed(ious)):
                left.text(-0.02, row + 0.4, name, ha="right", va="center", transform=left.get_yaxis_transform())
            right.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2, frameon=False)
        figure.tight_layout()
    counts = ", ".join(f"{name}: {len(values)} queries, mean IoU {np.mean(values or [0]):.2f}" for name, values in _lists(ious).items())
    return Picture(figure, f"Histogram of IoU and recall over IoU. {counts}.")


def _histogram(axes: Axes, row: int, values: np.ndarray, colour: str, alone: bool) -> None:
    """Bars, alone on the axes, or on a line of their own, the highest with its share of the queries above it."""
    counts, edges = np.histogram(values, bins=np.linspace(0, 1, BINS + 1))
    if alone:
        axes.bar(edges[:-1], counts, width=1 / BINS, align="edge", color=colour, edgecolor="white", linewidth=0.5)
        axes.set_ylabel("queries")
        return
    top = max(counts.max(initial=0), 1)
    axes.bar(edges[:-1], 0.72 * counts / top, width=1 / BINS, bottom=row, align="edge", color=colour, edgecolor="white", linewidth=0.5)
    place = int(counts.argmax())
    if len(values):
        share = f"{100 * counts[place] / len(values):.0f} %"
        right = place > BINS / 2
        axes.text(edges[place + right], row + 0.73, share, ha="right" if right else "left", va="bottom", fontsize=9)


def _lists(ious: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    return {name: list(values) for name, values in ious.items()}


def scores_with_ranges(rows: Mapping[str, tuple[float, float, float]], title: str, label: str, marked: str = "") -> Picture:
    """A bar for each model with the ends of its interval, and its value in figures.

    Args:
        rows: name -> value, lower and upper end.
        title: what is to be seen.
        label: of the axis.
        marked: the name that stands out.
    """
    axes = axes_of(9, 0.5 * len(rows) + 1.2, title)
    for row, (name, (value, low, high)) in enumerate(rows.items()):
        axes.barh(row, value, height=0.55, color=style.BLUE if name == marked else style.FAINT, edgecolor=style.MUTED)
        if high > low:
            axes.plot([low, high], [row, row], color=style.BLACK, linestyle="-", linewidth=1.5, marker="|", markersize=8)
        axes.text(1.01, row, f"{value:.1f}", transform=axes.get_yaxis_transform(), va="center")
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set(xlabel=label, ylim=(len(rows) - 0.4, -0.6))
    axes.set_xlim(left=0)
    axes.grid(axis="x")
    words = "; ".join(f"{name} {value:.1f} ({low:.1f} to {high:.1f})" for name, (value, low, high) in rows.items())
    return Picture(axes.figure, f"Bars with intervals, {label}: {words}.")


def matching(values: np.ndarray, pairs: Sequence[tuple[int, int]], title: str) -> Picture:
    """A table of what each predicted event (row) has in common with each true one (column), the matched ones framed."""
    axes = axes_of(6.2, 0.62 * len(values) + 1.5, title)
    axes.imshow(values, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (i, j), value in np.ndenumerate(np.asarray(values)):
        axes.text(j, i, f"{value:.2f}", ha="center", va="center", color="white" if value > 0.6 else style.BLACK)
    for i, j in pairs:
        axes.plot(
            [j - 0.46, j + 0.46, j + 0.46, j - 0.46, j - 0.46],
            [i - 0.44, i - 0.44, i + 0.44, i + 0.44, i - 0.44],
            color=style.VERMILLION,
            linestyle="-",
            linewidth=3,
        )
    axes.set_xticks(range(values.shape[1]), [f"true {j + 1}" for j in range(values.shape[1])])
    axes.set_yticks(range(values.shape[0]), [f"said {i + 1}" for i in range(values.shape[0])])
    axes.grid(False)
    return Picture(axes.figure, f"A table of {values.shape[0]} predicted and {values.shape[1]} true events; framed: {list(pairs)}.")

"""How well spans fit, as figures: the IoU of every query as a histogram, and the recall that each threshold would give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from momentor_lib.viz import style
from momentor_lib.viz.picture import Picture

MARKED = (0.3, 0.5, 0.7)
BINS = 20


def ious_and_recall(ious: Mapping[str, Sequence[float]], title: str) -> Picture:
    """Two panels: on the left a histogram of IoU for each model, on the right the share of queries at or above each IoU.

    Args:
        ious: model's name -> the IoU of each query, 0 to 1.
        title: what is to be seen.
    """
    figure = style.new_figure(10, 3.8)
    with style.use():
        left, right = figure.subplots(1, 2)
        figure.suptitle(title, x=0.01, ha="left", weight="bold", fontsize=13)
        for number, (name, values) in enumerate(ious.items()):
            values, colour = np.asarray(values, float), style.PALETTE[number % len(style.PALETTE)]
            filled = {"histtype": "stepfilled", "alpha": 0.35} if len(ious) == 1 else {"histtype": "step", "linewidth": 2}
            left.hist(values, bins=np.linspace(0, 1, BINS + 1), color=colour, label=name, **filled)
            at = np.linspace(0, 1, 201)
            right.plot(at, [100 * np.mean(values >= threshold) if len(values) else 0 for threshold in at], color=colour, label=name)
            for threshold in MARKED if len(ious) == 1 else ():
                recall = 100 * np.mean(values >= threshold)
                right.plot(threshold, recall, "o", color=colour)
                right.annotate(f"{recall:.1f} %", (threshold, recall), xytext=(6, 6), textcoords="offset points")
        left.set(xlabel="IoU", ylabel="queries", title="How well each query is met", xlim=(0, 1))
        right.set(xlabel="IoU asked for", ylabel="queries that reach it (%)", title="Recall over IoU", xlim=(0, 1), ylim=(0, 105))
        if len(ious) > 1:
            right.legend(loc="upper right", frameon=False)
        figure.tight_layout()
    counts = ", ".join(f"{name}: {len(values)} queries, mean IoU {np.mean(values or [0]):.2f}" for name, values in _lists(ious).items())
    return Picture(figure, f"Histogram of IoU and recall over IoU. {counts}.")


def _lists(ious: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    return {name: list(values) for name, values in ious.items()}

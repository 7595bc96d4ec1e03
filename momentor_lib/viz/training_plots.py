"""The figures of notebook 05: curves that grow while a model trains, and what LoRA costs.

As in :mod:`momentor_lib.viz.plots`, the caller gives the title, and nothing here computes what it shows.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from momentor_lib.viz import style
from momentor_lib.viz.picture import Picture
from momentor_lib.viz.plots import axes_of

Line = Mapping[str, float]
EVERY = 1.0  # seconds between two drawings


class LiveCurves:
    """A figure in a notebook that grows with a training's log; hand :meth:`add` to the training as ``on_log``.

    Args:
        title: of the figure.
        score: a validation score's name in the log, and how to call it.
        steps: of the whole training, for an axis that does not move.
    """

    def __init__(self, title: str, score: tuple[str, str] = ("iou", "validation IoU"), steps: int | None = None) -> None:
        self.title, self.score, self.steps = title, score, steps
        self.lines: list[Line] = []
        self._handle, self._drawn = None, 0.0

    def add(self, line: Line) -> None:
        """One line of the log; the figure is drawn anew once a second at most."""
        self.lines.append(line)
        if time.monotonic() - self._drawn >= EVERY:
            self.show()

    def show(self) -> None:
        """Draw the figure as it stands, in its place below the cell."""
        from IPython.display import display

        self._drawn = time.monotonic()
        if self._handle is None:
            self._handle = display(self.picture(), display_id=True)
        else:
            self._handle.update(self.picture())

    def picture(self) -> Picture:
        """The curves so far."""
        name, words = self.score
        with style.use():
            figure = style.new_figure(9, 3.2)
            left, right = figure.subplots(1, 2)
            figure.subplots_adjust(wspace=0.3, top=0.8)
            for axes, key, label, colour in ((left, "loss", "training loss", style.BLUE), (right, name, words, style.VERMILLION)):
                points = [(line["step"], line[key]) for line in self.lines if key in line]
                axes.plot(*zip(*points, strict=True), color=colour, marker="o" if len(points) < 40 else None, ms=4) if points else None
                axes.set(xlabel="step", ylabel=label, xlim=(0, self.steps) if self.steps else None)
            right.set_ylim(0, 1)
            figure.suptitle(self.title, x=0.06, ha="left", fontweight="bold")
        scores = [line[name] for line in self.lines if name in line]
        said = f", from {scores[0]:.2f} to {scores[-1]:.2f}" if scores else ""
        return Picture(figure, f"{self.title}: training loss and {words} over the steps{said}.")


def score_over_time(minutes: Sequence[float], scores: Sequence[float], title: str, ylabel: str = "validation IoU") -> Picture:
    """A training's validation score over its minutes."""
    axes = axes_of(9, 3.2, title)
    axes.plot(minutes, scores, marker="o", ms=4, color=style.VERMILLION)
    axes.set(xlabel="minutes of training", ylabel=ylabel, ylim=(0, 1), xlim=(0, None))
    return Picture(axes.figure, f"{title}: {ylabel} from {scores[0]:.2f} to {scores[-1]:.2f} in {minutes[-1]:.1f} minutes.")


def parameters_by_rank(ranks: Sequence[int], lora: Sequence[int], full: int, title: str) -> Picture:
    """LoRA's parameters for each rank beside all of the language model's, on a logarithmic axis."""
    axes = axes_of(9, 3.2, title)
    places = range(len(ranks) + 1)
    bars = axes.bar(places, [*lora, full], color=[*[style.BLUE] * len(ranks), style.ORANGE], width=0.6)
    axes.bar_label(bars, [f"{count:,}\n{count / full:.1%}" for count in (*lora, full)], padding=3, fontsize=10)
    axes.set_xticks(places, [*(f"r = {rank}" for rank in ranks), "all weights"])
    axes.set(yscale="log", ylabel="parameters that learn", ylim=(min(lora) / 2, full * 8))
    return Picture(axes.figure, f"Parameters that learn with LoRA of ranks {', '.join(map(str, ranks))}, and with all weights ({full:,}).")


def before_and_after(scores: Mapping[str, tuple[float, float]], title: str, ylabel: str = "mean IoU") -> Picture:
    """Two bars for each group of videos: before training and after."""
    axes = axes_of(7, 3.2, title)
    for shift, colour, hatch, when in ((-0.18, style.FAINT, "//", "before"), (0.18, style.BLUE, "", "after")):
        values = [pair[when == "after"] for pair in scores.values()]
        bars = axes.bar(
            [place + shift for place in range(len(scores))], values, 0.34, color=colour, hatch=hatch, edgecolor="black", label=when
        )
        axes.bar_label(bars, [f"{value:.2f}" for value in values], padding=2)
    axes.set_xticks(range(len(scores)), list(scores))
    axes.set(ylabel=ylabel, ylim=(0, 1.1))
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    words = "; ".join(f"{name} {before:.2f} before and {after:.2f} after" for name, (before, after) in scores.items())
    return Picture(axes.figure, f"{title}: {words}.")

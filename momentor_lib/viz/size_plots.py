"""The figures of notebook 08: how far a video lies from what a model knows, and what a model of some size takes.

As in :mod:`momentor_lib.viz.plots`, the caller gives the title, and nothing here computes what it shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from momentor_lib.viz import style
from momentor_lib.viz.picture import Picture
from momentor_lib.viz.plots import axes_of

SIGNS = "os^DvP"


def distances(groups: Mapping[str, Sequence[float]], threshold: float, title: str) -> Picture:
    """A row of signs for each group of videos on a logarithmic axis of distance, and the threshold that they are held against."""
    axes = axes_of(9, 0.8 + 0.55 * len(groups), title)
    for row, (values, sign, colour) in enumerate(zip(groups.values(), SIGNS, style.PALETTE, strict=False)):
        axes.plot(values, [row] * len(values), sign, ms=9, color=colour, alpha=0.8)
    axes.axvline(threshold, color=style.BLACK, linestyle="--")
    axes.text(threshold, -0.62, " warned about from here on", va="center", fontsize=10)
    axes.set_yticks(range(len(groups)), list(groups))
    axes.set(xscale="log", xlabel="squared distance from the training videos", ylim=(len(groups) - 0.5, -0.9))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.grid(visible=True, axis="x")
    words = "; ".join(f"{name} from {min(values):.0f} to {max(values):.0f}" for name, values in groups.items())
    return Picture(axes.figure, f"Distances of videos from the training videos: {words}. The warning begins at {threshold:.0f}.")


def spacing(minutes: Sequence[float], seconds: Mapping[str, Sequence[float]], title: str) -> Picture:
    """Seconds between two sampled frames over a video's length, one line for each number of frames."""
    axes = axes_of(9, 3.2, title)
    for name, values in seconds.items():
        (line,) = axes.plot(minutes, values)
        axes.text(minutes[-1], values[-1], f" {name}", va="center", color=line.get_color())
    axes.set(xscale="log", yscale="log", xlabel="length of the video (minutes)", ylabel="between two frames (s)")
    axes.set_xticks(minutes, [f"{length:g}" for length in minutes])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    words = "; ".join(f"{name} {values[0]:.2f} to {values[-1]:.1f} s" for name, values in seconds.items())
    return Picture(axes.figure, f"Seconds between two frames for videos of {minutes[0]:g} to {minutes[-1]:g} minutes: {words}.")


def memory_bars(needs: Mapping[str, Mapping[str, float]], machines: Mapping[str, float], title: str) -> Picture:
    """For each model a bar of its uses of memory, and a line for each machine's memory; all in GB."""
    axes = axes_of(9, 1.2 + 0.45 * len(needs), title)
    uses = list(next(iter(needs.values())))
    for use, colour, hatch in zip(uses, style.PALETTE, ("", "//", "", "xx", ".."), strict=False):
        starts = [sum(parts[other] for other in uses[: uses.index(use)]) for parts in needs.values()]
        widths = [parts[use] for parts in needs.values()]
        axes.barh(range(len(needs)), widths, left=starts, height=0.62, color=colour, hatch=hatch, edgecolor="white", label=use)
    for row, parts in enumerate(needs.values()):
        axes.text(
            sum(parts.values()),
            row,
            f" {sum(parts.values()):.3g} GB",
            va="center",
            fontsize=10,
            bbox={"fc": "white", "ec": "none", "pad": 1},
        )
    for name, size in machines.items():
        axes.axvline(size, color=style.BLACK, linestyle="--", linewidth=1.2)
        axes.text(size, -0.72, f" {name}", va="center", fontsize=10)
    axes.set_yticks(range(len(needs)), list(needs))
    axes.set(xlabel="memory (GB), estimated", ylim=(len(needs) - 0.5, -1.05))
    axes.set_xlim(0, 1.15 * max([*machines.values(), *(sum(parts.values()) for parts in needs.values())]))
    axes.grid(visible=True, axis="x")
    axes.grid(visible=False, axis="y")
    axes.legend(loc="upper center", bbox_to_anchor=(0.45, -0.2), ncols=5, fontsize=9, columnspacing=1.0, frameon=False)
    words = "; ".join(f"{name} {sum(parts.values()):.3g} GB" for name, parts in needs.items())
    return Picture(axes.figure, f"Memory of each model: {words}; beside the memory of {', '.join(machines)}.")

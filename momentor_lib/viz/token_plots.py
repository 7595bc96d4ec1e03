"""The figures of the notebook about temporal tokens: plain arrays in, a :class:`~momentor_lib.viz.picture.Picture` out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from momentor_lib.viz import style
from momentor_lib.viz.picture import Picture
from momentor_lib.viz.plots import axes_of

LINES = ("-", "--", "-.", ":")


def three_ways(seconds: float, anchor_times: Sequence[float], text_tokens: Sequence[str]) -> Picture:
    """One time written as text, as the nearest anchor, and as a mixture of two anchors.

    Args:
        seconds: the time; it must lie between the first and the last anchor.
        anchor_times: seconds of a few neighbouring anchors.
        text_tokens: the pieces that a tokenizer makes of the time written in digits.
    """
    anchor_times = np.asarray(anchor_times, dtype=float)
    axes = axes_of(9, 3.1, "Three ways to write one time: digits, the nearest anchor, a mixture of two")
    step = anchor_times[1] - anchor_times[0]
    right = int(np.searchsorted(anchor_times, seconds))
    share = (seconds - anchor_times[right - 1]) / step
    nearest = right if share > 0.5 else right - 1
    for row, name in ((2, "text"), (1, "discrete"), (0, "continuous")):
        axes.text(anchor_times[0] - 0.35 * step, row, name, ha="right", va="center", weight="bold")
    for place, piece in enumerate(text_tokens):
        box = {"boxstyle": "round,pad=0.3", "fc": "white", "ec": style.BLUE}
        axes.text(anchor_times[0] + 0.45 * step * place, 2, piece, ha="center", va="center", family="monospace", bbox=box)
    axes.text(anchor_times[0] + 0.45 * step * len(text_tokens), 2, f"{len(text_tokens)} tokens", va="center", color=style.BLUE)
    for row, picked in ((1, {nearest: 1.0}), (0, {right - 1: 1 - share, right: share})):
        axes.plot(anchor_times[[0, -1]], [row, row], color=style.FAINT, linestyle="-", zorder=0)
        for number, place in enumerate(anchor_times):
            weight = picked.get(number, 0.0)
            axes.plot(place, row, "o", ms=11, mfc=style.ORANGE if weight else "white", mec=style.BLACK, alpha=1.0)
            if weight:
                axes.text(place, row + 0.2, f"{weight:.2f}", ha="center", fontsize=10)
    axes.axvline(seconds, 0.14, 0.62, color=style.VERMILLION, linestyle="--")
    axes.text(seconds, -0.42, f"{seconds:.2f} s", color=style.VERMILLION, ha="center", va="top")
    axes.set(xlim=(anchor_times[0] - 1.4 * step, anchor_times[-1] + 0.4 * step), ylim=(-0.8, 2.5), yticks=[])
    axes.axis("off")
    mixture = f"{1 - share:.2f} of one anchor and {share:.2f} of the next"
    return Picture(axes.figure, f"{seconds:.2f} s as {len(text_tokens)} text tokens, as one anchor, and as {mixture}.")


def errors(
    seconds: np.ndarray, by_way: Mapping[str, np.ndarray], title: str, xlabel: str = "true time (s)", *, logarithmic: bool = False
) -> Picture:
    """Error in seconds of each way of writing a time, over ``seconds``."""
    axes = axes_of(9, 3.3, title)
    for (name, error), line, colour in zip(by_way.items(), LINES, (style.VERMILLION, style.ORANGE, style.SKY, style.BLUE), strict=False):
        axes.plot(seconds, error, linestyle=line, color=colour, label=name)
    if logarithmic:
        axes.set(xscale="log", yscale="log")
        axes.set_xticks([60, 600, 3600], ["1 min", "10 min", "1 h"])
        axes.set_yticks([0.1, 1, 10], ["0.1", "1", "10"])
    axes.set(xlabel=xlabel, ylabel="error (s)")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
    worst = ", ".join(f"{name} at most {np.max(error):.3g} s" for name, error in by_way.items())
    return Picture(axes.figure, f"Lines of error over time: {worst}.")


def tents(positions: np.ndarray, weights: np.ndarray, title: str, marked: float | None = None) -> Picture:
    """Weight of each anchor, [P, N], over positions [P]; a dashed line at the position ``marked``, and the weights there."""
    axes = axes_of(9, 2.8, title)
    for anchor in range(weights.shape[1]):
        axes.plot(positions, weights[:, anchor], linestyle=LINES[anchor % len(LINES)], color=style.PALETTE[anchor % len(style.PALETTE)])
        axes.text(anchor / (weights.shape[1] - 1), 1.09, f"T[{anchor}]", ha="center", color=style.PALETTE[anchor % len(style.PALETTE)])
    words = ""
    if marked is not None:
        axes.axvline(marked, color=style.MUTED, linestyle="--", linewidth=1.2)
        every = {anchor: float(np.interp(marked, positions, weights[:, anchor])) for anchor in range(weights.shape[1])}
        shares = {anchor: share for anchor, share in every.items() if share > 5e-3}
        for anchor, share in shares.items():
            colour = style.PALETTE[anchor % len(style.PALETTE)]
            # One weight on each side of the line, since near the middle they are equally high.
            left = anchor == min(shares) if len(shares) > 1 else marked > 0.9
            look = {"ha": "right" if left else "left", "va": "center", "weight": "bold", "color": colour}
            box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
            axes.annotate(f"{share:.2f}", (marked, share), (-9 if left else 9, 0), textcoords="offset points", bbox=box, **look)
            axes.plot(marked, share, "o", color=colour)
        words = f" At {marked:.2f}: " + " and ".join(f"{share:.2f} of T[{anchor}]" for anchor, share in shares.items()) + "."
    axes.set(xlabel="position (0 = start, 1 = end of the video)", ylabel="weight", ylim=(0, 1.2))
    return Picture(axes.figure, f"A triangle for each of {weights.shape[1]} anchors: weight 1 at its own place, 0 at the next.{words}")


def gradients(by_way: Mapping[str, np.ndarray], title: str) -> Picture:
    """Size of the gradient that each anchor receives, [N], one row of bars for each way."""
    figure = style.new_figure(9, 1.3 + 1.3 * len(by_way))
    with style.use():
        rows = figure.subplots(len(by_way), 1, sharex=True, squeeze=False)[:, 0]
        top = max(float(np.max(size)) for size in by_way.values())
        for axes, (name, size), colour in zip(rows, by_way.items(), (style.VERMILLION, style.BLUE), strict=False):
            axes.set_axisbelow(True)
            axes.bar(np.arange(len(size)), size, color=colour)
            axes.set(ylim=(0, 1.15 * top))
            axes.text(0.01, 0.82, name, transform=axes.transAxes, weight="bold", color=colour)
        rows[0].set_title(title)
        rows[-1].set(xlabel="anchor", xticks=np.arange(0, len(size)))
        figure.supylabel("length of the gradient", fontsize=11)
    reached = ", ".join(f"{name}: {int((size > 0.01 * top).sum())} anchors above 1 % of the largest" for name, size in by_way.items())
    return Picture(figure, f"Bars of gradient over anchors. {reached}.")


def token_maps(by_way: Mapping[str, np.ndarray], title: str) -> Picture:
    """Tokens [N, D] on their two principal components, joined in the order of time, side by side."""
    figure = style.new_figure(4.6 * len(by_way), 4.3)
    with style.use():
        columns = figure.subplots(1, len(by_way), squeeze=False)[0]
        for axes, (name, tokens) in zip(columns, by_way.items(), strict=True):
            places = principal_components(tokens)
            axes.plot(*places.T, color=style.FAINT, linestyle="-", linewidth=0.7, zorder=0)
            dots = axes.scatter(*places.T, c=np.linspace(0, 1, len(places)), cmap="cividis", s=16)
            for index, word in ((0, "start"), (-1, "end")):
                axes.annotate(word, places[index], xytext=(6, 6), textcoords="offset points", fontsize=10)
            axes.set(xlabel="first component", ylabel="second component", aspect="equal", adjustable="datalim")
            axes.set_title(name, fontsize=12)
            axes.grid(False)
        figure.suptitle(title, x=0.02, ha="left", weight="bold", fontsize=13)
        figure.tight_layout()
        figure.colorbar(dots, ax=list(columns), label="position", shrink=0.8)
    return Picture(figure, f"Maps of tokens, joined in the order of time: {', '.join(by_way)}.")


def principal_components(tokens: np.ndarray, count: int = 2) -> np.ndarray:
    """Tokens [N, D] -> their places [N, count] along the directions in which they vary most (PCA)."""
    left, sizes, _ = np.linalg.svd(tokens - tokens.mean(axis=0), full_matrices=False)
    return left[:, :count] * sizes[:count]


def distribution(probabilities: np.ndarray, position: float, std: float, title: str, *, window: tuple[int, int] | None = None) -> Picture:
    """A temporal distribution over N anchors, and the time read from it with its standard deviation, all as positions.

    Args:
        window: first and last anchor that the reading uses; they are drawn darker.
    """
    count = len(probabilities)
    axes = axes_of(9, 3.0, title)
    places = np.arange(count) / (count - 1)
    first, last = window or (0, count - 1)
    used = (np.arange(count) >= first) & (np.arange(count) <= last)
    width = 0.7 / (count - 1)
    axes.bar(places[used], probabilities[used], width=width, color=style.BLUE, label="anchors that count")
    axes.bar(places[~used], probabilities[~used], width=width, color=style.SKY, hatch="//", edgecolor="white", label="left out")
    axes.errorbar(
        position, 1.08 * probabilities.max(), xerr=std, fmt="v", color=style.VERMILLION, capsize=5, ms=9, label="time read ± one std"
    )
    axes.set(xlabel="position", ylabel="probability", ylim=(0, 1.3 * probabilities.max()))
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
    return Picture(axes.figure, f"Bars over {count} anchors; the time read is {position:.3f} with a standard deviation of {std:.3f}.")


def target_rows(positions: Sequence[float], targets: np.ndarray, title: str) -> Picture:
    """Soft targets [P, N] as a table of shaded cells, one row for each position."""
    axes = axes_of(9, 0.45 * len(positions) + 1.3, title)
    axes.imshow(targets, cmap="Blues", vmin=0, vmax=1.3, aspect="auto")
    for row, target in enumerate(targets):
        for anchor in np.flatnonzero(target):
            ink = "white" if target[anchor] > 0.6 else style.BLACK
            axes.text(anchor, row, f"{target[anchor]:.2f}", ha="center", va="center", fontsize=10, color=ink)
    axes.set(xlabel="anchor", ylabel="position", xticks=range(targets.shape[1]), yticks=range(len(positions)))
    axes.set_yticklabels([f"{position:.3f}" for position in positions])
    axes.grid(False)
    return Picture(
        axes.figure, "; ".join(f"position {p:.3f}: {np.count_nonzero(t)} anchors" for p, t in zip(positions, targets, strict=True))
    )

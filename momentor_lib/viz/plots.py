"""The figures of the notebooks about video: each takes plain arrays and returns a :class:`~momentor_lib.viz.picture.Picture`.

A figure's title says its point, so the caller gives it. Nothing here computes what it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from momentor_lib.viz import style
from momentor_lib.viz.picture import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def axes_of(width: float, height: float, title: str = "") -> Axes:
    """The axes of a new figure of this size in inches, in the one style of all figures."""
    figure = style.new_figure(width, height)
    with style.use():
        axes = figure.add_subplot()
        axes.set_title(title)
    return axes


def video_to_tokens() -> Picture:
    """The way of a video into a model, as a drawing: file, frames with times, features, tokens."""
    axes = axes_of(9, 3.0, "A model never sees a file: it sees a list of vectors, each with its time")
    steps = (
        ("video file", "compressed packets", style.MUTED),
        ("frames", "pictures, and the second\nof each", style.BLUE),
        ("features", "one vector a frame,\nby CLIP", style.GREEN),
        ("tokens", "what the language\nmodel reads", style.VERMILLION),
    )
    for number, (name, meaning, colour) in enumerate(steps):
        left = 2.6 * number
        for part in range(5):
            x, height = left + 0.3 * part, (1.0 if part % 4 == 0 else 0.35) if number == 0 else 0.8
            width, base = (0.22, 0.5) if number < 2 else (0.12, 0.5)
            axes.bar(x, height, width=width, bottom=base, color=colour, alpha=1.0 if number != 1 else 0.35 + 0.12 * part)
        axes.text(left + 0.6, 0.3, name, ha="center", va="top", weight="bold", color=colour, fontsize=12)
        axes.text(left + 0.6, 0.02, meaning, ha="center", va="top", fontsize=10)
        if number:
            axes.annotate("", xy=(left - 0.3, 0.9), xytext=(left - 0.95, 0.9), arrowprops={"arrowstyle": "->", "lw": 2})
    verbs = ("decode", "encode", "project")
    for number, verb in enumerate(verbs):
        axes.text(2.6 * number + 1.97, 1.02, verb, ha="center", fontsize=10, color=style.MUTED)
    axes.set(xlim=(-0.3, 9.5), ylim=(-0.5, 1.6))
    axes.axis("off")
    return Picture(axes.figure, "Four steps: video file, frames with times, features by CLIP, tokens for the language model.")


def packet_sizes(times: Sequence[float], sizes: Sequence[int], is_key: Sequence[bool], title: str) -> Picture:
    """Packets over time: seconds, bytes, and which of them are key frames."""
    times, sizes, is_key = np.asarray(times), np.asarray(sizes), np.asarray(is_key)
    axes = axes_of(9, 2.8, title)
    width = 0.8 * float(np.median(np.diff(np.sort(times))))
    axes.bar(times[~is_key], sizes[~is_key], width=width, color=style.SKY, label="change against other frames")
    axes.bar(
        times[is_key],
        sizes[is_key],
        width=2 * width,
        color=style.VERMILLION,
        hatch="//",
        edgecolor="white",
        label="key frame: a whole picture",
    )
    axes.set(xlabel="time in the video (s)", ylabel="size (bytes)")
    axes.legend(loc="upper right")
    return Picture(axes.figure, f"Bars of packet sizes over time; {int(is_key.sum())} of {len(sizes)} are key frames and stand out.")


def time_by_arithmetic(real: Sequence[float], guessed: Sequence[float], title: str) -> Picture:
    """Each frame's real time and the time that index / average rate gives it, in seconds."""
    axes = axes_of(9, 3.4, title)
    frames = np.arange(len(real))
    axes.plot(frames, real, color=style.BLUE, linestyle="-", label="timestamp in the file")
    axes.plot(frames, guessed, color=style.VERMILLION, linestyle="--", label="index / average frame rate")
    worst = int(np.argmax(np.abs(np.subtract(guessed, real))))
    axes.plot([worst, worst], [real[worst], guessed[worst]], color=style.BLACK, linestyle=":", linewidth=1.5)
    middle = (real[worst] + guessed[worst]) / 2
    axes.annotate(f"{abs(guessed[worst] - real[worst]):.1f} s off", (worst, middle), xytext=(8, -4), textcoords="offset points")
    axes.set(xlabel="frame (index)", ylabel="time (s)")
    axes.legend(loc="upper left")
    return Picture(axes.figure, f"Two lines of time over frame index; they differ most at frame {worst}.")


def frames_on_screen(frame_times: Sequence[float], wanted: Sequence[float], picked: Sequence[int], title: str) -> Picture:
    """Frames as bars from their time to the next one's, and which of them is on screen at each wanted time."""
    frame_times = np.asarray(frame_times, dtype=float)
    axes = axes_of(9, 2.2, title)
    lengths = np.diff(frame_times, append=2 * frame_times[-1] - frame_times[-2])
    chosen = set(np.asarray(picked).tolist())
    for number, (begin, length) in enumerate(zip(frame_times, lengths, strict=True)):
        colour = style.ORANGE if number in chosen else style.FAINT
        axes.barh(0, length, left=begin, height=0.6, color=colour, edgecolor="white", hatch="//" if number in chosen else "")
        axes.text(begin + length / 2, 0, str(number), ha="center", va="center", fontsize=9)
    for seconds in wanted:
        axes.annotate("", xy=(seconds, 0.32), xytext=(seconds, 0.9), arrowprops={"arrowstyle": "->", "color": style.BLUE, "lw": 2})
    axes.text(wanted[0], 0.98, "wanted times", color=style.BLUE, fontsize=10)
    axes.set(xlabel="time (s)", ylim=(-0.4, 1.25), yticks=[])
    axes.grid(False)
    return Picture(axes.figure, f"A row of numbered frames; arrows at {len(wanted)} wanted times point at the frames on screen then.")


def contact_sheet(rows: Sequence[np.ndarray], labels: Sequence[Sequence[str]], titles: Sequence[str]) -> Picture:
    """Rows of small pictures, each with a line of text below it.

    Args:
        rows: for each row uint8 [T, 3, H, W].
        labels: for each row, T texts.
        titles: the figure's point, where there is one row; else one for each row.
    """
    columns = max(len(row) for row in rows)
    height, width = rows[0].shape[-2:]
    cell = 9 / columns
    figure = style.new_figure(9, len(rows) * (cell * height / width + 0.62))
    with style.use():
        grid = figure.subplots(len(rows), columns, squeeze=False)
    for row, texts, title, line in zip(rows, labels, titles, grid, strict=True):
        for axes in line:
            axes.axis("off")
        for picture, text, axes in zip(row, texts, line, strict=False):
            axes.imshow(picture.transpose(1, 2, 0))
            axes.text(0.5, -0.06, text, transform=axes.transAxes, ha="center", va="top", fontsize=9)
        line[0].set_title(title, loc="left", fontsize=12, weight="bold")
    figure.subplots_adjust(left=0, right=1, bottom=0.06, top=0.9, wspace=0.06, hspace=0.45)
    return Picture(figure, f"Small pictures in {len(rows)} rows: {'; '.join(titles)}. Times: {'; '.join(', '.join(t) for t in labels)}.")


def cost_bars(names: Sequence[str], values: Sequence[float], best: Sequence[float], title: str, unit: str) -> Picture:
    """One horizontal bar a way of doing it; ``best`` is what one had to do at least, drawn as a line on each."""
    axes = axes_of(9, 0.55 * len(names) + 1.3, title)
    places = np.arange(len(names))[::-1]
    axes.barh(
        places, values, color=[style.SKY if value <= 2 * least else style.VERMILLION for value, least in zip(values, best, strict=True)]
    )
    for place, value in zip(places, values, strict=True):
        axes.text(value, place, f" {value:,.0f}", va="center")
    axes.set(yticks=places, yticklabels=names, xlabel=unit, xlim=(0, 1.12 * max(values)))
    axes.grid(False)
    return Picture(axes.figure, "; ".join(f"{name}: {value:,.0f} {unit}" for name, value in zip(names, values, strict=True)))


def similarity(matrix: np.ndarray, times: Sequence[float], title: str, cuts: Sequence[float] = ()) -> Picture:
    """How alike each two frames are, [T, T]; ``cuts``: seconds at which a new scene begins, drawn as lines."""
    axes = axes_of(6.2, 5, title)
    end = float(times[-1])
    image = axes.imshow(matrix, cmap="cividis", extent=(0, end, end, 0))
    for cut in cuts:
        axes.axvline(cut, color="white", linestyle="--", linewidth=1.2)
        axes.axhline(cut, color="white", linestyle="--", linewidth=1.2)
    axes.set(xlabel="time of one frame (s)", ylabel="time of the other (s)")
    axes.grid(False)
    axes.figure.colorbar(image, label="cosine similarity")
    return Picture(
        axes.figure, f"A heat map of {len(times)} x {len(times)} frames; bright blocks on the diagonal are stretches of like frames."
    )

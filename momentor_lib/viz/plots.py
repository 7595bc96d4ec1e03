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
        axes.set_axisbelow(True)
    return axes


def video_to_tokens() -> Picture:
    """The way of a video into a model, as a drawing: file, frames with times, features, tokens."""
    axes = axes_of(9, 3.0, "A model never sees a file: it sees a list of vectors, each with its time")
    names = ("video file", "frames", "features", "tokens")
    meanings = (
        "a list of\ncompressed packets",
        "pictures, each\nwith its second",
        "one vector a frame,\nby CLIP",
        "what the language\nmodel reads",
    )
    colours = (style.MUTED, style.BLUE, style.GREEN, style.VERMILLION)
    for column, (name, meaning, colour) in enumerate(zip(names, meanings, colours, strict=True)):
        left = 3.4 * column
        axes.text(left + 1.1, 0.3, name, ha="center", va="top", weight="bold", color=colour, fontsize=12)
        axes.text(left + 1.1, -0.05, meaning, ha="center", va="top", fontsize=10)
        for part in range(3):
            x = left + 0.75 * part
            if column == 0:
                axes.bar(
                    [x, x + 0.25, x + 0.5],
                    [0.7, 0.2, 0.25] if part != 1 else [0.2, 0.3, 0.2],
                    width=0.2,
                    bottom=0.55,
                    color=colour,
                    align="edge",
                )
            elif column == 1:
                axes.bar(x, 0.55, width=0.6, bottom=0.7, color=style.FAINT, edgecolor=colour, linewidth=1.5, align="edge")
                axes.plot(x + 0.15 + 0.15 * part, 0.97, "o", ms=11, color=colour)
                axes.text(x + 0.3, 0.64, f"{part}.0 s", ha="center", va="top", fontsize=9)
            else:
                shades = np.random.default_rng(7 * column + part).uniform(0.2, 1.0, 6)
                for row, shade in enumerate(shades):
                    axes.bar(x + 0.15, 0.12, width=0.3, bottom=0.55 + 0.13 * row, color=colour, alpha=shade, align="edge")
    for column, verb in enumerate(("decode", "encode", "project")):
        axes.annotate("", xy=(3.4 * column + 3.2, 0.9), xytext=(3.4 * column + 2.45, 0.9), arrowprops={"arrowstyle": "->", "lw": 2})
        axes.text(3.4 * column + 2.82, 1.0, verb, ha="center", fontsize=10, color=style.MUTED)
    axes.set(xlim=(-0.2, 12.6), ylim=(-0.5, 1.4))
    axes.axis("off")
    return Picture(axes.figure, "Four steps: video file, frames with times, features by CLIP, tokens for the language model.")


def video_language_model() -> Picture:
    """What a Video-LLM is, as a drawing: frames and a question go in, words and times come out."""
    axes = axes_of(9, 3.2, "A Video-LLM reads frames and a question, and writes an answer")
    for part in range(5):
        x = 0.62 * part
        axes.bar(x, 0.62, width=0.55, bottom=1.55, color=style.FAINT, edgecolor=style.BLUE, linewidth=1.5, align="edge")
        axes.plot(x + 0.12 + 0.08 * part, 1.86, "o", ms=10, color=style.BLUE)
        axes.text(x + 0.27, 1.5, f"{5 * part} s", ha="center", va="top", fontsize=9)
    box = {"boxstyle": "round,pad=0.5", "fc": "white", "lw": 1.5}
    axes.text(1.5, 0.6, "When does the blue circle\nmove right?", ha="center", va="center", bbox=box | {"ec": style.GREEN})
    axes.text(4.75, 1.25, "language model", ha="center", va="center", weight="bold", bbox=box | {"ec": style.BLACK, "pad": 1.2})
    axes.text(8.1, 1.6, "<6.20s>-<14.90s>", ha="center", va="center", family="monospace", bbox=box | {"ec": style.VERMILLION})
    axes.barh(0.62, 2.6, left=6.8, height=0.1, color=style.FAINT)
    axes.barh(0.62, 1.13, left=7.6, height=0.24, color=style.VERMILLION)
    axes.text(8.1, 0.42, "a moment on the time axis", ha="center", va="top", fontsize=10)
    arrows = (((3.1, 1.8), (3.75, 1.45)), ((3.0, 0.65), (3.75, 1.05)), ((5.75, 1.3), (6.7, 1.5)), ((8.1, 1.4), (8.1, 0.85)))
    for start, end in arrows:
        axes.annotate("", xy=end, xytext=start, arrowprops={"arrowstyle": "->", "lw": 2})
    axes.text(1.5, 2.3, "frames, each with its time", ha="center", color=style.BLUE, fontsize=10)
    axes.set(xlim=(-0.2, 9.7), ylim=(0, 2.6))
    axes.axis("off")
    return Picture(axes.figure, "Frames with times and a question go into a language model; a start and an end time come out.")


def packet_sizes(times: Sequence[float], sizes: Sequence[int], is_key: Sequence[bool], title: str) -> Picture:
    """Packets over time: seconds, bytes, and which of them are key frames."""
    times, sizes, is_key = np.asarray(times), np.asarray(sizes), np.asarray(is_key)
    axes = axes_of(9, 2.8, title)
    axes.vlines(times[~is_key], 0, sizes[~is_key], color=style.SKY, linewidth=1, linestyle="-", label="change against other frames")
    axes.vlines(times[is_key], 0, sizes[is_key], color=style.VERMILLION, linewidth=2, linestyle="-")
    axes.plot(times[is_key], sizes[is_key], "D", color=style.VERMILLION, label="key frame: a whole picture")
    axes.set(xlabel="time in the video (s)", ylabel="size (bytes)", ylim=(0, 1.35 * max(sizes)))
    axes.legend(loc="upper right", ncols=2, frameon=False)
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
    axes.text(worst, middle, f"{abs(guessed[worst] - real[worst]):.1f} s off  ", ha="right")
    axes.set(xlabel="frame (index)", ylabel="time (s)")
    axes.legend(loc="upper left", frameon=False)
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
    """Rows of small pictures, each with a text below it.

    Args:
        rows: for each row uint8 [T, 3, H, W].
        labels: for each row, T texts.
        titles: one for each row, empty where the row goes on with the one above.
    """
    columns = max(len(row) for row in rows)
    height, width = rows[0].shape[-2:]
    cell = 9 / columns
    heights = [
        cell * height / width + 0.17 * (1 + texts[0].count("\n")) + (0.4 if title else 0.12)
        for texts, title in zip(labels, titles, strict=True)
    ]
    figure = style.new_figure(9, sum(heights))
    top = sum(heights)
    for row, texts, title, tall in zip(rows, labels, titles, heights, strict=True):
        upper = top - (0.4 if title else 0.12)
        figure.text(0.004, (upper + 0.1) / sum(heights), title, weight="bold", fontsize=12)
        for column, (picture, text) in enumerate(zip(row, texts, strict=True)):
            box = (
                column / columns + 0.004,
                (upper - cell * height / width) / sum(heights),
                1 / columns - 0.008,
                cell * height / width / sum(heights),
            )
            axes = figure.add_axes(box)
            axes.imshow(picture.transpose(1, 2, 0), aspect="auto")
            axes.axis("off")
            axes.text(0.5, -0.03, text, transform=axes.transAxes, ha="center", va="top", fontsize=9)
        top -= tall
    said = "; ".join(", ".join(text.replace("\n", " ") for text in texts) for texts in labels)
    return Picture(figure, f"Small pictures in {len(rows)} rows: {' '.join(titles)}. Below them: {said}.")


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


def similarity(matrix: np.ndarray, times: Sequence[float], title: str) -> Picture:
    """How alike each two frames are, [T, T]."""
    axes = axes_of(6.2, 5, title)
    end = float(times[-1])
    image = axes.imshow(matrix, cmap="cividis", extent=(0, end, end, 0))
    axes.set(xlabel="time of one frame (s)", ylabel="time of the other (s)")
    axes.grid(False)
    axes.figure.colorbar(image, label="cosine similarity")
    return Picture(
        axes.figure, f"A heat map of {len(times)} x {len(times)} frames; bright blocks on the diagonal are stretches of like frames."
    )

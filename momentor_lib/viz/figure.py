"""A timeline as a matplotlib figure: frames, a row for each of the best moments, the truth, one time axis below."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from momentor_lib.moments import Moment
from momentor_lib.viz import style
from momentor_lib.viz.spans import inside, is_outside, whisker
from momentor_lib.viz.text import clean, columns, shorten, ticks, wrap, write_span, write_time

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

    from momentor_lib.viz.timeline import Timeline

ROWS = 10  # moments with a row of their own; the others share one

# Inches.
_WIDTH = 10.0
_MARGIN = 0.2
_RANKS, _LABELS, _SCORES = 0.75, 2.75, 2.5
_TITLE_LINE, _NOTE_LINE, _TIMES, _HEADER, _ROW, _AXIS = 0.3, 0.24, 0.36, 0.24, 0.4, 0.45
_TITLE_COLUMNS, _NOTE_COLUMNS, _LABEL_COLUMNS = 72, 100, 30


class _ShownFigure(Figure):
    """A figure outside pyplot, which needs no closing, and which a notebook shows even before pyplot is imported, with its words."""

    alt = ""

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> tuple[dict[str, object], dict[str, object]]:
        buffer = io.BytesIO()
        with style.use():
            self.savefig(buffer, format="png", dpi=self.dpi, metadata={"Software": None})
        return {"image/png": buffer.getvalue(), "text/plain": f"Figure: {self.alt}"}, {"image/png": {"alt": self.alt}}


@dataclass
class _Row:
    """One line of bars: its name on the left, its bars, its texts on the right."""

    name: str
    bars: list[Moment]
    span: str = ""
    score: str = ""
    kind: str = "moment"  # "best", "moment", "others", "truth" or "none"
    label: str = ""


def draw(timeline: Timeline) -> Figure:
    """The figure; its height follows from the number of rows."""
    rows = _rows(timeline)
    title = _title(timeline)
    note = wrap(clean(timeline.note), _NOTE_COLUMNS, 2) if timeline.note else []
    left = _LABELS if any(row.label for row in rows) else _RANKS
    width = _WIDTH - left - _SCORES
    strip = min(1.1, _thumbnail_height(timeline, width))
    head = _MARGIN + len(title) * _TITLE_LINE + len(note) * _NOTE_LINE + 0.1
    height = head + (strip + _TIMES if strip else _HEADER) + len(rows) * _ROW + _AXIS

    with style.use():
        figure = _ShownFigure(figsize=(_WIDTH, height))
        figure.alt = timeline.description()
        _write_head(figure, title, note)
        if strip:
            _draw_strip(_place(figure, left, head, width, strip), timeline)
        head += strip + _TIMES if strip else _HEADER
        axes = _place(figure, left, head, width, len(rows) * _ROW)
        _draw_rows(axes, rows, timeline)
        _draw_axis(axes, timeline.duration)
    return figure


def _title(timeline: Timeline) -> list[str]:
    """One or two lines that always end in the point: a long query is cut, the point never."""
    lines = wrap(timeline.subject, _TITLE_COLUMNS, 2)
    if not timeline.point:
        return lines
    if len(lines) == 1 and columns(lines[0]) + len(timeline.point) + 2 > _TITLE_COLUMNS:
        return [f"{lines[0]}:", timeline.point]
    return [*lines[:-1], f"{shorten(lines[-1], _TITLE_COLUMNS - 2 - len(timeline.point))}: {timeline.point}"]


def _rows(timeline: Timeline) -> list[_Row]:
    duration = timeline.duration
    rows = []
    for rank, moment in enumerate(timeline.moments[:ROWS], 1):
        kind = "best" if rank == 1 and timeline.query and not timeline.headline else "moment"
        label = "\n".join(wrap(clean(moment.label), _LABEL_COLUMNS, 2))
        rows.append(_Row(str(rank), [moment], write_span(moment, duration), f"{moment.score:.2f}", kind, label))
    if not rows:
        rows.append(_Row(timeline.nothing, [], kind="none"))
    others = timeline.moments[ROWS:]
    if others:
        name = f"{ROWS + 1}–{ROWS + len(others)}" if len(others) > 1 else str(ROWS + 1)
        rows.append(_Row(name, others, f"{len(others)} more", f"≤ {max(m.score for m in others):.2f}", "others"))
    if timeline.truth:
        span = write_span(timeline.truth[0], duration) if len(timeline.truth) == 1 else f"{len(timeline.truth)} moments"
        rows.append(_Row("truth", timeline.truth, span, "", "truth"))
    return rows


def _thumbnail_height(timeline: Timeline, width: float) -> float:
    if not timeline.strip:
        return 0.0
    height, pixels = timeline.strip[0].pixels.shape[:2]
    return width / len(timeline.strip) * height / pixels


def _place(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at these inches, counted from the figure's upper left corner."""
    total_width, total_height = figure.get_size_inches()
    box = (left / total_width, 1 - (top + height) / total_height, width / total_width, height / total_height)
    return figure.add_axes(box)


def _write_head(figure: Figure, title: list[str], note: list[str]) -> None:
    total = figure.get_size_inches()[1]
    top = _MARGIN
    for lines, height, look in (
        (title, _TITLE_LINE, {"size": 14, "weight": "bold"}),
        (note, _NOTE_LINE, {"size": 11, "color": style.MUTED}),
    ):
        texts = []
        for line in lines:
            texts.append(figure.text(_MARGIN / _WIDTH, 1 - top / total, line, va="top", parse_math=False, **look))
            top += height
        _shrink(texts, _WIDTH - 2 * _MARGIN)


def _shrink(texts: list[Text], inches: float) -> None:
    """Makes the type of texts smaller where one is wider than this: capitals and some scripts take more room than others."""
    widest = max((text.get_window_extent().width / text.figure.dpi for text in texts), default=0.0)
    if widest > inches:
        for text in texts:
            # Widths differ a little with the resolution that the figure is saved at.
            text.set_size(0.96 * text.get_size() * inches / widest)


def _draw_strip(axes: Axes, timeline: Timeline) -> None:
    slot = timeline.duration / len(timeline.strip)
    height, width = timeline.strip[0].pixels.shape[:2]
    axes_width, axes_height = axes.get_window_extent().size
    # A tall picture fills the height and leaves room beside it; the picture stays in the middle of its stretch of time.
    shown = min(1.0, axes_height * width / height / (axes_width / len(timeline.strip))) * 0.97
    for i, thumbnail in enumerate(timeline.strip):
        middle = (i + 0.5) * slot
        axes.imshow(thumbnail.pixels, extent=(middle - shown * slot / 2, middle + shown * slot / 2, 0, 1), aspect="auto")
        axes.text(
            middle, -0.06, write_time(thumbnail.time, timeline.duration), size=8, color=style.MUTED, ha="center", va="top", clip_on=False
        )
    axes.set(xlim=(0, timeline.duration), ylim=(0, 1))
    axes.axis("off")


def _draw_rows(axes: Axes, rows: list[_Row], timeline: Timeline) -> None:
    duration = timeline.duration
    axes.set(xlim=(0, duration), ylim=(len(rows) - 0.5, -0.5))
    whiskers = False
    for y, row in enumerate(rows):
        for moment in row.bars:
            whiskers |= _draw_bar(axes, y, moment, row.kind, duration)
        _write_row(axes, y, row)
    if timeline.moments:
        _write_beside(axes, -0.75, "moment", "score", style.MUTED, 9)
    if whiskers:
        _write_beside(axes, len(rows) - 0.05, "", "whiskers: ± 1 standard deviation", style.MUTED, 8)


def _draw_bar(axes: Axes, y: int, moment: Moment, kind: str, duration: float) -> bool:
    """A bar from start to end; a moment outside the video becomes an arrow at the nearer end. Whether it has whiskers."""
    colour = style.TRUTH if kind == "truth" else style.PREDICTED
    if is_outside(moment, duration):
        at, arrow = (duration, ">") if moment.start > duration else (0, "<")
        axes.plot([at], [y], arrow, color=colour, markersize=9, markerfacecolor="white", clip_on=False)
        return False
    start, end = inside(moment, duration)
    face = (colour, {"best": 1.0, "moment": 0.4, "others": 0.15, "truth": 0.15}[kind])
    hatch = "////" if kind == "truth" else None
    # The edge keeps a moment of no length visible.
    look = {"facecolor": face, "edgecolor": colour, "linewidth": 1.6, "hatch": hatch, "clip_on": False}
    axes.add_patch(Rectangle((start, y - 0.25), end - start, 0.5, **look))
    if kind not in ("best", "moment"):
        return False
    drawn = _draw_whisker(axes, y - 0.13, moment.start, moment.start_std, duration)
    return _draw_whisker(axes, y + 0.13, moment.end, moment.end_std, duration) or drawn


def _draw_whisker(axes: Axes, y: float, at: float, deviation: float, duration: float) -> bool:
    """Draws one boundary's whisker, if it can be seen. The two of a moment stand at two heights, so that they never merge."""
    ends = whisker(at, deviation, duration)
    if ends is None:
        return False
    for colour, width in (("white", 3.4), (style.BLACK, 1.4)):
        look = {"color": colour, "linewidth": width, "linestyle": "-", "marker": "|", "markersize": 6 + width, "markeredgewidth": width}
        axes.plot(ends, (y, y), clip_on=False, **look)
    return True


def _write_row(axes: Axes, y: int, row: _Row) -> None:
    left = axes.get_position().x0 * _WIDTH
    weight = "bold" if row.kind == "best" else "normal"
    look = {"size": 10, "weight": weight, "va": "center", "parse_math": False, "transform": axes.get_yaxis_transform()}
    if row.kind == "none":
        axes.text(0.5, y, row.name, **{**look, "ha": "center", "size": 12, "color": style.MUTED, "backgroundcolor": "white"})
    elif left < _LABELS:
        axes.text(_inches(axes, -0.12), y, row.name, ha="right", **look)
    else:
        axes.text(_inches(axes, _MARGIN - left), y, row.name, **look)
        indent = _MARGIN + 0.45
        label = axes.text(_inches(axes, indent - left), y, row.label, **look)
        _shrink([label], left - indent - 0.1)
    _write_beside(axes, y, row.span, row.score, style.BLACK, 10, weight)


def _inches(axes: Axes, inches: float) -> float:
    """Inches to the right of the axes' left side, as a part of their width."""
    return inches / (axes.get_position().width * _WIDTH)


def _write_beside(axes: Axes, y: float, span: str, score: str, colour: str, size: float, weight: str = "normal") -> None:
    look = {"size": size, "color": colour, "weight": weight, "va": "center", "transform": axes.get_yaxis_transform()}
    text = axes.text(1 + _inches(axes, 0.2), y, span, **look)
    _shrink([text], _SCORES - 0.2 - (0.75 if score else _MARGIN))
    axes.text(1 + _inches(axes, _SCORES - _MARGIN), y, score, ha="right", **look)


def _draw_axis(axes: Axes, duration: float) -> None:
    marks = ticks(duration)
    axes.set_xticks([t for t, _ in marks], [label for _, label in marks], size=9)
    axes.set_yticks([])
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", visible=True)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)

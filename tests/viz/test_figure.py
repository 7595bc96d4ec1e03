"""The figure, read back through matplotlib: bars and whiskers where the moments are, all words inside and apart."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from PIL import Image
from viz.timelines import TIMELINES, many_moments

from momentor_lib.moments import Moment
from momentor_lib.viz import style
from momentor_lib.viz.timeline import Timeline


def bars(timeline: Timeline) -> list[tuple[float, float, float, str]]:
    """Row, start, end and colour of each bar."""
    axes = timeline.figure().axes[-1]
    found = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    return [(b.get_y() + b.get_height() / 2, b.get_x(), b.get_x() + b.get_width(), to_hex(b.get_edgecolor()).upper()) for b in found]


def words(timeline: Timeline) -> str:
    figure = timeline.figure()
    return " ".join(text.get_text() for text in [*figure.texts, *(text for axes in figure.axes for text in axes.texts)])


def test_bars_lie_where_the_moments_are() -> None:
    drawn = bars(TIMELINES["typical"])
    expected = [
        (0, 12.31, 18.42, style.PREDICTED),
        (1, 30.2, 33.9, style.PREDICTED),
        (2, 2.1, 4.0, style.PREDICTED),
        (3, 12.0, 18.6, style.TRUTH),
    ]
    assert [row[3] for row in drawn] == [row[3] for row in expected]
    np.testing.assert_allclose([row[:3] for row in drawn], [row[:3] for row in expected], atol=1e-9)
    axes = TIMELINES["typical"].figure().axes[-1]
    assert axes.get_xlim() == (0, 42.0)


def test_whiskers_are_one_standard_deviation_to_each_side() -> None:
    axes = Timeline(20.0, [Moment(5, 10, 0.9, 0.5, 1.5), Moment(0.2, 19.9, 0.5, 1.0, 1.0)], query="x").figure().axes[-1]
    ends = {tuple(np.round(line.get_xdata(), 6)) for line in axes.lines}
    assert ends == {(4.5, 5.5), (8.5, 11.5), (0.0, 1.2), (18.9, 20.0)}  # the last two are cut off at the video's ends


def test_a_moment_beyond_the_video_is_cut_off_and_one_outside_is_an_arrow() -> None:
    timeline = TIMELINES["outside"]
    np.testing.assert_allclose([row[:3] for row in bars(timeline)], [(0, 18, 20), (3, 10, 10), (4, 0, 20)], atol=1e-9)
    arrows = [
        (line.get_marker(), line.get_xdata()[0], line.get_ydata()[0])
        for line in timeline.figure().axes[-1].lines
        if line.get_marker() in "<>"
    ]
    assert arrows == [(">", 20.0, 1), ("<", 0, 2), (">", 20.0, 5)]


def test_the_eleventh_moment_and_all_after_it_share_a_row() -> None:
    timeline = Timeline(42.0, many_moments(50, 42.0), query="x")
    rows = [round(row[0]) for row in bars(timeline)]
    assert rows == [*range(10), *[10] * 40]
    assert "11–50" in words(timeline) and "40 more" in words(timeline)


@pytest.mark.parametrize("name", TIMELINES)
def test_all_words_are_inside_the_figure_and_apart(name: str) -> None:
    figure = TIMELINES[name].figure()
    with style.use():
        figure.canvas.draw()
        ticks = [label for axes in figure.axes if axes.axison for label in axes.get_xticklabels()]
        texts = [text for text in [*figure.texts, *(text for axes in figure.axes for text in axes.texts), *ticks] if text.get_text()]
        boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
    assert boxes
    for text, box in boxes:
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1, text
        assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1, text
    for (first, one), (second, other) in itertools.combinations(boxes, 2):
        assert not one.overlaps(other), (first, second)


@pytest.mark.parametrize("name", [name for name, timeline in TIMELINES.items() if timeline.query and timeline.moments])
def test_the_title_ends_in_the_point_however_long_the_query(name: str) -> None:
    timeline = TIMELINES[name]
    titles = [text.get_text() for text in timeline.figure().texts if text.get_weight() == "bold"]
    assert len(titles) <= 2
    assert titles[-1].endswith(timeline.point)


def test_no_moment_is_said_in_words() -> None:
    assert words(TIMELINES["empty"]).count("No moment found") == 2  # in the title and in the row
    assert bars(TIMELINES["empty"]) == []


def test_the_strip_shows_each_frame_over_its_own_time() -> None:
    timeline = TIMELINES["typical"]
    axes = timeline.figure().axes[0]
    assert 8 <= len(axes.images) <= 12
    for image, label in zip(axes.images, axes.texts, strict=True):
        left, right, *_ = image.get_extent()
        number = int(np.asarray(image.get_array())[0, 0, 0]) // 4
        time = timeline.frames.times[number]
        assert abs((left + right) / 2 - time) <= 42 / 63 / 2 + 1e-9
        assert label.get_text() == f"{time:.1f} s"


def test_texts_are_shown_as_they_stand_and_not_as_formulas() -> None:
    text = "$\\nosuchformula{$"
    timeline = Timeline(9.0, [Moment(1, 2, label=text)], query=text, note=text)
    assert words(timeline).count(text) == 3
    timeline.figure().canvas.draw()  # matplotlib would refuse it as a formula


@pytest.mark.parametrize("name", TIMELINES)
def test_the_file_is_a_picture_with_words(name: str, tmp_path) -> None:
    timeline = TIMELINES[name]
    timeline.save_png(tmp_path / "timeline.png")
    with Image.open(tmp_path / "timeline.png") as image:
        assert image.width == 1600
        assert image.text["Description"] == timeline.description()
    assert [path.name for path in tmp_path.iterdir()] == ["timeline.png"]


def test_a_notebook_gets_the_picture_and_its_words() -> None:
    figure = TIMELINES["typical"].figure()
    data, metadata = figure._repr_mimebundle_()
    assert data["image/png"].startswith(b"\x89PNG")
    assert "12.3 s to 18.4 s" in metadata["image/png"]["alt"]


def test_drawing_leaves_matplotlib_as_it_was() -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    TIMELINES["typical"].figure()
    assert dict(matplotlib.rcParams) == before

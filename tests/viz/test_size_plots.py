"""The figures of notebook 08: what they show, in their own data."""

from __future__ import annotations

import pytest

from momentor_lib.viz.size_plots import distances, memory_bars, spacing


def test_distances_have_a_row_a_group_and_the_threshold():
    picture = distances({"home": [10.0, 30.0], "away": [900.0]}, 100.0, "Title")
    [axes] = picture.figure.axes
    home, away, threshold = axes.lines
    assert list(home.get_xdata()) == [10, 30] and list(home.get_ydata()) == [0, 0]
    assert list(away.get_xdata()) == [900] and home.get_marker() != away.get_marker()
    assert list(threshold.get_xdata()) == [100, 100] and axes.get_xscale() == "log"
    assert "home from 10 to 30" in picture.alt and "begins at 100" in picture.alt
    assert picture.png().startswith(b"\x89PNG")


def test_spacing_has_a_named_line_for_each_number_of_frames():
    picture = spacing([1, 10], {"few": [1.0, 10.0], "many": [0.1, 1.0]}, "Title")
    [axes] = picture.figure.axes
    assert [list(line.get_ydata()) for line in axes.lines] == [[1, 10], [0.1, 1]]
    assert [text.get_text().strip() for text in axes.texts] == ["few", "many"]
    assert picture.png().startswith(b"\x89PNG")


def test_bars_end_at_their_sum_and_carry_it():
    needs = {"small": {"a": 1.0, "b": 0.5}, "large": {"a": 10.0, "b": 4.0}}
    picture = memory_bars(needs, {"card": 16.0}, "Title")
    [axes] = picture.figure.axes
    ends = {row: max(bar.get_x() + bar.get_width() for bar in axes.patches if round(bar.get_y() + 0.31) == row) for row in (0, 1)}
    assert ends == pytest.approx({0: 1.5, 1: 14.0})
    assert [text.get_text().strip() for text in axes.texts] == ["1.5 GB", "14 GB", "card"]
    assert axes.get_xlim()[1] > 16 and "large 14 GB" in picture.alt
    assert picture.png().startswith(b"\x89PNG")

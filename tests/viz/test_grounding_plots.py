"""The figures of notebook 06 show what they are given."""

from __future__ import annotations

import numpy as np
import pytest
from viz.timelines import numbered_frames

from momentor_lib.viz.grounding_plots import Reading, coverage, distributions, looking, score_strips

PROBABILITIES = np.array([0.0, 0.1, 0.6, 0.3, 0.0])
READING = Reading(PROBABILITIES, 11.0, 2.5)


def heights(axes):
    return [bar.get_height() for bar in axes.patches[-len(PROBABILITIES) :]]


def test_each_distribution_has_a_panel_with_its_anchors_time_and_truth():
    picture = distributions({"start": READING, "end": Reading(PROBABILITIES[::-1], 19.0, 1.0)}, 20.0, "title", {"start": 10.5})
    first, second = picture.figure.axes
    assert heights(first) == PROBABILITIES.tolist() and heights(second) == PROBABILITIES[::-1].tolist()
    middles = [bar.get_x() + bar.get_width() / 2 for bar in first.patches]
    assert middles == pytest.approx([0, 5, 10, 15, 20])
    whisker = first.containers[1].lines[2][0].get_segments()[0]
    assert whisker[:, 0].tolist() == [8.5, 13.5]
    assert [10.5, 10.5] in [list(line.get_xdata()) for line in first.lines]
    assert [10.5, 10.5] not in [list(line.get_xdata()) for line in second.lines]
    assert "start read at 11.0 s ± 2.5 s" in picture.alt and "5 anchors" in picture.alt
    assert picture.png().startswith(b"\x89PNG")


def test_frames_attention_and_distribution_share_one_time_axis():
    frames = numbered_frames(9, 20.0)
    attention = np.eye(9)[4]
    picture = looking(frames, {"a head": attention, "mean": np.full(9, 1 / 9)}, READING, [(9.0, 14.0), (16.0, 18.0)], "title")
    strip, head, mean, times = picture.figure.axes
    assert len({axes.get_xlim() for axes in picture.figure.axes}) == 1
    assert len(strip.images) == 9
    left, right = strip.images[4].get_extent()[:2]
    assert left < frames.times[4] < right
    tallest = max(head.patches, key=lambda bar: bar.get_height() if bar.get_width() < 3 and bar.get_y() == 0 else 0)
    assert tallest.get_x() + tallest.get_width() / 2 == pytest.approx(frames.times[4])
    for axes in (head, mean, times):
        hatched = [patch for patch in axes.patches if patch.get_hatch()]
        assert [(patch.get_x(), patch.get_width()) for patch in hatched] == [(9, 5), (16, 2)]
    assert "a head most at 10.0 s" in picture.alt and "truth 9.0 to 14.0 s, 16.0 to 18.0 s" in picture.alt
    assert picture.png().startswith(b"\x89PNG")


def test_coverage_draws_a_line_for_each_group_beside_what_is_expected():
    picture = coverage([0.5, 1, 2], {"right": [0.6, 0.9, 1.0], "all": [0.5, 0.7, 0.8]}, [0.38, 0.68, 0.95], "title")
    [axes] = picture.figure.axes
    drawn = [list(line.get_ydata()) for line in axes.lines]
    assert drawn == [[0.38, 0.68, 0.95], [0.6, 0.9, 1.0], [0.5, 0.7, 0.8]]
    assert "within 1: right 0.90; all 0.70; a bell curve 0.68" in picture.alt
    assert picture.png().startswith(b"\x89PNG")


def test_score_strips_have_a_dot_for_each_score_and_a_bar_at_the_median():
    picture = score_strips({"happens": [0.9, 0.7, 0.8], "never": [0.2], "none": []}, "title")
    [axes] = picture.figure.axes
    dots = [line for line in axes.lines if line.get_marker() != "None"]
    assert [list(line.get_xdata()) for line in dots] == [[0.9, 0.7, 0.8], [0.2], []]
    assert [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "None"] == [0.8, 0.2]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["happens (3)", "never (1)", "none (0)"]
    assert "happens: 3, median 0.80" in picture.alt
    assert picture.png().startswith(b"\x89PNG")

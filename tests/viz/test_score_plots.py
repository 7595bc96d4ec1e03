"""The figures of scores: what they show, in their own data."""

from __future__ import annotations

import numpy as np
import pytest

from momentor_lib.viz.score_plots import ious_and_recall, matching, scores_with_ranges

IOUS = [0.0, 0.35, 0.35, 0.55, 0.95, 1.0]


def test_histogram_and_recall_of_one_model():
    picture = ious_and_recall({"tiny": IOUS}, "Title")
    left, right = picture.figure.axes
    assert sum(bar.get_height() for bar in left.patches) == len(IOUS)
    at, recall = right.lines[0].get_data()
    for threshold in (0.0, 0.3, 0.5, 1.0):
        assert recall[np.abs(at - threshold).argmin()] == pytest.approx(100 * np.mean(np.array(IOUS) >= threshold))
    assert {text.get_text() for text in right.texts} == {"83.3 %", "50.0 %", "33.3 %"}
    assert "6 queries, mean IoU 0.53" in picture.alt
    assert picture.png().startswith(b"\x89PNG")


def test_several_models_have_a_line_each_and_a_legend():
    picture = ious_and_recall({"tiny": IOUS, "whole": [0.1, 0.2], "none": []}, "Title")
    left, right = picture.figure.axes
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["tiny", "whole", "none"]
    assert {"tiny", "whole", "none"} <= {text.get_text() for text in left.texts}
    assert picture.png().startswith(b"\x89PNG")


def test_bars_carry_their_values():
    picture = scores_with_ranges({"ours": (50.0, 40.0, 60.0), "other": (20.0, 20.0, 20.0)}, "Title", "mIoU (%)", marked="ours")
    [axes] = picture.figure.axes
    assert [bar.get_width() for bar in axes.patches] == [50, 20]
    assert [text.get_text() for text in axes.texts] == ["50.0", "20.0"]
    assert len(axes.lines) == 1  # no interval of no width
    assert "ours 50.0 (40.0 to 60.0)" in picture.alt


def test_matching_frames_its_pairs():
    picture = matching(np.array([[0.9, 0.1], [0.2, 0.8]]), [(0, 0), (1, 1)], "Title")
    [axes] = picture.figure.axes
    assert [text.get_text() for text in axes.texts] == ["0.90", "0.10", "0.20", "0.80"]
    assert len(axes.lines) == 2

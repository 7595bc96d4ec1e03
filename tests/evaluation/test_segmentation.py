"""Segmentation metrics on cases worked out by hand, and properties that always hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentor_lib.evaluation.segmentation import closest_label, compare, edit_score, frame_labels, levenshtein, score_segmentation, segments
from momentor_lib.moments import Moment

LABELS = st.lists(st.sampled_from(["cut", "pour", "stir", "background"]), max_size=30)
VIDEOS = st.lists(st.tuples(LABELS, LABELS.filter(bool)), min_size=1, max_size=4)


def values(said, true, **options):
    return {name: top.sum() / bottom.sum() for name, (top, bottom) in score_segmentation(said, true, **options).items() if bottom.sum()}


def test_segments_leave_out_background():
    assert segments(list("aabbba") + ["background"] * 2 + ["a"]) == [("a", 0, 2), ("b", 2, 5), ("a", 5, 6), ("a", 8, 9)]
    assert segments([]) == []
    assert segments(list("ab"), background=("a",)) == [("b", 1, 2)]


def test_by_hand():
    true = ["cut"] * 4 + ["pour"] * 4 + ["stir"] * 2
    said = ["cut"] * 2 + ["pour"] * 4 + ["cut"] * 2 + ["stir"] * 2
    found = values([said], [true])
    assert found["MoF"] == pytest.approx(60)  # 2 + 2 + 2 of 10
    assert found["Edit"] == pytest.approx(75)  # one segment too many of four
    # cut 2/4, pour 2/6, a second cut 0, stir 2/2
    assert found["F1@10"] == found["F1@25"] == pytest.approx(100 * 2 * 3 / 7)
    assert found["F1@50"] == pytest.approx(100 * 2 * 2 / 7)


def test_a_true_segment_is_used_once():
    true, said = ["cut"] * 10, ["cut"] * 5 + ["pour"] + ["cut"] * 4
    assert compare(said, true).hits == (1, 1, 1)
    assert values([said], [true])["F1@50"] == pytest.approx(50)  # one right of three and one


def test_over_all_videos_the_frames_and_segments_are_summed():
    true, said = [["cut"], ["cut"] * 99], [["pour"], ["cut"] * 99]
    found = values(said, true)
    assert found["MoF"] == 99
    assert found["Edit"] == 50  # the mean over videos
    assert found["F1@10"] == 50


def test_short_long_and_missing_predictions():
    assert values([["cut"] * 5], [["cut"] * 10])["MoF"] == 50
    assert values([["cut"] * 50], [["cut"] * 10])["MoF"] == 100
    assert all(value == 0 for value in values([[]], [["cut"] * 10]).values())
    with pytest.raises(ValueError, match="1 predictions for 2 videos"):
        score_segmentation([[]], [[], []])


def test_nothing_but_background():
    assert edit_score([], []) == 100
    found = score_segmentation([["background"] * 3], [["background"] * 3])
    assert found["MoF"][0].tolist() == [300]
    assert found["F1@10"][1].tolist() == [0]


def slow_distance(a, b):
    if not a or not b:
        return len(a) + len(b)
    if a[-1] == b[-1]:
        return slow_distance(a[:-1], b[:-1])
    return 1 + min(slow_distance(a[:-1], b), slow_distance(a, b[:-1]), slow_distance(a[:-1], b[:-1]))


@given(*[st.lists(st.sampled_from("abc"), max_size=5)] * 2)
def test_levenshtein_is_that_of_its_definition(a, b):
    assert levenshtein(a, b) == slow_distance(a, b)


@given(VIDEOS)
def test_within_range_and_perfect_is_100(videos):
    said, true = [list(part) for part in zip(*videos, strict=True)]
    found, best = values(said, true), values(true, true)
    assert all(0 <= value <= 100 for value in found.values())
    assert all(value == pytest.approx(100) for value in best.values())
    turned = values(said[::-1], true[::-1])
    assert turned == pytest.approx(found)


@given(LABELS.filter(bool), st.data())
def test_one_more_right_frame_never_lowers_mof(true, data):
    said = data.draw(st.lists(st.sampled_from(["cut", "pour"]), min_size=len(true), max_size=len(true)))
    place = data.draw(st.integers(0, len(true) - 1))
    better = [*said[:place], true[place], *said[place + 1 :]]
    assert values([better], [true])["MoF"] >= values([said], [true])["MoF"]


def test_frame_labels():
    events = [Moment(1, 4, label="b"), Moment(0, 6, label="a"), Moment(1, 2, label="c")]
    assert frame_labels(events, np.arange(0.0, 8.0)) == ["a", "c", "b", "b", "a", "a", "background", "background"]
    assert frame_labels([], [0.0]) == ["background"]


@pytest.mark.parametrize(
    ("words", "label"),
    [("pour_milk", "pour_milk"), ("she is pouring the milk", "pour_milk"), ("a dog barks", None), ("Stirring.", "stir_tea"), ("", None)],
)
def test_words_get_the_label_that_is_most_alike(words, label):
    assert closest_label(words, ["pour_milk", "stir_tea"]) == label


def test_another_likeness_can_be_handed_in():
    assert closest_label("ab", ["x", "yy"], alike=lambda a, b: float(len(a) == len(b))) == "yy"

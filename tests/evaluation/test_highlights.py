"""QVHighlights: the reference evaluator's own numbers, a plain reading of its rules, and cases worked out by hand."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentor_lib.evaluation.grounding import temporal_iou
from momentor_lib.evaluation.highlights import (
    THRESHOLDS,
    Ratings,
    average_precision,
    every_number,
    hit_at_1,
    retrieve,
    saliency_precision,
    score_highlights,
)

WINDOWS = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 20), st.sampled_from([0.1, 0.5, 0.9])), max_size=12).map(
    lambda found: [(start, start + length, score) for start, length, score in found]
)
TRUE = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 20)), max_size=4).map(
    lambda found: [(start, start + length) for start, length in found]
)


@pytest.fixture(scope="module")
def sample(qvhighlights):
    truth = [json.loads(line) for line in (qvhighlights / "highlight_val_release.jsonl").read_text().splitlines()]
    said = {p["qid"]: p for p in map(json.loads, (qvhighlights / "sample_val_preds.jsonl").read_text().splitlines())}
    return truth, [said[query["qid"]] for query in truth]


def arguments(truth, said):
    ratings = [Ratings.of_clips(query["duration"], query["relevant_clip_ids"], query["saliency_scores"]) for query in truth]
    windows, saliency = ([one[name] for one in said] for name in ("pred_relevant_windows", "pred_saliency_scores"))
    return windows, [query["relevant_windows"] for query in truth], saliency, ratings


@pytest.mark.quiet
def test_every_number_of_the_reference_to_its_printed_digits(sample, qvhighlights):
    began = time.process_time()
    found = every_number(*arguments(*sample))
    seconds = time.process_time() - began
    assert found == json.loads((qvhighlights / "sample_val_preds_metrics_raw.json").read_text())
    assert len(sample[0]) == 1550
    assert seconds < 5


def test_the_order_of_queries_does_not_matter(sample):
    truth, said = (part[:60] for part in sample)
    assert every_number(*arguments(truth, said)) == every_number(*arguments(truth[::-1], said[::-1]))


def test_perfect_predictions_score_100_and_empty_ones_0(sample):
    truth, _ = sample
    _, true, _, ratings = arguments(*sample)
    windows = [[(*window, 1.0) for window in query] for query in true]
    perfect = score_highlights(windows, true, [rated.scores.min(axis=1) for rated in ratings], ratings)
    empty = score_highlights([[] for _ in truth], true, [[] for _ in truth], ratings)
    # Ten windows at most are looked at; a query has more. By length, its windows of other lengths stand in the way.
    reachable = np.array([len(windows) <= 10 for windows in true])
    assert reachable.sum() >= 1500
    for name, values in perfect.items():
        assert np.nanmax(empty[name]) == 0
        if name.startswith("MR-full"):
            assert values[reachable].min() == 100
    # No order of clips suits three annotators at once, but one each has its own.
    for annotator in range(3):
        own = [rated.scores[:, annotator] for rated in ratings]
        alone = [Ratings(scores[:, None]) for scores in own]
        best = score_highlights(windows, true, own, alone)
        for name, level in (("Fair", 2), ("Good", 3), ("VeryGood", 4)):
            good = np.array([(scores >= level).any() for scores in own])
            assert best[f"HL-min-{name}-mAP"][good].min() == best[f"HL-min-{name}-Hit1"][good].min() == 100
            assert best[f"HL-min-{name}-mAP"][~good].max(initial=0) == 0


def plain_average_precision(said, true, threshold):
    """One threshold, in words: each window in turn takes the best true one that is free; precision is that of the best later point."""
    said = sorted(said[:10], key=lambda window: -window[2])
    free, hits = set(range(len(true))), []
    for window in said:
        ious = temporal_iou([window[:2]], true)[0] if true else []
        order = sorted(range(len(true)), key=lambda i: (ious[i], i), reverse=True)
        taken = next((i for i in order if i in free and ious[i] >= threshold), None)
        hits.append(taken is not None)
        free.discard(taken)
    total = 0.0
    for place, hit in enumerate(hits):
        if hit:
            total += max(sum(hits[: stop + 1]) / (stop + 1) for stop in range(place, len(hits)))
    return total / len(true) if true else 0.0


@given(WINDOWS, TRUE)
def test_average_precision_is_that_of_the_rules_in_words(said, true):
    found = average_precision(said, true)
    assert found == pytest.approx([plain_average_precision(said, true, threshold) for threshold in THRESHOLDS])
    assert ((found >= 0) & (found <= 1)).all()


def test_average_precision_by_hand():
    true = [(0, 10), (20, 30)]
    said = [(0, 10, 0.9), (50, 60, 0.8), (20, 28, 0.7)]  # right, wrong, right up to 0.8
    assert average_precision(said, true, [0.5, 0.75, 0.9]) == pytest.approx([(1 + 2 / 3) / 2, (1 + 2 / 3) / 2, 1 / 2])
    assert average_precision(said[::-1], true, [0.5]) == pytest.approx([(1 + 2 / 3) / 2])  # the scores order, not the list
    assert average_precision([(0, 10, 0.9), (0, 10, 0.8)], [(0, 10)], [0.5]).tolist() == [1]
    assert average_precision([(1, 10, 0.9), (0, 10, 0.8)], true, [0.5]).tolist() == [0.5]  # a window is used once
    eleven = [(50, 60, 0.9)] * 10 + [(0, 10, 1.0)]
    assert average_precision(eleven, [(0, 10)], [0.5]).tolist() == [0]  # ten at most, the first ten of the list


def test_r1_is_the_first_of_the_list_against_the_best_window():
    scores = score_highlights([[(20, 30, 0.1), (0, 10, 0.9)]], [[(0, 9), (20, 30)]])
    assert scores["MR-full-R1@0.7"].tolist() == [100]


def test_by_length_a_query_counts_with_its_windows_of_that_length():
    said = [[(0, 40, 0.9), (50, 55, 0.8)], [(0, 20, 0.9)]]
    true = [[(0, 40), (50, 55)], [(0, 20)]]
    assert retrieve(said, true, (0, 10)).queries.tolist() == [0]
    assert retrieve(said, true, (0, 10)).precisions.tolist() == [[0.5] * 10]
    assert retrieve(said, true, (10, 30)).queries.tolist() == [1]
    lengths = [[(0, 10)], [(0, 10.5)], [(0, 30)], [(0, 31)]]  # a range has its upper end in it, not its lower one
    assert [retrieve([[]] * 4, lengths, part).queries.tolist() for part in ((0, 10), (10, 30), (30, 150))] == [[0], [1, 2], [3]]
    assert retrieve(said, true, (30, 150)).precisions.tolist() == [[1.0] * 10]


def plain_saliency_precision(scores, good):
    """Precision at every threshold of the score; at each new recall the best precision of it or any later one."""
    points = [
        (sum(g for s, g in zip(scores, good, strict=True) if s >= t), sum(s >= t for s in scores))
        for t in sorted(set(scores), reverse=True)
    ]
    precisions, recalled = [found / taken for found, taken in points], [found for found, _ in points]
    steps = [max(precisions[i:]) for i in range(len(points)) if recalled[i] > (recalled[i - 1] if i else 0)]
    return float(np.mean(steps))


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.booleans()), min_size=1, max_size=12))
def test_saliency_precision_is_that_of_the_rules_in_words(clips):
    scores, good = [s for s, _ in clips], np.array([g for _, g in clips])
    expected = 0.0 if not good.any() else 1.0 if good.all() else plain_saliency_precision(scores, good)
    assert saliency_precision(scores, good) == pytest.approx(expected)


def test_saliency_by_hand():
    good = np.array([True, False, True, False])
    assert saliency_precision([4, 3, 2, 1], good) == pytest.approx((1 + 2 / 3) / 2)
    assert saliency_precision([1, 1, 1, 1], good) == 0.5  # equal scores are one step
    assert saliency_precision([4], good) == pytest.approx((1 + 1 / 2) / 2)  # missing scores are 0: the other three are one step
    assert saliency_precision([4, 0, 3, 0, 9, 9], good) == 1  # those past the end are left out


def test_hit_at_1_needs_one_annotator():
    ratings = Ratings(np.array([[1.0, 4, 2], [4, 4, 4], [0, 0, 0]]))
    assert [hit_at_1([9, 0, 0], ratings, level) for level in (2, 4)] == [1, 1]
    assert hit_at_1([0, 0, 9], ratings, 2) == 0
    assert hit_at_1([5, 5, 0], Ratings(np.array([[0.0], [4], [0]])), 2) == 0  # the first of equals
    assert hit_at_1([0, 0, 0, 9], ratings, 2) == 0  # a clip that the video does not have
    assert hit_at_1([], ratings, 2) == 0


def test_ratings_fill_the_clips_that_nobody_rated():
    ratings = Ratings.of_clips(9.0, [1, 3], [[1, 2, 3], [4, 4, 4]])
    assert ratings.scores.tolist() == [[0, 0, 0], [1, 2, 3], [0, 0, 0], [4, 4, 4]]
    assert Ratings.of_clips(9.0, [], []).scores.shape == (4, 1)
    with pytest.raises(ValueError, match="has 4 clips of 2 s"):
        Ratings.of_clips(9.0, [4], [[1, 2, 3]])
    with pytest.raises(ValueError, match="2 clips but 1 ratings"):
        Ratings.of_clips(9.0, [1, 2], [[1, 2, 3]])

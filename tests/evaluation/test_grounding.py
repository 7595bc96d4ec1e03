"""Grounding metrics on cases worked out by hand."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentor_lib.evaluation.grounding import Overlaps, first_span_iou, matched, recall_at, score_grounding, span_f1, temporal_iou

SPANS = st.lists(st.tuples(st.floats(0, 10), st.floats(0, 10)).map(lambda p: (min(p), max(p))), max_size=4)


def test_iou_by_hand():
    ious = temporal_iou([(0, 10), (5, 5)], [(5, 15), (20, 30), (5, 5)])
    assert ious[0] == pytest.approx([5 / 15, 0, 0])
    assert ious[1].tolist() == [0, 0, 0]


def test_nothing_predicted_counts_as_zero():
    ious = first_span_iou([[(0, 10)], []], [(0, 10), (0, 10)])
    assert ious.tolist() == [1, 0]
    assert recall_at(ious, 0.5) == 0.5


def test_only_the_first_span_counts():
    assert first_span_iou([[(0, 1), (5, 10)]], [(5, 10)]).tolist() == [0]


@given(SPANS, SPANS)
def test_matching_is_the_best_of_all_pairings(predicted, truth):
    fits = temporal_iou(predicted, truth) >= 0.5
    few, many = sorted((len(predicted), len(truth)))
    fits = fits if len(predicted) <= len(truth) else fits.T
    best = max((sum(fits[i, j] for i, j in enumerate(order)) for order in permutations(range(many), few)), default=0)
    assert matched(predicted, truth) == best


def test_f1_by_hand():
    truth = [(0, 4), (10, 14)]
    assert span_f1([(0, 4), (10, 14), (20, 24)], truth) == pytest.approx(2 * 2 / 5)
    assert span_f1([], truth) == 0
    assert span_f1([], []) == 1
    assert span_f1([(0, 4), (10, 14)], truth, allowed=np.array([[True, True], [True, False]])) == 0.5


QUERIES = st.lists(st.tuples(SPANS, SPANS), max_size=6)


@given(QUERIES, st.sampled_from([0.1, 0.5, 1.0]))
def test_all_queries_at_once_are_as_one_by_one(queries, threshold):
    overlaps = Overlaps.of([said for said, _ in queries], [true for _, true in queries])
    best = [temporal_iou(said[:1], true).max(initial=0) for said, true in queries]
    assert overlaps.of_first().tolist() == best
    assert overlaps.f1(threshold) == pytest.approx([span_f1(said, true, threshold) for said, true in queries])


@given(st.lists(st.tuples(SPANS, SPANS.filter(bool)), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_scores_do_not_depend_on_the_order_of_queries_and_stay_in_range(queries, random):
    scores = score_grounding([said for said, _ in queries], [true for _, true in queries])
    order = list(range(len(queries)))
    random.shuffle(order)
    shuffled = score_grounding([queries[i][0] for i in order], [queries[i][1] for i in order])
    for name, values in scores.items():
        assert np.array_equal(values[order], shuffled[name], equal_nan=True)
        assert ((values[~np.isnan(values)] >= 0) & (values[~np.isnan(values)] <= 100)).all()


@given(*[st.tuples(st.floats(0, 100), st.floats(0, 100)).map(lambda p: (min(p), max(p))) for _ in range(2)], st.floats(0, 1))
def test_a_span_that_is_nearer_never_scores_lower(said, true, way):
    nearer = tuple(a + way * (b - a) for a, b in zip(said, true, strict=True))
    before, after = (score_grounding([[span]], [[true]]) for span in (said, nearer))
    for name in before:
        assert np.isnan(before[name][0]) or after[name][0] >= before[name][0] - 1e-6


def test_scores_by_hand():
    said = [[(0, 10)], [(0, 5), (10, 20)], [], [(10, 20), (0, 5)]]
    true = [[(0, 10)], [(0, 10), (10, 20)], [(0, 1)], [(0, 10), (30, 40)]]
    scores = score_grounding(said, true)
    assert scores["mIoU"].tolist() == [100, 50, 0, 0]
    assert scores["R@1, IoU>=0.3"].tolist() == [100, 100, 0, 0]
    assert scores["R@1, IoU>=0.5"].tolist() == [100, 100, 0, 0]
    assert scores["R@1, IoU>=0.7"].tolist() == [100, 0, 0, 0]
    assert scores["F1@0.5"].tolist() == [100, 100, 0, 50]
    assert np.isnan(scores["F1@0.5, several moments"][[0, 2]]).all()
    assert scores["F1@0.5, several moments"][[1, 3]].tolist() == [100, 50]


def test_a_span_is_used_once():
    # both predictions fit the first true span only, so one of them is left over
    assert score_grounding([[(0, 10), (1, 10)]], [[(0, 10), (50, 60)]])["F1@0.5"].tolist() == [50]


@pytest.mark.parametrize("span", [(9, 3), (5, 5), (float("nan"), 7), (3, float("nan")), (float("-inf"), float("inf")), (0, float("inf"))])
def test_what_is_no_span_has_no_overlap(span):
    assert score_grounding([[span]], [[(0, 10)]])["mIoU"].tolist() == [0]


def test_no_query_has_no_score():
    assert np.isnan(recall_at(np.zeros(0), 0.5))
    assert all(not len(values) for values in score_grounding([], []).values())


@pytest.mark.parametrize(
    ("said", "true", "message"),
    [
        ([[(0, 1)]], [], "1 predictions for 0 queries: give each query its list of spans"),
        ([[(0, 1, 0.9)]], [[(0, 1)]], "two numbers"),
        ([[0, 1]], [[(0, 1)]], "each query needs a list of spans"),
    ],
)
def test_wrong_input_is_named(said, true, message):
    with pytest.raises(ValueError, match=message):
        score_grounding(said, true)

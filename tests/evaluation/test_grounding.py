"""Grounding metrics on cases worked out by hand."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentor_lib.evaluation.grounding import first_span_iou, matched, recall_at, span_f1, temporal_iou

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

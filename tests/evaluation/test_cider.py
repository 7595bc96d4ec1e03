"""CIDEr: the caption code's own figures, and cases worked out by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentor_lib.evaluation.cider import Rarity, cider

SENTENCES = st.lists(st.sampled_from(["a", "man", "dog", "runs", "red", "ball"]), min_size=1, max_size=7).map(" ".join)

# What the COCO caption code (pycocoevalcap 1.2) gives for these four captions together.
CAPTIONS = [
    ("A man rides a horse on the beach.", ["A man rides a horse along the beach.", "A horse runs."], 3.5502),
    ("She adds salt.", ["She adds some salt and pepper to the soup."], 1.2935),
    ("A girl brushes her hair in front of a mirror.", ["In front of a mirror a girl brushes her hair."], 8.0258),
    ("Two girls dance.", ["People play football.", "A dog dances with two girls."], 0.9160),
]


def test_the_figures_of_the_caption_code():
    found = cider([said for said, *_ in CAPTIONS], [references for _, references, _ in CAPTIONS])
    assert found == pytest.approx([value for *_, value in CAPTIONS], abs=5e-5)


def test_by_hand():
    # two captions: what is in one of them weighs log 2, and the first is met but for its last word
    said, true = ["a b c d", "x"], [["a b c e"], ["x"]]
    both = [3 / 4, 2 / 3, 1 / 2, 0]  # n-grams in common of as many equally long vectors
    assert cider(said, true) == pytest.approx([10 * sum(both) / 4, 10 / 4])
    # a word more is a penalty
    longer = cider(["a b c d e", "x"], [["a b c d"], ["x"]])[0]
    cosines = [4 / math.sqrt(4 * 5), 3 / math.sqrt(3 * 4), 2 / math.sqrt(2 * 3), 1 / math.sqrt(2)]
    assert longer == pytest.approx(10 * sum(cosines) / 4 * math.exp(-1 / 72))


def test_what_nothing_can_be_told_from_is_0():
    assert cider(["a b c d"], [["a b c d"]]) == [0]  # one caption: nothing is rare
    assert cider(["a b c d", "x"], [[], ["x"]]) == pytest.approx([0, 2.5])
    assert cider([], []) == []
    with pytest.raises(ValueError, match="1 captions but 2 lists"):
        cider(["a"], [["a"], ["b"]])


@given(st.lists(st.tuples(SENTENCES, SENTENCES), min_size=2, max_size=5))
def test_within_range_and_free_of_order(pairs):
    found = cider([said for said, _ in pairs], [[true] for _, true in pairs])
    assert all(-1e-9 <= value <= 10 + 1e-9 for value in found)
    turned = cider([said for said, _ in pairs[::-1]], [[true] for _, true in pairs[::-1]])
    assert turned[::-1] == pytest.approx(found)


def test_rarity_counts_documents_not_words():
    rarity = Rarity.of([[("a", "a", "b")], [("a",), ("b",)]], others=2)
    assert rarity.documents == 4
    assert rarity.frequency["a",] == rarity.frequency["b",] == 2
    assert rarity.frequency["a", "b"] == 1

"""Phrases and pictures: what is said to hold does hold."""

from __future__ import annotations

import numpy as np

from momentor_lib.toy import stills


def test_truth_is_that_of_a_plain_loop():
    rng = np.random.default_rng(0)
    pictures = stills.sample_stills(rng, 12, crowded=3, size=32)
    phrases = stills.sample_phrases(rng, pictures, 60)
    truth = stills.holds(pictures, phrases)
    for b, instances in enumerate(pictures.attributes):
        for p, phrase in enumerate(phrases):
            there = [i for i in instances if i[0] >= 0]
            expected = any(all(have == named for have, named in zip(i, phrase, strict=True) if named != -1) for i in there)
            assert truth[b, p] == expected
    assert 0.02 < truth.mean() < 0.9


def test_pictures_hold_as_many_instances_as_asked():
    pictures = stills.sample_stills(np.random.default_rng(1), 20, crowded=8, size=32)
    counts = (pictures.attributes[:, :, 0] >= 0).sum(axis=1)
    assert counts[:8].min() > 4
    assert counts[8:].max() <= 4


def test_words_name_the_levels():
    row = np.array([0, 7, 3, 9, 4, 2, 0])
    assert stills.write_phrase(row) == "a huge ghostly red moon at column 3 row 9 turned 2"
    assert stills.write_phrase(np.array([-1, 0, -1, -1, -1, -1, -1])) == "a circle"
    assert stills.write_phrase(np.array([1, -1, -1, -1, -1, -1, -1])) == "a green thing"


def test_captions_go_across_or_down():
    low_left, high_right = np.array([0, 0, 1, 9, 0, 0, 3]), np.array([1, 1, 8, 2, 0, 0, 3])
    rows = np.stack([high_right, low_left, np.full(7, -2)])
    assert stills.write_caption(rows).index("red") < stills.write_caption(rows).index("green")
    assert stills.write_caption(rows, down=True).index("green") < stills.write_caption(rows, down=True).index("red")
    assert stills.write_caption(np.full((2, 7), -2)) == "column nothing"

"""Phrases and pictures: what is said to hold does hold."""

from __future__ import annotations

import numpy as np

from momentor_lib.toy import stills
from momentor_lib.toy.motion import Pose
from momentor_lib.toy.script import Actor


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


def test_a_moment_later_the_same_instances_stand_before_the_same_backdrop():
    pictures = stills.sample_stills(np.random.default_rng(2), 30, crowded=4, later=10, size=32)
    before, after = slice(4, 14), slice(20, 30)
    assert np.array_equal(pictures.attributes[before, :, :2], pictures.attributes[after, :, :2])
    assert not np.array_equal(pictures.attributes[before], pictures.attributes[after])
    same = (pictures.pixels[before] == pictures.pixels[after]).mean(axis=(1, 2, 3))
    assert same.min() > 0.3
    assert same.mean() < 0.999


def test_readings_are_sums_over_instances():
    left = (Actor("red", "star", 0, 0, 0, 0), Pose(0.0, 0.5, stills.LARGEST, 0.25, 1.0))
    right = (Actor("red", "moon", 0, 0, 0, 0), Pose(1.0, 0.5, stills.SMALLEST, 0.0, 0.5))
    table = stills.read_cast([left, right])
    star, moon = (len(stills.COLOURS) + stills.SHAPES.index(shape) for shape in ("star", "moon"))
    assert np.allclose(table[star], [1, -1.5, 0, 1.5, 1, 0, 1], atol=1e-6)
    assert np.allclose(table[moon], [1, 1.5, 0, -1.5, 0, 1, 0], atol=1e-6)
    assert np.allclose(table[list(stills.COLOURS).index("red")], table[star] + table[moon])
    assert np.count_nonzero(np.abs(table).sum(axis=1)) == 3

"""METEOR by word and stem, against METEOR 1.5's own figures and against a search of all alignments."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentor_lib.evaluation.meteor import STEM_WEIGHT, align, meteor
from momentor_lib.evaluation.words import stem, tokenize

# What METEOR 1.5 itself (meteor-1.5.jar -l en -norm, words by the Stanford tokenizer, punctuation left out) gives for these sentences.
METEOR_1_5 = [
    ("A man rides a horse along the beach.", "A man rides a horse along the beach.", 1.0000),
    ("A man rides a horse on the beach.", "A man rides a horse along the beach.", 0.9697),
    ("The man is riding a horse.", "A man rides a horse along the beach.", 0.2626),
    ("On the beach a man rides a horse.", "A man rides a horse along the beach.", 0.5288),
    ("A woman pours milk into a bowl and stirs it.", "A woman stirs the milk that she poured into a bowl.", 0.3335),
    ("She adds salt.", "She adds some salt and pepper to the soup.", 0.2018),
    ("A person is cooking in a kitchen.", "The chef prepares food on a stove.", 0.0272),
    ("A boy throws a ball to his dog.", "The kid tosses a ball to the dog.", 0.2981),
    ("Two girls dance.", "A group of people are playing football on a field.", 0.0000),
    ("The red circle moves left.", "The red circle moves left and then grows.", 0.3877),
    ("The blue star spins twice.", "The blue star spins.", 0.5218),
    ("The the the the.", "The dog runs over the hill to the house.", 0.0797),
    ("He cleans the window with a cloth.", "He wipes the window using a towel.", 0.1770),
    ("The camera shows a crowd cheering.", "People in the crowd cheer as the camera pans.", 0.2540),
    ("A man jumps over a bar, lands on a mat and celebrates.", "A man jumps over a bar and lands on a mat.", 0.5260),
    ("Several players run across the court, passing the ball.", "Players pass a ball while they run across a court.", 0.3315),
    ("A girl brushes her hair in front of a mirror.", "In front of a mirror a girl brushes her hair.", 0.5651),
    ("The dog isn't barking at the man's car.", "The dog barks at a car.", 0.3327),
    ("A cat sleeps.", "A cat sleeps on the sofa; a dog watches it.", 0.2010),
    (
        "He lifts the weight above his head and drops it to the ground.",
        "The athlete raises the barbell over his head, then lets it fall.",
        0.1624,
    ),
    ("A child in a yellow T-shirt slides down a slide.", "A child slides down the slide in a t-shirt.", 0.4364),
    ("The video ends with the closing credits.", "The video begins with a title screen.", 0.1489),
    ("They paddle a canoe down the river and get stuck on a rock.", "Two people in a canoe paddle down a rocky river.", 0.3295),
    ("A zorb rolls downhill.", "Zorbs are rolling downhill.", 0.2948),
]

WORDS = st.lists(st.sampled_from(["red", "reds", "boat", "boats", "the", "walk", "walks", "walking"]), max_size=5)
SENTENCES = st.lists(st.sampled_from(["a", "the", "man", "dog", "runs", "running", "red", "jumps", "ball"]), max_size=7).map(" ".join)


def test_deviation_from_meteor_1_5_is_bounded():
    ours = np.array([meteor(said, true) for said, true, _ in METEOR_1_5])
    theirs = np.array([value for *_, value in METEOR_1_5])
    away = ours - theirs
    assert (np.abs(away) < 6e-5).mean() >= 0.6  # the very same figure wherever no synonym or paraphrase comes in
    assert away.max() < 0.04  # hardly ever more than METEOR 1.5 ...
    assert away.min() > -0.52  # ... and less where it knows a paraphrase, at worst "on the beach" for "along the beach"
    assert np.median(np.abs(away)) < 1e-4
    assert -0.05 < away.mean() < 0
    assert np.corrcoef(ours, theirs)[0, 1] > 0.9


def test_by_hand():
    # 4 of 4 words matched, of 6 in the reference: "the" is a function word and weighs .25, the others .75
    precision, recall = 1.0, (0.25 + 3 * 0.75) / (0.25 + 5 * 0.75)
    mean = precision * recall / (0.85 * precision + 0.15 * recall)
    assert meteor("the red boat sails", "the red boat sails home today") == pytest.approx(mean * (1 - 0.6 * (1 / 4) ** 0.2))
    # two chunks: "red boat" and "sails"
    whole = 0.75 * 3 / (0.75 * 3)
    assert meteor("sails red boat", "red boat sails") == pytest.approx(whole * (1 - 0.6 * (2 / 3) ** 0.2))
    # one whole chunk has no penalty; a match by stem weighs .6
    assert meteor("boats", "boat") == pytest.approx(STEM_WEIGHT)
    assert meteor("red", "blue") == meteor("", "red") == meteor("red", "") == meteor("", "") == 0


def all_alignments(candidate, reference):
    """Every way to pair words by stem."""
    if not candidate:
        yield ()
        return
    for rest in all_alignments(candidate[:-1], reference):
        yield rest
        for j, word in enumerate(reference):
            if stem(word) == stem(candidate[-1]) and j not in {pair[1] for pair in rest}:
                yield (*rest, (len(candidate) - 1, j, 1.0 if word == candidate[-1] else STEM_WEIGHT))


def goodness(pairs):
    chunks = bool(pairs) + sum(a[0] + 1 != b[0] or a[1] + 1 != b[1] for a, b in pairwise(pairs))
    return len(pairs), -chunks, pytest.approx(sum(pair[2] for pair in pairs)), -sum(abs(i - j) for i, j, _ in pairs)


@given(WORDS, WORDS)
def test_alignment_is_the_best_of_all(candidate, reference):
    def key(pairs):
        return tuple(getattr(value, "expected", value) for value in goodness(pairs))

    best = max(all_alignments(candidate, reference), key=lambda pairs: tuple(round(value, 6) for value in key(pairs)))
    assert goodness(align(candidate, reference)) == goodness(best)


@given(SENTENCES, SENTENCES)
def test_within_range_and_one_for_itself(said, true):
    assert 0 <= meteor(said, true) <= 1
    assert meteor(said, said) == (1 if said else 0)


# What the Stanford tokenizer (corenlp 3.4.1, -lowerCase, punctuation left out) makes of these.
@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("The dog isn't barking, is it?", "the dog is n't barking is it"),
        ("A child's T-shirt; 3.5 m long -- or so...", "a child 's t-shirt 3.5 m long or so"),
        ("They cannot see; they're gonna leave!", "they can not see they 're gon na leave"),
        ('He says "I\'ll go" at 10:30.', "he says i 'll go at 10:30"),
        ("The U.S. flag, 1,000 people & a dog.", "the u.s. flag 1,000 people & a dog"),
        ("Café  au lait", "café au lait"),
        ("", ""),
        ("...", ""),
    ],
)
def test_words(sentence, words):
    assert " ".join(tokenize(sentence)) == words


# Porter's own examples of his second stemmer, and its special cases.
@pytest.mark.parametrize(
    ("word", "root"),
    [
        *[("consign", "consign"), ("consigned", "consign"), ("consigning", "consign"), ("consignment", "consign")],
        *[("consolation", "consol"), ("consolatory", "consolatori"), ("consolidate", "consolid"), ("consolidating", "consolid")],
        *[("knackeries", "knackeri"), ("knaves", "knave"), ("knavish", "knavish"), ("kneaded", "knead"), ("knightly", "knight")],
        *[("caresses", "caress"), ("ties", "tie"), ("cries", "cri"), ("gas", "gas"), ("gaps", "gap"), ("kiwis", "kiwi")],
        *[("hopping", "hop"), ("hoping", "hope"), ("luxuriated", "luxuri"), ("agreed", "agre"), ("feed", "feed"), ("skies", "sky")],
        *[
            ("inning", "inning"),
            ("generate", "generat"),
            ("sayings", "say"),
            ("by", "by"),
            ("yes", "yes"),
            ("cry", "cri"),
            ("rational", "ration"),
        ],
        *[("geology", "geolog"), ("adoption", "adopt"), ("hopefulness", "hope"), ("rolling", "roll"), ("controllable", "control")],
    ],
)
def test_stems(word, root):
    assert stem(word) == root

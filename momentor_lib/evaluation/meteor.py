"""METEOR of two sentences, without Java.

Source: Denkowski and Lavie, "Meteor Universal", 2014 (METEOR 1.5), English, ranking parameters.

# Departure: of METEOR 1.5's four ways in which words can match, this has two: the same word, and the same stem. Synonyms (WordNet) and
# paraphrases (a table of 60 MB) are left out, so that nothing has to be downloaded. What only those would match counts nothing here, so a
# sentence of the same meaning in other words scores lower: by 0.52 at worst in the tests ("on the beach" for "along the beach"). Where a
# word stands in METEOR's tables as a synonym of its own stem's other form, 1.5 at times leaves that match out; here it counts, and the
# score is a little higher. tests/evaluation/test_meteor.py holds both bounds against METEOR 1.5's own figures.
# Say "METEOR (word and stem)" where a figure is printed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from momentor_lib.evaluation.words import stem, tokenize

ALPHA, BETA, GAMMA, DELTA = 0.85, 0.2, 0.6, 0.75
STEM_WEIGHT = 0.6  # of a match by stem; the same word has 1
BEAM = 40  # alignments that are followed at a time, as METEOR does

# The commonest words of English, which say little about what is to be seen.
_FUNCTION_WORDS = """the of to and a in that for is on 's it with was as said at he by be from have has are his but an this not i will they
who their had we which were been more or its would about new one after you also up when there than all out her people she year two can if
last first over other into some what so no time years could"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())

Alignment = tuple[tuple[int, int, float], ...]  # (place in the candidate, place in the reference, weight) of each pair of words


def meteor(candidate: str, reference: str) -> float:
    """METEOR of a sentence against another, 0 to 1; 1 where both are the same words in the same order, 0 where either has no word."""
    return meteor_of_words(tokenize(candidate), tokenize(reference))


class Statistics(NamedTuple):
    """What METEOR is computed from. Those of several pairs of sentences, added up, give the METEOR of all of them together.

    Attributes:
        weight, matched: of the candidate's words, all and those that are matched; a content word weighs three times a function word.
        true_weight, true_matched: of the reference's.
        pairs, chunks: of words, and of pairs that follow each other in both sentences.
        words, true_words: of the candidate and the reference.
    """

    weight: float
    matched: float
    true_weight: float
    true_matched: float
    pairs: float
    chunks: float
    words: float
    true_words: float

    def score(self) -> float:
        """METEOR, 0 to 1."""
        if not self.pairs:
            return 0.0
        precision, recall = self.matched / self.weight, self.true_matched / self.true_weight
        mean = precision * recall / (ALPHA * precision + (1 - ALPHA) * recall)
        whole = self.chunks == 1 and self.pairs == self.words == self.true_words
        return mean * (1 - (0.0 if whole else GAMMA * (self.chunks / self.pairs) ** BETA))


def meteor_of_words(candidate: tuple[str, ...], reference: tuple[str, ...]) -> float:
    """:func:`meteor` of words as :func:`~momentor_lib.evaluation.words.tokenize` gives them."""
    return statistics(candidate, reference).score()


@lru_cache(maxsize=1 << 17)
def statistics(candidate: tuple[str, ...], reference: tuple[str, ...]) -> Statistics:
    """What :func:`meteor_of_words` is computed from."""
    pairs = align(candidate, reference)
    weights, true_weights = (_weights(words) for words in (candidate, reference))
    matched = sum(weights[i] * weight for i, _, weight in pairs)
    true_matched = sum(true_weights[j] * weight for _, j, weight in pairs)
    chunks = bool(pairs) + sum(a[0] + 1 != b[0] or a[1] + 1 != b[1] for a, b in pairwise(pairs))
    return Statistics(sum(weights), matched, sum(true_weights), true_matched, len(pairs), chunks, len(candidate), len(reference))


@lru_cache(maxsize=1 << 16)
def _weights(words: tuple[str, ...]) -> tuple[float, ...]:
    return tuple(1 - DELTA if word in FUNCTION_WORDS else DELTA for word in words)


def align(candidate: Sequence[str], reference: Sequence[str]) -> Alignment:
    """Which word of a sentence stands for which of the other, each at most once.

    Of all ways the one with the most pairs; among those, with the fewest chunks (pairs that follow each other in both sentences); among
    those, with the most pairs of the very same word; among those, whose pairs stand at the most alike places.
    """
    if tuple(candidate) == tuple(reference):
        return tuple((i, i, 1.0) for i in range(len(candidate)))
    options = _options(candidate, reference)
    wanted = [row[0][0] for row in options if row]
    if len(set(wanted)) == len(wanted) == sum(map(len, options)):  # nothing to choose
        return tuple((i, *row[0]) for i, row in enumerate(options) if row)
    return _search(options)


def _options(candidate: Sequence[str], reference: Sequence[str]) -> list[list[tuple[int, float]]]:
    """The reference's places that each word of the candidate could be paired with, and what that weighs."""
    places: dict[str, list[int]] = {}
    for j, word in enumerate(reference):
        places.setdefault(stem(word), []).append(j)
    return [[(j, 1.0 if reference[j] == word else STEM_WEIGHT) for j in places.get(stem(word), ())] for word in candidate]


def _search(options: list[list[tuple[int, float]]]) -> Alignment:
    """The best alignment, word by word; those that have used the same places and end alike are one, the better of them."""
    # (used places, last pair's place in both) -> (pairs, -chunks, weight, -distance, alignment)
    states: dict[tuple[int, int, int], tuple] = {(0, -9, -9): (0, 0, 0.0, 0, ())}
    left = [0] * (len(options) + 1)  # pairs that the words from here on can still make, at most
    for i in range(len(options) - 1, -1, -1):
        left[i] = left[i + 1] + bool(options[i])
    for i, row in enumerate(options):
        if not row:
            continue
        found: dict[tuple[int, int, int], tuple] = {}
        for (used, last_i, last_j), value in states.items():
            _keep(found, (used, last_i, last_j), value)
            count, chunks, weight, distance, pairs = value
            for j, gain in row:
                if not used >> j & 1:
                    new = 0 if (last_i == i - 1 and last_j == j - 1) else -1
                    _keep(
                        found,
                        (used | 1 << j, i, j),
                        (count + 1, chunks + new, weight + gain, distance - abs(i - j), (*pairs, (i, j, gain))),
                    )
        most = max(value[0] for value in found.values())
        states = {key: value for key, value in found.items() if value[0] + left[i + 1] >= most}
        if len(states) > BEAM:
            states = dict(sorted(states.items(), key=lambda item: item[1][:4], reverse=True)[:BEAM])
    return max(states.values(), key=lambda value: value[:4])[4]


def _keep(found: dict, key: tuple[int, int, int], value: tuple) -> None:
    before = found.get(key)
    if before is None or value[:4] > before[:4]:
        found[key] = value

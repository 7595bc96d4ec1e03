"""CIDEr of captions.

Source: Vedantam et al., "CIDEr", 2015; as in the COCO caption code, which everybody's figures come from: the variant D, that is with
clipped counts and a penalty for another length, times ten. Sentences of fewer than four words can therefore not reach ten.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from momentor_lib.evaluation.words import tokenize

LONGEST = 4  # words of an n-gram
SIGMA = 6.0  # of the penalty for another length, words
SCALE = 10.0

Words = tuple[str, ...]


@lru_cache(maxsize=1 << 16)
def ngrams(words: Words) -> dict[Words, int]:
    """How often each n-gram of one to four words stands in a sentence."""
    return Counter(words[i : i + n] for n in range(1, LONGEST + 1) for i in range(len(words) - n + 1))


@dataclass(frozen=True)
class Rarity:
    """How much an n-gram tells: the logarithm of the share of documents that hold it, turned round.

    Attributes:
        documents: how many there are.
        frequency: n-gram -> in how many of them it is.
    """

    documents: int
    frequency: Counter[Words]

    @classmethod
    def of(cls, references: Iterable[Sequence[Words]], others: int = 0) -> Rarity:
        """From the references of each candidate; ``others`` documents hold none of their n-grams."""
        frequency: Counter[Words] = Counter()
        documents = others
        for sentences in references:
            documents += 1
            frequency.update(
                {ngram for words in sentences for ngram in ngrams(words)} if len(sentences) > 1 else ngrams(sentences[0]).keys()
            )
        return cls(documents, frequency)

    def weigh(self, words: Words) -> Vector:
        """A sentence -> its n-grams' weights."""
        whole = math.log(self.documents) if self.documents else 0.0
        weights = {ngram: count * (whole - math.log(self.frequency.get(ngram) or 1)) for ngram, count in ngrams(words).items()}
        squares = [0.0] * LONGEST
        for ngram, weight in weights.items():
            squares[len(ngram) - 1] += weight * weight
        return Vector(weights, tuple(map(math.sqrt, squares)), max(len(words) - 1, 0))


@dataclass(frozen=True)
class Vector:
    """A sentence as CIDEr compares it.

    Attributes:
        weights: of each n-gram.
        norms: length of the part of each n [4].
        length: how many pairs of neighbouring words there are, which is what the penalty compares.
    """

    weights: dict[Words, float]
    norms: tuple[float, ...]
    length: int

    def similarity(self, reference: Vector) -> float:
        """CIDEr of this sentence against one reference, 0 to 10."""
        shared = [0.0] * LONGEST
        for ngram, weight in self.weights.items():
            other = reference.weights.get(ngram)
            if other is not None:
                shared[len(ngram) - 1] += min(weight, other) * other
        cosines = (dot / (a * b) for dot, a, b in zip(shared, self.norms, reference.norms, strict=True) if a and b)
        distance = self.length - reference.length
        return SCALE * sum(cosines) / LONGEST * math.exp(-(distance**2) / (2 * SIGMA**2))


def cider(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """CIDEr of each caption against its own references, 0 to 10; what is rare is told from the references of all.

    With a single caption nothing is rare, and its score is 0 however good it is. One without references has 0 too.

    Raises:
        ValueError: as many candidates as lists of references are not given.
    """
    if len(candidates) != len(references):
        raise ValueError(f"{len(candidates)} captions but {len(references)} lists of references")
    split = [[tokenize(sentence) for sentence in own] for own in references]
    rarity = Rarity.of([own for own in split if own], others=sum(not own for own in split))
    scores = []
    for caption, own in zip(candidates, split, strict=True):
        vector = rarity.weigh(tokenize(caption))
        scores.append(sum(vector.similarity(rarity.weigh(words)) for words in own) / len(own) if own else 0.0)
    return scores

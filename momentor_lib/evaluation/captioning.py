"""Dense captioning: every event of a video with its time and a sentence, scored by sentence metrics at four overlaps, and by SODA_c.

Sources: Krishna et al., "Dense-Captioning Events in Videos", 2017, and its evaluator; Fujita et al., "SODA", 2020. Rules:

* **METEOR, CIDEr at an overlap**: each predicted event is compared with *every* true event whose IoU reaches it, and counts 0 once where
  there is none. A video's score is the mean over these pairs, then comes the mean over videos, then over the overlaps .3, .5, .7, .9.
* **METEOR pooled** is what the published evaluator prints as METEOR: the statistics of a video's pairs are added up before the score is
  computed from them, an event that fits nothing being compared with one unknown word.
* **A perfect answer scores less than 100** here, since events overlap: it, too, is compared with its neighbours. So the score of the truth
  itself (:func:`ceiling`) belongs beside every figure.
* **CIDEr** is printed in the published way, 100 times the caption code's, 1000 at most, and what is rare is told from the pairs of the
  one video, as the published evaluator does: a video with a single pair then has 0. ``rarity="file"`` tells it from all videos.
* **SODA_c**: predicted and true events, both in the order of time, are matched one to one without crossing, so that the sum of IoU x
  METEOR is as large as can be; F-measure of sum / predicted and sum / true, the mean over videos (SODA 1.1; version 1.0 divided the sums
  of all videos).
* A video without a prediction counts 0; one without a true event is left out (NaN). The order of a prediction's events has no say.
* METEOR is :mod:`momentor_lib.evaluation.meteor`'s, by word and stem, without Java; it departs from METEOR 1.5 as is said there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from momentor_lib.evaluation.cider import Rarity, Vector, Words
from momentor_lib.evaluation.grounding import temporal_iou
from momentor_lib.evaluation.meteor import Statistics, statistics
from momentor_lib.evaluation.words import tokenize
from momentor_lib.moments import Moment

OVERLAPS = (0.3, 0.5, 0.7, 0.9)
RARITIES = ("video", "file")
MEANS = ("METEOR", "CIDEr", "METEOR pooled")
UNKNOWN = ("\0",)  # a word that no sentence has


def in_order(events: Sequence[Moment]) -> list[Moment]:
    """Events by start, then end, then words: whatever order they came in."""
    return sorted(events, key=lambda event: (event.start, event.end, event.label))


def score_captions(
    predicted: Sequence[Sequence[Moment]], truth: Sequence[Sequence[Moment]], overlaps: Sequence[float] = OVERLAPS, rarity: str = "video"
) -> dict[str, np.ndarray]:
    """Score of every video by METEOR, CIDEr and SODA_c, percent, and by some of them at each overlap; NaN where it has no true event.

    Args:
        predicted, truth: events of each video, their sentences as labels [videos][...].
        overlaps: at which IoU a predicted event is compared with a true one.
        rarity: from where CIDEr tells which n-grams are rare: ``video`` or ``file``.

    Raises:
        ValueError: the two are not about as many videos, or an unknown ``rarity``.
    """
    if len(predicted) != len(truth):
        raise ValueError(
            f"{len(predicted)} predictions for {len(truth)} videos: give each video its list of events, empty where there is none"
        )
    if rarity not in RARITIES:
        raise ValueError(f"unknown rarity {rarity!r}: choose one of {', '.join(RARITIES)}")
    common = None
    if rarity == "file":
        common = Rarity.of([[tokenize(event.label) for event in events] for events in truth if len(events)])
    rows = [_score_video(said, true, overlaps, common) for said, true in zip(predicted, truth, strict=True)]
    table = 100 * np.array(rows).reshape(-1, len(MEANS), len(overlaps) + 1)  # the means over the overlaps, and SODA_c
    scores = {name: table[:, place, :-1].mean(axis=1) for place, name in enumerate(MEANS)} | {"SODA_c": table[:, 0, -1]}
    for column, overlap in enumerate(overlaps):
        scores |= {f"{name}@{overlap:g}": table[:, MEANS.index(name), column] for name in ("METEOR", "CIDEr")}
    return scores


def ceiling(truth: Sequence[Sequence[Moment]], overlaps: Sequence[float] = OVERLAPS, rarity: str = "video") -> dict[str, np.ndarray]:
    """What the truth itself scores, as :func:`score_captions` gives it: the most that a perfect answer gets."""
    return score_captions(truth, truth, overlaps, rarity)


def _score_video(said: Sequence[Moment], true: Sequence[Moment], overlaps: Sequence[float], common: Rarity | None) -> list[list[float]]:
    """A list for each of MEANS: its score at each overlap, 0 to 1 (CIDEr 10), then SODA_c in the first and 0 in the others."""
    if not len(true) or not len(said):
        return [[float("nan") if not len(true) else 0.0] * (len(overlaps) + 1)] * len(MEANS)
    said, true = in_order(said), in_order(true)
    ious = temporal_iou([(event.start, event.end) for event in said], [(event.start, event.end) for event in true])  # [P, K]
    words, true_words = ([tokenize(event.label) for event in events] for events in (said, true))
    counts = {(i, j): statistics(words[i], true_words[j]) for i, j in np.argwhere(ious > 0).tolist()}
    alike = np.zeros(ious.shape)
    for place, found in counts.items():
        alike[place] = found.score()
    rows: list[list[float]] = [[] for _ in MEANS]
    before: bytes | None = None
    for overlap in overlaps:
        fits = ious >= overlap
        if fits.tobytes() != before:
            before = fits.tobytes()
            values = _score_pairs(fits, alike, counts, words, true_words, common)
        for row, value in zip(rows, values, strict=True):
            row.append(value)
    return [[*row, _f_measure(ious * alike) if not place else 0.0] for place, row in enumerate(rows)]


def _score_pairs(
    fits: np.ndarray,
    alike: np.ndarray,
    counts: Mapping[tuple[int, int], Statistics],
    words: list[Words],
    true_words: list[Words],
    common: Rarity | None,
) -> tuple[float, float, float]:
    """Each of MEANS over the pairs that fit [P, K] and the predicted events that fit nothing."""
    pairs = list(map(tuple, np.argwhere(fits).tolist()))
    alone = [words[i] for i in np.flatnonzero(~fits.any(axis=1))]
    number = len(pairs) + len(alone)
    ciders = _ciders([(words[i], true_words[j]) for i, j in pairs], len(alone), common)
    added = [counts[pair] for pair in pairs] + [statistics(sentence, UNKNOWN) for sentence in alone]
    pooled = Statistics(*map(sum, zip(*added, strict=True)))
    return float(alike[fits].sum()) / number, sum(ciders) / number, pooled.score()


def _ciders(pairs: list[tuple[Words, Words]], alone: int, common: Rarity | None) -> list[float]:
    """CIDEr of each pair of sentences; each pair is a document, and so is each of the ``alone``, which shares no word with any."""
    rarity = common or Rarity.of([[reference] for _, reference in pairs], others=alone)
    if rarity.documents < 2:
        return [0.0] * len(pairs)
    vectors: dict[Words, Vector] = {words: rarity.weigh(words) for words in {words for pair in pairs for words in pair}}
    similar = {pair: vectors[pair[0]].similarity(vectors[pair[1]]) for pair in Counter(pairs)}
    return [similar[pair] for pair in pairs]


def soda_c(predicted: Sequence[Moment], truth: Sequence[Moment]) -> float:
    """SODA_c of one video, 0 to 1; NaN without a true event, 0 without a predicted one."""
    return _score_video(predicted, truth, (), None)[0][-1]


def best_in_order(values: np.ndarray) -> float:
    """The largest sum over matchings of rows with columns, one to one, that keep the order of both [P, K]."""
    sums = np.zeros(values.shape[1] + 1)
    for row in values:
        taken = np.maximum(sums[1:], sums[:-1] + row)  # this row's match, or none
        sums[1:] = np.maximum.accumulate(np.maximum(taken, sums[0]))
    return float(sums[-1])


def _f_measure(values: np.ndarray) -> float:
    """Twice the sum over predicted and true events: what precision and recall, sum / predicted and sum / true, come to."""
    return 2 * best_in_order(values) / sum(values.shape)

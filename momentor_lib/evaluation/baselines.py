"""What every model has to beat, in the same harness: the whole video, a random span, and the similarity of frames and words.

None of them learns from videos. The first two know what annotations of training videos look like (:class:`Prior`): how long moments are,
how many events a video has, and which sentences there are.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from momentor_lib.evaluation.highlights import CLIP
from momentor_lib.moments import Moment
from momentor_lib.video import probe

if TYPE_CHECKING:
    from momentor_lib.evaluation.protocol import Predictor

TOY_VIDEOS = 300  # of which the toy world's prior is made
TOY_SEED = 1


@dataclass(frozen=True)
class Prior:
    """What is known without looking at a video.

    Attributes:
        lengths: of training moments, shares of their videos' durations.
        counts: how many events the training videos have.
        sentences: their captions, one for each time that one comes.
    """

    lengths: np.ndarray
    counts: np.ndarray
    sentences: tuple[str, ...]

    @classmethod
    def of(cls, videos: Iterable[tuple[float, Sequence[Moment]]]) -> Prior:
        """From (duration, events with captions) of training videos.

        Raises:
            ValueError: there is no event whose length can be told.
        """
        lengths, counts, sentences = [], [], []
        for duration, events in videos:
            counts.append(len(events))
            sentences += [event.label for event in events]
            lengths += [min((event.end - event.start) / duration, 1.0) for event in events if event.end > event.start and duration > 0]
        if not lengths:
            raise ValueError("no training moment tells how long moments are")
        return cls(np.array(lengths), np.array(counts), tuple(sentences))

    @classmethod
    @cache
    def of_toy_world(cls) -> Prior:
        """From the scripts of toy training videos, which need no rendering."""
        from momentor_lib.toy import sample_script

        scripts = [sample_script(TOY_SEED, "train", index) for index in range(TOY_VIDEOS)]
        return cls.of((s.duration, [Moment(e.start, e.end, label=s.caption(e)) for e in s.events]) for s in scripts)

    @classmethod
    def of_file(cls, path: str | Path) -> Prior:
        """From a file of training annotations with durations: ActivityNet's, YouCook2's or our own form.

        Raises:
            ValueError: it is none.
            OSError: it cannot be read.
        """
        from momentor_lib.evaluation.formats import read_truth

        items = read_truth(path, "captioning").items
        return cls.of((item.duration, item.events) for item in items if item.duration)

    @property
    def commonest(self) -> str:
        """The sentence that comes most often; the first in the alphabet of equals."""
        counts = Counter(self.sentences)
        return min(counts, key=lambda sentence: (-counts[sentence], sentence))


class WholeVideo:
    """Says of everything that it happens all the time, and calls it by the commonest sentence."""

    def __init__(self, prior: Prior) -> None:
        self._prior, self._duration = prior, 0.0

    def set_video(self, video: Path) -> None:
        self._duration = probe(video).duration

    def ground_many(self, queries: Sequence[str]) -> list[list[Moment]]:
        return [[Moment(0.0, self._duration)] for _ in queries]

    def caption(self) -> list[Moment]:
        return [Moment(0.0, self._duration, label=self._prior.commonest)]

    def ask(self, question: str) -> str:
        return self._prior.commonest


class RandomSpan:
    """Guesses: a span as long, in share of the video, as a training moment, anywhere; as many events as a training video, any sentence.

    What is guessed follows from the seed, the video's name and the query, whatever was asked before.
    """

    def __init__(self, prior: Prior, seed: int = 0) -> None:
        self._prior, self._seed, self._video, self._duration = prior, seed, "", 0.0

    def set_video(self, video: Path) -> None:
        self._video, self._duration = Path(video).stem, probe(video).duration

    def ground_many(self, queries: Sequence[str]) -> list[list[Moment]]:
        return [[self._span(self._dice(query))] for query in queries]

    def saliency_many(self, queries: Sequence[str]) -> list[list[float]]:
        return [self._dice(f"saliency of {query}").random(int(self._duration / CLIP)).tolist() for query in queries]

    def caption(self) -> list[Moment]:
        dice = self._dice("")
        spans = sorted((self._span(dice) for _ in range(int(dice.choice(self._prior.counts)))), key=lambda span: span.start)
        return [Moment(span.start, span.end, label=str(dice.choice(self._prior.sentences))) for span in spans]

    def ask(self, question: str) -> str:
        return str(self._dice(question).choice(self._prior.sentences))

    def _dice(self, words: str) -> np.random.Generator:
        return np.random.default_rng([self._seed, zlib.crc32(f"{self._video}/{words}".encode())])

    def _span(self, dice: np.random.Generator) -> Moment:
        length = float(dice.choice(self._prior.lengths)) * self._duration
        start = float(dice.uniform(0, max(self._duration - length, 0)))
        return Moment(start, start + length)


def load_baseline(name: str, seed: int = 0) -> Predictor:
    """A baseline by its name.

    Args:
        name: ``whole`` or ``random``, whose knowledge is the toy world's, or ``random=FILE`` with that of a file of training annotations;
            ``clip``, with the tiny model's own CLIP, or ``clip=NAME`` with that of a folder or of the hub.
        seed: of ``random``.

    Raises:
        ValueError: no such baseline.
    """
    kind, _, of = name.partition("=")
    if kind not in ("whole", "random", "clip"):
        raise ValueError(f"no baseline {name!r}; there are baseline:whole, baseline:random and baseline:clip")
    if kind == "clip":
        from momentor_lib.evaluation.clip_baseline import ClipSimilarity

        return ClipSimilarity(of or "tiny", Prior.of_toy_world() if not of else None)
    prior = Prior.of_file(of) if of else Prior.of_toy_world()
    return WholeVideo(prior) if kind == "whole" else RandomSpan(prior, seed)

"""Which prediction belongs to which annotation; what is missing, what is unknown, what came twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from momentor_lib.evaluation.predictions import Prediction
from momentor_lib.evaluation.truth import Item, Query, Question

SHOWN = 5  # unknown ids that are named


@dataclass
class Matched:
    """Annotations with their predictions.

    Attributes:
        predictions: of each annotation, None where there is none [items].
        unknown: names of predictions that fit no annotation.
        repeated: names of predictions for what had one already; the first counts.
    """

    predictions: list[Prediction | None]
    unknown: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)

    @property
    def missing(self) -> int:
        """Annotations without a prediction."""
        return sum(prediction is None for prediction in self.predictions)

    @property
    def unparsed(self) -> int:
        """Annotations whose prediction could not be read."""
        return sum(prediction is not None and prediction.unparsed for prediction in self.predictions)

    def refuse_unknown(self) -> None:
        """
        Raises:
            ValueError: a prediction fits no annotation.
        """
        if self.unknown:
            some = ", ".join(self.unknown[:SHOWN]) + (", ..." if len(self.unknown) > SHOWN else "")
            raise ValueError(
                f"{len(self.unknown)} predictions fit nothing in the ground truth: {some}; is it the right file? "
                "--allow-unknown leaves them out"
            )


def match(items: Sequence[Item], predictions: Sequence[Prediction]) -> Matched:
    """Gives each annotation its prediction: by its id, else by video and words, else, where a video is all that is asked about, by video.

    Words are compared without regard to case, blanks and a full stop at the end. What is asked several times in a video, in the same words,
    is answered by as many predictions in the same order, or by a single one for all.
    """
    by_id = {item.id: [place] for place, item in enumerate(items)}
    by_words: dict[tuple[str, str], list[int]] = {}
    for place, item in enumerate(items):
        words = _plain(item.text) if isinstance(item, (Query, Question)) else ""
        by_words.setdefault((item.video, words), []).append(place)
    keys = [(one.video, _plain(one.query or "")) if one.video is not None and one.id not in by_id else None for one in predictions]
    named = Counter(key for key in keys if key is not None)
    found = Matched([None] * len(items))
    for prediction, key in zip(predictions, keys, strict=True):
        places = by_words.get(key) if key is not None else by_id.get(prediction.id)
        if places is None:
            found.unknown.append(_describe(prediction))
            continue
        free = [place for place in places if found.predictions[place] is None]
        if not free:
            found.repeated.append(_describe(prediction))
        for place in free[:1] if named[key] == len(places) else free:
            found.predictions[place] = prediction
    return found


def _plain(words: str) -> str:
    return " ".join(words.lower().split()).rstrip(" .?!")


def _describe(prediction: Prediction) -> str:
    if prediction.id is not None:
        return prediction.id
    return f"{prediction.video}: {prediction.query}" if prediction.query else str(prediction.video)

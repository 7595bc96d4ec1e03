"""What an answer is made of: plain dataclasses that every other part can hold without a model."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Moment:
    """A stretch of a video.

    Attributes:
        start, end: seconds from the start of the video, ``start <= end``.
        score: how sure the model is, 0 to 1; moments are ranked by it.
        start_std, end_std: standard deviation of each boundary in seconds.
        label: what happens, where it is known.
    """

    start: float
    end: float
    score: float = 1.0
    start_std: float = 0.0
    end_std: float = 0.0
    label: str = ""

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.end - self.start


@dataclass(frozen=True)
class Answer:
    """What the model said.

    Attributes:
        text: the answer, its times as time tags (``<12.34s>``).
        moments: the moments that it names; ranked, best first, where they answer a query.
        question: what was asked.
        warnings: what a reader should know, for instance that this video is outside what the model has seen.
    """

    text: str
    moments: list[Moment] = field(default_factory=list)
    question: str = ""
    warnings: tuple[str, ...] = ()

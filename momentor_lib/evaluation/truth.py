"""What is true of a benchmark's videos, in one form for all formats: small dataclasses, times in seconds as the file has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from momentor_lib.evaluation.grounding import Span
from momentor_lib.evaluation.highlights import Ratings
from momentor_lib.moments import Moment

if TYPE_CHECKING:
    from momentor_lib.data.check import Report


@dataclass(frozen=True)
class Query:
    """Something to be found in a video.

    Attributes:
        id: the file's own where it has one, else ``<video>#<number>``, the number of the query among its video's, from 0.
        video, text: where and what.
        spans: true moments.
        duration: of the video, seconds, where it is known.
        ratings: how salient the video's clips are for the query, where that is known.
    """

    id: str
    video: str
    text: str
    spans: tuple[Span, ...]
    duration: float | None = None
    ratings: Ratings | None = None


@dataclass(frozen=True)
class Events:
    """All events of a video, their sentences as labels.

    Attributes:
        id: the video's.
        events: in the file's order.
        duration: seconds, where it is known.
    """

    id: str
    events: tuple[Moment, ...]
    duration: float | None = None

    @property
    def video(self) -> str:
        """As :attr:`id`."""
        return self.id


@dataclass(frozen=True)
class Labels:
    """A label for every frame of a video.

    Attributes:
        id: the video's.
        labels: of the frames.
        fps: frames a second.
    """

    id: str
    labels: tuple[str, ...]
    fps: float = 15.0

    @property
    def video(self) -> str:
        """As :attr:`id`."""
        return self.id


@dataclass(frozen=True)
class Question:
    """A question about a video.

    Attributes:
        id: the file's own, else ``<video>#<number>``.
        video, text, answer: where, the question, what is right (with options: their words, letter or number).
        options: to choose from; empty where there are none.
    """

    id: str
    video: str
    text: str
    answer: str
    options: tuple[str, ...] = ()


Item = Query | Events | Labels | Question


@dataclass
class Truth:
    """A file of annotations, read.

    Attributes:
        path, format: which file, and as what it was read.
        items: what is asked.
        dirt: what is wrong in the file; what could not be read at all is in it as ``malformed`` and not among the items.
    """

    path: str
    format: str
    items: Sequence[Item]
    dirt: Report = field(repr=False)

    @property
    def videos(self) -> int:
        """How many videos the items are about."""
        return len({item.video for item in self.items})

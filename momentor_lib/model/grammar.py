"""Span grammar: ``<start>-<end>``, an end never before its start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class SpanGrammar:
    """Watches one answer grow and says what must come next.

    A time opens a span. With ``spans`` every opening time is followed by ``-`` and an end; without, a time may also stand alone, and a span
    is opened by the model's own ``-``. An end's position is never below its start's.

    Attributes:
        dash: the ids of ``-``.
        spans: every time belongs to a span (grounding, lists of events).
        begins_with_time: the answer's first token is a time (grounding).
        start: position of the span that stands open, None where none does.
    """

    dash: Sequence[int]
    spans: bool = False
    begins_with_time: bool = False
    start: float | None = None
    since_start: list[int] = field(default_factory=list)
    empty: bool = True

    @property
    def _dash_stands(self) -> bool:
        return self.start is not None and self.since_start == list(self.dash)

    @property
    def must_be_time(self) -> bool:
        """Whether the next token has to be a time."""
        return self._dash_stands or (self.empty and self.begins_with_time)

    @property
    def minimum(self) -> float:
        """The lowest position that the next time may have."""
        return self.start if self._dash_stands else 0.0

    @property
    def must_be_word(self) -> int | None:
        """The id that has to come next, or None."""
        if self.spans and self.start is not None and not self._dash_stands:
            return self.dash[len(self.since_start)]
        return None

    def saw_time(self, position: float) -> None:
        """A time was written: the end of an open span, or a new start."""
        self.start = None if self._dash_stands else position
        self.since_start.clear()
        self.empty = False

    def saw_word(self, word: int) -> None:
        """A word's id was written. What is no beginning of a dash closes the opening: the time stood alone."""
        self.empty = False
        if self.start is None:
            return
        self.since_start.append(word)
        if self.since_start != list(self.dash[: len(self.since_start)]):
            self.start = None
            self.since_start.clear()

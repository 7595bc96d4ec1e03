"""What a model must be able to do to be evaluated: be shown a video, and answer. Any class with these methods will do; none is a base
class.

A whole model, in a file ``mine.py``, evaluated by ``momentor evaluate grounding --model mine.py:Mine --data videos``::

    from momentor_lib.video import probe

    class Mine:
        def set_video(self, video):
            self.duration = probe(video).duration

        def ask(self, question):
            return f"from 0 s to {self.duration / 2:.1f} s"

It has only ``ask``, so it is asked in words, by the prompts of :mod:`momentor_lib.evaluation.task_prompts`, and its words are read as
those of a predictions file are. A model that gives moments instead has ``ground_many`` or ``caption`` too; where it has one, that is
called.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from momentor_lib.moments import Answer, Moment

Said = Answer | Sequence[Moment] | str  # str: free text, from which spans are read


@runtime_checkable
class Predictor(Protocol):
    """The least: a video, once, then questions about it in words. :class:`momentor_lib.Predictor` is one."""

    def set_video(self, video: Path) -> object:
        """Shows a video; what follows is about it.

        Raises:
            ValueError: it cannot be read. The run goes on with the next video.
        """
        ...

    def ask(self, question: str) -> Answer | str:
        """The answer to a question."""
        ...


@runtime_checkable
class Grounder(Protocol):
    """Finds moments without being asked in words."""

    def ground_many(self, queries: Sequence[str]) -> Sequence[Said]:
        """The moments of each query, best first."""
        ...


@runtime_checkable
class Captioner(Protocol):
    """Lists every event without being asked in words."""

    def caption(self) -> Said:
        """Every event, what happens as its label."""
        ...


@runtime_checkable
class Rater(Protocol):
    """Says how salient each clip is; where a model does not, that follows from its moments and their scores."""

    def saliency_many(self, queries: Sequence[str]) -> Sequence[Sequence[float]]:
        """For each query a score for each clip of 2 s."""
        ...

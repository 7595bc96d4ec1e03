"""Draws that are the same in every process, on every machine and under every Python."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """The few draws that the world needs, built on ``random()`` alone, whose stream Python keeps for a seed."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def uniform(self, low: float, high: float) -> float:
        """A number between two others."""
        return low + (high - low) * self._random.random()

    def integer(self, low: int, high: int) -> int:
        """A whole number between two others, both among them."""
        return low + int(self._random.random() * (high - low + 1))

    def choice(self, items: Sequence[T]) -> T:
        """One of several."""
        return items[int(self._random.random() * len(items))]

    def chance(self, share: float) -> bool:
        """True in that share of the draws."""
        return self._random.random() < share

    def sample(self, items: Sequence[T], count: int) -> list[T]:
        """Some of several, in the order of the draw; all of them where there are fewer."""
        left = list(items)
        return [left.pop(self.integer(0, len(left) - 1)) for _ in range(min(count, len(left)))]

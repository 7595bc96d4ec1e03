"""Step -> the same batches whenever they are asked for: so a run that was stopped needs to remember a number only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from momentor_lib.model.processing import MomentorProcessor

TOGETHER = 50  # batches whose sequences are sorted by length together, so that little of a batch is padding


class Videos(Protocol):
    """What batches are drawn from: sequences with a length each, encoded when they are needed."""

    lengths: Sequence[int]

    def __getitem__(self, index: int) -> dict[str, Tensor]: ...

    def name(self, index: int) -> str: ...


@dataclass
class Step:
    """What one process computes in one step.

    Attributes:
        batches: micro-batches, each what ``Momentor.forward`` takes.
        names: of the videos in each.
    """

    batches: list[dict[str, Any]]
    names: list[list[str]]


class Batches:
    """The steps of a training, shuffled, sequences of like length together. All of it follows from the seed.

    Every epoch is shuffled anew; what is left over of an epoch, less than a batch, is left out of it.

    Args:
        videos: what is drawn from.
        batch: sequences in a step, over all processes and micro-batches. Where there are fewer, some come twice.
        micro_batches: forward passes that a step's gradient is gathered over.
        process, processes: which part of each micro-batch is this process's own.

    Raises:
        ValueError: nothing to draw from, or a batch that cannot be shared out evenly.
    """

    def __init__(
        self,
        videos: Videos,
        processor: MomentorProcessor,
        batch: int,
        *,
        micro_batches: int = 1,
        seed: int = 0,
        process: int = 0,
        processes: int = 1,
    ) -> None:
        if not len(videos.lengths):
            raise ValueError("there is nothing to train on")
        if batch < 1 or batch % (micro_batches * processes):
            raise ValueError(f"a batch of {batch} cannot be shared out over {micro_batches} micro-batches and {processes} processes")
        self.videos, self.processor = videos, processor
        self.batch, self.micro_batches, self.seed = batch, micro_batches, seed
        self.process, self.processes = process, processes
        self._epoch, self._order = -1, np.empty((0, batch), int)

    @property
    def steps_per_epoch(self) -> int:
        return max(1, len(self.videos.lengths) // self.batch)

    def indices(self, step: int) -> np.ndarray:
        """Which sequences a step is made of, int [batch]."""
        epoch, number = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._shuffle(np.random.default_rng([self.seed, epoch]))
        return self._order[number]

    def _shuffle(self, rng: np.random.Generator) -> np.ndarray:
        lengths = np.asarray(self.videos.lengths)
        order = np.resize(rng.permutation(len(lengths)), self.steps_per_epoch * self.batch)
        for first in range(0, len(order), TOGETHER * self.batch):
            part = order[first : first + TOGETHER * self.batch]
            part[:] = part[np.argsort(lengths[part], kind="stable")]
        return rng.permutation(order.reshape(-1, self.batch))

    def __getitem__(self, step: int) -> Step:
        batches, names = [], []
        for micro in np.split(self.indices(step), self.micro_batches):
            own = micro[self.process :: self.processes]
            batches.append(self.processor.collate([self.videos[int(index)] for index in own]))
            names.append([self.videos.name(int(index)) for index in own])
        return Step(batches, names)

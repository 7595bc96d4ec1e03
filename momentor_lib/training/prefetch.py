"""Steps made ahead in other processes, for a GPU that would otherwise wait for them."""

from __future__ import annotations

from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_all_start_methods, get_context

import torch
from numpy import ndarray

from momentor_lib.training.batches import Step
from momentor_lib.training.loop import Steps

Plain = tuple[list[dict[str, ndarray]], list[list[str]]]  # a step's batches and names
AHEAD = 2  # groups of steps that each worker makes before they are asked for
_steps: Steps  # in a worker: what it makes steps of


class Prefetched:
    """The same steps, made by ``workers`` processes. Use it in a ``with``.

    Args:
        steps: what makes a step; it follows from its number alone. Handed to each worker once.
        together: steps that one worker makes one after the other.
    """

    def __init__(self, steps: Steps, workers: int, together: int = 16) -> None:
        # A fork shares the data that is in memory already; where there is none, each worker gets a copy.
        method = "fork" if "fork" in get_all_start_methods() else "spawn"
        self._pool = ProcessPoolExecutor(workers, mp_context=get_context(method), initializer=_begin, initargs=(steps,))
        self._together, self._most = together, workers * AHEAD
        self._waiting: dict[int, Future[list[Plain]]] = {}  # group -> its steps
        self._group, self._made = -1, list[Step]()
        self._pool.submit(int).result()  # forks now, before there is a GPU in this process

    def __getitem__(self, step: int) -> Step:
        group, number = divmod(step, self._together)
        if group != self._group:
            wanted = range(group, group + self._most + 1)
            for other in [other for other in self._waiting if other not in wanted]:
                self._waiting.pop(other).cancel()
            for one in wanted:
                if one not in self._waiting:
                    self._waiting[one] = self._pool.submit(_make, one * self._together, self._together)
            self._group, self._made = group, [_as_step(*plain) for plain in self._waiting.pop(group).result()]
        return self._made[number]

    def __enter__(self) -> Prefetched:
        return self

    def __exit__(self, *_) -> None:
        self._pool.shutdown(cancel_futures=True)


def _begin(steps: Steps) -> None:
    global _steps
    _steps = steps
    torch.set_num_threads(1)


def _make(first: int, count: int) -> list[Plain]:
    """Steps as arrays: tensors would travel through shared memory, a file each."""
    made = [_steps[step] for step in range(first, first + count)]
    return [([{name: tensor.numpy() for name, tensor in batch.items()} for batch in step.batches], step.names) for step in made]


def _as_step(batches: list[dict[str, ndarray]], names: list[list[str]]) -> Step:
    return Step([{name: torch.from_numpy(array) for name, array in batch.items()} for batch in batches], names)

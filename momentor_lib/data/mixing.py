"""Mixing: training examples drawn by task, each task with a weight of its own; a seed gives the same order in every process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from datasets import Dataset, IterableDataset

    Examples = TypeVar("Examples", Dataset, IterableDataset)

# The paper's eight tasks; the released file also asks what an instance looks like, and GESM is a stage of its own.
TASKS = {
    "segment_caption_data": "segment_captioning",
    "instance_segment_caption_data": "segment_captioning",
    "qa_data": "segment_qa",
    "instance_qa_data": "instance_qa",
    "segment_locate_data": "direct_localization",
    "hypo_scene_data": "inferential_localization",
    "comp_ret_data": "composed_retrieval",
    "instance_caption_data": "activity_summarizing",
    "cross_segment_qa_data": "cross_segment_qa",
    "appearance_data": "appearance",
    "event_sequence_decoding": "event_sequence",
}
BUFFER = 10_000  # examples of a stream among which the next one is drawn


def by_task(examples: Dataset) -> dict[str, Dataset]:
    """A data set -> task -> its examples, in order; only tasks that have any. Row numbers are made, no texts copied.

    Raises:
        ValueError: a data type that belongs to no task.
    """
    import pyarrow
    from pyarrow import compute

    if not len(examples):
        return {}
    column = examples.with_format("arrow")["data_type"][:]  # a row at a time would take hours for ten million
    known = column.unique().to_pylist()
    for data_type in known:
        if data_type not in TASKS:
            raise ValueError(f"data type {data_type!r} belongs to no task; known are {', '.join(TASKS)}")
    parts = {}
    for task in dict.fromkeys(TASKS.values()):
        types = pyarrow.array([data_type for data_type in known if TASKS[data_type] == task], pyarrow.string())
        rows = np.flatnonzero(compute.is_in(column, types).to_numpy())
        if len(rows):
            parts[task] = examples.select(rows)
    return parts


def mix(
    parts: Mapping[str, Examples], weights: Mapping[str, float] | None = None, seed: int = 0, stopping: str = "all_exhausted"
) -> Examples:
    """Shuffles every part and draws from them: the next example is of part p with probability ``weights[p]`` over the sum of weights.

    Args:
        parts: name -> examples, all of them ``Dataset`` or all ``IterableDataset``. A stream is shuffled within a buffer, and each part of
            it reads its files for itself.
        weights: name -> above 0; a part without one, or with 0, is left out. None: each part by its size, so one pass over all of it
            (``Dataset`` only).
        seed: another one for every epoch.
        stopping: ``datasets.interleave_datasets``' strategy. ``"all_exhausted"`` ends when every part has been seen whole, the smaller ones
            several times; ``"first_exhausted"`` when the first one has.

    Raises:
        ValueError: a weight for a part that is not there, below 0 or not a number, or nothing left.
    """
    from datasets import Dataset, concatenate_datasets, interleave_datasets

    _check_weights(parts, weights)
    if weights is None:
        return concatenate_datasets(list(parts.values())).shuffle(seed, keep_in_memory=True)
    names = [name for name in parts if weights.get(name, 0) > 0]
    shuffled = [
        part.shuffle(seed, keep_in_memory=True) if isinstance(part, Dataset) else part.shuffle(seed, buffer_size=BUFFER)
        for part in (parts[name] for name in names)
    ]
    total = sum(weights[name] for name in names)
    return interleave_datasets(shuffled, [weights[name] / total for name in names], seed=seed, stopping_strategy=stopping)


def _check_weights(parts: Mapping[str, Examples], weights: Mapping[str, float] | None) -> None:
    if not parts:
        raise ValueError("there is nothing to mix")
    for name, weight in (weights or {}).items():
        if name not in parts:
            raise ValueError(f"a weight for {name!r}, of which there are no examples; there are {', '.join(parts)}")
        if not 0 <= weight < float("inf"):
            raise ValueError(f"the weight of {name!r} is {weight}, not a number of 0 or more")
    if weights is not None and not any(weight > 0 for weight in weights.values()):
        raise ValueError("every weight is 0: there is nothing to mix")

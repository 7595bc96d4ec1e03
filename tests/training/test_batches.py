"""Steps that follow from their number."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from momentor_lib.training.batches import Batches


class Numbered:
    """Sequences that hold their own number, as often as they are long."""

    def __init__(self, lengths: list[int]) -> None:
        self.lengths = lengths

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {"input_ids": torch.full((self.lengths[index],), index)}

    def name(self, index: int) -> str:
        return f"v{index}"


class Padding:
    """As much of a processor as a batch needs."""

    def collate(self, encoded):
        return {"input_ids": torch.nn.utils.rnn.pad_sequence([one["input_ids"] for one in encoded], batch_first=True, padding_value=-1)}


def make(lengths: list[int], batch: int, **arguments) -> Batches:
    return Batches(Numbered(lengths), Padding(), batch, **arguments)


LENGTHS = np.random.default_rng(0).integers(5, 60, 103).tolist()


def test_an_epoch_shows_everything_once_but_for_what_fills_no_batch():
    batches = make(LENGTHS, 8)
    assert batches.steps_per_epoch == 12
    for epoch in (0, 1, 5):
        seen = [i for step in range(12) for i in batches.indices(epoch * 12 + step)]
        assert len(set(seen)) == len(seen) == 96
    assert [list(batches.indices(step)) for step in range(12)] != [list(batches.indices(12 + step)) for step in range(12)]


def test_a_step_is_the_same_whenever_and_by_whomever_it_is_asked_for():
    forward, backward = make(LENGTHS, 8, seed=4), make(LENGTHS, 8, seed=4)
    steps = {step: list(forward.indices(step)) for step in range(40)}
    assert all(list(backward.indices(step)) == steps[step] for step in reversed(range(40)))
    assert list(make(LENGTHS, 8, seed=5).indices(0)) != steps[0]


def test_sequences_of_like_length_come_together():
    lengths = np.random.default_rng(1).integers(5, 60, 4000).tolist()
    batches = make(lengths, 8)
    padding = [1 - np.mean(of) / max(of) for of in ([lengths[i] for i in batches.indices(step)] for step in range(500))]
    unsorted = [1 - np.mean(lengths[i : i + 8]) / max(lengths[i : i + 8]) for i in range(0, 4000, 8)]
    assert np.mean(padding) < 0.2 * np.mean(unsorted)
    means = [np.mean([lengths[i] for i in batches.indices(step)]) for step in range(50)]
    assert np.corrcoef(range(50), means)[0, 1] < 0.4  # and yet no step-by-step climb in length


@pytest.mark.parametrize(("micro_batches", "processes"), [(1, 1), (2, 1), (1, 4), (2, 2)])
def test_processes_and_micro_batches_share_a_step_without_loss(micro_batches, processes):
    shared = [make(LENGTHS, 8, micro_batches=micro_batches, processes=processes, process=process)[7] for process in range(processes)]
    names = [name for step in shared for batch in step.names for name in batch]
    assert sorted(names) == sorted(f"v{i}" for i in make(LENGTHS, 8).indices(7))
    for step in shared:
        assert len(step.batches) == micro_batches
        for batch, of in zip(step.batches, step.names, strict=True):
            assert [f"v{i}" for i in batch["input_ids"][:, 0].tolist()] == of


def test_fewer_sequences_than_a_batch_come_twice():
    batches = make([3, 4, 5], 8)
    assert batches.steps_per_epoch == 1
    assert {int(i) for i in batches.indices(0)} == {0, 1, 2}
    assert len(batches.indices(3)) == 8


def test_what_cannot_be_shared_out_is_refused():
    with pytest.raises(ValueError, match="batch of 8 cannot be shared out over 3 micro-batches and 1"):
        make(LENGTHS, 8, micro_batches=3)
    with pytest.raises(ValueError, match="batch of 4 cannot be shared out over 2 micro-batches and 4"):
        make(LENGTHS, 4, micro_batches=2, processes=4)
    with pytest.raises(ValueError, match="nothing to train on"):
        make([], 4)

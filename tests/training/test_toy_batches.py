"""The tiny model's batches: the same for a step whenever and wherever they are made, and words that are blanked out stay labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_models import build_example, build_tiny

from momentor_lib.toy import sample_script
from momentor_lib.training.prefetch import Prefetched
from momentor_lib.training.toy_batches import ToyBatches, drop_words


@pytest.fixture(scope="module")
def batches():
    _, processor = build_tiny()
    scripts = [sample_script(0, "train", index) for index in range(6)]
    features = [torch.randn(24, 48, generator=torch.Generator().manual_seed(index)).half() for index in range(6)]
    return ToyBatches(processor, scripts, features, size=2, word_dropout=0.2)


def assert_same(one, other):
    assert one.names == other.names
    for mine, its in zip(one.batches, other.batches, strict=True):
        assert mine.keys() == its.keys()
        for name, tensor in mine.items():
            assert torch.equal(tensor.nan_to_num(-7), its[name].nan_to_num(-7)) and tensor.dtype == its[name].dtype, name


def test_a_step_is_the_same_whenever_it_is_asked_for(batches):
    first = batches[3]
    batches[40]
    assert_same(first, batches[3])


def test_steps_made_ahead_are_the_same_also_after_a_jump(batches):
    with Prefetched(batches, 2, together=4) as ahead:
        for step in (5, 6, 7, 8, 30, 31, 2):
            assert_same(ahead[step], batches[step])


def test_a_failure_in_a_worker_is_seen_where_the_step_is_asked_for():
    with Prefetched([], 1, together=1) as ahead, pytest.raises(IndexError):
        ahead[0]


def test_dropped_words_are_blank_where_they_are_read_and_stay_labels():
    _, processor = build_tiny()
    example = build_example(dialogues=[[("When does it move?", "<2.50s>-<7.25s> " + "the red circle moves left " * 60)]])
    whole = processor.encode(example)
    dropped = drop_words(processor, example, 0.25, np.random.default_rng(0))
    changed = whole["input_ids"] != dropped["input_ids"]
    words = (whole["labels"] != -100) & (whole["labels"] != processor.time_token_id)
    assert (dropped["input_ids"][changed] == processor.pad_token_id).all()
    assert not changed[~words].any()
    assert changed[words].float().mean() == pytest.approx(0.25, abs=0.06)
    for name in set(whole) - {"input_ids"}:
        assert torch.equal(whole[name].nan_to_num(-7), dropped[name].nan_to_num(-7)), name


def test_no_share_drops_nothing():
    _, processor = build_tiny()
    example = build_example()
    assert torch.equal(processor.encode(example)["input_ids"], drop_words(processor, example, 0.0, np.random.default_rng(0))["input_ids"])

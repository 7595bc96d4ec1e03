"""Sequences: cut to a length by whole turns, a video's examples together, nothing lost uncounted."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from instruction_files import HAND_DURATIONS, NUM_FRAMES, PROCESSOR, said, video_example

from momentor_lib.data.grouping import TOO_LONG, count_tokens, fit, group
from momentor_lib.data.instructions import load_examples, read_examples


def test_whole_turns_go_from_the_end(hand_made):
    [example, *_] = read_examples(hand_made, durations=HAND_DURATIONS)
    prefix = len(PROCESSOR.encode_prefix(NUM_FRAMES))
    first, second = count_tokens(example, PROCESSOR)
    dropped = Counter()
    assert fit(example, PROCESSOR, prefix + first + second) == example
    for room in (first + second - 1, first):
        shorter = fit(example, PROCESSOR, prefix + room, dropped=dropped)
        assert shorter == {**example, "turns": example["turns"][:1]} and len(example["turns"]) == 2
    assert not dropped and fit(example, PROCESSOR, prefix + first - 1, dropped=dropped) is None
    assert dropped == {TOO_LONG: 1}
    assert fit(example, PROCESSOR, prefix + first + 3, num_frames=NUM_FRAMES + 4) is None


@pytest.mark.parametrize("max_tokens", [150, 220, 400, 4000])
def test_sequences_fit_and_nothing_is_lost(samples, toy_durations, max_tokens):
    dataset = load_examples(samples / "moment10m.json", samples / "gesm.json", durations=toy_durations)
    dropped = Counter()
    sequences = list(group(dataset, PROCESSOR, max_tokens, dropped=dropped))
    for sequence in sequences:
        encoded = PROCESSOR.encode(video_example(sequence))
        assert len(encoded["input_ids"]) == sequence.num_tokens <= max_tokens
        labels = encoded["labels"][encoded["block_ids"] > 0]
        assert (labels != -100).any() and len(sequence.dialogues) == len(sequence.data_types) > 0
        for ids in encoded["block_ids"].unique()[1:]:  # every block has something to learn, and its end
            block = encoded["labels"][encoded["block_ids"] == ids]
            assert (block != -100).sum() > 1 and block[-1] == PROCESSOR.eos_token_id
    told = Counter((s.video_id, str(d)) for s in sequences for d in s.dialogues)
    whole = Counter((e["video_id"], str(said(e))) for e in dataset)
    assert told <= whole and sum(whole.values()) - sum(told.values()) == dropped[TOO_LONG]
    assert (max_tokens < 200) == (dropped[TOO_LONG] > 0)


def test_open_videos_are_bounded_and_dialogues_can_be(samples, toy_durations):
    dataset = load_examples(samples / "moment10m.json", durations=toy_durations)
    shuffled = [dataset[i] for i in random.Random(0).sample(range(len(dataset)), len(dataset))]
    full, narrow = list(group(shuffled, PROCESSOR, 4000)), list(group(shuffled, PROCESSOR, 4000, open_videos=1))
    assert len(full) == len(toy_durations) < len(narrow)
    assert sum(len(s.dialogues) for s in narrow) == sum(len(s.dialogues) for s in full) == len(dataset)
    few = list(group(dataset, PROCESSOR, 4000, most=3))
    assert {len(s.dialogues) for s in few} <= {1, 2, 3} and sum(len(s.dialogues) for s in few) == len(dataset)
    with pytest.raises(ValueError, match="no room for a word"):
        list(group(dataset, PROCESSOR, 20))

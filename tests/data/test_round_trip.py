"""From files through data set, processor and collator, and back: texts and times are what they were, and only answers are labelled."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from instruction_files import (
    HAND_DURATIONS,
    HAND_MADE,
    NUM_FRAMES,
    PROCESSOR,
    assert_comes_back,
    said,
    times_of,
    video_example,
    without_times,
    write,
)
from tiny_models import VISION_WIDTH

from momentor_lib.data.convert import to_dialogue
from momentor_lib.data.grouping import group
from momentor_lib.data.instructions import load_examples


def test_texts_and_times_come_back_through_data_set_processor_and_collator(samples, hand_made, toy_durations):
    """Convert to tags, load, tokenize, decode; only answers are labelled."""
    durations = toy_durations | HAND_DURATIONS
    dataset = load_examples([samples / "moment10m.json", hand_made], samples / "gesm.json", durations=durations)
    sequences = list(group(dataset, PROCESSOR, 4000))
    assert [sequence.video_id for sequence in sequences] == [*toy_durations, "one", "two"]
    batch = PROCESSOR.collate([PROCESSOR.encode(video_example(sequence)) for sequence in sequences])
    assert batch["input_ids"].shape == batch["positions"].shape == batch["labels"].shape == batch["block_ids"].shape
    assert batch["features"].shape == (len(sequences), NUM_FRAMES, VISION_WIDTH)
    singles = batch["positions"].float()
    for row, sequence in enumerate(sequences):
        assert int((batch["block_ids"][row] >= 0).sum()) == sequence.num_tokens
        for block, dialogue in enumerate(sequence.dialogues, start=1):
            here = batch["block_ids"][row] == block
            ids, labels, positions = (batch[name][row][here] for name in ("input_ids", "labels", "positions"))
            assert read_back(ids, labels, positions, sequence.duration) == dialogue
            close = read_back(ids, labels, singles[row][here], sequence.duration)
            assert times_of(close) == pytest.approx(times_of(dialogue), abs=1e-3)
            assert without_times(close) == without_times(dialogue)
            assert (positions.isnan() == (ids != PROCESSOR.time_token_id)).all()
    assert (batch["labels"][batch["block_ids"] <= 0] == -100).all()  # neither prompt and video nor padding


def read_back(ids, labels, positions, duration) -> list[tuple[str, str]]:
    """A block of the batch -> its turns. An answer is a run of labelled tokens, a question the run before it."""
    labelled = (labels != -100).tolist()
    assert torch.equal(labels[labels != -100], ids[labels != -100])
    edges = [0, *(i for i in range(1, len(ids)) if labelled[i] != labelled[i - 1]), len(ids)]
    runs = [PROCESSOR.decode(ids[a:b], positions[a:b], duration) for a, b in itertools.pairwise(edges)]
    questions = [run.removeprefix("USER: ").removesuffix(" ASSISTANT:") for run in runs[::2]]
    return list(zip(questions, runs[1::2], strict=True))


microseconds = st.integers(0, 400_000_000).map(lambda count: count / 1e6)
singles = st.floats(0, 400, width=32)
words = st.text(st.characters(codec="utf-8"), max_size=8).filter(lambda text: "s>" not in text)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.booleans(), st.floats(400, 5000))
def test_any_text_and_single_precision_times_come_back(tmp_path, data, exact, duration):
    """Whole microseconds exactly, times that are any float32 to a thousandth of a second."""
    seconds = microseconds if exact else singles
    parts = data.draw(st.lists(st.tuples(words, seconds, seconds), min_size=1, max_size=3))
    record = copy.deepcopy(HAND_MADE["one"]["comp_ret_data"][0])
    record["variables"] = {"moment": [[min(a, b), max(a, b)] for _, a, b in parts], "content": parts[0][0] or "x"}
    record["conversations"] = [{"User": f"{word}?{{content}}", "Assistant": f"{word}{{moment}}{word}"} for word, _, _ in parts]
    path = write(tmp_path / "packed.json", {"one": {"comp_ret_data": [record]}})
    [example] = load_examples(path, durations={"one": duration})
    assert said(example) == to_dialogue(record)
    assert_comes_back(example, exact=exact)

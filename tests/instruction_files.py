"""Hand-made records with the dialogues that they must become, and what tests of training examples share."""

from __future__ import annotations

import copy
import json
import re

import numpy as np
import pytest
import torch
from tiny_models import VISION_WIDTH, build_tokenizer

from momentor_lib.data.features import uniform_features
from momentor_lib.model.example import VideoExample
from momentor_lib.model.processing import MomentorProcessor
from momentor_lib.timecode import find_tags, format_tag

NUM_FRAMES = 6
PROCESSOR = MomentorProcessor(build_tokenizer(), 16, [0.5] * 3, [0.25] * 3, NUM_FRAMES)
HAND_MADE = {
    "one": {
        "segment_caption_data": [
            {
                "id": "one",
                "data_type": "segment_caption_data",
                "clip_similarity": 0.9,
                "variables": {"moment": [12.104, 18.4], "instance_class": "dog"},
                "conversations": [
                    {"User": "From {moment}, {what} does the {instance_class} do?", "Assistant": "It naps in {moment}."},
                    {"User": "And then?", "Assistant": "It wakes."},
                ],
            }
        ],
        "comp_ret_data": [
            {
                "id": "one",
                "data_type": "comp_ret_data",
                "match_score": 0.1,
                "clip_similarity": 0.2,
                "variables": {"SOURCE_CLIP": [0, 1.25], "moment": [[2.5, 3], [33.333333, 40.0]]},
                "conversations": {"User": "Like {SOURCE_CLIP} but standing?", "Assistant": "{moment}"},
            }
        ],
    },
    "two": {
        "appearance_data": [
            {
                "id": "two",
                "data_type": "appearance_data",
                "clip_similarity": 0.9,
                "variables": {"click_position": [7.77, [0.104, 0.25]]},
                "conversations": [{"User": "What is at {click_position}?", "Assistant": "a cat"}],
            }
        ]
    },
}
HAND_DURATIONS = {"one": 40.0, "two": 61.7}
HAND_DIALOGUES = [
    [("From <12.104s>-<18.40s>, {what} does the dog do?", "It naps in <12.104s>-<18.40s>."), ("And then?", "It wakes.")],
    [("Like <0.00s>-<1.25s> but standing?", "<2.50s>-<3.00s> and <33.333333s>-<40.00s>")],
    [("What is at [<7.77s>, <0.1, 0.25>]?", "a cat")],
]


def said(example) -> list[tuple[str, str]]:
    return [(turn["question"], turn["answer"]) for turn in example["turns"]]


def write(path, packed):
    path.write_text(json.dumps(packed))
    return path


def spoil(**changes) -> dict:
    """The packed file of one record with changes."""
    record = copy.deepcopy(HAND_MADE["one"]["comp_ret_data"][0]) | changes
    return {"one": {"comp_ret_data": [record]}}


def video_example(sequence, num_frames: int = NUM_FRAMES) -> VideoExample:
    """A sequence of dialogues and features of the video -> what the processor encodes."""
    rows = np.random.default_rng(0).standard_normal((num_frames, VISION_WIDTH))
    features = uniform_features(rows, sequence.duration, sequence.video_id)
    return VideoExample(dialogues=sequence.dialogues, **features.example_fields())


def assert_comes_back(example, *, exact: bool) -> None:
    """Through the processor and back: texts exactly, times exactly or, with single precision positions, to a thousandth of a second."""
    duration = example["duration"]
    for text in (text for turn in said(example) for text in turn):
        ids, positions = PROCESSOR.encode_answer(text, duration)
        if exact:
            assert PROCESSOR.decode(ids, torch.tensor(positions, dtype=torch.float64), duration) == canonical(text)
        single = PROCESSOR.decode(ids, torch.tensor(positions, dtype=torch.float32), duration)
        assert without_times([(single,)]) == without_times([(text,)])
        assert times_of([(single,)]) == pytest.approx(times_of([(text,)]), abs=1e-3)


def canonical(text: str) -> str:
    """A text whose tags are all written as the library writes them: ``<1s>`` is ``<1.00s>``."""
    for tag in reversed(find_tags(text)):
        text = text[: tag.begin] + format_tag(tag.seconds) + text[tag.stop :]
    return text


def times_of(dialogue) -> list[float]:
    return [tag.seconds for turn in dialogue for text in turn for tag in find_tags(text)]


def without_times(dialogue) -> list[tuple[str, ...]]:
    return [tuple(re.sub(r"<[\d.]+s>", "<>", text) for text in turn) for turn in dialogue]

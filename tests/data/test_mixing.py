"""Mixing: weights are shares, every example comes, and a seed gives one order."""

from __future__ import annotations

import hashlib
import json
import math
import os
import subprocess
import sys
from collections import Counter

import pytest

from momentor_lib.data.instructions import load_examples, schema, stream_examples
from momentor_lib.data.mixing import TASKS, by_task, mix


def test_every_data_type_has_a_task(samples, toy_durations):
    dataset = load_examples(samples / "moment10m.json", samples / "gesm.json", durations=toy_durations)
    parts = by_task(dataset)
    assert set(parts) == set(TASKS.values()) and set(dataset["data_type"]) == set(TASKS)
    assert sum(map(len, parts.values())) == len(dataset)
    for task, part in parts.items():
        assert part[:] == dataset.filter(lambda row, task=task: TASKS[row["data_type"]] == task, keep_in_memory=True)[:]


def test_a_data_type_without_a_task_is_named():
    with pytest.raises(ValueError, match="'pose_data' belongs to no task"):
        by_task(numbered(2, "pose_data"))
    assert by_task(numbered(0, "pose_data")) == {}


def numbered(count: int, kind: str):
    from datasets import Dataset

    turns = [[{"question": "a", "answer": "b"}]] * count
    columns = {"video_id": [f"{kind}{i}" for i in range(count)], "data_type": [kind] * count, "turns": turns, "duration": [1.0] * count}
    return Dataset.from_dict(columns, features=schema())


def test_weights_are_shares_and_every_example_comes():
    parts = {"a": numbered(900, "qa_data"), "b": numbered(90, "comp_ret_data"), "c": numbered(20, "appearance_data")}
    mixed = mix(parts, {"a": 3, "b": 1, "c": 0}, seed=5)
    counts = Counter(mixed["data_type"][:])
    spread = 4 * math.sqrt(0.25 * 0.75 * len(mixed))
    assert counts["comp_ret_data"] == pytest.approx(len(mixed) / 4, abs=spread) and counts["appearance_data"] == 0
    names = {name: part["video_id"][:] for name, part in parts.items()}
    drawn = mixed["video_id"][:]
    assert set(drawn) == {*names["a"], *names["b"]}
    assert mix(parts, {"a": 3, "b": 1}, seed=5)["video_id"][:] == drawn != mix(parts, {"a": 3, "b": 1}, seed=6)["video_id"][:]
    short = mix(parts, {"a": 3, "b": 1}, stopping="first_exhausted")["video_id"][:]
    assert len(set(short)) == len(short) < len(mixed)
    whole = mix(parts, seed=5)["video_id"][:]
    assert sorted(whole) == sorted(name for part in names.values() for name in part) and whole != names["a"] + names["b"] + names["c"]


@pytest.mark.parametrize(
    "weights, message",
    [
        ({"x": 1}, "a weight for 'x'"),
        ({"a": -1}, "is -1"),
        ({"a": math.nan}, "is nan"),
        ({"a": 0}, "every weight is 0"),
        ({}, "every weight"),
    ],
)
def test_weights_that_make_no_sense(weights, message):
    with pytest.raises(ValueError, match=message):
        mix({"a": numbered(3, "qa_data")}, weights)


def test_streams_mix_too(samples, toy_durations):
    parts = {
        "instructions": stream_examples(samples / "moment10m.json", durations=toy_durations),
        "events": stream_examples(gesm=samples / "gesm.json", durations=toy_durations),
    }
    first, again, other = (list(mix(parts, {"instructions": 9, "events": 1}, seed=seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert {str(example) for example in first} == {str(example) for part in parts.values() for example in part}


ORDER = """
import hashlib, json, sys
from momentor_lib.data.instructions import load_examples
from momentor_lib.data.mixing import TASKS, by_task, mix
durations = json.loads(sys.argv[2])
parts = by_task(load_examples(sys.argv[1] + "/moment10m.json", sys.argv[1] + "/gesm.json", durations=durations))
mixed = mix(parts, {task: 1 + number for number, task in enumerate(parts)}, seed=3)
print(hashlib.sha256(json.dumps(mixed[:], sort_keys=True).encode()).hexdigest())
"""


def test_the_order_is_the_same_in_every_process(samples, toy_durations):
    command = [sys.executable, "-c", ORDER, str(samples), json.dumps(toy_durations)]
    other = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | {"PYTHONHASHSEED": "1"}).stdout.strip()
    parts = by_task(load_examples(samples / "moment10m.json", samples / "gesm.json", durations=toy_durations))
    mixed = mix(parts, {task: 1 + number for number, task in enumerate(parts)}, seed=3)
    assert hashlib.sha256(json.dumps(mixed[:], sort_keys=True).encode()).hexdigest() == other

"""The sample annotations, and a packed file of hand-made records."""

from __future__ import annotations

import json

import pytest
from instruction_files import HAND_MADE


@pytest.fixture(scope="session")
def samples(repository):
    return repository / "data_samples"


@pytest.fixture(scope="session")
def toy_durations(samples) -> dict[str, float]:
    annotations = [json.loads(line) for line in (samples / "annotations.jsonl").read_text().splitlines()]
    return {annotation["id"]: annotation["duration"] for annotation in annotations}


@pytest.fixture
def hand_made(tmp_path):
    path = tmp_path / "hand.json"
    path.write_text(json.dumps(HAND_MADE))
    return path

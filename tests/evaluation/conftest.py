"""Real files of the public benchmarks, which are not in the repository."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("busy", deadline=None)  # the machine may be busy with other work
settings.load_profile("busy")


def _file(real_data: Path, name: str) -> Path:
    path = real_data / name
    if not path.is_file():
        pytest.skip(f"no {path}")
    return path


@pytest.fixture(scope="session")
def qvhighlights(real_data) -> Path:
    return _file(real_data, "qvhighlights/highlight_val_release.jsonl").parent


@pytest.fixture(scope="session")
def charades(real_data) -> Path:
    return _file(real_data, "annotations/charades_sta_test.txt")


@pytest.fixture(scope="session")
def activitynet(real_data) -> Path:
    return _file(real_data, "annotations/activitynet_captions_val_1.json")


@pytest.fixture(scope="session")
def youcook2(real_data) -> Path:
    return _file(real_data, "annotations/youcook2_val_pdvc.json")

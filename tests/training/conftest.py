"""What several tests of training start from."""

from __future__ import annotations

import pytest
from tiny_models import build_tiny

from momentor_lib.extract import extract_features
from momentor_lib.toy.writer import write_toy


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """Two toy videos with their files, their features by a random model, and that model's folder."""
    folder = tmp_path_factory.mktemp("toy")
    write_toy(folder, 2, 11)
    model, processor = build_tiny(seed=1)
    model.save_pretrained(folder / "start")
    processor.save_pretrained(folder / "start")
    extract_features(folder / "videos", folder / "features", (model, processor), progress=False)
    return folder

"""What all tests share: no network, one thread, and where the real test files lie."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

# Before anything imports torch or a hub client; subprocesses and notebook kernels inherit them.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # two spinning threads beside other work make a tiny model ten times slower
os.environ.setdefault("MPLBACKEND", "Agg")

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The top of the repository."""
    return REPOSITORY


@pytest.fixture(scope="session")
def sample_video() -> Path:
    """The first shipped sample video."""
    return min((REPOSITORY / "data_samples" / "videos").glob("*.mp4"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Real files (clips, the released code's own outputs), which are not in the repository."""
    folder = Path(os.environ.get("MOMENTOR_REAL_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real test files at {folder}; MOMENTOR_REAL_DATA names their folder")
    return folder


@pytest.fixture
def interruptible():
    """Ctrl-C interrupts, also where the tests were started in the background by a shell, which has them ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)

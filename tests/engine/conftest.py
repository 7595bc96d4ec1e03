"""Toy videos with their scripts, and what the engine makes of the video files alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from momentor_lib.engine.run import generate
from momentor_lib.toy import Script, render, sample_script
from momentor_lib.toy.writer import write_video

NUMBERS = (0, 1, 2)


@pytest.fixture(scope="session")
def scripts() -> list[Script]:
    """Of three test videos."""
    return [sample_script(77, "test", number) for number in NUMBERS]


@pytest.fixture(scope="session")
def videos(scripts, tmp_path_factory) -> Path:
    """Their files."""
    folder = tmp_path_factory.mktemp("videos")
    for script in scripts:
        write_video(folder / f"{script.id}.mp4", render(script))
    return folder


@pytest.fixture(scope="session")
def made(videos, tmp_path_factory) -> Path:
    """What an undisturbed run leaves."""
    out = tmp_path_factory.mktemp("made")
    outcome = generate(videos, out, progress=False)
    assert len(outcome.done) == len(NUMBERS) and not outcome.failed
    return out

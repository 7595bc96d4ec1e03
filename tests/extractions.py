"""What tests of extraction share: small clips, a quiet run, and what is in its folder."""

from __future__ import annotations

from pathlib import Path

from make_videos import even_times, write_video

from momentor_lib.data.features import SUFFIX, read_features
from momentor_lib.extract import extract_features
from momentor_lib.jobs import Outcome

COUNT = 5


def write_clips(folder: Path) -> Path:
    """Five clips of 1 to 1.8 s."""
    for number in range(COUNT):
        write_video(folder / f"clip_{number}.mp4", even_times(25 + 5 * number), size=(32, 48))
    return folder


def run(videos, out, encoder, **options) -> Outcome:
    """Extracts without a bar and without trying again."""
    return extract_features(videos, out, encoder, retries=0, progress=False, **options)


def stamps(out: Path) -> dict[str, tuple[int, int]]:
    """Which files of features there are, each with what tells that it was written anew."""
    return {file.name: (file.stat().st_ino, file.stat().st_mtime_ns) for file in out.glob(f"*{SUFFIX}") if file.name[0] != "."}


def contents(path: Path) -> tuple:
    """All that a file of features holds."""
    found = read_features(path)
    arrays = found.features.tobytes(), found.times.tobytes()
    return (*arrays, found.duration, found.video_id, found.encoder, found.preprocessing, found.source)

"""How fast the data generation engine is on one core: its steps on a video of 640x360, against the time that watching it takes.

``python -m benchmarks.engine [VIDEO]`` also prints the share of each step. How right it is: ``python -m benchmarks.engine_scores``.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from momentor_lib.engine.load import load_backends
from momentor_lib.engine.pipeline import VideoRun
from momentor_lib.engine.settings import Settings
from momentor_lib.toy import render, sample_script
from momentor_lib.toy.writer import write_video

STEPS = ("reading", "tracks", "naming", "boundaries", "matrix", "instructions", "filtering")
BOUNDARIES_AND_TRACKS = ("reading", "tracks", "naming", "boundaries")
FPS = 30


def write_360p(path: Path) -> None:
    """A toy video of 640x360 pixels, thirty frames a second, three scenes."""
    script = sample_script(5, "test", 3)
    times = np.arange(round(min(script.duration, 40.0) * FPS)) / FPS
    frames = np.empty((len(times), 3, 360, 640), np.uint8)
    for first in range(0, len(times), 200):
        part = render(script, times[first : first + 200].tolist(), size=360)
        for number, frame in enumerate(part):
            wide = cv2.copyMakeBorder(frame.transpose(1, 2, 0), 0, 0, 140, 140, cv2.BORDER_REPLICATE)
            frames[first + number] = wide.transpose(2, 0, 1)
    write_video(path, frames, fps=FPS)


def measure(video: Path) -> tuple[float, dict[str, float]]:
    """The video's seconds, and the processor seconds of this process that each step took, the models being loaded before."""
    cv2.setNumThreads(1)
    settings = Settings()
    backends = load_backends("offline", settings)
    backends.captioner.embed(np.zeros((1, 64, 64, 3), np.uint8))
    with tempfile.TemporaryDirectory() as folder:
        run = VideoRun(video, Path(folder), backends, settings, clock=time.process_time)
        run.run()
        return run.matrix.duration, run.seconds


def rows(video: Path | None = None) -> list[dict]:
    """The video's length over the time that boundaries and tracks take, and over that of all steps."""
    with tempfile.TemporaryDirectory() as folder:
        if video is None:
            video = Path(folder) / "toy_360p.mp4"
            write_360p(video)
        duration, seconds = measure(video)
    found = []
    for claim, steps, target in (("boundaries and tracks", BOUNDARIES_AND_TRACKS, ">= 5"), ("all steps", STEPS, "> 1")):
        taken = sum(seconds.get(step, 0.0) for step in steps)
        shares = ", ".join(f"{step} {seconds.get(step, 0.0) / taken:.0%}" for step in steps)
        found.append(
            {
                "claim": f"engine, {claim}, one core ({shares})",
                "ours": f"{taken:.2f} s",
                "rival": f"watching {duration:.1f} s",
                "ratio": duration / taken,
                "target": target,
            }
        )
    return found


def main() -> None:
    """Prints the rows."""
    for row in rows(Path(sys.argv[1]) if len(sys.argv) > 1 else None):
        print(row)


if __name__ == "__main__":
    main()

"""Which thresholds are best on the toy world's validation videos: ``python -m momentor_lib.engine.tune``.

Tries values of sigma, of the peak and of the consistency around those in :mod:`momentor_lib.engine.settings`, and prints the boundary F1 of
each; then the threshold of the tiny CLIP that keeps the share of instructions that :mod:`momentor_lib.engine.filtering` names. It changes
no file: what is best is written into those two by hand.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

from tqdm import tqdm

from momentor_lib.engine.boundaries import find_boundaries, match_times
from momentor_lib.engine.filtering import KEPT, fit_threshold, similarity_of
from momentor_lib.engine.instructions import write_instructions
from momentor_lib.engine.load import load_backends
from momentor_lib.engine.pipeline import VideoRun
from momentor_lib.engine.settings import Settings
from momentor_lib.toy import Script, render, sample_script
from momentor_lib.toy.writer import write_video

SIGMAS, PEAKS, CONSISTENCIES = (0.2, 0.25, 0.3), (1.0, 1.5, 2.0), (1.8, 1.85, 1.9)


def true_boundaries(script: Script) -> list[float]:
    """Cuts, and starts and ends of events, seconds."""
    return sorted([scene.start for scene in script.scenes[1:]] + [time for event in script.events for time in (event.start, event.end)])


def f1_of(runs: Sequence[tuple[VideoRun, Script]], settings: Settings) -> float:
    """Boundary F1 within 0.3 s, of all videos together."""
    right = said = true = 0
    for run, script in runs:
        times = find_boundaries(run.look, run.scores, run.tracks, run.backends.captioner.embed, settings).times
        truth = true_boundaries(script)
        right, said, true = right + match_times(times, truth), said + len(times), true + len(truth)
    return 2 * right / (said + true)


def similarities(run: VideoRun) -> list[float]:
    """Of every instruction about a video, before the filter."""
    known: dict = {}
    drafts = write_instructions(run.matrix, run.backends.writer)
    return [similarity_of(draft, run.look, run.backends.clip, known) for several in drafts.values() for draft in several]


def main() -> None:
    """Prints a line for each value that is tried."""
    parser = argparse.ArgumentParser(prog="python -m momentor_lib.engine.tune", description=__doc__.split(":")[0])
    parser.add_argument("--videos", type=int, default=40)
    parser.add_argument("--seed", type=int, default=11)
    args = parser.parse_args()
    settings = Settings()
    backends, runs = load_backends("offline", settings), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for index in tqdm(range(args.videos), unit="video", disable=None):
            script = sample_script(args.seed, "val", index)
            video = folder / f"{script.id}.mp4"
            write_video(video, render(script))
            run = VideoRun(video, folder / script.id, backends, settings)
            _ = run.matrix
            runs.append((run, script))
        grid = list(product(SIGMAS, PEAKS, CONSISTENCIES))
        found = []
        for sigma, peak, consistency in tqdm(grid, unit="setting", disable=None):
            found.append((f1_of(runs, replace(settings, sigma=sigma, peak=peak, consistency=consistency)), sigma, peak, consistency))
        for score, sigma, peak, consistency in sorted(found):
            sys.stdout.write(f"F1 {score:.3f}  sigma {sigma}  peak {peak}  consistency {consistency}\n")
        values = [value for run, _ in runs for value in similarities(run)]
        sys.stdout.write(f"the tiny CLIP's threshold that keeps {KEPT:.0%} of {len(values)}: {fit_threshold(values, KEPT):.3f}\n")


if __name__ == "__main__":
    main()

"""How right the data generation engine is, on fresh toy videos: ``python -m benchmarks.engine_scores``.

The engine sees the video files alone; what it made is held against the scripts that the videos were drawn from.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from momentor_lib.engine.boundaries import find_boundaries, match_times
from momentor_lib.engine.load import load_backends
from momentor_lib.engine.matrix import STILL
from momentor_lib.engine.pipeline import VideoRun
from momentor_lib.engine.settings import Settings
from momentor_lib.engine.tracks import Track, box_iou
from momentor_lib.evaluation.grounding import matched
from momentor_lib.files import write_whole
from momentor_lib.toy import Script, render, sample_script
from momentor_lib.toy.motion import pose_at
from momentor_lib.toy.script import FPS
from momentor_lib.toy.writer import write_video

TARGETS = {
    "boundaries, F1 within 0.3 s": 0.90,
    "true instances found with the right colour and shape": 0.90,
    "their boxes, mean IoU": 0.70,
    "cells with the right action": 0.85,
    "captions right in instance and action": 0.85,
    "GESM events, F1 at IoU 0.5": 0.85,
}
ABLATIONS = {"without the Gaussian filter": {"sigma": 0.0}, "without merging": {"merging": False}}


@dataclass
class Tally:
    """Counts over all videos: (right, said, true)."""

    boundaries: list[tuple[int, int, int]] = field(default_factory=list)
    ablated: dict[str, list[tuple[int, int, int]]] = field(default_factory=lambda: {name: [] for name in ABLATIONS})
    found: list[bool] = field(default_factory=list)
    ious: list[float] = field(default_factory=list)
    extra_tracks: int = 0
    cells: list[bool] = field(default_factory=list)
    busy_cells: list[bool] = field(default_factory=list)
    captions: list[bool] = field(default_factory=list)
    events: list[tuple[int, int, int]] = field(default_factory=list)
    events_with_caption: list[tuple[int, int, int]] = field(default_factory=list)


def true_boundaries(script: Script) -> list[float]:
    """Cuts, and starts and ends of events, seconds."""
    return sorted([scene.start for scene in script.scenes[1:]] + [time for event in script.events for time in (event.start, event.end)])


def f1(counts: Sequence[tuple[int, int, int]]) -> float:
    """F1 of all videos together."""
    right, said, true = (sum(column) for column in zip(*counts, strict=True))
    return 2 * right / (said + true) if said + true else 1.0


def score_video(run: VideoRun, script: Script, tally: Tally) -> None:
    """Holds what was made of one video against its script."""
    true = true_boundaries(script)
    tally.boundaries.append((match_times(run.boundaries.times, true), len(run.boundaries.kept), len(true)))
    for name, change in ABLATIONS.items():
        ablated = find_boundaries(run.look, run.scores, run.tracks, run.backends.captioner.embed, replace(run.settings, **change))
        tally.ablated[name].append((match_times(ablated.times, true), len(ablated.kept), len(true)))
    pairs = _score_tracks(run.tracks, script, tally)
    _score_cells(run, script, pairs, tally)
    _score_events(run, script, tally)


def _score_tracks(tracks: Sequence[Track], script: Script, tally: Tally) -> dict[int, int]:
    """Actor -> the track that shows it, of the right colour and shape in the right scene."""
    pairs: dict[int, int] = {}
    for number, actor in enumerate(script.actors):
        same = [i for i, track in enumerate(tracks) if track.scene == actor.scene and f"the {track.name}" == actor.name]
        tally.found.append(len(same) == 1)
        if len(same) == 1:
            pairs[number] = same[0]
            tally.ious += _ious(tracks[same[0]], script, number)
    tally.extra_tracks += len(tracks) - len(pairs)
    return pairs


def _ious(track: Track, script: Script, number: int) -> list[float]:
    """Of an actor's true box with the track's in every frame in which it is on screen; 0 where the track has none."""
    actor, events = script.actors[number], script.events_of(number)
    scene = script.scenes[actor.scene]
    ious = []
    for frame in range(round(scene.start * FPS), round(scene.end * FPS)):
        pose = pose_at(actor, events, frame / FPS)
        if pose.on_screen:
            true = np.clip([pose.x - pose.radius, pose.y - pose.radius, pose.x + pose.radius, pose.y + pose.radius], 0, 1)
            box = whole_box(track, frame)
            ious.append(float(box_iou([true], [box])[0, 0]) if box is not None else 0.0)
    return ious


def whole_box(track: Track, frame: int) -> tuple[float, ...] | None:
    """The square around a track's centre, cut at the frame's edges: a true box is that, not the outline's own."""
    if not track.first <= frame <= track.last:
        return None
    x, y, radius = (track.poses[name][frame - track.first] for name in ("x", "y", "radius"))
    return tuple(np.clip([x - radius, y - radius, x + radius, y + radius], 0, 1))


def _score_cells(run: VideoRun, script: Script, pairs: dict[int, int], tally: Tally) -> None:
    """Every cell of a true instance's row within its scene: what takes up most of the column. A row that is not found is wrong."""
    matrix = run.matrix
    rows = {row.track: row for row in matrix.rows}
    for number, actor in enumerate(script.actors):
        scene, events = script.scenes[actor.scene], script.events_of(number)
        for index, (start, end) in enumerate(matrix.columns):
            middle = (start + end) / 2
            if not scene.start <= middle < scene.end:
                continue
            shares = {event.action: min(end, event.end) - max(start, event.start) for event in events}
            action, most = max(shares.items(), key=lambda pair: pair[1], default=(STILL, 0.0))
            if most < (end - start) / 2:
                action = STILL if pose_at(actor, events, middle).on_screen else ""
            cell = rows[pairs[number]].cells[index] if number in pairs else None
            said = None if number not in pairs else cell.action if cell is not None else ""
            tally.cells.append(said == action)
            if action not in (STILL, ""):
                tally.busy_cells.append(said == action)


def _score_events(run: VideoRun, script: Script, tally: Tally) -> None:
    said = [(event.start, event.end) for event in run.matrix.events]
    true = [(event.start, event.end) for event in script.events]
    same = np.array([[one.caption == script.caption(other) for other in script.events] for one in run.matrix.events], bool)
    same = same.reshape(len(said), len(true))
    tally.events.append((matched(said, true), len(said), len(true)))
    tally.events_with_caption.append((matched(said, true, allowed=same), len(said), len(true)))
    for index in range(len(true)):
        tally.captions.append(matched(said, true[index : index + 1], allowed=same[:, index : index + 1]) == 1)


def summarise(tally: Tally) -> dict[str, Any]:
    """Shares from 0 to 1."""
    return {
        "boundaries, F1 within 0.3 s": f1(tally.boundaries),
        **{f"boundaries, {name}": f1(counts) for name, counts in tally.ablated.items()},
        "true instances": len(tally.found),
        "true instances found with the right colour and shape": float(np.mean(tally.found)),
        "tracks of no true instance": tally.extra_tracks,
        "their boxes, mean IoU": float(np.mean(tally.ious)),
        "cells": len(tally.cells),
        "cells with the right action": float(np.mean(tally.cells)),
        "cells in which something happens, with the right action": float(np.mean(tally.busy_cells)),
        "captions right in instance and action": float(np.mean(tally.captions)),
        "GESM events, F1 at IoU 0.5": f1(tally.events),
        "GESM events, F1 at IoU 0.5 and caption right": f1(tally.events_with_caption),
    }


def score(videos: int, seed: int, split: str = "test", settings: Settings | None = None, progress: bool = True) -> dict[str, Any]:
    """Draws toy videos, writes each to a file, runs the engine on it, and sums up."""
    settings = settings or Settings()
    backends, tally = load_backends("offline", settings), Tally()
    with tempfile.TemporaryDirectory() as folder:
        for index in tqdm(range(videos), unit="video", disable=None if progress else True):
            script = sample_script(seed, split, index)
            path = Path(folder) / f"{script.id}.mp4"
            write_video(path, render(script))
            score_video(VideoRun(path, Path(folder) / script.id, backends, settings), script, tally)
            path.unlink()
    return {"videos": videos, "split": split, "seed": seed, **summarise(tally)}


def main() -> None:
    """Prints a table with the targets; exit code 1 where one is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine_scores", description=__doc__.split(":")[0])
    parser.add_argument("--videos", type=int, default=60)
    parser.add_argument("--seed", type=int, default=505)
    parser.add_argument("--split", default="test", choices=("train", "val", "test"))
    parser.add_argument("--out", type=Path, help="also write the scores to this JSON file")
    args = parser.parse_args()
    scores = score(args.videos, args.seed, args.split)
    print("| measured | value | target |\n|---|---|---|")
    for name, value in scores.items():
        target = f">= {TARGETS[name]:.2f}" if name in TARGETS else ""
        print(f"| {name} | {f'{value:.3f}' if isinstance(value, float) else value} | {target} |")
    if args.out:
        write_whole(args.out, json.dumps(scores, indent=2) + "\n")
    sys.exit(any(scores[name] < target for name, target in TARGETS.items()))


if __name__ == "__main__":
    main()

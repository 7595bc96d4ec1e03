"""The scores of a model on fresh toy videos, through the same calls that users make: ``python -m momentor_lib.evaluation.toy``."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from momentor_lib.evaluation.grounding import first_span_iou, recall_at, span_f1
from momentor_lib.files import write_whole
from momentor_lib.moments import Moment
from momentor_lib.predictor import Predictor
from momentor_lib.toy import Script, annotate, queries, sample_script
from momentor_lib.toy.render import render
from momentor_lib.toy.words import WORLDS, name_of
from momentor_lib.toy.writer import write_video


@dataclass
class Collected:
    """What was said about all videos, next to what is true."""

    said: list[list[tuple[float, float]]] = field(default_factory=list)  # single-moment queries
    said_nearest: list[list[tuple[float, float]]] = field(default_factory=list)
    true: list[tuple[float, float]] = field(default_factory=list)
    spacing: list[float] = field(default_factory=list)  # seconds between two sampled frames
    held_out: list[bool] = field(default_factory=list)
    several_f1: list[float] = field(default_factory=list)
    captions_right: list[bool] = field(default_factory=list)
    events_f1: list[float] = field(default_factory=list)
    events_f1_with_caption: list[float] = field(default_factory=list)
    answers_right: list[bool] = field(default_factory=list)


def spans_of(moments: Sequence[Moment]) -> list[tuple[float, float]]:
    """Moments -> (start, end) in seconds."""
    return [(moment.start, moment.end) for moment in moments]


def ask_when(predictor: Predictor, script: Script, collected: Collected) -> None:
    """Ask for the moments of everything that happens in one video, already set, and keep the answers."""
    held_out = [name_of(*pair) for pair in WORLDS[script.world].held_out_pairs]
    spacing = predictor.duration / (predictor.processor.num_frames - 1)
    for caption, moments in queries(script).items():
        said = spans_of(predictor.ground(caption).moments)
        if len(moments) > 1:
            collected.several_f1.append(span_f1(said, moments))
            continue
        collected.said.append(said)
        collected.said_nearest.append(spans_of(predictor.ground(caption, nearest=True).moments))
        collected.true.append(moments[0])
        collected.spacing.append(spacing)
        collected.held_out.append(any(caption.startswith(name) for name in held_out))


def ask_events(predictor: Predictor, script: Script, collected: Collected) -> None:
    """Ask for every event of one video, already set, in order."""
    events = predictor.events()
    truth = [(event.start, event.end) for event in script.events]
    same = np.array([[moment.label == script.caption(event) for event in script.events] for moment in events], bool).reshape(-1, len(truth))
    collected.events_f1.append(span_f1(spans_of(events), truth))
    collected.events_f1_with_caption.append(span_f1(spans_of(events), truth, allowed=same))


def ask_what(predictor: Predictor, script: Script, collected: Collected) -> None:
    """Ask what happens in the moments of one video, already set, and the questions about it."""
    for event in script.events:
        collected.captions_right.append(predictor.caption(event.start, event.end).text == script.caption(event))
    for turn in annotate(script)["qa"]:
        collected.answers_right.append(predictor.ask(turn["question"]).text == turn["answer"])


def ask_about(predictor: Predictor, script: Script, collected: Collected) -> None:
    """Put every question about one video, already set, and keep the answers."""
    for ask in (ask_when, ask_events, ask_what):
        ask(predictor, script, collected)


def summarise(collected: Collected) -> dict[str, Any]:
    """All answers -> the scores, shares from 0 to 1."""
    ious = first_span_iou(collected.said, collected.true)
    held_out = np.array(collected.held_out)
    error, nearest = (_boundary_errors(said, collected) for said in (collected.said, collected.said_nearest))
    return {
        "single-moment queries": len(ious),
        "mean IoU": float(ious.mean()),
        "R@1, IoU>=0.5": recall_at(ious, 0.5),
        "R@1, IoU>=0.7": recall_at(ious, 0.7),
        "mean IoU, held-out pairs": float(ious[held_out].mean()) if held_out.any() else None,
        "mean IoU, training pairs": float(ious[~held_out].mean()) if (~held_out).any() else None,
        "several-moment queries": len(collected.several_f1),
        "several moments, F1 at IoU 0.5": _mean(collected.several_f1),
        "segment captions": len(collected.captions_right),
        "segment captions, instance and action right": _mean(collected.captions_right),
        "events, F1 at IoU 0.5": _mean(collected.events_f1),
        "events, F1 at IoU 0.5 and caption right": _mean(collected.events_f1_with_caption),
        "questions": len(collected.answers_right),
        "questions answered right": _mean(collected.answers_right),
        "boundary error, median, in frame spacings": error,
        "boundary error with the nearest anchor": nearest,
        "nearest anchor / continuous": nearest / error,
    }


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _boundary_errors(said: list[list[tuple[float, float]]], collected: Collected) -> float:
    """Median distance of a said boundary from the true one, in spacings of the sampled frames; infinite where none was said."""
    errors = []
    for spans, true, spacing in zip(said, collected.true, collected.spacing, strict=True):
        first = spans[0] if spans else (float("inf"), float("inf"))
        errors += [abs(a - b) / spacing for a, b in zip(first, true, strict=True)]
    return float(np.median(errors))


def score(
    model: str | Predictor,
    videos: int,
    seed: int,
    split: str = "test",
    progress: Callable[[int], None] | None = None,
    world: str = "plain",
) -> dict[str, Any]:
    """Write toy videos to files, read each back, ask everything about it, and sum up.

    Args:
        model: what ``Predictor`` takes, or one.
        videos, seed, split, world: which videos; see ``sample_script``.
        progress: called with the number of videos done.
    """
    predictor = model if isinstance(model, Predictor) else Predictor(model)
    collected = Collected()
    with tempfile.TemporaryDirectory() as folder:
        for i in range(videos):
            script = sample_script(seed, split, i, world)
            path = Path(folder) / f"{script.id}.mp4"
            write_video(path, render(script))
            ask_about(predictor.set_video(path), script, collected)
            path.unlink()
            if progress is not None:
                progress(i + 1)
    return {"videos": videos, "split": split, "seed": seed, "world": world, **summarise(collected)}


def as_table(scores: dict[str, Any]) -> str:
    """Scores as Markdown."""
    rows = [f"| {name} | {value if isinstance(value, (int, str)) or value is None else f'{value:.3f}'} |" for name, value in scores.items()]
    return "\n".join(["| score | value |", "|---|---|", *rows]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--model", default="tiny", help="a preset or a checkpoint folder")
    parser.add_argument("--videos", type=int, default=100)
    parser.add_argument("--seed", type=int, default=2024)
    parser.add_argument("--split", default="test", choices=("train", "val", "test"))
    parser.add_argument("--world", default="plain", choices=tuple(WORLDS))
    parser.add_argument("--out", type=Path, help="also write the scores to this JSON file")
    args = parser.parse_args()
    bar = tqdm(total=args.videos, unit="video")
    scores = score(args.model, args.videos, args.seed, args.split, lambda _: bar.update())
    bar.close()
    sys.stdout.write(as_table(scores))
    if args.out:
        write_whole(args.out, json.dumps(scores, indent=2) + "\n")


if __name__ == "__main__":
    main()

"""What each part of Momentor is worth at toy scale: ``python -m benchmarks.ablation``. Three seeds each, all with the same budget.

The variants are the paper's (its ablation table), and times as text instead of the TPM. Every run trains a small model from random weights
on the shipped frame encoder's features, to say when something happens and, where the variant has GESM, every event in order; then both are
asked about fresh test videos. Several runs go at a time, each on a core. A run that was stopped is resumed; one that is done is kept. Side
tasks that read time tokens (matching, pointing) have nothing to read where times are text.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from momentor_lib.evaluation.toy import Collected, ask_events, ask_when, summarise
from momentor_lib.files import atomic_path, write_whole
from momentor_lib.jobs import run_jobs
from momentor_lib.paths import shipped
from momentor_lib.predictor import Predictor
from momentor_lib.toy import sample_script
from momentor_lib.training import tiny, toy_data
from momentor_lib.training.scratch import PLAN

VARIANTS = {
    "full": {},
    "no interpolation": {"interpolation": False},
    "no propagation": {"propagation": False},
    "no infusion": {"infusion": False},
    "no GESM": {"gesm": False},
    "times as text": {"time_format": "text"},
}
SCORES = ("mean IoU", "R@1, IoU>=0.7", "boundary error, median, in frame spacings", "events, F1 at IoU 0.5")
# Event sequences are asked for too; two heads instead of four make a step shorter.
BASE = replace(PLAN, heads=2, gesm=True, minutes=float("inf"), validate_every=450)
TEST_SEED = 77
# ActivityNet mIoU in the paper's table of ablations; it has no text variant.
PAPER = {"full": 29.3, "no interpolation": 27.6, "no propagation": 25.4, "no GESM": 27.8}

Results = dict[str, list[dict[str, float]]]  # variant -> scores of each seed


def run_variant(name: str, seed: int, plan: tiny.Plan, work: Path, test_videos: int) -> dict[str, float]:
    """Train and score one variant with one seed, or read what was found before."""
    plan = replace(plan, seed=seed, **VARIANTS[name])
    folder, clip = work / name.replace(" ", "_") / str(seed), shipped("checkpoints/tiny") / "clip"
    found = folder / "scores.json"
    asked = json.loads(json.dumps(asdict(plan) | {"test_videos": test_videos}))
    if found.exists():
        before = json.loads(found.read_text())
        if before["plan"] != asked:
            raise ValueError(f"{found} is of another plan: name another --work")
        return before["scores"]
    model, processor = tiny.run(plan, clip, folder, folder / "checkpoint", features_folder=work / "features")
    predictor, collected = Predictor((model, processor)), Collected()
    for index in tqdm(range(test_videos), desc=f"{name}, seed {seed}: test videos"):
        script = sample_script(TEST_SEED, "test", index)
        features = toy_data.encode_script(model.vision_model, script, plan.frames)
        predictor.set_features(features, toy_data.frame_times(script.duration, plan.frames), script.duration)
        ask_when(predictor, script, collected)
        ask_events(predictor, script, collected)
    scores = {key: value for key, value in summarise(collected).items() if isinstance(value, (int, float)) and np.isfinite(value)}
    write_whole(found, json.dumps({"plan": asked, "scores": scores}, indent=2) + "\n")
    return scores


def run_job(id: str, job: tuple[str, int, tiny.Plan, Path, int, int]) -> dict[str, float]:
    """:func:`run_variant` on so many threads, its log under its own name."""
    *what, threads = job
    logging.basicConfig(level=logging.INFO, format=f"{id}: %(message)s", force=True)  # a process takes several runs
    torch.set_num_threads(threads)
    return run_variant(*what)


def run_all(plan: tiny.Plan, seeds: Sequence[int], work: Path, test_videos: int, workers: int, threads: int) -> Results:
    """Every variant with every seed, ``workers`` at a time.

    Raises:
        RuntimeError: a run failed; the others are kept.
    """
    clip = shipped("checkpoints/tiny") / "clip"
    for split, count in (("train", plan.videos), ("val", plan.val_videos)):  # before the runs, which share them
        toy_data.make_features(clip, work / "features", split, count, plan.frames)
    # a seed of every variant before the next, so that a part of the table compares
    jobs = {f"{name}, seed {seed}": (name, seed, plan, work, test_videos, threads) for seed in seeds for name in VARIANTS}
    asked = {"workers": workers, "retries": 0, "is_done": lambda *_: False}  # a run knows by itself whether it is done
    outcome = run_jobs(run_job, jobs, work / "ledger.jsonl", description="ablation", **asked)
    if outcome.failed:
        raise RuntimeError("; ".join(f"{id}: {reason}" for id, reason in outcome.failed.items()))
    return {name: [run_variant(name, seed, plan, work, test_videos) for seed in seeds] for name in VARIANTS}


def as_table(results: Results) -> str:
    """The results as Markdown: mean and, in brackets, the seeds' smallest and largest."""
    lines = ["| | " + " | ".join(SCORES) + " | paper, mIoU |", "|---" * (len(SCORES) + 2) + "|"]
    for name, runs in results.items():
        cells = []
        for score in SCORES:
            values = [run[score] for run in runs if score in run]
            cells.append(f"{np.mean(values):.3f} ({min(values):.3f}-{max(values):.3f})" if values else "")
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {PAPER.get(name, '')} |")
    return "\n".join(lines) + "\n"


def draw(results: Results, path: Path) -> None:
    """Each seed a dot, each variant's mean a bar, for two scores."""
    from momentor_lib.viz import style

    figure = style.new_figure(10, 0.5 * len(results) + 1.6)
    axes = figure.subplots(1, 2, sharey=True)
    for axis, score, title in zip(axes, SCORES[::2], ("Grounding (more is better)", "Boundary error (less is better)"), strict=True):
        for row, (name, runs) in enumerate(results.items()):
            values = [run[score] for run in runs if score in run]  # an error is infinite where nothing was answered
            axis.barh(row, np.mean(values or [0]), color=style.BLUE if name == "full" else style.ORANGE, alpha=0.45, height=0.6)
            axis.scatter(values, [row] * len(values), color="black", s=16, zorder=3)
        axis.set(xlabel=score, title=title)
    axes[0].set_yticks(range(len(results)), list(results))
    axes[0].invert_yaxis()
    with atomic_path(path) as half:
        figure.savefig(half, bbox_inches="tight")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--work", type=Path, default=Path("runs/ablation"), help="where runs and results are kept")
    parser.add_argument("--steps", type=int, default=900, help="of every run")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--videos", type=int, default=BASE.videos)
    parser.add_argument("--test-videos", type=int, default=60)
    parser.add_argument("--workers", type=int, default=2, help="runs at a time")
    parser.add_argument("--threads", type=int, default=1, help="of each run")
    args = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    plan = replace(BASE, steps=args.steps, videos=args.videos)
    results = run_all(plan, args.seeds, args.work, args.test_videos, args.workers, args.threads)
    write_whole(args.work / "ablation.json", json.dumps(results, indent=2) + "\n")
    write_whole(args.work / "ablation.md", as_table(results))
    draw(results, args.work / "ablation.png")
    print(as_table(results))


if __name__ == "__main__":
    main()

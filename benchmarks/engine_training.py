"""Does the engine's data teach as much as the script's? ``python -m benchmarks.engine_training --videos 400 --steps 1500``.

Two small models from the same random weights, in the same number of steps, on the same videos' features: one learns from what the engine
made of the video files alone, the other from the script's annotations. Both are asked about the same fresh toy videos.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from dataclasses import replace
from pathlib import Path

import torch
from transformers import CLIPVisionModel

from momentor_lib.engine.run import generate
from momentor_lib.evaluation import toy as evaluation
from momentor_lib.extract import extract_features
from momentor_lib.files import write_whole
from momentor_lib.model.backbones import load_vision
from momentor_lib.paths import shipped
from momentor_lib.toy import sample_script
from momentor_lib.toy.writer import write_toy
from momentor_lib.training import scratch, tiny, toy_data
from momentor_lib.training.run import TrainingRun
from momentor_lib.training.stage_run import Data, Recipe, run_stage
from momentor_lib.training.stages import find_stage
from momentor_lib.training.tokenizer import train_tokenizer

SOURCES = ("script", "engine")
TARGET = 0.9  # of the score of the model that learned from the script


def prepare(work: Path, videos: int, seed: int, workers: int) -> None:
    """Videos with the script's annotations, the engine's instructions, and frame features; what is there already is kept."""
    write_toy(work / "script", videos, seed, "train")
    generate(work / "script" / "videos", work / "engine", workers=workers)
    extract_features(work / "script" / "videos", work / "features", "tiny", workers=workers)


def build(vision: CLIPVisionModel, seed: int, plan: tiny.Plan):
    """A model from random weights around the frozen frame encoder, the same for both; its words come from the training world's own."""
    torch.manual_seed(seed)
    tokenizer = train_tokenizer(toy_data.corpus([sample_script(0, "train", index) for index in range(200)]))
    return tiny.build_model(plan, tokenizer, vision)


def train(source: str, work: Path, steps: int, seed: int, batch: int) -> Path:
    """Trains on one source's files from the beginning, or goes on where it was stopped -> the model's folder."""
    out = work / f"model_{source}"
    vision = load_vision(shipped("checkpoints/tiny") / "clip")
    model, processor = build(vision, seed, replace(scratch.PLAN, seed=seed))
    recipe = Recipe(
        steps=steps,
        batch=batch,
        learning_rate=2e-3,
        muon=True,
        warmup=0.02,
        hold=0.6,
        language=True,
        max_tokens=1024,
        most=12,
        seed=seed,
        log_every=max(1, steps // 20),
        validate_every=max(1, steps // 4),
        save_every=max(1, steps // 4),
    )
    data = Data(instructions=[work / source], features=work / "features")
    run_stage(model, processor, find_stage("instruct"), data, out, recipe, resume=TrainingRun(out).state_file.exists(), cpu=True)
    return out


def compare(work: Path, videos: int, steps: int, test_videos: int, seed: int, batch: int, workers: int) -> dict[str, dict]:
    """Source -> its scores."""
    prepare(work, videos, seed, workers)
    scores = {}
    for source in SOURCES:
        folder = train(source, work, steps, seed, batch)
        scores[source] = evaluation.score(str(folder), test_videos, 2024, "val")
    return scores


def main() -> None:
    """Prints both models' scores; exit code 1 where the engine's is below nine tenths of the script's."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine_training", description=__doc__.split("\n\n")[0])
    parser.add_argument("--work", type=Path, default=Path("runs/engine_training"), help="where everything is kept; goes on where it was")
    parser.add_argument("--videos", type=int, default=400)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--test-videos", type=int, default=40)
    parser.add_argument("--seed", type=int, default=31)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    scores = compare(args.work, args.videos, args.steps, args.test_videos, args.seed, args.batch, args.workers)
    write_whole(args.work / "scores.json", json.dumps(scores, indent=2) + "\n")
    names = ("mean IoU", "R@1, IoU>=0.5", "segment captions, instance and action right")
    print("| learned from | " + " | ".join(names) + " |\n|---|" + "---|" * len(names))
    for source, found in scores.items():
        print(f"| {source} | " + " | ".join(f"{found[name]:.3f}" for name in names) + " |")
    share = scores["engine"]["mean IoU"] / max(scores["script"]["mean IoU"], 1e-9)
    print(f"\nengine / script, mean IoU: {share:.2f} (target {TARGET})")
    sys.exit(share < TARGET)


if __name__ == "__main__":
    main()

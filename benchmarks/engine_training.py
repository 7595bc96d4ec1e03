"""Does the engine's data teach as much as the script's? ``python -m benchmarks.engine_training --videos 600 --steps 1500``.

Two small models from the same random weights, in the same number of steps, on the same videos' features: one learns from what the engine
made of the video files alone, the other from the script's annotations. Each gets its own side's questions of *when*, out of its
``moment10m.json``, and what goes on in the frames, out of its own events: the engine's matrix, or the script. Both are asked about the same
fresh toy videos.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from momentor_lib.data.features import feature_path, read_features
from momentor_lib.engine.run import generate
from momentor_lib.evaluation import toy as evaluation
from momentor_lib.extract import extract_features
from momentor_lib.files import write_whole
from momentor_lib.model.backbones import load_vision
from momentor_lib.model.processing import MomentorProcessor, VideoExample
from momentor_lib.paths import shipped
from momentor_lib.predictor import Predictor
from momentor_lib.toy import Script, sample_script
from momentor_lib.toy.script import Actor, Event
from momentor_lib.toy.words import ALL_PAIRS
from momentor_lib.toy.writer import write_toy
from momentor_lib.training import scratch, tiny, toy_data
from momentor_lib.training.deeds import deeds
from momentor_lib.training.sequences import read_sequences
from momentor_lib.training.stages import find_stage
from momentor_lib.training.tokenizer import train_tokenizer

SOURCES = ("script", "engine")
TARGET = 0.9  # of the score of the model that learned from the script
QUESTIONS = 8  # of a video in a step, at most
WHOLE_VIDEO = 100_000  # tokens: all instructions of a video in one sequence


def prepare(work: Path, videos: int, seed: int, workers: int) -> None:
    """Videos with the script's annotations, the engine's instructions, and frame features; what is there already is kept."""
    write_toy(work / "script", videos, seed, "train")
    generate(work / "script" / "videos", work / "engine", workers=workers)
    extract_features(work / "script" / "videos", work / "features", "tiny", workers=workers)


def what_the_engine_saw(folder: Path) -> Script:
    """A video's matrix as a script: who did what and when, without looks and places; instances whose shape it did not see are left out."""
    matrix = json.loads((folder / "matrix.json").read_text())
    looks = {row["track"]: tuple(row["attributes"].get(name) for name in ("colour", "shape")) for row in matrix["rows"]}
    known = {track: look for track, look in looks.items() if look in ALL_PAIRS}
    numbers = {track: index for index, track in enumerate(known)}
    actors = tuple(Actor(*look, 0, 0.0, 0.0, 0.0) for look in known.values())
    told = [(numbers[event["track"]], event["deed"]) for event in matrix["events"] if event["track"] in known]
    events = tuple(Event(actor, deed["action"], deed["start"], deed["end"], 0.0) for actor, deed in told)
    return Script(matrix["video_id"], matrix["duration"], (), actors, events)


class Lessons:
    """What one side has to teach: script and features -> an example with some of its questions of when, and what goes on in the frames."""

    def __init__(self, source: Path, features: Path, processor: MomentorProcessor) -> None:
        videos = read_sequences(find_stage("instruct"), source, features, processor, max_tokens=WHOLE_VIDEO)
        self.dialogues = {one.video_id: [d for d in one.dialogues if d[-1][1].startswith("<")] for one in videos.sequences}

    def __call__(self, script: Script, features: Tensor, rng: np.random.Generator) -> tuple[VideoExample, Tensor]:
        dialogues = self.dialogues[script.id]
        chosen = [dialogues[index] for index in rng.permutation(len(dialogues))[:QUESTIONS]]
        times = toy_data.frame_times(script.duration, len(features))
        features = features + toy_data.FILE_NOISE * torch.from_numpy(rng.standard_normal(features.shape, dtype=np.float32))
        return VideoExample(times, script.duration, chosen, features, video_id=script.id), deeds(script, times)


def train(source: str, work: Path, videos: int, steps: int, seed: int, batch: int) -> tuple:
    """Trains on one source's files from the beginning, or goes on where it was stopped -> model and processor."""
    plan = replace(scratch.PLAN, seed=seed, steps=steps, batch=batch, minutes=float("inf"))
    torch.manual_seed(seed)
    tokenizer = train_tokenizer(toy_data.corpus([sample_script(0, "train", index) for index in range(200)]))
    model, processor = tiny.build_model(plan, tokenizer, load_vision(shipped("checkpoints/tiny") / "clip"))
    true = [sample_script(seed, "train", index) for index in range(videos)]
    features = [read_features(feature_path(work / "features", script.id)).example_fields()["features"] for script in true]
    tiny.start_projection(model.projection, features)
    lessons = Lessons(work / source, work / "features", processor)
    scripts = true if source == "script" else [what_the_engine_saw(work / "engine" / script.id) for script in true]
    taught = [(script, one) for script, one in zip(scripts, features, strict=True) if lessons.dialogues.get(script.id)]
    val = [toy_data.make_example(*one, np.random.default_rng(0), vary=False) for one in zip(true[:32], features[:32], strict=True)]
    tiny.train(plan, model, processor, tuple(map(list, zip(*taught, strict=True))), val, work / f"model_{source}", draw=lessons)
    return model.eval(), processor


def compare(work: Path, videos: int, steps: int, test_videos: int, seed: int, batch: int, workers: int) -> dict[str, dict]:
    """Source -> its scores."""
    prepare(work, videos, seed, workers)
    scores = {}
    for source in SOURCES:
        trained = train(source, work, videos, steps, seed, batch)
        scores[source] = evaluation.score(Predictor(trained), test_videos, 2024, "val")
    return scores


def main() -> None:
    """Prints both models' scores; exit code 1 where the engine's is below nine tenths of the script's."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine_training", description=__doc__.split("\n\n")[0])
    parser.add_argument("--work", type=Path, default=Path("runs/engine_training"), help="where everything is kept; goes on where it was")
    parser.add_argument("--videos", type=int, default=600)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--test-videos", type=int, default=100)
    parser.add_argument("--seed", type=int, default=31)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    scores = compare(args.work, args.videos, args.steps, args.test_videos, args.seed, args.batch, args.workers)
    write_whole(args.work / "scores.json", json.dumps(scores, indent=2) + "\n")
    names = ("mean IoU", "R@1, IoU>=0.5", "several moments, F1 at IoU 0.5")
    print("| learned from | " + " | ".join(names) + " |\n|---|" + "---|" * len(names))
    for source, found in scores.items():
        print(f"| {source} | " + " | ".join(f"{found[name]:.3f}" for name in names) + " |")
    share = scores["engine"]["mean IoU"] / max(scores["script"]["mean IoU"], 1e-9)
    print(f"\nengine / script, mean IoU: {share:.2f} (target {TARGET})")
    sys.exit(share < TARGET)


if __name__ == "__main__":
    main()

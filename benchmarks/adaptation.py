"""What LoRA brought the tiny model in a new world, and what it cost in the old one: ``python -m benchmarks.adaptation``.

The adapter of ``make studio`` (or another one) beside its base, asked about fresh test videos of both toy worlds. Prints the mean IoU of
single-moment queries; exit code 1 where the new world rose by less than 0.25 or the old one fell by more than 0.05.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch
from tqdm import tqdm

from momentor_lib.evaluation.grounding import first_span_iou
from momentor_lib.files import write_whole
from momentor_lib.paths import shipped
from momentor_lib.predictor import Predictor
from momentor_lib.toy import queries, sample_script
from momentor_lib.training import toy_data
from momentor_lib.training.lora import lora_share

TEST_SEED = 2024
TARGETS = {"studio": 0.25, "plain": -0.05}  # how much the mean IoU has to change at least


def mean_iou(predictor: Predictor, world: str, videos: int, seed: int = TEST_SEED) -> float:
    """Mean IoU of the first moment over all single-moment queries of some fresh test videos."""
    said, true = [], []
    for index in tqdm(range(videos), desc=world, disable=None):
        script = sample_script(seed, "test", index, world)
        frames = predictor.processor.num_frames
        features = toy_data.encode_script(predictor.model.vision_model, script, frames)
        predictor.set_features(features, toy_data.frame_times(script.duration, frames), script.duration)
        asked = {query: moments[0] for query, moments in queries(script).items() if len(moments) == 1}
        said += [[(moment.start, moment.end) for moment in answer.moments] for answer in predictor.ground_many(list(asked))]
        true += asked.values()
    return float(first_span_iou(said, true).mean())


def main() -> None:
    """Prints the table; see the module."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.adaptation", description=__doc__.split("\n\n")[0])
    parser.add_argument("--adapter", type=Path, help="an adapter's folder; by default checkpoints/studio")
    parser.add_argument("--base", default="tiny")
    parser.add_argument("--videos", type=int, default=60, help="of each world")
    parser.add_argument("--seed", type=int, default=TEST_SEED, help="of the test videos")
    parser.add_argument("--out", type=Path, help="also write the scores to this JSON file")
    args = parser.parse_args()
    torch.set_num_threads(1)
    before, after = Predictor(args.base), Predictor(args.adapter or shipped("checkpoints/studio"))
    asked = args.videos, args.seed
    scores = {world: {"before": mean_iou(before, world, *asked), "after": mean_iou(after, world, *asked)} for world in TARGETS}
    share = lora_share(after.model)
    if args.out:
        write_whole(args.out, json.dumps({"videos": args.videos, "seed": args.seed, "lora_share": share, **scores}, indent=2) + "\n")
    print("| world | before | after | change | target |\n|---|---|---|---|---|")
    for world, found in scores.items():
        change = found["after"] - found["before"]
        print(f"| {world} | {found['before']:.3f} | {found['after']:.3f} | {change:+.3f} | >= {TARGETS[world]:+.2f} |")
    print(f"\nLoRA and rows: {share:.1%} of the language model")
    sys.exit(any(found["after"] - found["before"] < TARGETS[world] for world, found in scores.items()))


if __name__ == "__main__":
    main()

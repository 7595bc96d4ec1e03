"""From nothing to grounding in five minutes: ``python -m momentor_lib.training.scratch``.

Half a million parameters from random weights, on the frame features of the shipped frame encoder, which stays as it is. It is the tiny
model's own training (:mod:`momentor_lib.training.tiny`), smaller and shorter, and with one kind of question: when something happens. The
validation score crosses its plateau before one's eyes.
Afterwards ``python -m momentor_lib.evaluation.toy --model runs/scratch/checkpoint --split val`` asks the model as a user would.
"""

from __future__ import annotations

import argparse
import json
import logging
from dataclasses import replace
from pathlib import Path

import torch

from momentor_lib.paths import shipped
from momentor_lib.training import tiny

PLAN = tiny.Plan(
    width=80,
    layers=4,
    heads=4,
    feed_forward=224,
    videos=1000,
    unnamed_videos=0,
    val_videos=32,
    gesm=False,
    grounding_only=True,
    word_dropout=0.0,
    minutes=5.0,
    hold=0.4,
    validate_every=100,
    save_every=400,
)
logger = logging.getLogger("momentor")


def read_curve(work: Path) -> tuple[list[float], list[float]]:
    """Minutes, and the validation IoU (teacher-forced) at each, of a run in ``work``."""
    lines = [json.loads(line) for line in (work / "model" / "metrics.jsonl").read_text().splitlines()]
    points = [(line["minutes"], line["iou"]) for line in lines if "iou" in line]
    return [minutes for minutes, _ in points], [iou for _, iou in points]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--work", type=Path, default=Path("runs/scratch"), help="where features, training and the model are kept")
    parser.add_argument("--minutes", type=float, default=PLAN.minutes)
    parser.add_argument("--seed", type=int, default=PLAN.seed)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(args.threads)
    plan = replace(PLAN, minutes=args.minutes, seed=args.seed)
    model, _ = tiny.run(plan, shipped("checkpoints/tiny") / "clip", args.work, args.work / "checkpoint")
    learned = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    minutes, overlaps = read_curve(args.work)
    curve = ", ".join(f"{iou:.2f} after {minute:.1f}" for minute, iou in zip(minutes, overlaps, strict=True))
    logger.info("%d parameters learned. Validation IoU (teacher-forced) after minutes: %s", learned, curve)


if __name__ == "__main__":
    main()

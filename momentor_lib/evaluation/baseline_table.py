"""A model beside every baseline on fresh toy test videos, with intervals: ``python -m momentor_lib.evaluation.baseline_table``.

The README's table comes from it. Videos, predictions and scores are kept in ``--work``; a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from momentor_lib.evaluation.evaluate import Evaluation, Score, evaluate
from momentor_lib.evaluation.formats import read_truth
from momentor_lib.evaluation.matching import match
from momentor_lib.evaluation.predictions import read_predictions
from momentor_lib.evaluation.run import run_model
from momentor_lib.files import write_whole

BASELINES = {"whole video": "baseline:whole", "random span": "baseline:random", "CLIP similarity": "baseline:clip"}
SEED = 606  # of videos that nothing was trained or chosen on
METRICS = {
    "grounding": ("R@1, IoU>=0.3", "R@1, IoU>=0.5", "R@1, IoU>=0.7", "mIoU", "F1@0.5", "F1@0.5, several moments"),
    "highlights": ("MR-full-mAP", "MR-full-mAP@0.5", "MR-full-mAP@0.75", "HL-min-VeryGood-mAP", "HL-min-VeryGood-Hit1"),
    "captioning": ("SODA_c", "METEOR", "CIDEr"),
    "segmentation": ("MoF", "Edit", "F1@10", "F1@25", "F1@50"),
}


def evaluate_all(models: dict[str, str], data: Path, work: Path) -> dict[str, dict[str, Evaluation]]:
    """Task -> model's name -> its evaluation, each kept in a folder of ``work``."""
    found: dict[str, dict[str, Evaluation]] = {}
    for task in METRICS:
        for name, model in models.items():
            truth = read_truth(data / "annotations.jsonl", task, "momentor")
            path = run_model(model, data, truth, task, work / f"{task}-{name.replace(' ', '-').replace('/', '-')}", tell=tqdm.write)
            predictions, _ = read_predictions(path, task)
            found.setdefault(task, {})[name] = evaluate(truth, match(truth.items, predictions), task)
    return found


def as_table(found: dict[str, dict[str, Evaluation]]) -> str:
    """A row a metric, a column a model: the score, and below it the interval; Markdown."""
    names = list(next(iter(found.values())))
    lines = ["| task | metric | " + " | ".join(names) + " |", "|---" * (len(names) + 2) + "|"]
    for task, metrics in METRICS.items():
        for metric in metrics:
            cells = [_cell(_score(found[task][name], metric)) for name in names]
            lines.append(f"| {task} | {metric} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def losses(found: dict[str, dict[str, Evaluation]]) -> list[str]:
    """Where the first model does not beat a baseline, a line each; empty where it beats all on every metric."""
    lines = []
    for task, metrics in METRICS.items():
        first, *others = found[task].items()
        for metric in metrics:
            ours = _score(first[1], metric).value
            lines += [
                f"{task}, {metric}: {first[0]} {ours:.2f} does not beat {name} {_score(one, metric).value:.2f}"
                for name, one in others
                if not ours > _score(one, metric).value
            ]
    return lines


def _score(found: Evaluation, metric: str) -> Score:
    return next(score for score in found.scores if score.name == metric)


def _cell(score: Score) -> str:
    return f"{score.value:.1f} ({score.low:.1f}-{score.high:.1f})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table; 1 where a baseline is not beaten, named on standard error."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", default="tiny", help="a preset, or the folder of a saved model")
    parser.add_argument("--videos", type=int, default=100)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--work", type=Path, help="where videos and predictions are kept; by default runs/baseline_table-VIDEOS-SEED")
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    args = parser.parse_args(arguments)
    work = args.work or Path("runs") / f"baseline_table-{args.videos}-{args.seed}"
    from momentor_lib.toy import write_toy

    with tqdm(total=args.videos, unit="video", desc="toy videos") as bar:
        write_toy(work / "data", args.videos, args.seed, "test", lambda done: bar.update(done - bar.n))
    found = evaluate_all({args.model: args.model, **BASELINES}, work / "data", work)
    table = as_table(found)
    sys.stdout.write(table)
    if args.out:
        write_whole(args.out, table)
    beaten = losses(found)
    for line in beaten:
        sys.stderr.write(f"{line}\n")
    return 1 if beaten else 0


if __name__ == "__main__":
    sys.exit(main())

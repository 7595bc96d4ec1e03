"""``momentor evaluate``: how good predictions are, those of a file or those that a model makes now."""

from __future__ import annotations

import json
import math
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from momentor_lib.cli.output import JsonOption, check_outputs, results_only, warn

if TYPE_CHECKING:
    from momentor_lib.evaluation.evaluate import Evaluation
    from momentor_lib.evaluation.truth import Truth


class Task(str, Enum):
    """What is scored; a test holds these equal to the library's."""

    grounding = "grounding"
    highlights = "highlights"
    captioning = "captioning"
    segmentation = "segmentation"
    qa = "qa"


class TruthFormat(str, Enum):
    """The formats of annotations that are known; a test holds them equal to the library's."""

    charades_sta = "charades-sta"
    activitynet = "activitynet"
    youcook2 = "youcook2"
    qvhighlights = "qvhighlights"
    labels = "labels"
    qa = "qa"
    momentor = "momentor"


class RarityFrom(str, Enum):
    """From where CIDEr tells which words are rare."""

    video = "video"
    file = "file"


def evaluate(
    task: Annotated[Task, typer.Argument(metavar="TASK", help="grounding, highlights, captioning, segmentation, qa.", show_default=False)],
    predictions: Annotated[Path | None, typer.Option(metavar="F", help="Predictions of any model.", show_default=False)] = None,
    ground_truth: Annotated[
        Path | None, typer.Option(metavar="F", help="Annotations; by default those in --data.", show_default=False)
    ] = None,
    format: Annotated[
        TruthFormat | None, typer.Option(help="Of the annotations; told from their content if not given.", show_default=False)
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="M", help="Run this: tiny, a folder, a baseline, or FILE.py:NAME.", show_default=False)
    ] = None,
    data: Annotated[Path | None, typer.Option(metavar="D", help="Videos to run it on, and their annotations.", show_default=False)] = None,
    out: Annotated[Path | None, typer.Option(metavar="D", help="Where a run keeps its predictions.", show_default=False)] = None,
    per_query: Annotated[Path | None, typer.Option(metavar="F.csv", help="Write every query's scores.", show_default=False)] = None,
    plot: Annotated[Path | None, typer.Option(metavar="F.png", help="Draw IoU histogram and recall over IoU.", show_default=False)] = None,
    allow_unknown: Annotated[bool, typer.Option("--allow-unknown", help="Predictions that fit no annotation are left out.")] = False,
    durations: Annotated[Path | None, typer.Option(metavar="F", help="How long the videos are: CSV or JSON.", show_default=False)] = None,
    fps: Annotated[float, typer.Option(metavar="N", min=0.1, help="Frames a second of label files.")] = 15.0,
    rarity: Annotated[RarityFrom, typer.Option(help="From where CIDEr tells what is rare.")] = RarityFrom.video,
    bootstrap: Annotated[int, typer.Option(metavar="N", min=0, help="Draws for the intervals; 0 for none.")] = 1000,
    seed: Annotated[int, typer.Option(metavar="S", min=0, help="Of the draws, and of a random baseline.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Scores predictions against annotations, of a file (--predictions) or made now (--model and --data).

    What has no prediction, or one that cannot be read, counts as wrong, and is counted. Predictions that fit no annotation are an error.
    """
    _check_asked(predictions, ground_truth, model, data, out)
    if plot is not None and task in (Task.segmentation, Task.qa):
        raise ValueError(f"--plot shows how spans overlap, and {task.value} has none")
    if plot is not None and per_query is not None and plot.resolve() == per_query.resolve():
        raise ValueError(f"--plot and --per-query both name {plot}; give each its own file")
    check_outputs(per_query, plot)
    with results_only():
        from momentor_lib.evaluation.evaluate import evaluate as score
        from momentor_lib.evaluation.formats import read_truth
        from momentor_lib.evaluation.matching import match
        from momentor_lib.evaluation.predictions import read_predictions

        truth = read_truth(_annotations(ground_truth, data), task.value, format.value if format else None, _lengths(durations), fps)
        if model is not None:
            predictions = _run(model, data, truth, task.value, out, seed)
        found, dirt = read_predictions(predictions, task.value)
        matched = match(truth.items, found)
        if not allow_unknown:
            matched.refuse_unknown()
        result = score(truth, matched, task.value, draws=bootstrap, seed=seed, rarity=rarity.value)
        malformed = dirt.findings["malformed"].count if "malformed" in dirt.findings else 0
        result.counts["malformed records"] = malformed
        _tell_dirt(truth, dirt if malformed else None)
        _write(result, per_query, plot, str(model or predictions))
    if as_json:
        print(json.dumps({"predictions": str(predictions), "model": model, **result.record()}, indent=2, allow_nan=False))
    else:
        _print(result)


def _check_asked(predictions: Path | None, ground_truth: Path | None, model: str | None, data: Path | None, out: Path | None) -> None:
    if (predictions is None) == (model is None):
        raise ValueError("name either --predictions F, a file, or --model M with --data D, to run one")
    if predictions is not None and ground_truth is None:
        raise ValueError("--predictions needs --ground-truth F, the annotations")
    if model is not None and data is None:
        raise ValueError("--model needs --data D, the folder of videos")
    if predictions is not None and (data is not None or out is not None):
        raise ValueError("--data and --out belong to --model")
    for path in (predictions, ground_truth, data):
        if path is not None and not path.exists():
            raise FileNotFoundError(f"{path}: no such file or folder")


def _annotations(ground_truth: Path | None, data: Path | None) -> Path:
    if ground_truth is not None:
        return ground_truth
    found = data / "annotations.jsonl"
    if not found.is_file():
        raise FileNotFoundError(f"{found} is not there; name the annotations of these videos with --ground-truth")
    return found


def _lengths(durations: Path | None) -> dict[str, float] | None:
    from momentor_lib.data.durations import read_durations

    return read_durations(durations) if durations else None


def _run(model: str, data: Path, truth: Truth, task: str, out: Path | None, seed: int) -> Path:
    from momentor_lib.evaluation.run import default_folder, run_model

    folder = out or default_folder(model, task, truth, data)
    return run_model(model, data, truth, task, folder, seed=seed, tell=warn)


def _tell_dirt(truth: Truth, predictions: object) -> None:
    from momentor_lib.data.check import KINDS

    for dirt in (truth.dirt, predictions):
        for finding in dirt.in_order if dirt is not None else ():
            place, detail = finding.places[0]
            where = f"line {place.line}" if place.line is not None else place.video_id or f"no. {place.index}"
            warn(f"{dirt.path}: {finding.count} {KINDS[finding.kind]}, the first: {where}: {detail}")


def _write(result: Evaluation, per_query: Path | None, plot: Path | None, name: str) -> None:
    if per_query:
        from momentor_lib.files import write_whole

        write_whole(per_query, result.per_query())
    if plot:
        from momentor_lib.viz.score_plots import ious_and_recall

        ious_and_recall({name: result.ious}, f"{result.task}: {len(result.ious)} queries, mean IoU {result.ious.mean():.2f}").save_png(plot)


def _print(result: Evaluation) -> None:
    print(f"{result.task}: {result.truth.path} ({result.truth.format})")
    print("  " + ", ".join(f"{count} {name}" for name, count in result.counts.items()))
    perfect = any(score.perfect is not None for score in result.scores)
    width = max(len(score.name) for score in result.scores)
    print(f"  {'':{width}}   value   95 % interval{'   perfect' if perfect else ''}   of")
    for score in result.scores:
        span = f"{score.low:6.2f} to {score.high:6.2f}" if math.isfinite(score.low) else " " * 16
        value = f"{score.value:7.2f}" if math.isfinite(score.value) else "      -"
        highest = f"   {score.perfect:7.2f}" if score.perfect is not None else " " * 10 if perfect else ""
        print(f"  {score.name:{width}} {value}   {span}{highest}   {score.count}".rstrip())
    for note in result.notes:
        print(f"  {note}")

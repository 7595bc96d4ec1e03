"""``momentor train``: one training stage."""

from __future__ import annotations

import json
import logging
import os
import sys
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from momentor_lib.cli.output import JsonOption, complain, results_only

if TYPE_CHECKING:
    from momentor_lib.model.momentor import Momentor
    from momentor_lib.model.processing import MomentorProcessor
    from momentor_lib.training.stage_run import Trained


class StageName(str, Enum):
    """The three stages, in their order."""

    align = "align"
    gesm = "gesm"
    instruct = "instruct"


class Precision(str, Enum):
    """Of the computation."""

    no = "no"
    bf16 = "bf16"
    fp16 = "fp16"


def train(
    stage: Annotated[StageName, typer.Option("--stage", help="What is taught.", show_default=False)],
    data: Annotated[
        list[Path],
        typer.Option(metavar="F", help="Packed, converted or GESM file, or a folder; several times.", show_default=False),
    ],
    out: Annotated[Path, typer.Option(metavar="D", help="The folder of the trained model.", show_default=False)],
    preset: Annotated[str, typer.Option(metavar="P", help="tiny, colab, paper, VISION+LANGUAGE, or a folder: the last stage's.")] = "tiny",
    projector: Annotated[
        Path | None, typer.Option(metavar="F", help="A projection to start from (mm_projector.bin).", show_default=False)
    ] = None,
    features: Annotated[Path | None, typer.Option(metavar="D", help="Frame features (momentor extract).", show_default=False)] = None,
    videos: Annotated[
        Path | None, typer.Option(metavar="D", help="Videos, whose features are made first; by default videos/ beside each --data.")
    ] = None,
    val: Annotated[Path | None, typer.Option(metavar="F", help="What to validate on.", show_default=False)] = None,
    val_features: Annotated[Path | None, typer.Option(metavar="D", help="Its features.", show_default=False)] = None,
    val_videos: Annotated[Path | None, typer.Option(metavar="D", help="Or its videos.", show_default=False)] = None,
    lora: Annotated[bool, typer.Option("--lora", help="LoRA on the language model; stage instruct.")] = False,
    rank: Annotated[int | None, typer.Option(metavar="R", min=1, help="Of LoRA; by default at most 2 % of the weights.")] = None,
    alpha: Annotated[float | None, typer.Option(metavar="A", help="LoRA counts alpha / rank; by default 2 R.", show_default=False)] = None,
    dropout: Annotated[float, typer.Option(metavar="P", min=0, max=0.9, help="Of LoRA.")] = 0.0,
    new_words: Annotated[int, typer.Option(metavar="N", min=0, help="Tokens that learn beside LoRA: those written worst.")] = 0,
    four_bit: Annotated[bool, typer.Option("--four-bit", help="The language model in 4 bits; needs a CUDA GPU.")] = False,
    full: Annotated[bool, typer.Option("--full", help="The language model's own weights learn too; for small models.")] = False,
    epochs: Annotated[float, typer.Option(metavar="N", help="Passes over the data.")] = 2.0,
    steps: Annotated[int | None, typer.Option(metavar="N", min=1, help="Instead of epochs.", show_default=False)] = None,
    batch: Annotated[int, typer.Option(metavar="B", min=1, help="Sequences a step, over all processes.")] = 32,
    micro_batches: Annotated[int, typer.Option(metavar="K", min=1, help="Gradients are gathered over so many passes.")] = 1,
    learning_rate: Annotated[float, typer.Option(metavar="LR", min=0, help="Peak of AdamW's.")] = 2e-5,
    muon: Annotated[bool, typer.Option("--muon", help="Muon for the matrices; from random weights.")] = False,
    precision: Annotated[Precision, typer.Option(help="Of the computation.")] = Precision.no,
    gradient_checkpointing: Annotated[bool, typer.Option("--gradient-checkpointing", help="Less memory, a third slower.")] = False,
    max_tokens: Annotated[int, typer.Option(metavar="L", min=16, help="Of a sequence, its video included.")] = 2048,
    most: Annotated[int | None, typer.Option(metavar="N", min=1, help="Instructions a sequence, at most.", show_default=False)] = None,
    no_filter: Annotated[bool, typer.Option("--no-filter", help="Also records below the threshold of their data type.")] = False,
    validate_every: Annotated[int, typer.Option(metavar="N", min=1, help="Steps.")] = 200,
    save_every: Annotated[int, typer.Option(metavar="N", min=1, help="Steps between two points to resume from.")] = 200,
    seed: Annotated[int, typer.Option(metavar="S", min=0, help="The same seed trains the same.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Also write OUT/tensorboard.")] = False,
    cpu: Annotated[bool, typer.Option("--cpu", help="No GPU, even where there is one.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Trains a model in one stage: align, then gesm, then instruct, each from the folder of the one before (--preset).

    Stopped at any moment, --resume goes on as if it had not been. Several GPUs: accelerate launch -m momentor_lib.training ...
    """
    with results_only():
        from momentor_lib.training.loop import LossNotFinite
        from momentor_lib.training.processes import this_process
        from momentor_lib.training.stage_run import Data, Lora, Recipe, check_run, run_stage
        from momentor_lib.training.stages import find_stage

        _show_log()
        recipe = Recipe(
            epochs=epochs,
            steps=steps,
            batch=batch,
            micro_batches=micro_batches,
            learning_rate=learning_rate,
            muon=muon,
            precision=precision.value,
            gradient_checkpointing=gradient_checkpointing,
            language=full,
            lora=Lora(rank, alpha, None, dropout, new_words) if lora else None,
            max_tokens=max_tokens,
            most=most,
            keep_all=no_filter,
            seed=seed,
            validate_every=validate_every,
            save_every=save_every,
        )
        chosen = find_stage(stage.value)
        own_features, folders = _find_features(data, features, videos, out / "features")
        val_folders: list[Path] = []
        if val is not None:
            val_features, val_folders = _find_features([val], val_features, val_videos, out / "val_features")
        paths = Data(data, own_features, val, val_features)
        check_run(out, chosen, paths, recipe, resume, tensorboard)
        model, processor = _load(preset, projector, four_bit)
        process = this_process(cpu)
        with process.main_process_first():  # the others wait for it
            if process.is_main_process:
                _extract({own_features: folders, val_features: val_folders}, model, processor)
        try:
            trained = run_stage(model, processor, chosen, paths, out, recipe, resume=resume, cpu=cpu, tensorboard=tensorboard)
        except LossNotFinite as error:
            complain(str(error))
            raise typer.Exit(1) from None
    if process.is_main_process:
        _tell(trained, out, stage.value, as_json)


def _show_log() -> None:
    """The library's log, to standard error, of the first process only."""
    if int(os.environ.get("RANK", "0")) == 0:
        logger = logging.getLogger("momentor")
        if not logger.handlers:
            logger.addHandler(logging.StreamHandler(sys.stderr))
        logger.setLevel(logging.INFO)


def _find_features(data: list[Path], features: Path | None, videos: Path | None, made: Path) -> tuple[Path, list[Path]]:
    """The folder of the frame features, and the folders of videos that they are to be made from; none: they are there."""
    for path in data:
        if not path.exists():
            raise FileNotFoundError(f"{path}: no such file or folder")
    if features is not None:
        return features, []
    folders = [videos] if videos is not None else [(path if path.is_dir() else path.parent) / "videos" for path in data]
    for folder in folders:
        if not folder.exists():
            raise ValueError(f"there are no videos at {folder}: name them (--videos), or their frame features (--features)")
    return made, folders


def _load(preset: str, projector: Path | None, four_bit: bool) -> tuple[Momentor, MomentorProcessor]:
    from momentor_lib.model.momentor import Momentor
    from momentor_lib.model.presets import checkpoint_folder, load
    from momentor_lib.model.processing import MomentorProcessor
    from momentor_lib.model.projector import load_projection

    if four_bit:
        folder = checkpoint_folder(preset)
        model, processor = Momentor.from_pretrained(folder, four_bit=True), MomentorProcessor.from_pretrained(folder)
    else:
        model, processor = load(preset)
    if projector is not None:
        load_projection(model, projector)
    return model, processor


def _extract(wanted: dict[Path | None, list[Path]], model: Momentor, processor: MomentorProcessor) -> None:
    """Makes the frame features that are missing."""
    from momentor_lib.extract import extract_features, find_videos

    for features, videos in wanted.items():
        if features is not None and videos:
            files = [file for folder in videos for file in find_videos(folder).values()]
            outcome = extract_features(files, features, (model, processor))
            for video_id, reason in outcome.failed.items():
                complain(f"{video_id}: {reason}")


def _tell(trained: Trained, out: Path, stage: str, as_json: bool) -> None:
    learned = sum(part.learn for part in trained.parts)
    if as_json:
        print(json.dumps({"out": str(out), "stage": stage, **asdict(trained)}, indent=2))
        return
    scores = "".join(f", {name} {value:.3f}" for name, value in trained.scores.items())
    print(f"{out}: stage {stage}, {trained.steps} steps on {trained.instructions:,} instructions, {learned:,} parameters learned{scores}")
    if trained.dropped:
        print("left out: " + "; ".join(f"{reason}: {count:,}" for reason, count in trained.dropped.items()))

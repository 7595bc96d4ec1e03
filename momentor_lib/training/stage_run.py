"""One training stage from end to end: from a model's folder and a file of instructions to the folder of a trained model."""

from __future__ import annotations

import json
import logging
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

import torch

from momentor_lib.files import write_whole
from momentor_lib.model.lora import has_lora
from momentor_lib.model.momentor import Momentor
from momentor_lib.model.processing import MomentorProcessor
from momentor_lib.training.batches import Batches
from momentor_lib.training.loop import Settings, Weights, make_accelerator, train
from momentor_lib.training.lora import add_lora
from momentor_lib.training.new_words import hardest_tokens
from momentor_lib.training.optimizer import build_adamw, build_optimizers
from momentor_lib.training.run import STATE
from momentor_lib.training.sequences import PackedVideos, read_sequences
from momentor_lib.training.stages import PartCount, Stage, count_parameters, describe, prepare
from momentor_lib.training.validation import mean_loss, teacher_forced_iou

RECORD, BEST = "training.json", "best"
LOOKED_AT = 64  # sequences in which new words are looked for
MUON_RATE = 10  # times AdamW's rate: a step of Muon has the size of a matrix, whatever its gradient
logger = logging.getLogger("momentor")


@dataclass(frozen=True)
class Lora:
    """LoRA on the language model, see :func:`momentor_lib.training.lora.add_lora`; None: its default.

    Attributes:
        new_words: tokens whose rows learn too, at most: those that the model writes worst
            (:func:`momentor_lib.training.new_words.hardest_tokens`).
    """

    rank: int | None = None
    alpha: float | None = None
    targets: Sequence[str] | None = None
    dropout: float = 0.0
    new_words: int = 0


@dataclass(frozen=True)
class Recipe:
    """What a stage's run is made of, besides model and data. The defaults are the released recipe's, but for ``batch``.

    Attributes:
        epochs: passes over the data; ``steps``, where it is given, wins.
        batch: sequences a step, over all processes. A sequence is a video with as many of its instructions as fit.
        learning_rate: AdamW's peak.
        muon: Muon for matrices between hidden states, AdamW for the rest: for small models from random weights.
        language: the language model's own weights learn too.
        lora: LoRA on the language model; stage ``instruct`` only.
        max_tokens: of a sequence, prompt and video included.
        most: instructions in a sequence, at most.
        keep_all: also instructions that do not pass the thresholds of their data type.
        val_sequences: how many of the validation sequences are looked at.

    Raises:
        ValueError: no epochs, or endlessly many.
    """

    epochs: float = 2.0
    steps: int | None = None
    batch: int = 32
    micro_batches: int = 1
    learning_rate: float = 2e-5
    muon: bool = False
    weight_decay: float = 0.0
    warmup: float = 0.01
    hold: float = 0.0
    precision: str = "no"
    gradient_checkpointing: bool = False
    language: bool = False
    lora: Lora | None = None
    max_tokens: int = 2048
    most: int | None = None
    keep_all: bool = False
    seed: int = 0
    log_every: int = 10
    validate_every: int = 200
    save_every: int = 200
    val_sequences: int = 64

    def __post_init__(self) -> None:
        if self.steps is None and not 0 < self.epochs < math.inf:
            raise ValueError(f"epochs must be a number above 0, not {self.epochs:g}")


@dataclass(frozen=True)
class Data:
    """Where a stage's instructions and frame features lie, see :func:`momentor_lib.training.sequences.read_sequences`.

    Attributes:
        instructions, features: what is learned from: files, or folders with the files of ``momentor toy``; one folder of features.
        val_instructions, val_features: what the model is validated on; None: it is not. The features default to the others.
    """

    instructions: Sequence[Path]
    features: Path
    val_instructions: Path | None = None
    val_features: Path | None = None


@dataclass(frozen=True)
class Trained:
    """How a stage's run ended.

    Attributes:
        steps: of the optimizer.
        sequences, instructions: that it learned from.
        dropped: reason -> how many instructions were left out.
        parts: parameters, and which of them learned.
        scores: of the last validation; empty without one.
    """

    steps: int
    sequences: int
    instructions: int
    dropped: dict[str, int]
    parts: list[PartCount]
    scores: dict[str, float]


def run_stage(
    model: Momentor,
    processor: MomentorProcessor,
    stage: Stage,
    data: Data,
    out: str | Path,
    recipe: Recipe,
    *,
    resume: bool = False,
    cpu: bool = False,
    tensorboard: bool = False,
    on_log: Callable[[dict[str, float]], None] | None = None,
) -> Trained:
    """Train ``model`` in one stage and save it to ``out``: the last weights there, the best ones of validation in ``out/best``.

    ``out`` also holds ``metrics.jsonl``, ``state.pt`` (to resume from) and ``training.json`` (what was asked for).

    Args:
        resume: go on with the run that stands in ``out``. Without, such a run is refused rather than overwritten.
        cpu: no GPU, even where there is one.
        tensorboard: also write TensorBoard's files, to ``out/tensorboard``.
        on_log: called with each line of ``metrics.jsonl``, for curves that grow.

    Raises:
        ValueError: a run stands in ``out`` already, or one of another recipe is to be resumed; nothing to learn from; LoRA in a stage that
            has none, or new words with FSDP.
        OSError: a file is missing.
        LossNotFinite: see :func:`momentor_lib.training.loop.train`.
    """
    out = Path(out)
    if recipe.lora is not None and not stage.lora:
        raise ValueError(f"stage {stage.name} trains no LoRA; LoRA belongs to stage instruct")
    check_run(out, stage, data, recipe, resume, tensorboard)
    dropped = Counter()
    read = {"max_tokens": recipe.max_tokens, "most": recipe.most, "keep_all": recipe.keep_all, "seed": recipe.seed}
    videos = read_sequences(stage, data.instructions, data.features, processor, dropped=dropped, **read)
    val = None
    if data.val_instructions is not None:
        val = read_sequences(stage, data.val_instructions, data.val_features or data.features, processor, **read)
    if recipe.lora is not None and not has_lora(model):
        lora, tokens = recipe.lora, []
        if lora.new_words:
            tokens = hardest_tokens(model, processor, (videos.example(i) for i in range(min(LOOKED_AT, len(videos)))), lora.new_words)
        add_lora(model, lora.rank, lora.alpha, lora.targets, lora.dropout, tokens=tokens, seed=recipe.seed)
    prepare(model, stage, language=recipe.language)
    parts = count_parameters(model)
    settings = make_settings(recipe, len(videos))
    accelerator = make_accelerator(settings, cpu=cpu, tensorboard=out / "tensorboard" if tensorboard else None)
    if recipe.lora is not None and recipe.lora.new_words and accelerator.distributed_type == "FSDP":
        raise ValueError("--new-words does not go with FSDP, which cannot cut up the vocabulary's rows: leave out one of the two")
    shares = {"micro_batches": recipe.micro_batches, "process": accelerator.process_index, "processes": accelerator.num_processes}
    batches = Batches(videos, processor, recipe.batch, seed=recipe.seed, **shares)
    if tensorboard:
        accelerator.init_trackers("momentor")
    if accelerator.is_main_process:
        logger.info("stage %s: %s\n%s", stage.name, stage.teaches, describe(parts))
        logger.info("%d sequences of %d instructions, %d steps", len(videos), _instructions(videos), settings.steps)
        write_whole(out / RECORD, json.dumps(_record(stage, data, recipe), indent=2) + "\n")
    validator = Validator(model, processor, val, recipe.val_sequences) if val is not None else None
    train(
        accelerator,
        model,
        batches,
        _optimizers(model, recipe),
        settings,
        out,
        validate=validator,
        keep=lambda which, weights: save(model, processor, out / BEST if which == "best" else out, weights),
        on_log=on_log,
    )
    if tensorboard:
        accelerator.end_training()
    scores = validator.scores if validator else {}
    return Trained(settings.steps, len(videos), _instructions(videos), dict(dropped), parts, scores)


class Validator:
    """Scores of a model on some sequences, drawn once: grounding where answers name times, else the loss."""

    def __init__(self, model: Momentor, processor: MomentorProcessor, videos: PackedVideos, most: int) -> None:
        self.model, self.processor = model, processor
        self.examples = [videos.example(index) for index in range(min(most, len(videos)))]
        self.scores: dict[str, float] = {}

    def __call__(self) -> dict[str, float]:
        loss = mean_loss(self.model, self.processor, self.examples, batch=4)
        grounding = teacher_forced_iou(self.model, self.processor, self.examples, batch=4)
        self.scores = {**grounding, "negative_val_loss": -loss}
        return self.scores


def make_settings(recipe: Recipe, sequences: int) -> Settings:
    """The loop's settings for so many sequences."""
    steps = recipe.steps if recipe.steps is not None else math.ceil(recipe.epochs * max(1, sequences // recipe.batch))
    return Settings(
        steps,
        warmup=recipe.warmup,
        hold=recipe.hold,
        precision=recipe.precision,
        micro_batches=recipe.micro_batches,
        gradient_checkpointing=recipe.gradient_checkpointing,
        seed=recipe.seed,
        log_every=min(recipe.log_every, steps),
        validate_every=recipe.validate_every,
        save_every=recipe.save_every,
    )


def check_run(out: Path, stage: Stage, data: Data, recipe: Recipe, resume: bool, tensorboard: bool = False) -> None:
    """Refuse to overwrite a run, to resume one that was asked for differently, or to write files of a TensorBoard that is not there.

    Raises:
        ValueError: so.
    """
    if tensorboard and find_spec("tensorboard") is None:
        raise ValueError("TensorBoard's files need its package: pip install tensorboard")
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file; name a folder")
    if not (out / STATE).exists():
        return
    if not resume:
        raise ValueError(f"{out} holds a training run already: resume it, or name another folder")
    before, now = json.loads((out / RECORD).read_text(encoding="utf-8")), _record(stage, data, recipe)
    for name in now:
        if before.get(name) != now[name]:
            raise ValueError(f"the run in {out} has {name} {before.get(name)}, not {now[name]}: resume it as it was begun")


def save(model: Momentor, processor: MomentorProcessor, folder: Path, weights: Weights | None = None) -> None:
    """A whole model's folder or, with LoRA inside, an adapter's; ready for ``Momentor.from_pretrained`` and ``Predictor``."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder, state_dict=weights)
    processor.save_pretrained(folder)


def _optimizers(model: Momentor, recipe: Recipe) -> list[torch.optim.Optimizer]:
    if recipe.muon:
        return build_optimizers(model, MUON_RATE * recipe.learning_rate, recipe.learning_rate, recipe.weight_decay)
    return build_adamw(model, recipe.learning_rate, recipe.weight_decay)


def _record(stage: Stage, data: Data, recipe: Recipe) -> dict:
    return json.loads(json.dumps({"stage": stage.name, **asdict(data), **asdict(recipe)}, default=str))


def _instructions(videos: PackedVideos) -> int:
    return sum(len(sequence.dialogues) for sequence in videos.sequences)

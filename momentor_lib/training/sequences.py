"""From files on disk to what batches are drawn from: a stage's instructions, packed video by video, with the frame features beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from momentor_lib.data.clips import cut_clips
from momentor_lib.data.converted import is_converted
from momentor_lib.data.durations import collect_durations
from momentor_lib.data.features import feature_path, read_features
from momentor_lib.data.grouping import VideoDialogues, group
from momentor_lib.data.instructions import load_examples
from momentor_lib.data.mixing import by_task, mix
from momentor_lib.model.processing import MomentorProcessor, VideoExample
from momentor_lib.training.stages import Stage

PACKED_FILE, GESM_FILE = "moment10m.json", "gesm.json"


class PackedVideos:
    """Sequences of instructions and, read when they are needed, the features of their videos.

    Args:
        sequences: each a video with some of its instructions.
        features: the folder of ``<video id>.safetensors``.

    Attributes:
        lengths: tokens of each sequence.
    """

    def __init__(self, sequences: Sequence[VideoDialogues], features: str | Path, processor: MomentorProcessor) -> None:
        self.sequences, self.features, self.processor = list(sequences), Path(features), processor
        self.lengths = [sequence.num_tokens for sequence in self.sequences]

    def __len__(self) -> int:
        return len(self.sequences)

    def name(self, index: int) -> str:
        return self.sequences[index].video_id

    def example(self, index: int) -> VideoExample:
        """A sequence with its video's features [T, D_v], float32.

        Raises:
            ValueError: the file of features is damaged, or of another kind.
            OSError: it is missing.
        """
        sequence = self.sequences[index]
        found = read_features(feature_path(self.features, sequence.video_id))
        example = VideoExample(dialogues=sequence.dialogues, **found.example_fields())
        return example if sequence.window is None else cut_window(example, *sequence.window)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return self.processor.encode(self.example(index))


def cut_window(example: VideoExample, start: float, end: float) -> VideoExample:
    """The frames of some seconds as a video of their own, from 0 on: those in them, or else the nearest one."""
    times = np.asarray(example.times)
    inside = np.flatnonzero((start <= times) & (times <= end))
    if not len(inside):
        inside = np.array([np.abs(times - (start + end) / 2).argmin()])
    kept = times[inside]
    # A picture has no length of its own; any will do, since it is asked nothing about time.
    duration = max(end - start, float(kept[-1] - kept[0])) or 1.0
    return replace(example, times=(kept - kept[0]).tolist(), duration=duration, features=example.features[torch.from_numpy(inside)])


def find_file(stage: Stage, data: str | Path) -> Path:
    """A stage's file: ``data`` itself, or in a folder ``gesm.json`` or ``moment10m.json``.

    Raises:
        FileNotFoundError: there is none.
    """
    path = Path(data)
    if path.is_dir():
        path = path / (GESM_FILE if stage.name == "gesm" else PACKED_FILE)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file; stage {stage.name} learns from {stage.teaches}")
    return path


def read_sequences(
    stage: Stage,
    data: str | Path | Sequence[str | Path],
    features: str | Path,
    processor: MomentorProcessor,
    *,
    max_tokens: int = 2048,
    most: int | None = None,
    keep_all: bool = False,
    seed: int = 0,
    dropped: Counter[str] | None = None,
) -> PackedVideos:
    """What a stage learns from a file, or from several.

    Args:
        data: each a packed Moment-10M file, a GESM file (stage ``gesm``), a file that ``momentor convert --time-format tags`` wrote, or a
            folder with ``moment10m.json`` and ``gesm.json``.
        features: the folder of frame features; instructions about videos without any are left out.
        max_tokens: of a sequence, prompt and video included.
        most: instructions in a sequence, at most.
        keep_all: also what does not pass the thresholds of its data type.
        seed: of the order in which instructions of a video come together.
        dropped: reason -> how many instructions were left out, is counted up here.

    Raises:
        ValueError: nothing is left, a damaged file, or ``max_tokens`` leaves no room for a word.
        OSError: a file is missing.
    """
    files = [find_file(stage, one) for one in ([data] if isinstance(data, (str, Path)) else data)]
    dropped = Counter() if dropped is None else dropped
    durations = collect_durations(features)
    gesm = [file for file in files if stage.name == "gesm" and not is_converted(file)]
    instructions = [file for file in files if file not in gesm]
    examples = load_examples(instructions, gesm, durations=durations, keep_all=keep_all, dropped=dropped)
    parts = by_task(examples.filter(lambda kind: kind in stage.data_types, input_columns="data_type")) if len(examples) else {}
    if not parts:
        why = (
            "; ".join(f"{reason}: {count:,}" for reason, count in dropped.most_common(3)) or f"it has none of {', '.join(stage.data_types)}"
        )
        raise ValueError(f"{', '.join(map(str, files))}: nothing for stage {stage.name} ({why})")
    mixed = mix(parts, seed=seed)
    if stage.name == "align":
        sequences = cut_clips(mixed, processor, max_tokens, dropped=dropped)
    else:
        sequences = group(mixed, processor, max_tokens, most=most, open_videos=len(durations) + 1, dropped=dropped)
    return PackedVideos(sequences, features, processor)

"""Videos -> files of frame features, so that training and evaluation need not decode and encode them again.

While one video is encoded, the next ones are decoded: each worker is a thread that decodes a video (PyAV lets other threads run meanwhile)
and then takes turns with the others at the one frame encoder.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from momentor_lib.data.features import SUFFIX, Expected, FrameFeatures, Preprocessing, Source, feature_path, read_features, write_features
from momentor_lib.jobs import Entry, GiveUp, Outcome, run_jobs
from momentor_lib.model.momentor import FRAMES_AT_ONCE, Momentor
from momentor_lib.model.presets import load_frame_encoder
from momentor_lib.model.processing import CONFIG_NAME, MomentorProcessor
from momentor_lib.model.threads import set_threads
from momentor_lib.video import Frames, load_video

LEDGER = "ledger.jsonl"  # in the folder of the features
VIDEO_SUFFIXES = (".3gp", ".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".webm", ".wmv")
HALF_FILE = re.compile(r"\..+\.[0-9a-f]{8}\.part" + re.escape(SUFFIX))  # what momentor_lib.files writes first


class FrameEncoder:
    """A Momentor's frame encoder with its processor; several threads can use it, one at a time.

    Args:
        model: a preset's name, the folder of a saved Momentor, or ``(model, processor)``. Of a named one only the frame encoder is kept.
        device: where to compute; by default a GPU where there is one, and one's own model stays where it is.

    Attributes:
        name: kind of the encoder and the first 16 digits of its weights' SHA-256: the same encoder in another folder has the same name, a
            trained further one has another.
        num_frames: M.
        preprocessing: how pixels are made.

    Raises:
        ValueError: no such model.
    """

    def __init__(self, model: str | Path | tuple[Momentor, MomentorProcessor] = "tiny", device: str | None = None):
        if not isinstance(model, tuple) and (Path(model) / CONFIG_NAME).is_file():
            model = Path(model).resolve()  # another process may work in another folder
        self._made_from = (model, device)
        self._model, self._processor = model if isinstance(model, tuple) else load_frame_encoder(model)
        self._vision = self._model.vision_model
        set_threads(self._vision.num_parameters())
        self.name = name_encoder(self._vision)
        self._model.eval()
        if device is None and not isinstance(model, tuple):
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self._vision.to(device or self._model.device)
        self._turn = threading.Lock()
        self.num_frames = self._processor.num_frames
        mean, std = tuple(self._processor.image_mean), tuple(self._processor.image_std)
        self.preprocessing = Preprocessing(self._processor.image_size, mean, std)

    def __reduce__(self) -> tuple[Callable, tuple]:
        """Another process loads a named model itself, once however many videos it is given."""
        named = not isinstance(self._made_from[0], tuple)
        return (_load_once if named else FrameEncoder), self._made_from

    def expected(self, video: str | PathLike[str]) -> Expected:
        """What a video's features must have been made from."""
        return Expected(Path(video).stem, self.name, self.preprocessing, self.num_frames, video)

    @torch.no_grad()
    def encode(self, frames: Frames) -> torch.Tensor:
        """Frames -> their features [T, D_v], as ``Predictor.set_video`` has them: the same parts go through the encoder."""
        parts = []
        with self._turn:  # for the whole video: workers that took turns at its parts would also decode at the same time, not meanwhile
            for first in range(0, len(frames), FRAMES_AT_ONCE):
                part = slice(first, first + FRAMES_AT_ONCE)
                pixels = self._processor.pixel_values(Frames(frames.pixels[part], frames.times[part], frames.duration))  # [t, 3, S, S]
                pixels = pixels.to(self._vision.device, self._vision.dtype)
                parts.append(self._model.encode_frames(pixels.unsqueeze(0)).squeeze(0).float().cpu())  # [t, D_v]
        return torch.cat(parts)

    def extract(self, video: str | PathLike[str]) -> FrameFeatures:
        """Decodes and encodes a video file.

        Raises:
            VideoError: the file cannot be read as a video.
            OSError: it changed meanwhile.
        """
        before = os.stat(video).st_mtime_ns if os.path.isfile(video) else None
        frames = load_video(video, num_frames=self.num_frames, size=self._processor.image_size)
        source = Source.of(video)
        if source.mtime_ns != before:
            raise OSError(f"{video} changed while it was read: wait until it is whole")
        features = self.encode(frames).numpy()  # [T, D_v]
        return FrameFeatures(features, frames.times, frames.duration, Path(video).stem, self.name, self.preprocessing, source)


@lru_cache(maxsize=1)
def _load_once(model: str | Path, device: str | None) -> FrameEncoder:
    return FrameEncoder(model, device)


def name_encoder(vision: PreTrainedModel) -> str:
    """A vision tower -> its kind and the first 16 hexadecimal digits of its weights' SHA-256."""
    digest = hashlib.sha256()
    for name, weights in sorted(vision.state_dict().items()):
        digest.update(f"{name} {weights.dtype} {list(weights.shape)}\n".encode())
        digest.update(weights.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return f"{vision.config.model_type}-{digest.hexdigest()[:16]}"


def find_videos(videos: str | PathLike[str] | Iterable[str | PathLike[str]]) -> dict[str, Path]:
    """Video id (the file's name without its suffix) -> file.

    Args:
        videos: a folder, of which every file with a video's suffix is taken; a file; or several files.

    Raises:
        FileNotFoundError: no such file or folder.
        ValueError: a folder without a video, two videos of one id, or a name that is no text.
    """
    if isinstance(videos, (str, PathLike)):
        path = Path(videos)
        if not path.exists():
            raise FileNotFoundError(f"{path}: no such folder or video")
        files = [path]
        if path.is_dir():
            inside = sorted(file for file in path.iterdir() if file.suffix.lower() in VIDEO_SUFFIXES and not file.name.startswith("."))
            files = [file for file in inside if file.is_file()]
    else:
        files = [Path(video) for video in videos]
    if not files:
        raise ValueError(f"{videos} holds no video; its file's suffix would be one of {' '.join(VIDEO_SUFFIXES)}")
    found: dict[str, Path] = {}
    for file in files:
        if not _is_text(file.stem):
            raise ValueError(f"{str(file)!r} has a name that is not UTF-8; rename it")
        if file.stem in found:
            raise ValueError(f"{found[file.stem]} and {file} would both be written to {file.stem}{SUFFIX}; rename one")
        found[file.stem] = file
    return found


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True)
class Extraction:
    """The work on one video, for the runner: decode, encode, write; nothing where whole and fresh features are there."""

    encoder: FrameEncoder
    out: Path
    overwrite: bool

    def __call__(self, video_id: str, video: Path) -> dict[str, Any]:
        if not video.is_file():
            raise GiveUp(f"{video}: no such video file")
        target = feature_path(self.out, video_id)
        try:
            features = self._find(target, video)
            if features is None:
                features = self.encoder.extract(video)
                write_features(target, features)
        except ValueError as error:  # VideoError is one: another try would not help
            raise GiveUp(str(error)) from error
        return {"frames": len(features), "width": features.features.shape[1], "duration": features.duration}

    def _find(self, target: Path, video: Path) -> FrameFeatures | None:
        """The features that are there; None where they are to be made.

        Raises:
            ValueError: they are stale or foreign, and are not to be made again.
        """
        try:
            return read_features(target, self.encoder.expected(video)) if target.exists() else None
        except ValueError:
            if self.overwrite:
                return None
            raise


def extract_features(
    videos: str | PathLike[str] | Iterable[str | PathLike[str]],
    out: str | PathLike[str],
    model: str | Path | tuple[Momentor, MomentorProcessor] | FrameEncoder = "tiny",
    *,
    workers: int = 2,
    overwrite: bool = False,
    executor: str = "local",
    retries: int = 2,
    progress: bool = True,
) -> Outcome:
    """Videos -> ``OUT/<video id>.safetensors`` each (:mod:`momentor_lib.data.features`) and ``OUT/ledger.jsonl``.

    Can be stopped at any moment: a file is whole or not there, and the next run does what is missing. A video that cannot be read fails,
    and so does one whose file of features is stale or foreign; the others go on.

    Args:
        videos: a folder, a file, or several files.
        out: a folder; made where it is missing.
        model: a preset's name, the folder of a saved Momentor, ``(model, processor)``, or a frame encoder that is loaded already.
        workers: videos in work at a time: one is encoded, the others are decoded. Each holds its M frames in memory.
        overwrite: make stale and foreign files again; fresh ones are left as they are.
        executor: ``local``, or ``ray`` for Ray's tasks, each of which decodes and encodes on one processor.
        retries: how often a video is tried again after an error that may pass, of a disk for instance.
        progress: a bar with an estimate on standard error, where that is a terminal.

    Returns:
        The ids done now, failed (with the reason), and skipped because they were done before.

    Raises:
        ValueError: no videos, two of one id, no such model, or a wrong argument.
        OSError: a folder cannot be read or written.
    """
    items, out = find_videos(videos), Path(out)
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file; name a folder")
    encoder = model if isinstance(model, FrameEncoder) else FrameEncoder(model)
    if executor == "ray":  # whose processes may work in another folder
        items, out = {video_id: video.absolute() for video_id, video in items.items()}, out.absolute()
    work = Extraction(encoder, out, overwrite)

    def is_done(video_id: str, entry: Entry) -> bool:
        try:
            read_features(feature_path(out, video_id), encoder.expected(items[video_id]))
        except (ValueError, OSError):
            return False  # the work then says why, or makes it again
        return True

    outcome = run_jobs(
        work,
        items,
        out / LEDGER,
        workers=workers,
        threads=True,
        retries=retries,
        executor=executor,
        is_done=is_done,
        description="frame features",
        progress=progress,
    )
    for file in out.iterdir():  # of runs that were killed while they wrote
        if HALF_FILE.fullmatch(file.name):
            file.unlink(missing_ok=True)
    return outcome

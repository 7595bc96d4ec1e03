"""The file of a video's frame features: what the frame encoder made of its frames, so that training need not decode it again.

One safetensors file a video, never a pickle: ``features`` float16 [T, D_v] and ``times`` float64 [T] (seconds), and in its header which
video, encoder and preprocessing they come from, so that a stale file is recognised.
"""

from __future__ import annotations

import hashlib
import math
import os
import shlex
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from momentor_lib.files import atomic_path, sha256_of

SUFFIX = ".safetensors"
FORMAT, VERSION = "momentor frame features", "1"
PICKLE = b"\x80"  # a pickle's first byte
DTYPES = {"features": "F16", "times": "F64"}
REMAKE = "run momentor extract again with --overwrite"
# What a user who trusts a pickle runs; a test runs it too. No double quotes in it: a shell gets it between two of them.
CONVERSION = (
    "import sys, numpy; from pathlib import Path; from momentor_lib.data import features as f; "
    "[f.write_features(f.feature_path(p.parent, p.stem), f.uniform_features(d['feature'], d['duration'], p.stem)) "
    "for p in map(Path, sys.argv[1:]) for d in [numpy.load(p, allow_pickle=True).item()]]"
)


@dataclass(frozen=True)
class Preprocessing:
    """How frames became the frame encoder's pixels.

    Attributes:
        image_size: side of the square picture, pixels.
        image_mean, image_std: of pixels in 0-1, a number for each of red, green, blue.
    """

    image_size: int
    image_mean: tuple[float, ...]
    image_std: tuple[float, ...]


@dataclass(frozen=True)
class Source:
    """Which video file it was.

    Attributes:
        name: the file's name, without its folder.
        size: bytes.
        mtime_ns: when it was last changed, nanoseconds since 1970.
        sha256: of its bytes, hexadecimal.
    """

    name: str
    size: int
    mtime_ns: int
    sha256: str

    @classmethod
    def of(cls, video: str | PathLike[str]) -> Source:
        """Reads a video file through once.

        Raises:
            OSError: the file cannot be read, or is being written.
        """
        before = os.stat(video)
        digest = sha256_of(video)
        after = os.stat(video)
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise OSError(f"{video} changed while it was read: wait until it is whole")
        return cls(Path(video).name, after.st_size, after.st_mtime_ns, digest)

    def difference(self, video: str | PathLike[str]) -> str:
        """What is different about the file that is there now; empty where nothing is.

        Its bytes are read only where its size is right and its date is not (a copy has another date), so that a look is quick.

        Raises:
            OSError: the file cannot be read.
        """
        now = os.stat(video)
        if now.st_size != self.size:
            return f"the video {video} has {now.st_size} bytes, not {self.size}"
        if now.st_mtime_ns != self.mtime_ns and sha256_of(video) != self.sha256:
            return f"the video {video} has other contents (SHA-256)"
        return ""


@dataclass(frozen=True)
class Expected:
    """What a file of features must have been made from; None is anything.

    Attributes:
        video_id: the video's name.
        encoder: the frame encoder's name.
        preprocessing: how its pixels were made.
        num_frames: T.
        video: the video file, which must not have changed since.
    """

    video_id: str | None = None
    encoder: str | None = None
    preprocessing: Preprocessing | None = None
    num_frames: int | None = None
    video: str | PathLike[str] | None = None


@dataclass(frozen=True, eq=False)
class FrameFeatures:
    """The features of a video's frames.

    Attributes:
        features: float16 [T, D_v].
        times: float64 [T], seconds, ascending; a short video's frames can come several times.
        duration: seconds, of the whole video.
        video_id: its name.
        encoder: the frame encoder's name, empty where it is not known.
        preprocessing, source: how the pixels were made, and from which file; None where it is not known.
    """

    features: np.ndarray
    times: np.ndarray
    duration: float
    video_id: str
    encoder: str = ""
    preprocessing: Preprocessing | None = None
    source: Source | None = None

    def __len__(self) -> int:
        return len(self.times)

    def example_fields(self) -> dict[str, Any]:
        """What a ``VideoExample`` needs beside its dialogues: ``VideoExample(dialogues=..., **features.example_fields())``.

        Returns:
            ``times`` (seconds [T]), ``duration`` (seconds), ``features`` (a float32 tensor [T, D_v]) and ``video_id``.
        """
        import torch

        features = torch.from_numpy(self.features.astype(np.float32))  # [T, D_v]
        return {"times": self.times.tolist(), "duration": self.duration, "features": features, "video_id": self.video_id}


def feature_path(folder: str | PathLike[str], video_id: str) -> Path:
    """Where a folder keeps a video's features: ``<video id>.safetensors``."""
    return Path(folder) / f"{video_id}{SUFFIX}"


def write_features(path: str | PathLike[str], features: FrameFeatures) -> None:
    """Writes a video's features, whole or not at all. Features of another float type are rounded to float16.

    Raises:
        ValueError: they are not what :class:`FrameFeatures` says, for instance too large for float16.
        OSError: the file cannot be written.
    """
    from safetensors.numpy import save

    with np.errstate(over="ignore"):  # told below
        rows = np.ascontiguousarray(features.features, dtype=np.float16)  # [T, D_v]
    times = np.ascontiguousarray(features.times, dtype=np.float64)  # [T]
    if wrong := _what_is_wrong(rows, times, features.duration):
        raise ValueError(f"features of video {features.video_id!r} cannot be kept: {wrong}")
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "video_id": features.video_id,
        "duration": repr(float(features.duration)),
        "encoder": features.encoder,
        "preprocessing": msgspec.json.encode(features.preprocessing).decode(),
        "source": msgspec.json.encode(features.source).decode(),
    }
    metadata["sha256"] = _digest(metadata, rows, times)
    content = save({"features": rows, "times": times}, metadata=metadata)
    with atomic_path(path) as half:
        half.write_bytes(content)


def read_features(path: str | PathLike[str], expected: Expected | None = None) -> FrameFeatures:
    """Reads a video's features.

    Args:
        path: the file.
        expected: what they must have been made from.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is foreign or damaged, or was made from something else than ``expected``; one line with the file, what is
            wrong, and what to do.
    """
    features = _read(Path(path))
    differences = _differences(features, expected) if expected else []
    if differences:
        raise ValueError(f"{path} is stale: {'; '.join(differences)}; {REMAKE}")
    return features


def uniform_features(features: np.ndarray, duration: float, video_id: str, encoder: str = "") -> FrameFeatures:
    """Features [T, D_v] of frames at ``i * duration / (T - 1)`` seconds, as the released code samples them."""
    times = np.linspace(0.0, duration, len(features))  # [T]
    return FrameFeatures(np.asarray(features), times, float(duration), video_id, encoder)


def read_released_npy(path: str | PathLike[str], duration: float, encoder: str = "") -> FrameFeatures:
    """Reads ``<video id>.npy``, the released code's layout, where it is a plain array of floats [T, D_v].

    The released files themselves are pickles of ``{"duration", "feature"}``. A pickle runs whatever its writer put into it, so it is never
    opened here; the error says how to convert one that you trust to ``<video id>.safetensors`` beside it (several at once, too).

    Args:
        path: the file.
        duration: of the video, seconds, which a plain array does not hold.
        encoder: the frame encoder's name, where you know it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a pickle, or not such an array; one line.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file of frame features")
    with path.open("rb") as file:
        if file.read(1) == PICKLE:
            raise ValueError(_refuse_pickle(path))
    try:
        rows = np.array(np.lib.format.open_memmap(path, mode="r"))  # [T, D_v]; a map, so that no header makes us ask for memory
    except Exception as error:  # a damaged header can fail in NumPy's reader or in Python's own
        if "Python objects" in str(error):
            raise ValueError(_refuse_pickle(path)) from error
        raise ValueError(f"{path} is no array that NumPy saved, or is cut off: {' '.join(str(error).split())}") from error
    if rows.dtype.kind != "f":
        raise ValueError(f"{path} holds {rows.dtype}, not floats")
    features = uniform_features(rows, duration, path.stem, encoder)
    if wrong := _what_is_wrong(rows, features.times, features.duration):
        raise ValueError(f"{path} cannot be used: {wrong}")
    return features


def _refuse_pickle(path: Path) -> str:
    convert = f'python -c "{CONVERSION}" {shlex.quote(str(path))}'
    return f"{path} is a pickle, which could run anything, so it is not opened; if you trust it, convert it yourself: {convert}"


def _read(path: Path) -> FrameFeatures:
    from safetensors import SafetensorError, safe_open

    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file of frame features; momentor extract makes it")
    if not path.is_file():
        raise ValueError(f"{path} is no file; name the .safetensors file of one video")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            _check_kind(path, metadata, {name: file.get_slice(name).get_dtype() for name in file.keys()})  # noqa: SIM118 (it is no dict)
            rows, times = file.get_tensor("features"), file.get_tensor("times")  # [T, D_v], [T]
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged, cut off or no safetensors file ({error}); {REMAKE}") from error
    if metadata.get("sha256") != _digest(metadata, rows, times):
        raise ValueError(f"{path} is damaged: its contents do not fit their SHA-256; {REMAKE}")
    features = FrameFeatures(
        rows,
        times,
        float(metadata["duration"]),
        metadata["video_id"],
        metadata["encoder"],
        msgspec.json.decode(metadata["preprocessing"], type=Preprocessing | None),
        msgspec.json.decode(metadata["source"], type=Source | None),
    )
    if wrong := _what_is_wrong(rows, times, features.duration):
        raise ValueError(f"{path} cannot be used: {wrong}; {REMAKE}")
    return features


def _check_kind(path: Path, metadata: dict[str, str], dtypes: dict[str, str]) -> None:
    """Raises ValueError where a sound safetensors file is not one of ours."""
    if metadata.get("format") != FORMAT:
        raise ValueError(f"{path} is a safetensors file, but not of frame features: it is not from momentor extract; name another folder")
    if metadata.get("version") != VERSION:
        found = metadata.get("version")
        raise ValueError(f"{path} has version {found!r} of the format, and this momentor reads version {VERSION!r}; {REMAKE}")
    if dtypes != DTYPES:
        raise ValueError(f"{path} holds {dtypes}, not {DTYPES}; {REMAKE}")


def _what_is_wrong(rows: np.ndarray, times: np.ndarray, duration: float) -> str:
    if not 0 < duration < math.inf:
        return f"a duration of {duration} s"
    if rows.ndim != 2 or 0 in rows.shape:
        return f"features of shape {list(rows.shape)}, not [frames, width]"
    if times.shape != rows.shape[:1]:
        return f"{len(rows)} frames but times of shape {list(times.shape)}"
    if not np.isfinite(rows).all():
        return "features that are not finite in float16"
    if not np.isfinite(times).all() or (np.diff(times) < 0).any():
        return "times that do not ascend"
    return ""


def _differences(features: FrameFeatures, expected: Expected) -> list[str]:
    """What the features were made from instead of ``expected``."""
    found = []
    pairs = [
        ("its video is", features.video_id, expected.video_id),
        ("its encoder is", features.encoder or "not known", expected.encoder),
        ("its number of frames is", len(features), expected.num_frames),
    ]
    found += [f"{what} {is_now}, not {wanted}" for what, is_now, wanted in pairs if wanted is not None and is_now != wanted]
    if expected.preprocessing is not None and features.preprocessing != expected.preprocessing:
        found.append(f"its preprocessing is {_show(features.preprocessing)}, not {_show(expected.preprocessing)}")
    if expected.video is not None:
        difference = features.source.difference(expected.video) if features.source else "the video that it was made from is not known"
        found += [difference] if difference else []
    return found


def _show(preprocessing: Preprocessing | None) -> str:
    return "not known" if preprocessing is None else msgspec.json.encode(preprocessing).decode()


def _digest(metadata: dict[str, str], rows: np.ndarray, times: np.ndarray) -> str:
    """SHA-256 of everything in a file but itself: a disk's or a transfer's fault is found, in the times and the names too."""
    others = {key: value for key, value in sorted(metadata.items()) if key != "sha256"}
    digest = hashlib.sha256(msgspec.json.encode([others, rows.shape]))
    digest.update(np.ascontiguousarray(rows))
    digest.update(np.ascontiguousarray(times))
    return digest.hexdigest()

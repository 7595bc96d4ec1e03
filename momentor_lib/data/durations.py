"""How long videos are: from a table, from files of frame features, or from the videos themselves."""

from __future__ import annotations

import csv
import io
import json
import math
import warnings
from os import PathLike
from pathlib import Path

COLUMNS = ("length", "duration")  # Charades calls it length
VIDEOS = (".mp4", ".m4v", ".mkv", ".webm", ".mov", ".avi")


def read_durations(path: str | PathLike[str]) -> dict[str, float]:
    """Video id -> seconds, from a table of them.

    Args:
        path: CSV with a header and the columns ``id`` and ``length`` or ``duration`` (Charades_v1_test.csv is one), or JSON, either
            ``{"<id>": seconds}`` or ``{"<id>": {"duration": seconds, ...}}`` (ActivityNet Captions is one).

    Raises:
        ValueError: the file has another form, or a duration is not above 0 s; one line with the file and the place.
        OSError: it cannot be read.
    """
    path = Path(path)
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 at byte {error.start}: no table of durations") from None
    pairs = _pairs_of_json(path, text) if text.lstrip().startswith(("{", "[")) else _pairs_of_csv(path, text)
    durations: dict[str, float] = {}
    for place, video_id, value in pairs:
        try:
            duration = float(value)
        except (TypeError, ValueError, OverflowError):
            duration = math.nan
        if not 0 < duration < math.inf or isinstance(value, bool):
            raise ValueError(f"{path}, {place}: {str(value)[:40]!r} is no duration in seconds")
        durations[video_id] = duration
    return durations


def _pairs_of_json(path: Path, text: str) -> list[tuple[str, str, object]]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} is a JSON list, not an object of durations by video id")
    rows = {video_id: value.get("duration") if isinstance(value, dict) else value for video_id, value in found.items()}
    return [(f"video {video_id[:40]!r}", video_id, value) for video_id, value in rows.items()]


def _pairs_of_csv(path: Path, text: str) -> list[tuple[str, str, object]]:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    try:
        names = [name.strip() for name in rows.fieldnames or []]
        column = next((name for name in COLUMNS if name in names), None)
        if column is None or "id" not in names:
            raise ValueError(f"{path} has no columns id and {' or '.join(COLUMNS)} in its first line, and is no JSON")
        rows.fieldnames = names
        return [(f"line {rows.line_num}", row["id"] or "", row[column]) for row in rows]
    except csv.Error as error:
        raise ValueError(f"{path}, line {rows.line_num}: {error}") from None


def collect_durations(folder: str | PathLike[str]) -> dict[str, float]:
    """Video id (the file's name) -> seconds, of every file of frame features and every video in a folder; features go first.

    Of a feature file only the header is read. A video is read through, which takes a while: extract features first where there are many.

    Raises:
        NotADirectoryError: there is no such folder.

    Warns:
        UserWarning: a file cannot be read, and is left out.
    """
    from momentor_lib.data.features import SUFFIX
    from momentor_lib.video import probe

    folder = Path(folder)
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is no folder of features or videos")
    durations: dict[str, float] = {}
    files = sorted(file for file in folder.iterdir() if file.is_file())
    for file in [file for file in files if file.suffix == SUFFIX] + [file for file in files if file.suffix.lower() in VIDEOS]:
        if file.stem in durations:
            continue
        try:
            durations[file.stem] = _of_features(file) if file.suffix == SUFFIX else probe(file).duration
        except (ValueError, OSError) as error:  # VideoError is a ValueError
            warnings.warn(f"left out: {error}", stacklevel=2)
    return durations


def _of_features(file: Path) -> float:
    from safetensors import SafetensorError, safe_open

    from momentor_lib.data.features import FORMAT

    try:
        with safe_open(file, framework="numpy") as tensors:
            metadata = tensors.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"{file} is damaged, cut off or no safetensors file ({error})") from None
    try:
        duration = float(metadata["duration"])
    except (KeyError, ValueError):
        duration = math.nan
    if metadata.get("format") != FORMAT or not 0 < duration < math.inf:
        raise ValueError(f"{file} is no file of frame features")
    return duration

"""``momentor extract``: frame features of many videos."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from momentor_lib.cli.output import JsonOption, complain, results_only

if TYPE_CHECKING:
    from momentor_lib.extract import FrameEncoder


class Executor(str, Enum):
    """Where the work runs."""

    local = "local"
    ray = "ray"


def check_folders(videos: Path, out: Path) -> None:
    """Raises FileNotFoundError where there are no videos, ValueError where a file stands in the results' place."""
    if not videos.exists():
        raise FileNotFoundError(f"{videos}: no such folder or video")
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file; name a folder")


def extract(
    videos: Annotated[Path, typer.Argument(metavar="VIDEOS", help="A folder of videos, or one video.", show_default=False)],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder for the features.", show_default=False)],
    model: Annotated[str, typer.Option("--model", metavar="M", help="A preset, or the folder of a saved model.")] = "tiny",
    workers: Annotated[int, typer.Option("--workers", metavar="N", min=1, help="Videos in work at a time.")] = 2,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Make stale and foreign files again.")] = False,
    executor: Annotated[Executor, typer.Option("--executor", help="This machine, or Ray.")] = Executor.local,
    as_json: JsonOption = False,
) -> None:
    """Writes the features of each video's frames to OUT/<video>.safetensors. Run again, it goes on where it was.

    Exit code 1 where a video failed; the others are done.
    """
    check_folders(videos, out)
    with results_only():
        from momentor_lib.extract import extract_features, find_videos

        files = find_videos(videos)
        outcome = extract_features(files.values(), out, _load(model), workers=workers, overwrite=overwrite, executor=executor.value)
    for video_id, reason in outcome.failed.items():
        complain(f"{video_id}: {reason}")
    if as_json:
        fields = {"done": outcome.done, "skipped": outcome.skipped, "failed": outcome.failed}
        print(json.dumps({"videos": str(videos), "out": str(out), "model": model, **fields}, indent=2))
    else:
        counts = f"{len(outcome.done)} done, {len(outcome.skipped)} skipped, {len(outcome.failed)} failed"
        print(f"{len(files)} video{'' if len(files) == 1 else 's'}: {counts}; features in {out}")
    if outcome.failed:
        raise typer.Exit(1)


def _load(model: str) -> FrameEncoder:
    from momentor_lib.extract import FrameEncoder

    try:
        return FrameEncoder(model)
    except (ValueError, OSError):
        raise
    except Exception as error:  # a damaged file can fail in any of the libraries that read it
        raise ValueError(f"model {model!r} does not load: {error}; momentor doctor checks the shipped one") from error

"""``momentor engine``: instructions from videos alone."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from momentor_lib.cli.extract import Executor, check_folders
from momentor_lib.cli.output import JsonOption, complain, results_only, warn

PARTS = "detector, captioner, clip, writer"


class BackendNames(str, Enum):
    """Which models look, name and write."""

    offline = "offline"
    paper = "paper"


def engine(
    videos: Annotated[Path, typer.Argument(metavar="VIDEOS", help="A folder of videos, or one video.", show_default=False)],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder for what is made.", show_default=False)],
    backends: Annotated[BackendNames, typer.Option("--backends", help="No downloads, or the paper's models.")] = BackendNames.offline,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="PART=M", help=f"With --backends paper: a model for {PARTS}.", show_default=False),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", metavar="N", min=1, help="Videos in work at a time.")] = 1,
    executor: Annotated[Executor, typer.Option("--executor", help="This machine, or Ray.")] = Executor.local,
    as_json: JsonOption = False,
) -> None:
    """Makes moment10m.json, gesm.json and report.html in OUT from videos alone. Run again, it goes on where it was.

    Exit code 1 where a video failed; the others are done.
    """
    check_folders(videos, out)
    models = dict(_pair(text) for text in model or ())
    if models and backends is BackendNames.offline:
        raise ValueError("--model belongs to --backends paper")
    with results_only():
        from momentor_lib.engine.load import as_models, load_backends
        from momentor_lib.engine.run import generate
        from momentor_lib.engine.settings import Settings
        from momentor_lib.extract import find_videos

        files = find_videos(videos)
        notice = load_backends(backends.value, Settings(), as_models(models)).notice
        outcome = generate(files.values(), out, backends.value, models=models, workers=workers, executor=executor.value)
    if notice:
        warn(notice)
    for video_id, reason in outcome.failed.items():
        complain(f"{video_id}: {reason}")
    if as_json:
        fields = {"done": outcome.done, "skipped": outcome.skipped, "failed": outcome.failed}
        print(json.dumps({"videos": str(videos), "out": str(out), "backends": backends.value, "models": models, **fields}, indent=2))
    else:
        counts = f"{len(outcome.done)} done, {len(outcome.skipped)} skipped, {len(outcome.failed)} failed"
        print(f"{len(files)} video{'' if len(files) == 1 else 's'}: {counts}; moment10m.json, gesm.json and report.html in {out}")
    if outcome.failed:
        raise typer.Exit(1)


def _pair(text: str) -> tuple[str, str]:
    part, equals, model = text.partition("=")
    if not equals or not part or not model:
        raise ValueError(f"--model {text} is not PART=M; the parts are {PARTS}")
    return part, model

"""Many videos through the engine, on the runner of :mod:`momentor_lib.jobs`: resumable, in several processes or on Ray."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from momentor_lib.engine.load import as_models, load_backends
from momentor_lib.engine.pipeline import STEPS, VideoRun, fingerprint
from momentor_lib.engine.settings import Settings
from momentor_lib.extract import find_videos
from momentor_lib.files import atomic_path, write_whole
from momentor_lib.jobs import Entry, GiveUp, Outcome, run_jobs
from momentor_lib.video import VideoError

LEDGER, RECORD, PACKED, GESM, REPORT = "ledger.jsonl", "engine.json", "moment10m.json", "gesm.json", "report.html"


@dataclass(frozen=True)
class Generation:
    """The work on one video, for the runner."""

    out: Path
    backends: str
    settings: Settings
    models: tuple[tuple[str, str], ...]

    def __call__(self, video_id: str, video: Path) -> dict[str, Any]:
        if not video.is_file():
            raise GiveUp(f"{video}: no such video file")
        try:
            return VideoRun(video, self.out / video_id, load_backends(self.backends, self.settings, self.models), self.settings).run()
        except VideoError as error:
            raise GiveUp(str(error)) from error


def generate(
    videos: str | PathLike[str] | Iterable[str | PathLike[str]],
    out: str | PathLike[str],
    backends: str = "offline",
    *,
    settings: Settings | None = None,
    models: Mapping[str, str] | None = None,
    workers: int = 1,
    executor: str = "local",
    retries: int = 2,
    progress: bool = True,
    report: Callable[[Path, dict[str, Path]], object] | None = None,
) -> Outcome:
    """Videos -> ``OUT/<id>/*.json``, ``moment10m.json``, ``gesm.json`` and ``report.html``.

    Can be stopped or killed at any moment; the next run goes on with the first unfinished step of each video, and ends with the same bytes.
    A video that cannot be read fails and is left out; the others go on.

    Args:
        videos: a folder, a file, or several files.
        out: a folder; made where it is missing.
        backends: ``offline`` or ``paper``.
        settings: thresholds; the tuned ones by default.
        models: which models the ``paper`` backends use, see :func:`momentor_lib.engine.load.load_backends`.
        workers: videos in work at a time, each in a process of its own.
        executor: ``local`` or ``ray``.
        retries: how often a video is tried again after an error that may pass.
        progress: a bar with an estimate on standard error, where that is a terminal.
        report: writes the report; by default :func:`momentor_lib.engine.report.write_report`.

    Raises:
        ValueError: no videos, two of one id, unknown backends, or ``out`` holds results of other backends or settings.
        OSError: a folder cannot be read or written.
    """
    settings, items, out = settings or Settings(), find_videos(videos), Path(out)
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file; name a folder")
    wanted = as_models(models or {})
    loaded = load_backends(backends, settings, wanted)
    _check_record(out / RECORD, json.loads(json.dumps(fingerprint(loaded, settings) | {"models": dict(wanted)})))
    if executor == "ray":  # whose processes may work in another folder
        items, out = {video_id: video.absolute() for video_id, video in items.items()}, out.absolute()
    outcome = run_jobs(
        Generation(out, backends, settings, wanted),
        items,
        out / LEDGER,
        workers=workers,
        executor=executor,
        retries=retries,
        is_done=lambda video_id, entry: _is_whole(out / video_id, entry),
        description="videos",
        progress=progress,
    )
    remove_half_files(out)
    done = [video_id for video_id in items if video_id not in outcome.failed]
    _collect(out, done)
    if report is None:
        from momentor_lib.engine.report import write_report

        write_report(out, {video_id: items[video_id] for video_id in done}, outcome.failed, loaded.notice)
    else:
        report(out, {video_id: items[video_id] for video_id in done})
    return outcome


def _check_record(path: Path, record: dict[str, Any]) -> None:
    """Refuses to mix results of different settings in one folder."""
    if not path.exists():
        write_whole(path, json.dumps(record, indent=1) + "\n")
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    for name, value in record.items():
        if before.get(name) != value:
            raise ValueError(f"{path.parent} holds results of other {name}: name another folder, or delete that one")


def _is_whole(folder: Path, entry: Entry) -> bool:
    return all((folder / f"{step}.json").is_file() for step in STEPS)


def remove_half_files(out: Path) -> None:
    """What runs that were killed left behind."""
    for half in out.rglob(".*.part*"):
        half.unlink(missing_ok=True)


def _collect(out: Path, video_ids: list[str]) -> None:
    """All videos' instructions -> the packed file and the GESM file, one video in memory at a time."""
    for name, part in ((PACKED, "records"), (GESM, "sequence")):
        with atomic_path(out / name) as half, open(half, "w", encoding="utf-8") as file:
            file.write("{")
            for number, video_id in enumerate(video_ids):
                found = json.loads((out / video_id / "instructions.json").read_text(encoding="utf-8"))
                file.write(f"{',' if number else ''}\n{json.dumps(video_id)}: {json.dumps(found[part])}")
            file.write("\n}\n")

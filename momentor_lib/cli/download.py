"""``momentor download``: the videos of a packed file, or the annotation files of a data set."""

from __future__ import annotations

import json
import sys
from collections import Counter
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from momentor_lib.cli.output import JsonOption, results_only

if TYPE_CHECKING:
    from momentor_lib.jobs import Outcome

REASONS_SHOWN = 10


class Annotations(str, Enum):
    """Data sets whose annotation files have a public address."""

    moment10m = "moment10m"
    gesm = "gesm"
    charades_sta = "charades-sta"
    activitynet_captions = "activitynet-captions"
    qvhighlights = "qvhighlights"


def download(
    source_path: Annotated[
        Path | None, typer.Option("--source_path", metavar="F", help="A packed Moment-10M file.", show_default=False)
    ] = None,
    video_path: Annotated[
        Path | None, typer.Option("--video_path", metavar="D", help="The folder for its videos.", show_default=False)
    ] = None,
    annotations: Annotated[
        Annotations | None, typer.Option("--annotations", help="Fetch annotation files instead.", show_default=False)
    ] = None,
    target_path: Annotated[
        Path | None, typer.Option("--target_path", metavar="D", help="The folder for annotation files.", show_default=False)
    ] = None,
    workers: Annotated[int, typer.Option(metavar="N", min=1, help="Videos at a time.")] = 4,
    retries: Annotated[int, typer.Option(metavar="N", min=0, help="Further tries of what fails.")] = 4,
    as_json: JsonOption = False,
) -> None:
    """Downloads the videos of a packed file (--source_path, --video_path), or a data set's annotation files (--annotations, --target_path).

    What is there is skipped and half files are gone on with. Exit code 1 where any failed; ledger.jsonl in the folder has the reasons.
    """
    if annotations is None:
        if source_path is None or video_path is None or target_path is not None:
            raise ValueError("give --source_path and --video_path for videos, or --annotations and --target_path for annotation files")
        failed = _videos(source_path, _folder(video_path), workers, retries, as_json)
    else:
        if target_path is None or source_path is not None or video_path is not None:
            raise ValueError(f"--annotations {annotations.value} needs --target_path, the folder to write, and nothing else")
        failed = _annotations(annotations.value, _folder(target_path), retries, as_json)
    if failed:
        raise typer.Exit(1)


def _folder(path: Path) -> Path:
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file; name a folder")
    return path


def _videos(source: Path, folder: Path, workers: int, retries: int, as_json: bool) -> dict[str, str]:
    from momentor_lib.data import download as videos

    with results_only():
        ids = dict.fromkeys(videos.packed_ids(source))
        outcome = videos.download_videos(ids, folder, workers=workers, retries=retries)
    fetched = _fetched(outcome, folder / videos.LEDGER)
    size = sum(facts["bytes"] for facts in fetched)
    if as_json:
        _print_json({"video_path": str(folder)}, outcome, len(fetched), {"bytes": size})
    else:
        _print_summary(outcome, len(fetched), "video", f", {size / 1e6:.1f} MB", folder / videos.LEDGER)
    return outcome.failed


def _annotations(name: str, folder: Path, retries: int, as_json: bool) -> dict[str, str]:
    from momentor_lib.data import annotations

    data_set = annotations.DATA_SETS[name]
    with results_only():
        outcome = annotations.download_annotations(data_set, folder, retries=retries)
    fetched = _fetched(outcome, folder / annotations.LEDGER)
    if as_json:
        more = {"files": [file for facts in fetched for file in facts["files"]], "where": data_set.where}
        _print_json({"annotations": name, "target_path": str(folder)}, outcome, len(fetched), more)
    else:
        _print_summary(outcome, len(fetched), "file", "", folder / annotations.LEDGER)
        if outcome.failed:
            print(f"where to look: {data_set.where}", file=sys.stderr)
    return outcome.failed


def _fetched(outcome: Outcome, ledger: Path) -> list[dict[str, Any]]:
    """The facts of each job that this run did, without the files that were there, and that the ledger did not know."""
    from momentor_lib.jobs import read_ledger

    done = set(outcome.done)
    last = {entry.id: entry.facts for entry in read_ledger(ledger) if entry.id in done and entry.status == "done"}
    return [facts for facts in last.values() if not facts.get("found")]


def _print_json(what: dict[str, Any], outcome: Outcome, fetched: int, more: dict[str, Any]) -> None:
    counts = {"downloaded": fetched, "present": _present(outcome, fetched), "failed": outcome.failed}
    print(json.dumps({**what, **counts, **more}, indent=2, allow_nan=False))


def _present(outcome: Outcome, fetched: int) -> int:
    return len(outcome.skipped) + len(outcome.done) - fetched


def _print_summary(outcome: Outcome, fetched: int, noun: str, size: str, ledger: Path) -> None:
    total = len(outcome.done) + len(outcome.skipped) + len(outcome.failed)
    counts = f"{fetched} downloaded{size}, {_present(outcome, fetched)} there already, {len(outcome.failed)} failed"
    print(f"{total} {noun}{'' if total == 1 else 's'}: {counts}")
    reasons = Counter(outcome.failed.values()).most_common()
    for reason, count in reasons[:REASONS_SHOWN]:
        print(f"  {count} failed: {reason}")
    if len(reasons) > REASONS_SHOWN:
        print(f"  and {len(reasons) - REASONS_SHOWN} other reasons")
    if reasons:
        print(f"the ledger has each: {ledger}")

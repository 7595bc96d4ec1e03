"""``momentor convert``: a packed Moment-10M file, or GESM, to dialogues."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from momentor_lib.cli.output import JsonOption, complain, results_only, warn

if TYPE_CHECKING:
    from momentor_lib.data.convert import Summary, Tally
    from momentor_lib.data.moment10m import Problem

PROBLEMS_SHOWN = 10


class TimeFormat(str, Enum):
    """How times are written."""

    text = "text"
    tags = "tags"


class OutputFormat(str, Enum):
    """What is written."""

    json = "json"
    jsonl = "jsonl"
    parquet = "parquet"


def convert(
    source_path: Annotated[Path, typer.Option("--source_path", metavar="F", help="A packed Moment-10M file.", show_default=False)],
    target_path: Annotated[Path, typer.Option("--target_path", metavar="F", help="The file to write.", show_default=False)],
    gesm: Annotated[bool, typer.Option("--gesm", help="The source is GESM_data.json instead.")] = False,
    time_format: Annotated[TimeFormat, typer.Option(help="Words as in 12.30s-18.40s, or <12.34s>, for training.")] = TimeFormat.text,
    seed: Annotated[int, typer.Option(metavar="S", min=0, help="The same seed draws the same templates.")] = 0,
    no_filter: Annotated[bool, typer.Option("--no-filter", help="Also records below the threshold of their data type.")] = False,
    output_format: Annotated[
        OutputFormat | None, typer.Option(help="By default what the target's ending says, else json.", show_default=False)
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first malformed record.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Fills the placeholders of good records; says what was kept, what was dropped and why. Malformed records are named and left out."""
    output = output_format.value if output_format else None
    summary = _run(source_path, target_path, gesm, time_format.value, seed, no_filter, output, strict)
    if as_json:
        print(json.dumps({"source": str(source_path), "target": str(target_path), **summary.record()}, indent=2))
    else:
        _tell(summary, target_path, "videos" if gesm else "records")


def script(arguments: list[str] | None = None, *, gesm: bool) -> int:
    """``scripts/convert_data.py`` and ``scripts/convert_data_gesm.py``: the flags that Moment-10M's users know. Returns the exit code."""
    what = "GESM_data.json -> event sequences" if gesm else "a packed Moment-10M file -> dialogues"
    parser = argparse.ArgumentParser(description=f"{what}, times as text. momentor convert has more options.")
    parser.add_argument("--source_path", type=Path, required=True, metavar="F", help="the file to read")
    parser.add_argument("--target_path", type=Path, required=True, metavar="F", help="the file to write")
    given = parser.parse_args(arguments)
    try:
        summary = _run(given.source_path, given.target_path, gesm, "text", 0, False, None, False)
    except KeyboardInterrupt:
        complain("stopped")
        return 130
    except (ValueError, OSError) as error:
        if os.environ.get("MOMENTOR_TRACEBACK"):
            raise
        complain(f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error))
        return 2
    _tell(summary, given.target_path, "videos" if gesm else "records")
    return 0


def _run(
    source: Path, target: Path, gesm: bool, time_format: str, seed: int, no_filter: bool, output_format: str | None, strict: bool
) -> Summary:
    with results_only():
        from tqdm import tqdm

        from momentor_lib.data.convert import convert_file

        size = source.stat().st_size
        with tqdm(total=size, unit="B", unit_scale=True, file=sys.stderr, disable=None) as bar:
            report, finish = _reporter()
            summary = convert_file(
                source,
                target,
                gesm=gesm,
                time_format=time_format,
                seed=seed,
                keep_all=no_filter,
                output_format=output_format,
                strict=strict,
                on_problem=report,
                progress=lambda done: bar.update(done - bar.n),
            )
        finish()
    return summary


def _reporter() -> tuple[Callable[[Problem], None], Callable[[], None]]:
    """Tells the first problems as they are found, and how many more there were."""
    count = 0

    def report(problem: Problem) -> None:
        nonlocal count
        count += 1
        if count <= PROBLEMS_SHOWN:
            warn(f"left out: {problem}")

    def finish() -> None:
        if count > PROBLEMS_SHOWN:
            warn(f"and {count - PROBLEMS_SHOWN} more were malformed")

    return report, finish


def _tell(summary: Summary, target: Path, what: str) -> None:
    whole = summary.whole
    print(f"{target}: {whole.kept:,} of {whole.total:,} {what} kept ({whole.share:.1%})")
    for data_type, tally in summary.tallies.items():
        why = _reasons(tally)
        print(
            f"  {data_type or '(whole videos)':30} {tally.kept:>10,} of {tally.total:>10,}  {tally.share:>6.1%}{f'  {why}' if why else ''}"
        )


def _reasons(tally: Tally) -> str:
    reasons = [f"{reason}: {count:,}" for reason, count in sorted(tally.dropped.items())]
    return "; ".join([*reasons, f"malformed: {tally.malformed:,}"] if tally.malformed else reasons)

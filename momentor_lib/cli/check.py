"""``momentor check``: what is wrong in an annotation file."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from momentor_lib.cli.output import JsonOption, results_only

if TYPE_CHECKING:
    from momentor_lib.data.check import Report
    from momentor_lib.data.check.entry import Place


class Format(str, Enum):
    """The formats that are known; a test holds them equal to the library's."""

    moment10m = "moment10m"
    gesm = "gesm"
    charades_sta = "charades-sta"
    activitynet = "activitynet"
    qvhighlights = "qvhighlights"
    youcook2 = "youcook2"


def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An annotation file.", show_default=False)],
    format: Annotated[Format | None, typer.Option(help="Told from the file's content if not given.", show_default=False)] = None,
    durations: Annotated[
        Path | None,
        typer.Option(metavar="F", help="How long the videos are: CSV with id and length, or JSON.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Looks for reversed spans, times past the end, empty texts, unknown types, ... Exit code 1 where there are any."""
    with results_only():
        from momentor_lib.data.check import check_file
        from momentor_lib.data.durations import read_durations

        lengths = read_durations(durations) if durations else None
        report = check_file(file, format.value if format else None, lengths)
    if as_json:
        print(json.dumps(report.record(), indent=2, allow_nan=False))
    else:
        _tell(report)
    if not report.clean:
        raise typer.Exit(1)


def _tell(report: Report) -> None:
    from momentor_lib.data.check import KINDS

    print(f"{report.path}: {report.format}, {report.videos} videos, {report.spans} spans, {report.texts} texts")
    if report.timed < report.spans:
        print(f"  ends not checked of {report.spans - report.timed} spans: the videos' durations are not known (--durations F)")
    if report.clean:
        print("  nothing wrong found")
    for finding in report.in_order:
        print(f"  {finding.count} {KINDS[finding.kind]}{', the first:' if finding.count > len(finding.places) else ':'}")
        for place, detail in finding.places:
            print(f"    {_where(place)}: {_shown(detail)}")


def _where(place: Place) -> str:
    parts = [
        f"line {place.line}" if place.line is not None else "",
        f"video {_shown(place.video_id)}" if place.video_id else "",
        _shown(place.data_type),
        f"no. {place.index}" if place.index is not None else "",
    ]
    return ", ".join(part for part in parts if part) or "the file"


def _shown(text: str) -> str:
    """A text from the file, safe to print: one line, no control characters, not long."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text[:200])

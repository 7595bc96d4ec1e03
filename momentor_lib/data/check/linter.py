"""The checks: the same for every format, on what its reader finds at each place."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from momentor_lib.data.check.charades import read_charades
from momentor_lib.data.check.dense_captions import read_dense_captions
from momentor_lib.data.check.entry import Entry, Fault, Place, Span
from momentor_lib.data.check.packed import read_gesm_file, read_packed_file
from momentor_lib.data.check.qvhighlights import read_qvhighlights
from momentor_lib.data.check.recognise import FORMATS, recognise
from momentor_lib.data.check.report import Report

# Seconds by which a time may be past the end: the floats of ActivityNet's durations are off by 1e-14, its smallest real excess is 0.01.
NOISE = 1e-6


def check_file(path: str | Path, format: str | None = None, durations: Mapping[str, float] | None = None) -> Report:
    """Look through an annotation file for what is wrong in it.

    Args:
        path: the file.
        format: one of :data:`momentor_lib.data.check.FORMATS`; None: told from its content.
        durations: video id -> seconds; goes before what the file says. Without one and without the file's own, an end is not checked.

    Raises:
        ValueError: it has another format, or cannot be read as the one it has; one line.
        OSError: there is no such file.
    """
    if format is None:
        format = recognise(path)
    report = Report(str(path), format)
    durations = durations or {}
    identities: set[str] = set()
    videos: set[str] = set()
    for found in _read(path, format):
        if isinstance(found, Fault):
            report.add(found.kind, found.place, found.detail)
            continue
        videos.add(found.place.video_id)
        _check_identity(report, found, identities)
        _check_entry(report, found, durations.get(found.place.video_id, found.duration))
    if not videos and report.clean:
        raise ValueError(f"{path} holds no annotation: nothing to check")
    report.videos = len(videos)
    return report


def _read(path: str | Path, format: str) -> Iterator[Entry | Fault]:
    if format == "moment10m":
        return read_packed_file(path)
    if format == "gesm":
        return read_gesm_file(path)
    if format == "charades-sta":
        return read_charades(path)
    if format == "qvhighlights":
        return read_qvhighlights(path)
    if format in ("activitynet", "youcook2"):
        return read_dense_captions(path)
    raise ValueError(f"no format {format!r}: choose one of {', '.join(FORMATS)}")


def _check_identity(report: Report, entry: Entry, seen: set[str]) -> None:
    if entry.identity is None:
        return
    if entry.identity in seen:
        report.add("duplicate-id", entry.place, f"{entry.identity} was there before")
    seen.add(entry.identity)


def _check_entry(report: Report, entry: Entry, duration: float | None) -> None:
    report.texts += len(entry.texts)
    if duration is not None and not 0 < duration < math.inf:
        if not entry.spans:  # a video's events need not say it again
            report.add("bad-duration", entry.place, f"{_seconds(duration)} s")
        duration = None
    for text in entry.texts:
        if not text.strip():
            report.add("empty-text", entry.place, "nothing but blanks" if text else "no letter")
    report.spans += len(entry.spans)
    report.timed += len(entry.spans) if duration is not None else 0
    for span in entry.spans:
        _check_span(report, entry.place, span, duration)
    for time in entry.times:
        _check_times(report, entry.place, (time,), f"{_seconds(time)} s", duration)


def _check_span(report: Report, place: Place, span: Span, duration: float | None) -> None:
    start, end = span
    written = f"{_seconds(start)} to {_seconds(end)} s"
    if not _check_times(report, place, span, written, duration):
        return
    if end < start:
        report.add("reversed-span", place, written)
    elif end == start:
        report.add("empty-span", place, written)


def _check_times(report: Report, place: Place, times: tuple[float, ...], written: str, duration: float | None) -> bool:
    """Whether the times are numbers; what is wrong with them one by one is counted once for all."""
    if not all(math.isfinite(time) for time in times):
        report.add("not-a-number", place, written)
        return False
    if any(time < 0 for time in times):
        report.add("negative-time", place, written)
    if duration is not None and max(times) > duration + NOISE:
        report.add("past-end", place, f"{written}, and the video lasts {_seconds(duration)} s")
    return True


def _seconds(time: float) -> str:
    return f"{time:.10g}"

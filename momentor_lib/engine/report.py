"""``report.html``: each video's timeline of boundaries, tracks and events, and an instruction of each type. One file, no script."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import msgspec

from momentor_lib.data.convert import to_dialogue
from momentor_lib.engine.boundaries import Boundaries
from momentor_lib.engine.matrix import Event, Matrix
from momentor_lib.engine.matrix_view import as_html
from momentor_lib.engine.pipeline import TrackRecord
from momentor_lib.files import write_whole
from momentor_lib.timecode import display, for_people
from momentor_lib.viz.style import BLUE, FAINT, GREEN, MUTED, VERMILLION
from momentor_lib.viz.text import ticks

WIDTH, LABEL, ROW = 960, 210, 26  # pixels
STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 1.5rem auto; padding: 0 1rem; max-width: 64rem; }
section { border-top: 1px solid #9a9a9a; padding: .5rem 0 1rem; }
svg { width: 100%; height: auto; background: #fff; border-radius: 4px; }
.strip { display: flex; gap: 2px; margin: 0 2% 0 21.4%; }
.strip img { flex: 1; min-width: 0; height: auto; }
dt { font-weight: 600; margin-top: .4rem; } dd { margin: 0 0 0 1.2rem; }
.note { border-left: 4px solid #E69F00; padding: 4px 10px; }
summary { cursor: pointer; }
"""
LEGEND = (
    "Solid line: a cut. Dashed line: an event begins or ends. Pale bar: the instance is seen. Full bar: it does something; "
    "its words stand in the bar where they fit, and in the table."
)


def write_report(out: Path, videos: Mapping[str, Path], failed: Mapping[str, str], notice: str) -> None:
    """Writes ``report.html`` from the JSON files in ``out``.

    Args:
        out: folder of a run.
        videos: id -> file, of those that are done.
        failed: id -> reason.
        notice: what a reader should know.
    """
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>What the engine made</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">',
        f"<style>{STYLE}</style></head><body><main><h1>What the engine made</h1>",
        f"<p>{len(videos)} videos, {len(failed)} failed.</p>",
        f'<p class="note">{escape(notice)}</p>' if notice else "",
        f"<p>{LEGEND}</p>" if videos else "",
    ]
    if failed:
        rows = "".join(f"<dt>{escape(video_id)}</dt><dd>{escape(reason)}</dd>" for video_id, reason in sorted(failed.items()))
        parts.append(f"<section><h2>Failed</h2><dl>{rows}</dl></section>")
    parts += [_video(out / video_id, video_id, video) for video_id, video in videos.items()]
    parts.append("</main></body></html>\n")
    write_whole(out / "report.html", "\n".join(part for part in parts if part))


def _video(folder: Path, video_id: str, video: Path) -> str:
    tracks = msgspec.json.decode((folder / "tracks.json").read_bytes(), type=list[TrackRecord])
    boundaries = msgspec.json.decode((folder / "boundaries.json").read_bytes(), type=Boundaries)
    matrix = msgspec.json.decode((folder / "matrix.json").read_bytes(), type=Matrix)
    written = json.loads((folder / "instructions.json").read_text(encoding="utf-8"))
    cuts = sum(boundary.kind == "cut" for boundary in boundaries.kept)
    made, dropped = sum(map(len, written["records"].values())), sum(written["dropped"].values())
    facts = (
        f"{display(matrix.duration)}, {cuts + 1} scenes, {len(boundaries.kept) - cuts} event boundaries "
        f"({len(boundaries.merged)} merged away), "
        f"{len(tracks)} tracks, {len(matrix.events)} events, {made} instructions ({dropped} filtered out)"
    )
    return "\n".join(
        [
            f"<section><h2>{escape(video_id)}</h2><p>{facts}</p>",
            f'<div class="strip">{_strip(video, matrix.duration)}</div>',
            timeline(matrix, boundaries, tracks),
            f"<details><summary>The instance-event matrix</summary>{as_html(matrix)}</details>",
            f"<details open><summary>One instruction of each type</summary><dl>{_samples(written['records'])}</dl></details></section>",
        ]
    )


def timeline(matrix: Matrix, boundaries: Boundaries, tracks: list[TrackRecord]) -> str:
    """Boundaries, tracks and events as a picture (SVG); also for a notebook."""
    scale = (WIDTH - LABEL) / matrix.duration
    height = ROW * len(tracks) + 2 * ROW

    def at(seconds: float) -> float:
        return LABEL + seconds * scale

    shapes = []
    for number, track in enumerate(tracks):
        y = number * ROW
        seen = _seen(track, matrix, number)
        name = escape(track.name[:28])
        shapes.append(f'<text x="{LABEL - 8}" y="{y + 17}" text-anchor="end" font-size="13" fill="#000">{name}</text>')
        shapes.append(
            f'<rect x="{at(seen[0]):.1f}" y="{y + 8}" width="{(seen[1] - seen[0]) * scale:.1f}" height="10" fill="{FAINT}"/>'
            if seen
            else ""
        )
        shapes += [_bar(event, y, at, scale) for event in matrix.events if event.track == number]
    bottom = ROW * len(tracks) + 4
    for boundary in boundaries.kept:
        dash = "" if boundary.kind == "cut" else ' stroke-dasharray="3 3"'
        colour, thick = (VERMILLION, 2) if boundary.kind == "cut" else (MUTED, 1)
        shapes.append(
            f'<line x1="{at(boundary.time):.1f}" x2="{at(boundary.time):.1f}" y1="0" y2="{bottom}" stroke="{colour}" '
            f'stroke-width="{thick}"{dash}><title>{boundary.kind} at {display(boundary.time)}</title></line>'
        )
    for time, label in ticks(matrix.duration):
        shapes.append(f'<text x="{at(time):.1f}" y="{bottom + 18}" font-size="12" fill="{MUTED}" text-anchor="middle">{label}</text>')
    words = f"Timeline of {escape(matrix.video_id)}: {len(boundaries.kept)} boundaries, {len(tracks)} tracks, {len(matrix.events)} events"
    return f'<svg viewBox="0 0 {WIDTH + 20} {height}" role="img" aria-label="{words}">{"".join(shapes)}</svg>'


def _bar(event: Event, y: float, at: Any, scale: float) -> str:
    width = max(2.0, (event.end - event.start) * scale)
    words = escape(event.deed.text)
    fits = f'<text x="{at(event.start) + 4:.1f}" y="{y + 17}" font-size="12" fill="#fff">{words}</text>' if width > 7 * len(words) else ""
    tip = f"{words}, {display(event.start)} to {display(event.end)}"
    colour = BLUE if event.track is not None else GREEN
    place = f'x="{at(event.start):.1f}" y="{y + 3}" width="{width:.1f}" height="20"'
    return f'<g><title>{tip}</title><rect {place} rx="3" fill="{colour}"/>{fits}</g>'


def _seen(track: TrackRecord, matrix: Matrix, number: int) -> tuple[float, float] | None:
    """From when to when it is seen, by the matrix's columns."""
    row = next((row for row in matrix.rows if row.track == number), None)
    there = [column for column, cell in zip(matrix.columns, row.cells, strict=True) if cell is not None] if row else []
    return (there[0][0], there[-1][1]) if there else None


def _strip(video: Path, duration: float) -> str:
    from momentor_lib.viz.thumbnails import read

    return "".join(f'<img src="{shot.data_uri()}" alt="Frame at {display(shot.time)}">' for shot in read(video, duration))


def _samples(records: dict[str, list[dict[str, Any]]]) -> str:
    rows = []
    for data_type, several in records.items():
        if several:
            question, answer = to_dialogue(several[len(several) // 2])[0]
            said = f"{escape(for_people(question))} <b>{escape(for_people(answer))}</b>"
        else:
            said = "none"
        rows.append(f"<dt>{escape(data_type)} ({len(several)})</dt><dd>{said}</dd>")
    return "".join(rows)

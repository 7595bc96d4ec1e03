"""A timeline as HTML: a fragment for a notebook's output, or a whole page. It asks nothing of a network.

It reads without its script too (title, moments and table are plain HTML), since notebooks that are not trusted do not run it. Several
fragments can stand in one page: no element has an id, the style applies inside ``.momentor-timeline`` only, and the script starts
whichever timelines are not started. All texts are escaped, and the script holds none of them.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from momentor_lib.moments import Moment
from momentor_lib.timecode import display
from momentor_lib.viz.player import Source, find_source
from momentor_lib.viz.spans import inside, is_outside, whisker
from momentor_lib.viz.text import clean, describe, shorten, ticks, write_span, write_time

if TYPE_CHECKING:
    from momentor_lib.viz.timeline import Timeline


_TITLE_COLUMNS = 160
_UNSCROLLED = 10  # moments


def page(timeline: Timeline, folder: Path | None = None) -> str:
    """A whole page; ``folder`` is where it will be saved, which decides whether a large video can be linked to."""
    digest = base64.b64encode(hashlib.sha256(_asset("page.js").encode("utf-8")).digest()).decode("ascii")
    # The browser itself then refuses every request to a network, and every script but ours.
    policy = (
        f"default-src 'none'; img-src data:; media-src data: file: 'self'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    title = escape(shorten(f"{timeline.subject}: {timeline.point}" if timeline.point else timeline.subject, 120))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" content="light dark">\n'
        f'<title>{title}</title>\n<link rel="icon" href="data:,">\n'
        "<style>:root { color-scheme: light dark; } body { margin: 1.5rem auto; padding: 0 1rem; max-width: 64rem; }</style>\n"
        f"</head>\n<body>\n<main>\n{fragment(timeline, folder, heading='h1')}\n</main>\n</body>\n</html>\n"
    )


def fragment(timeline: Timeline, folder: Path | None = None, heading: str = "p") -> str:
    """The part that goes into another page: style, contents, script."""
    source = find_source(timeline.video_path, timeline.embed_limit, folder)
    parts = [
        f"<style>{_asset('page.css')}</style>",
        _head(timeline, source, heading),
        f'<div class="mt-board{" mt-many" if len(timeline.moments) > _UNSCROLLED else ""}">',
        _stage(timeline, source),
        _strip(timeline),
        _rows(timeline),
        _axis(timeline.duration),
        "</div>",
        _table(timeline),
        f"<script>{_asset('page.js')}</script>",
    ]
    label = escape(shorten(f"Timeline of {timeline.subject}", 200))
    # JupyterLab would take the arrow keys for itself without the attribute that begins with data-lm.
    duration = f'data-duration="{float(timeline.duration)!r}"'
    opening = f'<section class="momentor-timeline" {duration} data-lm-suppress-shortcuts="true" aria-label="{label}">'
    return "\n".join([opening, *(part for part in parts if part), "</section>"])


@cache
def _asset(name: str) -> str:
    return files("momentor_lib.viz").joinpath(name).read_text(encoding="utf-8")


def _head(timeline: Timeline, source: Source, heading: str) -> str:
    subject = shorten(timeline.subject, _TITLE_COLUMNS)
    point = f': <span class="mt-point">{escape(timeline.point)}</span>' if timeline.point else ""
    whole = ""
    if subject != timeline.subject:
        whole = f'<details class="mt-quiet"><summary>Whole query</summary>{escape(clean(timeline.query))}</details>'
    notes = "".join(f'<p class="mt-quiet">{escape(note)}</p>' for note in (clean(timeline.note), source.note) if note)
    return f'<{heading} class="mt-title">{escape(subject)}{point}</{heading}>{whole}{notes}'


def _stage(timeline: Timeline, source: Source) -> str:
    """What the script says, and beside it the player; without one, the frame at the best moment's start, which follows the moment."""
    controls = '<div class="mt-controls"><span role="status"></span></div>'
    return f'<div class="mt-row mt-top">{controls}{_picture(timeline, source)}</div>'


def _picture(timeline: Timeline, source: Source) -> str:
    if source.address:
        name = escape(clean(Path(timeline.video_path or "").name))
        return (
            f'<video class="mt-stage" controls playsinline preload="metadata" aria-label="Video {name}" '
            f'src="{escape(source.address)}"></video>'
        )
    if not timeline.strip:
        return "<span></span>"
    start = timeline.moments[0].start if timeline.moments else 0.0
    thumbnail = min(timeline.strip, key=lambda t: abs(t.time - start))
    alt = f"Frame at {write_time(thumbnail.time, timeline.duration)}"
    return f'<img class="mt-stage" src="{thumbnail.data_uri()}" alt="{alt}" height="160">'


def _strip(timeline: Timeline) -> str:
    shots = []
    for thumbnail in timeline.strip:
        time = write_time(thumbnail.time, timeline.duration)
        shots.append(
            f'<span class="mt-frame" data-time="{thumbnail.time!r}"><img src="{thumbnail.data_uri()}" alt="Frame at {time}" width="72"> '
            f'<span class="mt-time">{time}</span></span>'
        )
    return f'<div class="mt-row"><span></span><span class="mt-strip">{" ".join(shots)}</span></div>' if shots else ""


def _rows(timeline: Timeline) -> str:
    rows = [_moment_row(rank, moment, timeline) for rank, moment in enumerate(timeline.moments, 1)]
    if not rows:
        words = f'<span class="mt-words"><span class="mt-all">{timeline.nothing}</span></span>'
        rows = [f'<div class="mt-row">{words}<span class="mt-track"></span></div>']
    if timeline.truth:
        rows.append(_truth_row(timeline.truth, timeline.duration))
    return f'<div class="mt-rows" role="group" aria-label="Moments">{"".join(rows)}</div>'


def _truth_row(truth: list[Moment], duration: float) -> str:
    spans = ", ".join(write_span(moment, duration) for moment in truth)
    bars = "".join(_bar(moment, duration) for moment in truth)
    words = f'<span class="mt-words"><span class="mt-rank">truth</span> <span class="mt-span">{spans}</span></span>'
    return f'<div class="mt-row mt-truth">{words}<span class="mt-track">{bars}</span></div>'


def _moment_row(rank: int, moment: Moment, timeline: Timeline) -> str:
    """A button as wide as the row, so that a moment of no length can be hit too."""
    duration = timeline.duration
    label = f'<span class="mt-label">{escape(clean(moment.label))}</span> ' if moment.label else ""
    best = " mt-best" if rank == 1 and timeline.query and not timeline.headline else ""
    return (
        f'<button type="button" class="mt-row{best}" data-start="{float(moment.start)!r}" data-end="{float(moment.end)!r}" '
        f'aria-label="Moment {rank}: {escape(describe(moment, duration))}">'
        f'<span class="mt-words"><span class="mt-rank">{rank}</span> {label}<span class="mt-span">{write_span(moment, duration)}</span> '
        f'<span class="mt-score">score {moment.score:.2f}</span></span>'
        f'<span class="mt-track">{_bar(moment, duration)}{_whisker(moment.start, moment.start_std, "start", duration)}'
        f"{_whisker(moment.end, moment.end_std, 'end', duration)}</span></button>"
    )


def _bar(moment: Moment, duration: float) -> str:
    if is_outside(moment, duration):
        side, arrow = ("right", "▷") if moment.start > duration else ("left", "◁")
        return f'<span class="mt-beyond" style="{side}:2px" aria-hidden="true">{arrow}</span>'
    start, end = inside(moment, duration)
    return f'<span class="mt-bar" style="{_place(start, end, duration)}"></span>'


def _whisker(at: float, deviation: float, side: str, duration: float) -> str:
    ends = whisker(at, deviation, duration)
    return f'<span class="mt-whisker mt-{side}" style="{_place(*ends, duration)}"></span>' if ends else ""


def _place(start: float, end: float, duration: float) -> str:
    return f"left:{100 * start / duration:.3f}%;width:{100 * (end - start) / duration:.3f}%"


def _axis(duration: float) -> str:
    marks = []
    for time, label in ticks(duration):
        last = ' class="mt-last"' if time > 0.92 * duration else ""
        marks.append(f'<span{last} style="left:{100 * time / duration:.3f}%">{label}</span>')
    return f'<div class="mt-row" aria-hidden="true"><span></span><span class="mt-axis">{" ".join(marks)}</span></div>'


def _table(timeline: Timeline) -> str:
    moments = [(str(rank), moment) for rank, moment in enumerate(timeline.moments, 1)]
    truth = [("truth", moment) for moment in timeline.truth or []]
    if not moments and not truth:
        return ""
    labelled = any(moment.label for _, moment in moments + truth)
    caption = "Moments (± is one standard deviation)" if moments else "Truth"
    names = ["Rank", "Start", "±", "End", "±", "Score"]
    head = "".join(f'<th scope="col">{name}</th>' for name in names) + ('<th scope="col" class="mt-label">What</th>' if labelled else "")
    body = "".join(_table_row(rank, moment, timeline.duration, labelled) for rank, moment in moments + truth)
    return f'<div class="mt-scroll"><table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _table_row(rank: str, moment: Moment, duration: float, labelled: bool) -> str:
    known = rank != "truth"
    cells = [
        write_time(moment.start, duration),
        display(moment.start_std) if known and moment.start_std > 0 else "–",
        write_time(moment.end, duration),
        display(moment.end_std) if known and moment.end_std > 0 else "–",
        f"{moment.score:.2f}" if known else "–",
    ]
    label = f'<td class="mt-label">{escape(clean(moment.label))}</td>' if labelled else ""
    return f'<tr><th scope="row">{rank}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}{label}</tr>'

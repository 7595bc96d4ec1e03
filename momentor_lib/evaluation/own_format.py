"""Our own ``annotations.jsonl``, as ``momentor toy`` writes it: id, duration, events, queries, qa of a video a line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from momentor_lib.data.check.entry import Place, to_number
from momentor_lib.data.check.report import Report
from momentor_lib.evaluation.grounding import Span
from momentor_lib.evaluation.highlights import CLIP, Ratings
from momentor_lib.evaluation.records import dicts_of_lines, get_list, get_number, get_text, spans_of
from momentor_lib.evaluation.segmentation import frame_labels
from momentor_lib.evaluation.truth import Events, Item, Labels, Query, Question
from momentor_lib.moments import Moment

FPS = 10.0  # at which events become a label a frame
SALIENT = 4  # rating of a clip of which at least half lies in a true moment; the others have 0
NOISE = 1e-6  # seconds


def read_own(path: Path, task: str) -> tuple[list[Item], Report]:
    """The items of a task, and what is wrong in the file.

    Raises:
        OSError: it cannot be read.
    """
    dirt, items, seen = Report(str(path), "momentor"), [], set()
    for line, record in dicts_of_lines(path, dirt):
        try:
            video, duration = get_text(record, "id"), get_number(record, "duration")
            if not 0 < duration < float("inf"):
                raise ValueError(f"a duration of {duration:g} s")
            found = _items(record, video, duration, task)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            dirt.add("malformed", Place(line=line), str(error))
            continue
        if video in seen:
            dirt.add("duplicate-id", Place(video, line=line), f"{video} was there before; the first counts")
            continue
        seen.add(video)
        items += found
        for item in found:
            for span in _spans(item):
                _look_at(span, duration, Place(video, line=line), dirt)
        dirt.texts += len(found)
    dirt.videos = len(seen)
    return items, dirt


def _items(record: Mapping[str, Any], video: str, duration: float, task: str) -> list[Item]:
    if task in ("grounding", "highlights"):
        found: list[Item] = []
        for number, query in enumerate(get_list(record, "queries")):
            spans = spans_of(query["moments"])
            ratings = rate(spans, duration) if task == "highlights" else None
            found.append(Query(f"{video}#{number}", video, get_text(query, "query"), spans, duration, ratings))
        return found
    if task == "qa":
        turns = enumerate(get_list(record, "qa"))
        return [Question(f"{video}#{number}", video, get_text(turn, "question"), get_text(turn, "answer")) for number, turn in turns]
    events = [
        Moment(to_number(event["start"]), to_number(event["end"]), label=get_text(event, "caption")) for event in get_list(record, "events")
    ]
    if task == "captioning":
        return [Events(video, tuple(events), duration)]
    times = (np.arange(round(duration * FPS)) + 0.5) / FPS
    return [Labels(video, tuple(frame_labels(events, times)), FPS)]


def rate(spans: tuple[Span, ...], duration: float) -> Ratings:
    """Clips of 2 s, salient where at least half of one lies in a true moment, as one annotator would have it."""
    starts = np.arange(int(duration / CLIP)) * CLIP
    covered = np.zeros(len(starts))
    for start, end in spans:
        covered += np.clip(np.minimum(starts + CLIP, end) - np.maximum(starts, start), 0, None)
    return Ratings(np.where(covered >= CLIP / 2, SALIENT, 0)[:, None].astype(float))


def _spans(item: Item) -> tuple[Span, ...]:
    if isinstance(item, Query):
        return item.spans
    return tuple((event.start, event.end) for event in item.events) if isinstance(item, Events) else ()


def _look_at(span: Span, duration: float, place: Place, dirt: Report) -> None:
    start, end = span
    dirt.spans += 1
    dirt.timed += 1
    written = f"{start:.10g} to {end:.10g} s"
    if not all(abs(time) < float("inf") for time in span):
        dirt.add("not-a-number", place, written)
    elif start < 0:
        dirt.add("negative-time", place, written)
    elif end < start:
        dirt.add("reversed-span", place, written)
    elif end == start:
        dirt.add("empty-span", place, written)
    elif end > duration + NOISE:
        dirt.add("past-end", place, f"{written}, and the video lasts {duration:.10g} s")

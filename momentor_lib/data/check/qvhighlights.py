"""QVHighlights: a JSON object a line, of the annotations or of a model's predictions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from momentor_lib.data.check.entry import Entry, Fault, Place, describe, to_list, to_number, to_span, to_text
from momentor_lib.data.check.source import parse_json, read_lines

CLIP = 2.0  # seconds of a clip


def read_qvhighlights(path: str | Path) -> Iterator[Entry | Fault]:
    """Every query of a QVHighlights file, in order. A ``qid`` may not come twice.

    A line has ``qid``, ``query``, ``vid``, ``duration``, ``relevant_windows`` [[s, e], ...], ``relevant_clip_ids`` and
    ``saliency_scores`` (the test part has neither windows nor scores), or, for predictions, ``pred_relevant_windows`` [[s, e, score],
    ...] and ``pred_saliency_scores``.

    Raises:
        OSError: the file cannot be read.
    """
    for number, line in read_lines(path):
        place = Place(line=number)
        try:
            if isinstance(line, ValueError):
                raise line
            record = parse_json(line)
            if not isinstance(record, dict):
                raise ValueError(f"{describe(record)} where a query's object belongs")
            if isinstance(record.get("vid"), str):
                place = Place(record["vid"], line=number)
            yield from _read_query(record, place)
        except ValueError as error:
            yield Fault(place, "malformed", str(error))


def _read_query(record: dict, place: Place) -> Iterator[Entry | Fault]:
    predicted = "pred_relevant_windows" in record or "pred_saliency_scores" in record
    labelled = "saliency_scores" in record or "relevant_clip_ids" in record
    needed = ["qid", "vid", *([] if predicted else ["query", "duration"]), *(["relevant_windows"] if labelled else [])]
    missing = [name for name in needed if name not in record]
    if missing:
        raise ValueError(f"has no {' and no '.join(missing)}")
    if isinstance(record["qid"], bool) or not isinstance(record["qid"], (int, str)):
        raise ValueError(f"qid is {describe(record['qid'])}")
    to_text(record["vid"], "vid")
    duration = to_number(record["duration"]) if "duration" in record else None
    texts = [to_text(record["query"], "query")] if "query" in record else []
    yield Entry(place, texts=texts, duration=duration, times=_clip_ends(record), identity=str(record["qid"]))
    name = "pred_relevant_windows" if predicted else "relevant_windows"
    for index, window in enumerate(to_list(record.get(name, []), name)):
        where = Place(place.video_id, index=index, line=place.line)
        try:
            yield Entry(where, spans=[to_span(window, extra=int(predicted))], duration=duration)
        except ValueError as error:
            yield Fault(where, "malformed", str(error))


def _clip_ends(record: dict[str, Any]) -> list[float]:
    """When each rated clip ends, seconds."""
    clips = to_list(record.get("relevant_clip_ids", []), "relevant_clip_ids")
    scores = to_list(record.get("saliency_scores", []), "saliency_scores")
    if len(clips) != len(scores):
        raise ValueError(f"{len(clips)} relevant_clip_ids but {len(scores)} saliency_scores")
    for three in scores:
        for score in to_list(three, "a clip's saliency_scores"):
            to_number(score)
    for score in to_list(record.get("pred_saliency_scores", []), "pred_saliency_scores"):
        to_number(score)
    if any(isinstance(clip, bool) or not isinstance(clip, int) for clip in clips):
        raise ValueError("relevant_clip_ids holds something that is no whole number")
    return [(clip + 1) * CLIP if clip >= 0 else clip * CLIP for clip in clips]

"""A model's predictions, read from a file of whichever form: nothing is dropped, and what cannot be read is counted.

A JSON object a line (or a JSON list of them), each about one query, video or question. It is named by

* ``qid`` or ``id``: the annotation's; or by
* ``video`` (or ``vid``, ``video_id``; a path's file name without its suffix) with ``query`` or ``question``, where there is one.

What was predicted stands in

* ``pred_relevant_windows`` [[start, end, score], ...] and ``pred_saliency_scores`` (QVHighlights' form);
* ``moments`` [{"start", "end", "score", "label"}, ...], as ``momentor ground --json`` and ``caption --json`` print it; or ``spans`` or
  ``timestamps`` [[start, end], ...], the latter with ``sentences``; ``events`` are moments with a label (or ``sentence``, ``caption``);
* ``labels``: one a frame; ``answer``: of a question; ``text`` (or ``answer``, ``prediction``, ``response``, ``output``): free text,
  from which spans are read by :mod:`momentor_lib.evaluation.spans_in_text`.

ActivityNet's form, ``{"results": {"<video>": [{"sentence", "timestamp"}]}}``, and a folder of label files are read too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from momentor_lib.data.check.entry import Place, describe, to_list, to_number
from momentor_lib.data.check.report import Report
from momentor_lib.data.check.source import parse_json
from momentor_lib.data.durations import VIDEOS
from momentor_lib.evaluation.records import dicts_of_lines, get_list
from momentor_lib.evaluation.spans_in_text import find_events_in_text, find_spans_in_text
from momentor_lib.moments import Moment

TEXTS = ("text", "answer", "prediction", "response", "output", "pred")
LABELS = ("label", "sentence", "caption")


@dataclass(frozen=True)
class Prediction:
    """What was predicted about one thing.

    Attributes:
        id, video, query: what it is about; what the file does not say is None.
        moments: best first where they answer a query; of a caption, with their sentences as labels.
        saliency: a score for each clip of 2 s.
        labels: one a frame.
        answer: to a question.
        text: free text, where there was some.
        unparsed: there was something, but nothing of what the task needs could be read from it.
        place: where in the file it stands.
    """

    id: str | None = None
    video: str | None = None
    query: str | None = None
    moments: tuple[Moment, ...] = ()
    saliency: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    answer: str | None = None
    text: str = ""
    unparsed: bool = False
    place: Place = field(default_factory=Place)


def read_predictions(path: str | Path, task: str) -> tuple[list[Prediction], Report]:
    """Every prediction of a file, and the records that are none (``malformed``).

    Raises:
        ValueError: the file is empty, or no record of it is a prediction.
        OSError: it cannot be read.
    """
    path, found = Path(path), []
    dirt = Report(str(path), "predictions")
    for place, record in _folder(path) if path.is_dir() else _records(path, dirt):
        try:
            found.append(_prediction(record, task, place))
        except (TypeError, AttributeError, ValueError) as error:
            dirt.add("malformed", place, str(error))
    if not found:
        reason = f"the first record {dirt.in_order[0].places[0][1]}" if dirt.findings else "it is empty"
        raise ValueError(f"{path} holds no prediction: {reason}")
    return found, dirt


def _folder(path: Path) -> Iterator[tuple[Place, dict[str, Any]]]:
    for file in sorted(path.glob("*.txt")):
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
        if file.stem != "mapping":
            yield Place(file.stem), {"video": file.stem, "labels": lines}


def _records(path: Path, dirt: Report) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    whole = _whole_document(path)
    if whole is None:
        for line, record in dicts_of_lines(path, dirt):
            yield Place(line=line), record
    elif isinstance(whole, list):
        for index, record in enumerate(whole):
            if isinstance(record, dict):
                yield Place(index=index), record
            else:
                dirt.add("malformed", Place(index=index), f"{describe(record)} where an object belongs")
    else:
        results = whole.get("results")
        if not isinstance(results, dict):
            raise ValueError(f'{path}: its "results" is {describe(results)}, not an object of videos')
        for video, events in results.items():
            yield Place(video), {"video": video, "events": events}


def _whole_document(path: Path) -> Any:
    """A file that is one JSON list, or an object with results; None for one of lines."""
    with open(path, "rb") as file:
        head = file.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head.startswith((b"[", b"{")) or (head.startswith(b"{") and b'"results"' not in head and b"\n" in head.strip()):
        return None
    try:
        whole = parse_json(path.read_bytes())
    except ValueError as error:
        if head.startswith(b"["):
            raise ValueError(f"{path} is {error}") from None
        return None
    return whole if isinstance(whole, list) or (isinstance(whole, dict) and "results" in whole) else None


def _prediction(record: Mapping[str, Any], task: str, place: Place) -> Prediction:
    id, video, query = (_name(record, names) for names in (("qid", "id"), ("vid", "video", "video_id"), ("query", "question")))
    if id is None and video is None:
        raise ValueError("names neither a qid, nor an id, nor a video")
    video = None if video is None else _video_id(video)
    text = next((record[name] for name in TEXTS if isinstance(record.get(name), str)), "")
    shared = {"id": id, "video": video, "query": query, "text": text, "place": place}
    if task == "qa":
        answer = record.get("answer", record.get("option", text or None))
        return Prediction(**shared, answer=None if answer is None else str(answer))
    if task == "segmentation" and "labels" in record:
        return Prediction(**shared, labels=tuple(map(str, get_list(record, "labels"))))
    saliency = tuple(to_number(score) for score in to_list(record.get("pred_saliency_scores", []), "pred_saliency_scores"))
    moments = _moments(record)
    if moments is None:
        moments = _read_text(text, task)
        return Prediction(**shared, moments=moments, saliency=saliency, unparsed=not moments and not saliency)
    return Prediction(**shared, moments=moments, saliency=saliency)


def _name(record: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    value = next((record[name] for name in names if record.get(name) is not None), None)
    if value is not None and (isinstance(value, bool) or not isinstance(value, (str, int))):
        raise ValueError(f"{names[0]} is {describe(value)}")
    return None if value is None else str(value).strip()


def _video_id(name: str) -> str:
    path = PurePath(name.replace("\\", "/"))
    return path.stem if path.suffix.lower() in VIDEOS else name


def _read_text(text: str, task: str) -> tuple[Moment, ...]:
    if task in ("captioning", "segmentation"):
        return tuple(Moment(*span, label=label) for span, label in find_events_in_text(text) if label)
    return tuple(Moment(*span) for span in find_spans_in_text(text))


def _moments(record: Mapping[str, Any]) -> tuple[Moment, ...] | None:
    """The moments that a record has in numbers; None where it has none and its text must do."""
    if "pred_relevant_windows" in record:
        return tuple(_of_list(window) for window in get_list(record, "pred_relevant_windows"))
    for name in ("moments", "events"):
        if name in record:
            return tuple(_of_object(moment) for moment in get_list(record, name))
    for name in ("spans", "timestamps"):
        if name in record:
            spans = [_of_list(span) for span in get_list(record, name)]
            sentences = record.get("sentences", [""] * len(spans))
            if len(sentences) != len(spans):
                raise ValueError(f"has {len(spans)} {name} but {len(sentences)} sentences")
            return tuple(Moment(span.start, span.end, span.score, label=str(words)) for span, words in zip(spans, sentences, strict=True))
    return None


def _of_list(value: Any) -> Moment:
    if not isinstance(value, list) or len(value) not in (2, 3):
        raise ValueError(f"{describe(value)} where [start, end] or [start, end, score] belongs")
    return Moment(*(to_number(number) for number in value))


def _of_object(value: Any) -> Moment:
    if isinstance(value, list):
        return _of_list(value)
    if not isinstance(value, dict):
        raise ValueError(f"{describe(value)} where a moment belongs")
    if "timestamp" in value or "segment" in value:
        span = _of_list(value.get("timestamp", value.get("segment")))
        start, end = span.start, span.end
    elif "start" in value and "end" in value:
        start, end = to_number(value["start"]), to_number(value["end"])
    else:
        raise ValueError("a moment has no start and end")
    label = next((value[name] for name in LABELS if isinstance(value.get(name), str)), "")
    return Moment(start, end, to_number(value.get("score", 1.0)), label=label)

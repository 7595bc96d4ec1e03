"""Readers of the benchmarks' own annotation files. What is wrong in one is reported, never mended; damaged records are left out, and named.

| format | file | tasks |
|---|---|---|
| ``charades-sta`` | lines ``VID start end##text`` | grounding |
| ``activitynet`` | ``{"<id>": {"duration", "timestamps", "sentences"}}`` (YouCook2 comes so too) | captioning, grounding |
| ``youcook2`` | ``{"database": {"<id>": {"duration", "subset", "annotations": [{"segment", "sentence"}]}}}`` | captioning, grounding |
| ``qvhighlights`` | lines {qid, query, vid, duration, relevant_windows, relevant_clip_ids, saliency_scores} | highlights, grounding |
| ``labels`` | a folder with a text file a video, a label a line (Breakfast, 50Salads) | segmentation |
| ``qa`` | a JSON object a line: id, video, question, answer, options where there are some | qa |
| ``momentor`` | our ``annotations.jsonl`` | all |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from momentor_lib.data.check.charades import read_charades
from momentor_lib.data.check.dense_captions import read_dense_captions
from momentor_lib.data.check.entry import Entry, Place
from momentor_lib.data.check.linter import check_file
from momentor_lib.data.check.report import Report
from momentor_lib.evaluation.highlights import Ratings
from momentor_lib.evaluation.own_format import read_own
from momentor_lib.evaluation.records import dicts_of_lines, get_list, get_number, get_text, spans_of
from momentor_lib.evaluation.truth import Events, Item, Labels, Query, Question, Truth
from momentor_lib.moments import Moment

TASKS = ("grounding", "highlights", "captioning", "segmentation", "qa")
FORMATS: dict[str, tuple[str, ...]] = {
    "charades-sta": ("grounding",),
    "activitynet": ("captioning", "grounding"),
    "youcook2": ("captioning", "grounding"),
    "qvhighlights": ("highlights", "grounding"),
    "labels": ("segmentation",),
    "qa": ("qa",),
    "momentor": TASKS,
}


def read_truth(
    path: str | Path, task: str, format: str | None = None, durations: Mapping[str, float] | None = None, fps: float = 15.0
) -> Truth:
    """Reads annotations.

    Args:
        path: the file, or the folder of label files.
        task: one of :data:`TASKS`.
        format: a key of :data:`FORMATS`; None: told from the content.
        durations: video id -> seconds; goes before what the file says (Charades-STA says nothing).
        fps: frames a second of label files; Breakfast has 15, 50Salads 30.

    Raises:
        ValueError: an unknown task or format, a format that does not serve the task, a file of another format, or one with nothing in it.
        OSError: it cannot be read.
    """
    if task not in TASKS:
        raise ValueError(f"unknown task {task!r}: choose one of {', '.join(TASKS)}")
    format = format or recognise(path)
    if format not in FORMATS:
        raise ValueError(f"unknown format {format!r}: choose one of {', '.join(FORMATS)}")
    if task not in FORMATS[format]:
        fitting = ", ".join(name for name, tasks in FORMATS.items() if task in tasks)
        raise ValueError(f"{format} files hold nothing for {task}; these do: {fitting}")
    items, dirt = _read(Path(path), task, format, durations or {}, fps)
    if not items:
        raise ValueError(f"{path} holds nothing for {task}{': ' + _first_fault(dirt) if dirt.findings else ''}")
    return Truth(str(path), format, items, dirt)


def recognise(path: str | Path) -> str:
    """A file's format, told from its content.

    Raises:
        ValueError: none of these.
        OSError: it cannot be read.
    """
    from momentor_lib.data.check.recognise import recognise as of_file

    if Path(path).is_dir():
        return "labels"
    first = next((record for _, record in dicts_of_lines(path, None)), {}) if Path(path).suffix == ".jsonl" else {}
    if {"id", "events", "queries"} <= set(first):
        return "momentor"
    if {"question", "answer"} <= set(first):
        return "qa"
    found = of_file(path)
    if found not in FORMATS:
        raise ValueError(f"{path} is a {found} file, which is to train on; --format takes {', '.join(FORMATS)}")
    return found


def _read(path: Path, task: str, format: str, durations: Mapping[str, float], fps: float) -> tuple[list[Item], Report]:
    if format == "labels":
        return _read_labels(path, fps)
    if format == "momentor":
        return read_own(path, task)
    if format == "qa":
        return _read_questions(path)
    dirt = check_file(path, format, durations)
    if format == "qvhighlights":
        return list(_read_qvhighlights(path, task, dirt)), dirt
    if format == "charades-sta":
        return list(_read_charades(path, durations)), dirt
    return list(_read_dense(path, task, durations)), dirt


def _read_charades(path: Path, durations: Mapping[str, float]) -> Iterator[Query]:
    count = _Counter()
    for entry in read_charades(path):
        if isinstance(entry, Entry):
            video = entry.place.video_id
            yield Query(count(video), video, entry.texts[0], tuple(entry.spans), durations.get(video))


def _read_dense(path: Path, task: str, durations: Mapping[str, float]) -> Iterator[Item]:
    """Sentences as queries, or videos with all of theirs."""
    videos: dict[str, tuple[float | None, list[Moment]]] = {}
    for entry in read_dense_captions(path):
        if not isinstance(entry, Entry):
            continue
        video = entry.place.video_id
        duration, events = videos.setdefault(video, (durations.get(video, entry.duration), []))
        if entry.spans and task == "grounding":
            yield Query(f"{video}#{entry.place.index}", video, entry.texts[0].strip(), tuple(entry.spans), duration)
        elif entry.spans:
            events.append(Moment(*entry.spans[0], label=entry.texts[0].strip()))
    if task == "captioning":
        yield from (Events(video, tuple(events), duration) for video, (duration, events) in videos.items())


def _read_qvhighlights(path: Path, task: str, dirt: Report) -> Iterator[Query]:
    for line, record in dicts_of_lines(path, None):  # what is damaged there has been reported
        try:
            if "relevant_windows" not in record:
                raise ValueError("has no relevant_windows: of the test part, which is secret?")
            duration = get_number(record, "duration")
            ratings = None
            if "saliency_scores" in record:
                clips, scores = get_list(record, "relevant_clip_ids"), get_list(record, "saliency_scores")
                ratings = Ratings.of_clips(duration, clips, scores)
            query, video = get_text(record, "query"), get_text(record, "vid")
            yield Query(str(record["qid"]), video, query, spans_of(record["relevant_windows"]), duration, ratings)
        except (KeyError, TypeError, ValueError) as error:
            if "malformed" not in dirt.findings or all(place.line != line for place, _ in dirt.findings["malformed"].places):
                dirt.add("malformed", Place(line=line), str(error))


def _read_labels(path: Path, fps: float) -> tuple[list[Labels], Report]:
    """A folder's ``*.txt``, each a video; ``mapping.txt`` is none of them."""
    if not path.is_dir():
        raise NotADirectoryError(f"{path} is no folder of label files, one a video")
    dirt, items = Report(str(path), "labels"), []
    for file in sorted(path.glob("*.txt")):
        if file.stem == "mapping":
            continue
        labels = tuple(line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip())
        if labels:
            items.append(Labels(file.stem, labels, fps))
        else:
            dirt.add("empty-text", Place(file.stem), "a file without a label")
    dirt.videos, dirt.texts = len(items), sum(len(item.labels) for item in items)
    return items, dirt


def _read_questions(path: Path) -> tuple[list[Question], Report]:
    dirt, items, seen, count = Report(str(path), "qa"), [], set(), _Counter()
    for line, record in dicts_of_lines(path, dirt):
        try:
            video = get_text(record, "video")
            numbered = count(video)
            id = str(record.get("id", numbered))
            options = tuple(map(str, get_list(record, "options"))) if record.get("options") else ()
            answer = record["answer"] if isinstance(record.get("answer"), int) and options else get_text(record, "answer")
            item = Question(id, video, get_text(record, "question"), answer, options)
        except (TypeError, ValueError) as error:
            dirt.add("malformed", Place(line=line), str(error))
            continue
        if id in seen:
            dirt.add("duplicate-id", Place(video, line=line), f"{id} was there before; the first counts")
            continue
        seen.add(id)
        items.append(item)
    dirt.videos, dirt.texts = len({item.video for item in items}), len(items)
    return items, dirt


class _Counter:
    """Numbers the entries of each video: ``<video>#<number>``."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}

    def __call__(self, video: str) -> str:
        number = self._next.get(video, 0)
        self._next[video] = number + 1
        return f"{video}#{number}"


def _first_fault(dirt: Report) -> str:
    place, detail = dirt.in_order[0].places[0]
    return f"{f'line {place.line}: ' if place.line else ''}{detail}"

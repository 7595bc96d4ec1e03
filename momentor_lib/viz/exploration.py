"""What the explorer knows without any widget: the videos, the one that is open, and the last answer as a timeline."""

from __future__ import annotations

import copy
import json
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from momentor_lib.moments import Answer, Moment
from momentor_lib.paths import shipped
from momentor_lib.timecode import for_people
from momentor_lib.viz.text import clean, columns
from momentor_lib.viz.timeline import HEADLINE_COLUMNS, Timeline

if TYPE_CHECKING:
    from momentor_lib.predictor import Predictor

# Jupyter closes the connection, without a word, on a message of more than 10 MiB.
UPLOAD_LIMIT = 8_000_000  # bytes
TASKS = {"ground": "When is ...?", "ask": "Question", "events": "All events"}


@dataclass(frozen=True)
class Clip:
    """A video that can be chosen.

    Attributes:
        path: the file.
        truths: what is known to happen in it, and when.
        questions: what can be asked about it.
    """

    path: Path
    truths: dict[str, list[Moment]] = field(default_factory=dict)
    questions: tuple[str, ...] = ()

    def truth(self, query: str) -> list[Moment] | None:
        """The true moments of a query; None where they are not known."""
        return {plain(known): moments for known, moments in self.truths.items()}.get(plain(query))

    def examples(self, task: str) -> tuple[str, ...]:
        """Texts that make sense for a task."""
        return {"ground": tuple(self.truths), "ask": self.questions}.get(task, ())


def plain(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip("?.!")


def samples() -> list[Clip]:
    """The sample videos that come with the library, with what happens in them."""
    clips = []
    for line in shipped("data_samples/annotations.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        truths = {asked["query"]: [Moment(*span) for span in asked["moments"]] for asked in record["queries"]}
        questions = tuple(pair["question"] for pair in record["qa"])
        clips.append(Clip(shipped("data_samples") / record["path"], truths, questions))
    return clips


class Exploration:
    """Videos, one of them open, and the last answer about it.

    Args:
        predictor: answers; it keeps its own video, whatever is opened here.
        videos: files to choose from; by default the sample videos, and before them the predictor's own video.

    Attributes:
        clips: by the name under which each can be chosen.
        name: of the open one; empty before the first is open.
        timeline: the last answer; None before a video is open.
    """

    def __init__(self, predictor: Predictor, videos: Sequence[str | Path] | None = None):
        self.predictor = copy.copy(predictor)
        self.clips: dict[str, Clip] = {}
        self.name = ""
        self.timeline: Timeline | None = None
        self._damage = ""
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        known = {clip.path.resolve(): clip for clip in samples()}
        paths = [Path(video) for video in videos] if videos is not None else [clip.path for clip in known.values()]
        own = self.predictor.video_path
        if videos is None and own is not None and own.resolve() not in known:
            paths.insert(0, own)
        for path in paths:
            self.clips[unused(path.name, self.clips)] = known.get(path.resolve(), Clip(path))
        if not self.clips:
            raise ValueError("no videos to choose from: give at least one, or leave videos out for the sample videos")

    @property
    def first(self) -> str:
        """The name to open first: the predictor's own video, if it can be chosen."""
        own = self.predictor.video_path
        return next((name for name, clip in self.clips.items() if own and clip.path.resolve() == own.resolve()), next(iter(self.clips)))

    @property
    def clip(self) -> Clip:
        """The open video."""
        return self.clips[self.name]

    def open(self, name: str) -> None:
        """Open a video. If that fails, the one before stays open, and its answer too.

        Raises:
            ValueError: there is none of that name, or it cannot be read; one line that says why.
        """
        if name not in self.clips:
            raise ValueError(f"no video {name!r}; there are {', '.join(self.clips)}")
        path = self.clips[name].path
        damage = []
        if self.predictor.video_path != path:
            with warnings.catch_warnings(record=True) as damage:
                warnings.simplefilter("always")
                try:
                    self.predictor.set_video(path)
                except (OSError, ValueError) as error:  # VideoError is one
                    raise ValueError(said(error, path)) from None
        self._damage = " ".join(said(w.message, path) for w in damage if issubclass(w.category, UserWarning))
        self.name = name
        self._show([], headline="nothing asked yet")

    def upload(self, name: str, content: bytes) -> None:
        """Keep a file's bytes as long as this object lives, and open it. If that fails, the video before stays open.

        Raises:
            ValueError: the file is too large, or cannot be read as a video; one line that says why.
        """
        file = Path(clean(name).replace("\\", "/")).name or "upload"
        if len(content) > UPLOAD_LIMIT:
            size, limit = f"{len(content) / 1e6:.1f} MB", f"{UPLOAD_LIMIT / 1e6:.0f} MB"
            raise ValueError(f'{file} has {size}, an upload at most {limit}: give its path instead, Explorer(predictor, ["{file}"])')
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="momentor")
        chosen = unused(file, self.clips)
        path = Path(tempfile.mkdtemp(dir=self._folder.name)) / file
        path.write_bytes(content)
        self.clips[chosen] = Clip(path)
        try:
            self.open(chosen)
        except ValueError:
            del self.clips[chosen]
            path.unlink()
            raise

    def ask(self, text: str = "", task: str = "ground", count: int | None = None, nearest: bool = False) -> Timeline:
        """Ask about the open video.

        Args:
            text: what to look for, or a question; events need none.
            task: a key of ``TASKS``.
            count: at most so many moments of a grounding, the answer's own first; by default the answer's own.
            nearest: take the times of a grounding from the nearest anchors.

        Raises:
            ValueError: no such task, or nothing to ask.
        """
        text = clean(text)
        if task not in TASKS:
            raise ValueError(f"no task {task!r}; there are {', '.join(TASKS)}")
        if task == "events":
            answer = self.predictor.caption()
            return self._show(answer.moments, notes=answer.warnings, headline="" if answer.moments else "no event found")
        if not text:
            example = next(iter(self.clip.examples(task)), "the red circle moves left")
            raise ValueError(f"type something to ask first, for instance: {example}")
        if task == "ask":
            answer = self.predictor.ask(text)
            words = for_people(answer.text) or "no answer"
            long = (words,) if columns(words) > HEADLINE_COLUMNS else ()
            return self._show(answer.moments, for_people(text), notes=(*long, *answer.warnings), headline=words)
        answer = self.predictor.ground(text, count, nearest=nearest)
        compared = (self._compare(text, answer),) if nearest and answer.moments else ()
        return self._show(answer.moments, text, notes=(*compared, *answer.warnings), truth=self.clip.truth(text))

    def _compare(self, query: str, nearest: Answer) -> str:
        """The best moment in both readings, in words."""
        both = (nearest.moments, self.predictor.ground(query).moments)
        anchors, continuous = (f"{found[0].start:.2f} s – {found[0].end:.2f} s" if found else "none" for found in both)
        return f"The best moment read at the nearest anchors: {anchors}. Read continuously: {continuous}."

    def _show(
        self,
        moments: list[Moment],
        query: str = "",
        *,
        notes: Sequence[str] = (),
        headline: str = "",
        truth: list[Moment] | None = None,
    ) -> Timeline:
        self.timeline = Timeline(
            self.predictor.duration,
            moments,
            query=query,
            frames=self.predictor.frames,
            video_path=self.clip.path,
            truth=truth,
            note=" ".join(filter(None, (*notes, self._damage))),
            headline=headline,
        )
        return self.timeline


def unused(name: str, taken: dict[str, Clip]) -> str:
    """The name, with a number behind it where it is taken."""
    number = 2
    chosen = name
    while chosen in taken:
        chosen, number = f"{name} ({number})", number + 1
    return chosen


def said(error: object, path: Path) -> str:
    """An error or a warning in one line, the file by its name alone."""
    return clean(str(error)).replace(str(path), clean(path.name))

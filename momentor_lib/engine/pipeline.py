"""The five steps on one video, each result on disk as JSON that a person can read. What is there already is not made again."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from momentor_lib.engine.backends import Captioner, Detector, Tagger, Writer
from momentor_lib.engine.boundaries import Boundaries, find_boundaries
from momentor_lib.engine.filtering import keep_good
from momentor_lib.engine.instructions import event_sequence, write_instructions
from momentor_lib.engine.looking import Look, look_at
from momentor_lib.engine.matrix import Matrix, build_matrix
from momentor_lib.engine.scores import Scores, score_frames
from momentor_lib.engine.settings import Settings
from momentor_lib.engine.tracks import Track, link
from momentor_lib.files import write_whole

STEPS = ("tracks", "boundaries", "matrix", "instructions")


@dataclass(frozen=True)
class Backends:
    """What looks, names and writes.

    Attributes:
        name: ``offline`` or ``paper``.
        tagger, detector, captioner, writer: see :mod:`momentor_lib.engine.backends`.
        clip: judges instructions; None: none is filtered out.
        threshold: of ``clip``; one, or one for each data type.
        notice: what a reader of the results should know.
    """

    name: str
    tagger: Tagger
    detector: Detector
    captioner: Captioner
    writer: Writer
    clip: Any
    threshold: float | dict[str, float]
    notice: str = ""


class VideoRun:
    """The steps of one video.

    Args:
        video: the file.
        folder: where its JSON files are; made where it is missing.
        backends, settings: what to go by.
        clock: what the time of each step, in ``seconds``, is read from.
    """

    def __init__(
        self,
        video: str | PathLike[str],
        folder: Path,
        backends: Backends,
        settings: Settings,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.video, self.folder, self.backends, self.settings = Path(video), folder, backends, settings
        self.seconds: dict[str, float] = {}
        self._clock = clock

    def run(self) -> dict[str, Any]:
        """All steps; how many of what there is."""
        tracks, boundaries, matrix, written = self.tracks, self.boundaries, self.matrix, self.instructions
        counts = {name: len(records) for name, records in written["records"].items()}
        return {
            "duration": matrix.duration,
            "tracks": len(tracks),
            "boundaries": len(boundaries.kept),
            "events": len(matrix.events),
            "instructions": sum(counts.values()),
        }

    @cached_property
    def look(self) -> Look:
        """The video's frames."""
        return self._timed("reading", lambda: look_at(self.video, self.settings))

    @cached_property
    def scores(self) -> Scores:
        """Of whole frames."""
        return self._timed("boundaries", lambda: score_frames(self.look.pixels, self.settings))

    @cached_property
    def tracks(self) -> list[Track]:
        """Step 1: tags -> boxes -> tracks."""
        return self._step("tracks", self._find_tracks, list[TrackRecord], to_records, from_records)

    @cached_property
    def boundaries(self) -> Boundaries:
        """Step 2."""
        return self._step("boundaries", self._find_boundaries, Boundaries)

    @cached_property
    def matrix(self) -> Matrix:
        """Step 3."""
        return self._step("matrix", self._fill_matrix, Matrix)

    @cached_property
    def instructions(self) -> dict[str, Any]:
        """Steps 4 and 5: ``records``, counts of what was ``dropped`` and what a writer gave up (``unwritten``), the GESM ``sequence``."""
        return self._step("instructions", self._write, dict[str, Any])

    def _find_tracks(self) -> list[Track]:
        edges = [0, *self.scores.cuts, len(self.look)]
        tracks: list[Track] = []

        def detect() -> None:
            for scene, (first, stop) in enumerate(itertools.pairwise(edges)):
                pixels = self.look.pixels[first:stop]
                found = self.backends.detector.detect(pixels, self.backends.tagger.tags(pixels))
                tracks.extend(link(found, first, scene, self.look.fps, self.settings))

        _ = self.look
        self._timed("tracks", detect)
        return self._timed("naming", lambda: self.backends.captioner.identify(self.look, tracks, edges))

    def _find_boundaries(self) -> Boundaries:
        tracks, scores = self.tracks, self.scores
        return self._timed("boundaries", lambda: find_boundaries(self.look, scores, tracks, self.backends.captioner.embed, self.settings))

    def _fill_matrix(self) -> Matrix:
        tracks, boundaries, captioner = self.tracks, self.boundaries, self.backends.captioner
        return self._timed(
            "matrix", lambda: build_matrix(self.video.stem, self.look, tracks, boundaries, captioner.tell, captioner.tell_whole)
        )

    def _write(self) -> dict[str, Any]:
        matrix, backends, video_id = self.matrix, self.backends, self.video.stem
        before = dict(getattr(backends.writer, "dropped", {}))  # of earlier videos
        drafts = self._timed("instructions", lambda: write_instructions(matrix, backends.writer))
        unwritten = {k: n - before.get(k, 0) for k, n in getattr(backends.writer, "dropped", {}).items() if n > before.get(k, 0)}
        records, dropped = self._timed("filtering", lambda: keep_good(video_id, drafts, self.look, backends.clip, backends.threshold))
        return {"records": records, "dropped": dropped, "unwritten": unwritten, "sequence": event_sequence(matrix)}

    def _step(self, name: str, make: Callable[[], Any], kind: Any, out: Callable = lambda v: v, back: Callable = lambda v: v) -> Any:
        """What a step's file holds; made where it is missing. It is read back either way, so that a resumed run sees the same."""
        path = self.folder / f"{name}.json"
        if not path.exists():
            value = msgspec.to_builtins(out(make()))
            write_whole(path, json.dumps(value, indent=1) + "\n")
        try:
            return back(msgspec.json.decode(path.read_bytes(), type=kind))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} is damaged: {error}; delete it and start again") from error

    def _timed(self, step: str, make: Callable[[], Any]) -> Any:
        began = self._clock()
        made = make()
        self.seconds[step] = self.seconds.get(step, 0.0) + self._clock() - began
        return made


class TrackRecord(msgspec.Struct):
    """A track in its file; boxes are shares of the frame's width and height: left, top, right, bottom."""

    name: str
    attributes: dict[str, str]
    scene: int
    scene_frames: tuple[int, int]
    frames: list[int]
    boxes: list[tuple[float, float, float, float]]
    poses: dict[str, list[float]]
    feature: list[float]


def to_records(tracks: list[Track]) -> list[TrackRecord]:
    """Tracks as their file has them, without masks."""
    return [
        TrackRecord(
            track.name,
            track.attributes,
            track.scene,
            track.scene_frames,
            [int(frame) for frame in track.frames],
            [tuple(round(float(side), 5) for side in box) for box in track.boxes],
            track.poses,
            [round(float(value), 5) for value in track.feature],
        )
        for track in tracks
    ]


def from_records(records: list[TrackRecord]) -> list[Track]:
    """The other way."""
    return [
        Track(r.scene, r.frames, r.boxes, r.name, r.attributes, r.poses, np.array(r.feature, np.float32), scene_frames=r.scene_frames)
        for r in records
    ]


def fingerprint(backends: Backends, settings: Settings) -> dict[str, Any]:
    """What a run's results depend on, for its ``engine.json``."""
    return {"backends": backends.name, "settings": asdict(settings)}

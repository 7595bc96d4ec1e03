"""Videos with all their events: ActivityNet Captions' layout, in which YouCook2 comes too, and YouCook2's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from momentor_lib.data.check.entry import Entry, Fault, Place, describe, to_list, to_number, to_span, to_text
from momentor_lib.data.check.source import Object, load_object


def read_dense_captions(path: str | Path) -> Iterator[Entry | Fault]:
    """Every video, then every event of it, of a file in either layout:

    * ``{"<id>": {"duration", "timestamps": [[s, e], ...], "sentences": [...]}}``;
    * ``{"database": {"<id>": {"duration", "subset", "annotations": [{"segment": [s, e], "sentence"}]}}}``; a video of the test part has
      no annotations.

    Raises:
        ValueError: the file does not hold a JSON object.
        OSError: it cannot be read.
    """
    videos = load_object(path)
    if "database" in videos:
        videos = videos["database"]
        if not isinstance(videos, Object):
            raise ValueError(f'{path}: its "database" is {describe(videos)}, not an object of videos')
    for key in videos.repeated:
        yield Fault(Place(key), "duplicate-id", "stands in the file more than once; readers keep the last")
    for video_id, video in videos.items():
        try:
            yield from _read_video(video_id, video)
        except ValueError as error:
            yield Fault(Place(video_id), "malformed", str(error))


def _read_video(video_id: str, video: Any) -> Iterator[Entry | Fault]:
    if not isinstance(video, dict):
        raise ValueError(f"{describe(video)} where the video's object belongs")
    duration = to_number(video["duration"]) if "duration" in video else None
    events = _events(video)
    yield Entry(Place(video_id), duration=duration, identity=video_id)
    for index, (span, sentence) in enumerate(events):
        place = Place(video_id, index=index)
        try:
            yield Entry(place, spans=[to_span(span)], texts=[to_text(sentence, "the sentence")], duration=duration)
        except ValueError as error:
            yield Fault(place, "malformed", str(error))


def _events(video: dict) -> list[tuple[Any, Any]]:
    """(span, sentence) of each event, unchecked."""
    if "annotations" in video or ("timestamps" not in video and "subset" in video):
        events = to_list(video.get("annotations", []), "annotations")
        return [(event.get("segment"), event.get("sentence")) if isinstance(event, dict) else (event, None) for event in events]
    missing = [name for name in ("timestamps", "sentences") if name not in video]
    if missing:
        raise ValueError(f"has no {' and no '.join(missing)}")
    spans, sentences = (to_list(video[name], name) for name in ("timestamps", "sentences"))
    if len(spans) != len(sentences):
        raise ValueError(f"{len(spans)} timestamps but {len(sentences)} sentences")
    return list(zip(spans, sentences, strict=True))

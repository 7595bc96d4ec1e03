"""A folder of toy videos with their annotations, as ``momentor toy`` writes it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np

from momentor_lib.data.convert import to_dialogue
from momentor_lib.files import atomic_path
from momentor_lib.toy.instructions import event_sequence, instructions, queries
from momentor_lib.toy.motion import Pose, pose_at
from momentor_lib.toy.render import render
from momentor_lib.toy.sample import sample_script
from momentor_lib.toy.script import FPS, SIZE, Script

QA_TYPES = ("qa_data", "instance_qa_data", "cross_segment_qa_data")


def write_toy(
    out: str | Path,
    num_videos: int,
    seed: int,
    split: str = "train",
    progress: Callable[[int], None] | None = None,
    world: str = "plain",
) -> None:
    """Write toy videos, ``annotations.jsonl``, ``moment10m.json``, ``gesm.json`` and ``MANIFEST`` (SHA-256 of each file).

    Videos that are already whole in the folder are kept.

    Args:
        out: the folder; made if missing.
        num_videos: how many.
        seed, split, world: as in :func:`momentor_lib.toy.sample_script`.
        progress: called with the number of videos that are done.

    Raises:
        ValueError: ``num_videos`` below 1, a negative seed, an unknown split or world.
    """
    if num_videos < 1:
        raise ValueError(f"the number of videos must be 1 or more, not {num_videos}")
    scripts = [sample_script(seed, split, i, world) for i in range(num_videos)]
    out = Path(out)
    (out / "videos").mkdir(parents=True, exist_ok=True)
    for i, script in enumerate(scripts):
        path = out / "videos" / f"{script.id}.mp4"
        if not path.exists():
            write_video(path, render(script))
        if progress is not None:
            progress(i + 1)
    texts = {
        "annotations.jsonl": "".join(json.dumps(annotate(script)) + "\n" for script in scripts),
        "moment10m.json": json.dumps({script.id: instructions(script) for script in scripts}) + "\n",
        "gesm.json": json.dumps({script.id: event_sequence(script) for script in scripts}) + "\n",
    }
    for name, text in texts.items():
        with atomic_path(out / name) as half:
            half.write_text(text)
    names = sorted([f"videos/{script.id}.mp4" for script in scripts] + list(texts))
    with atomic_path(out / "MANIFEST") as half:
        half.write_text("".join(f"{hashlib.sha256((out / name).read_bytes()).hexdigest()}  {name}\n" for name in names))


def annotate(script: Script) -> dict[str, Any]:
    """One line of ``annotations.jsonl``: everything that is true of a toy video, times in seconds, boxes in pixels."""
    records = instructions(script)
    questions = [turn for kind in QA_TYPES for record in records[kind] for turn in to_dialogue(record)]
    return {
        "id": script.id,
        "path": f"videos/{script.id}.mp4",
        "duration": script.duration,
        "scenes": [{"start": scene.start, "end": scene.end} for scene in script.scenes],
        "events": [
            {
                "instance": script.actors[e.actor].name.removeprefix("the "),
                "action": e.action,
                "start": e.start,
                "end": e.end,
                "caption": script.caption(e),
            }
            for e in script.events
        ],
        "tracks": [_track(script, i) for i in range(len(script.actors))],
        "queries": [{"query": caption, "moments": [list(m) for m in moments]} for caption, moments in queries(script).items()],
        "qa": [{"question": question, "answer": answer} for question, answer in questions],
    }


def _track(script: Script, number: int) -> dict[str, Any]:
    """An instance's box in every frame of its scene: [left, top, right, bottom] in pixels, null where it is not to be seen."""
    actor, events = script.actors[number], script.events_of(number)
    scene = script.scenes[actor.scene]
    times = [t for t in script.frame_times if scene.start <= t + 1e-9 < scene.end]
    return {
        "instance": actor.name.removeprefix("the "),
        "start": times[0],
        "fps": FPS,
        "boxes": [_box(pose_at(actor, events, t)) for t in times],
    }


def _box(pose: Pose) -> list[float] | None:
    if not pose.on_screen:
        return None
    edges = (pose.x - pose.radius, pose.y - pose.radius, pose.x + pose.radius, pose.y + pose.radius)
    return [round(min(max(edge * SIZE, 0), SIZE), 1) for edge in edges]


def write_video(path: Path, frames: np.ndarray, fps: int = FPS) -> None:
    """Frames uint8 [T, 3, H, W] -> an H.264 file that plays in every browser, its index in front; whole or not there."""
    with atomic_path(path) as half, av.open(str(half), "w", format="mp4", options={"movflags": "faststart"}) as container:
        options = {"crf": "27", "preset": "medium", "g": "50", "threads": "1"}
        stream = container.add_stream("libx264", rate=fps, options=options)
        stream.height, stream.width, stream.pix_fmt = frames.shape[2], frames.shape[3], "yuv420p"
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame.transpose(1, 2, 0)), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())

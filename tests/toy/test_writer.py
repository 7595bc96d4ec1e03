"""``write_toy``: what it writes is whole, true to the script and readable."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from momentor_lib.data.convert import to_dialogue
from momentor_lib.timecode import find_spans
from momentor_lib.toy import render, sample_script, write_toy
from momentor_lib.video import load_video


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("toy")
    done = []
    write_toy(out, 2, seed=9, split="val", progress=done.append)
    assert done == [1, 2]
    return out


def test_the_manifest_names_every_file(folder):
    lines = [line.split("  ") for line in (folder / "MANIFEST").read_text().splitlines()]
    files = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.name != "MANIFEST")
    assert [name for _, name in lines] == files
    assert all(hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest for digest, name in lines)


def test_the_video_is_what_was_rendered(folder):
    script = sample_script(9, "val", 0)
    frames = load_video(folder / "videos" / f"{script.id}.mp4")
    assert frames.duration == pytest.approx(script.duration)
    assert np.allclose(frames.times, script.frame_times)
    difference = np.abs(frames.pixels.astype(int) - render(script).astype(int))
    assert difference.mean() < 6  # H.264 loses a little


def test_annotations_and_packed_files_agree(folder):
    line = json.loads((folder / "annotations.jsonl").read_text().splitlines()[0])
    packed = json.loads((folder / "moment10m.json").read_text())[line["id"]]
    asked = {tuple(span) for record in packed["segment_locate_data"] for span in find_spans(to_dialogue(record)[0][1])}
    assert asked == {(e["start"], e["end"]) for e in line["events"]}
    assert json.loads((folder / "gesm.json").read_text())[line["id"]]["captions"] == [e["caption"] for e in line["events"]]


def test_a_second_run_keeps_whole_videos(folder):
    video = next((folder / "videos").iterdir())
    before = video.stat().st_mtime_ns
    write_toy(folder, 2, seed=9, split="val")
    assert video.stat().st_mtime_ns == before


def test_no_video_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="1 or more"):
        write_toy(tmp_path, 0, seed=0)

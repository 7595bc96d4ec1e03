"""The strip's frames: the right ones, few, and as pictures that hold what the frames hold."""

from __future__ import annotations

import base64
import io
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from make_videos import read_numbers, write_video
from PIL import Image
from viz.timelines import numbered_frames

from momentor_lib.viz import thumbnails


@pytest.mark.parametrize(("height", "width", "count"), [(90, 160, 8), (64, 64, 10), (160, 90, 12), (64, 2000, 8)])
def test_wide_frames_are_fewer(height: int, width: int, count: int) -> None:
    strip = thumbnails.choose(numbered_frames(60, 30.0, height, width), 30.0)
    assert len(strip) == count
    assert strip[0].pixels.shape == (height, width, 3)


def test_each_is_the_frame_nearest_to_the_middle_of_its_stretch() -> None:
    frames = numbered_frames(60, 30.0)
    for i, thumbnail in enumerate(thumbnails.choose(frames, 30.0)):
        nearest = min(range(60), key=lambda n: abs(frames.times[n] - 3 * (i + 0.5)))
        assert thumbnail.time == frames.times[nearest]
        assert thumbnail.pixels[0, 0, 0] == 4 * nearest


def test_few_frames_come_once_each_and_none_gives_none() -> None:
    assert [t.time for t in thumbnails.choose(numbered_frames(3, 30.0), 30.0)] == [0, 15, 30]
    frames = numbered_frames(4, 30.0)
    frames.times[:] = [0, 0, 30, 30]
    assert [t.time for t in thumbnails.choose(frames, 30.0)] == [0, 30]
    assert thumbnails.choose(numbered_frames(0, 30.0), 30.0) == []


def test_the_picture_of_a_page_holds_the_frame() -> None:
    ramp = np.broadcast_to(np.linspace(0, 255, 320).astype(np.uint8)[None, :, None], (240, 320, 3))
    kind, data = thumbnails.Thumbnail(np.ascontiguousarray(ramp), 1.0).data_uri().split(",")
    assert kind == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        assert image.size == (160, 120)
        shown = np.asarray(image).astype(int)
    assert np.abs(shown - np.asarray(Image.fromarray(np.ascontiguousarray(ramp)).resize((160, 120))).astype(int)).max() <= 6


def test_frames_are_read_from_the_file_where_none_are_given(tmp_path: Path) -> None:
    path = write_video(tmp_path / "numbers.mp4", [Fraction(n, 10) for n in range(100)])
    strip = thumbnails.read(path, 10.0)
    numbers = [read_numbers(thumbnail.pixels.transpose(2, 0, 1)[None])[0] for thumbnail in strip]
    assert 8 <= len(strip) <= 12
    np.testing.assert_allclose([thumbnail.time for thumbnail in strip], np.array(numbers) / 10, atol=1e-6)


def test_a_file_that_is_no_video_gives_no_strip(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    assert thumbnails.read(tmp_path / "text.mp4", 10.0) == []
    assert thumbnails.read(tmp_path / "missing.mp4", 10.0) == []

"""How a page comes by its video: whole inside it, by a link beside it, or a sentence that says why not."""

from __future__ import annotations

import base64
from fractions import Fraction
from pathlib import Path
from urllib.parse import unquote

import pytest
from make_videos import write_video

from momentor_lib.viz.player import find_source


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "a clip #1.mp4", [Fraction(n, 10) for n in range(20)])


def test_a_small_video_is_in_the_page_byte_for_byte(video: Path) -> None:
    kind, data = find_source(video, 2_000_000, None).address.split(",")
    assert kind == "data:video/mp4;base64"
    assert base64.b64decode(data) == video.read_bytes()


def test_the_limit_is_the_largest_size_that_is_embedded(video: Path) -> None:
    size = video.stat().st_size
    assert find_source(video, size, None).address.startswith("data:")
    assert not find_source(video, size - 1, None).address


def test_a_larger_video_is_linked_to_from_a_page_in_its_folder_or_above(video: Path, tmp_path: Path) -> None:
    assert unquote(find_source(video, 10, video.parent).address) == video.name
    assert "#" not in find_source(video, 10, video.parent).address
    assert unquote(find_source(video, 10, video.parent.parent).address) == f"{video.parent.name}/{video.name}"
    for folder in (None, tmp_path):
        source = find_source(video, 10, folder)
        assert source.address == ""
        assert "a clip #1.mp4 (0.0 MB) is too large" in source.note
        assert str(video.parent) not in source.note


def test_a_quicktime_file_is_named_as_browsers_know_it(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mov", [Fraction(n, 10) for n in range(5)])
    assert find_source(path, 2_000_000, None).address.startswith("data:video/mp4;")


@pytest.mark.parametrize(
    ("name", "codec", "kind"), [("a.webm", "libvpx-vp9", "data:video/webm;"), ("a.mp4", "mpeg4", ""), ("a.mkv", "libx264", "")]
)
def test_only_what_browsers_play_is_given_to_them(tmp_path: Path, name: str, codec: str, kind: str) -> None:
    path = write_video(tmp_path / name, [Fraction(n, 25) for n in range(5)], codec=codec)
    source = find_source(path, 2_000_000, tmp_path)
    assert source.address.startswith(kind) and bool(source.address) == bool(kind)
    assert bool(source.note) != bool(kind)


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    assert "format of text.mp4" in find_source(tmp_path / "text.mp4", 2_000_000, None).note
    assert "gone.mp4 could not be read" in find_source(tmp_path / "gone.mp4", 2_000_000, None).note
    assert "could not be read" in find_source(tmp_path, 2_000_000, None).note or "format" in find_source(tmp_path, 2_000_000, None).note
    assert find_source(None, 2_000_000, None).address == find_source(None, 2_000_000, None).note == ""

"""Damaged and wrong files, and wrong arguments: what can be read is, with a warning; the rest is one line that names the file."""

from __future__ import annotations

import warnings
from pathlib import Path

import make_videos as make
import numpy as np
import pytest
from sound_videos import COUNT, SoundVideos, assert_one_line, numbers_on_screen

from momentor_lib.video import VideoError, load_video, probe


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("videos")


@pytest.fixture(scope="module")
def sound(folder) -> SoundVideos:
    return SoundVideos(folder)


@pytest.mark.parametrize("kind", ["mp4", "mkv", "ts", "fragments"])
def test_cut_off_in_the_middle(sound, folder, kind):
    """What is there is used; the times belong to the frames; the warning says how far it goes."""
    name = {"mp4": "plain", "mkv": "late first frame, matroska", "ts": "MPEG-TS", "fragments": "fragments"}[kind]
    source, _ = sound(name)
    whole = load_video(source)
    path = make.cut_off(source, folder / f"cut{source.suffix}")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        frames = load_video(path)
    if kind != "ts":  # it has no header that promises a length: cut between two frames, it looks whole
        (warning,) = caught
        how_far = f"up to {frames.times[-1]:.2f} s" if kind == "fragments" else f"{frames.duration:.2f} s of its"
        assert str(warning.message).startswith(f"{path} is ")
        assert how_far in str(warning.message)
        assert warning.filename == __file__
    numbers = make.read_numbers(frames.pixels)
    assert len(numbers) > 0.5 * COUNT
    np.testing.assert_allclose(frames.times, whole.times[numbers], atol=1e-9)
    assert whole.times[numbers[-1]] < frames.duration < whole.times[numbers[-1]] + 0.1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        some = load_video(path, 9, size=48)
    assert some.times[-1] == frames.times[-1]
    assert some.times.tolist() == frames.times[numbers_on_screen(frames.times, 9, 0.0, frames.duration)].tolist()


@pytest.mark.parametrize("name", ["plain", "MPEG-TS", "variable rate, matroska"])
def test_junk_in_the_middle(sound, folder, name):
    """Two kilobytes of noise in the middle cost the frames around it, not the others, and no frame gets another's time."""
    source, _ = sound(name)
    whole = load_video(source)
    path = make.with_junk(source, folder / f"junk{source.suffix}", 2_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frames = load_video(path)
    assert len(frames) > 0.6 * COUNT
    assert set(frames.times) <= set(whole.times)
    assert frames.duration == pytest.approx(whole.duration)
    right = [int(np.flatnonzero(whole.times == time)[0]) for time in frames.times]
    quarter = len(right) // 4
    numbers = make.read_numbers(frames.pixels)
    assert numbers[:quarter] == right[:quarter]
    assert numbers[-quarter:] == right[-quarter:]


def test_damage_is_told(sound, folder):
    path = make.with_junk(sound("plain")[0], folder / "very_damaged.mp4", 15_000)
    with pytest.warns(UserWarning, match=rf"{path} is damaged: \d+ of its {COUNT} frames can be decoded, up to"):
        load_video(path, 40)


def test_bad_files(folder, sound):
    text = folder / "text.mp4"
    text.write_text("When does the red circle move?\n" * 100)
    plain_text = folder / "plain.txt"
    plain_text.write_text("When does the red circle move?\n" * 100)
    empty = folder / "empty.mp4"
    empty.touch()
    cases = {
        folder / "none.mp4": "no such file",
        folder: "folder",
        empty: "empty",
        text: "no video that can be read",
        plain_text: "text",
        make.write_audio_only(folder / "audio.mp4"): "only audio",
        make.cut_off(sound("variable rate")[0], folder / "no_index.mp4"): "cut off before its index",
    }
    for path, reason in cases.items():
        for read in (load_video, probe, lambda path: load_video(path, 4, reader="decord")):
            with pytest.raises(VideoError, match=reason) as caught:
                read(path)
            assert_one_line(caught.value, path)


def test_all_frames_destroyed(sound, folder):
    path = folder / "noise.mp4"
    data = bytearray(sound("plain")[0].read_bytes())
    begin = data.index(b"mdat") + 4
    data[begin:] = np.random.default_rng(0).bytes(len(data) - begin)
    path.write_bytes(data)
    for read in (load_video, probe):
        with pytest.raises(VideoError, match="not one frame") as caught:
            read(path)
        assert_one_line(caught.value, path)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"num_frames": 0}, "num_frames"),
        ({"num_frames": -3}, "num_frames"),
        ({"start": -1.0}, "start"),
        ({"end": -1.0}, "end"),
        ({"start": float("nan")}, "start"),
        ({"end": float("inf")}, "end"),
        ({"start": 2.0, "end": 2.0}, "before"),
        ({"start": 2.0, "end": 1.0}, "before"),
        ({"start": 50.0}, "lasts 3.2 s"),
        ({"size": 0}, "size"),
        ({"size": (10, 0)}, "size"),
        ({"size": (10, 10, 3)}, "size"),
        ({"reader": "opencv"}, "unknown reader 'opencv'"),
    ],
)
def test_bad_arguments(sound, arguments, reason):
    path, _ = sound("plain")
    with pytest.raises(ValueError, match=reason) as caught:
        load_video(path, **arguments)
    assert_one_line(caught.value, path)

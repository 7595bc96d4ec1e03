"""Frames and times against files whose every frame carries its own number, and against a plain PyAV decode of everything."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import make_videos as make
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sound_videos import COUNT, DECORD, FREE_CLOCK, SOUND, SoundVideos, assert_one_line, has_encoder, numbers_on_screen

from momentor_lib import video
from momentor_lib._readers import with_pyav
from momentor_lib.video import VideoError, load_video, probe


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("videos")


@pytest.fixture(scope="module")
def sound(folder) -> SoundVideos:
    return SoundVideos(folder)


def decode_plainly(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Every frame with PyAV alone, from first to last: (seconds [F], pixels [F, 3, H, W])."""
    with av.open(f"file:{path}") as container:
        frames = list(container.decode(video=0))
        return np.array([frame.time for frame in frames], dtype=float), np.stack([plane_first(frame) for frame in frames])


def plane_first(frame: av.VideoFrame) -> np.ndarray:
    return frame.to_ndarray(format="rgb24").transpose(2, 0, 1)


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="priorities are told on Linux only")
def test_writing_av1_leaves_no_real_time_priority_behind(folder):
    if not has_encoder("libsvtav1"):
        pytest.skip("this PyAV has no encoder libsvtav1")
    make.write_video(folder / "priority.mp4", make.even_times(3), codec="libsvtav1")
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


@pytest.mark.parametrize("name", SOUND)
def test_every_frame_with_its_own_time(sound, name):
    path, truth = sound(name)
    frames = load_video(path)
    assert make.read_numbers(frames.pixels) == list(range(COUNT))
    if name in FREE_CLOCK:
        np.testing.assert_allclose(np.diff(frames.times), np.diff(truth), atol=1e-6)
    else:
        np.testing.assert_allclose(frames.times, truth, atol=1e-9)
    times, pixels = decode_plainly(path)
    if name != "no container":
        np.testing.assert_allclose(frames.times, times, atol=1e-9)
    assert np.array_equal(frames.pixels, pixels)
    assert frames.times[-1] < frames.duration < frames.times[-1] + 0.2
    assert frames.pixels.dtype == np.uint8
    assert frames.times.dtype == np.float64


@pytest.mark.parametrize("name", SOUND)
def test_frames_on_screen_at_uniform_times(sound, name):
    """Sparse, dense, single and repeated frames, whole and in part: the frame that brute force over all timestamps names, to the pixel."""
    path, _ = sound(name)
    every = load_video(path)
    for count, start, end in [
        (1, None, None),
        (7, None, None),
        (200, None, None),
        (5, 1.9, 2.0),
        (4, 1.4, 99.0),
        (3, 2.5, None),
        (6, None, 0.7),
    ]:
        frames = load_video(path, count, start, end)
        first, last = start or 0.0, min(end or every.duration, every.duration)
        expected = numbers_on_screen(every.times, count, first, last)
        assert make.read_numbers(frames.pixels) == expected
        assert np.array_equal(frames.times, every.times[expected])
        assert np.array_equal(frames.pixels, every.pixels[expected])
        assert frames.duration == every.duration


def test_decord_returns_the_same(sound):
    """To the bit at full size. Resized, both use one filter, but one starts from planes with the colour at half resolution and the
    other from RGB: a level or two apart on average."""
    pytest.importorskip("decord")
    for name in DECORD:
        path, _ = sound(name)
        for count in (9, 120, None):
            ours, theirs = load_video(path, count), load_video(path, count, reader="decord")
            assert np.array_equal(ours.times, theirs.times), name
            assert np.array_equal(ours.pixels, theirs.pixels), name
            assert ours.duration == theirs.duration
        ours, theirs = (load_video(path, 9, size=48, reader=reader).pixels.astype(int) for reader in ("pyav", "decord"))
        assert np.abs(ours - theirs).mean() < 3, name


def test_decord_is_refused_where_it_is_wrong(sound, folder):
    pytest.importorskip("decord")
    shifted = make.shift(sound("plain")[0], folder / "edited_for_decord.mp4", Fraction(-30, 25))
    no_keys = make.without_sync_table(sound("plain")[0], folder / "no_keys_for_decord.mp4")
    paths = [sound(name)[0] for name in ("MPEG-TS", "MPEG-4 part 2 in AVI", "MPEG-4 part 2 in MOV", "no container")]
    for path in [*paths, shifted, no_keys]:
        with pytest.raises(VideoError, match="pyav") as caught:
            load_video(path, 5, reader="decord")
        assert_one_line(caught.value, path)


def test_edit_list_hides_the_frames_before_it(sound, folder):
    """Trimmed by 30 of 80 frames, within the second key-frame interval: the file begins with frame 30, at 0 s."""
    path = make.shift(sound("plain")[0], folder / "edited.mp4", Fraction(-30, 25))
    frames = load_video(path)
    assert make.read_numbers(frames.pixels) == list(range(30, COUNT))
    np.testing.assert_allclose(frames.times, np.arange(COUNT - 30) / 25, atol=1e-9)
    assert frames.duration == pytest.approx(2.0)
    some = load_video(path, 6)
    assert make.read_numbers(some.pixels) == [30, 40, 50, 60, 70, 79]


def test_piece_of_a_broadcast_counts_from_its_start(sound, folder):
    path = make.shift(sound("MPEG-TS")[0], folder / "hour.ts", Fraction(3600))
    frames = load_video(path, 9)
    np.testing.assert_allclose(frames.times[[0, -1]], [0.0, (COUNT - 1) / 25], atol=1e-6)
    assert frames.duration == pytest.approx(COUNT / 25)


def test_false_key_frames_do_not_mislead(sound, folder):
    """The index says that any frame is a key frame."""
    path = make.without_sync_table(sound("plain")[0], folder / "no_keys.mp4")
    assert make.read_numbers(load_video(path, 9).pixels) == make.read_numbers(load_video(sound("plain")[0], 9).pixels)


def test_packets_that_lie_are_decoded_forward(sound, monkeypatch):
    """Whatever goes wrong in the planned reading, reading forward gives the same frames."""
    path, _ = sound("open GOP")
    planned = load_video(path, 33, size=40)

    def surprised(*arguments):
        raise with_pyav.Surprise

    monkeypatch.setattr(video, "read_planned", surprised)
    forward = load_video(path, 33, size=40)
    assert np.array_equal(planned.pixels, forward.pixels)
    assert np.array_equal(planned.times, forward.times)
    assert planned.duration == forward.duration


@pytest.mark.parametrize("name", [name for name in SOUND if name != "no container"])
def test_sound_files_hold_no_surprise(sound, name, monkeypatch):
    """Their packets tell all: nothing is decoded a second time."""

    def forward(*arguments):
        raise AssertionError("decoded forward")

    monkeypatch.setattr(video, "_load_forward", forward)
    path, _ = sound(name)
    for count in range(1, 12):  # other frames each time, also some that are shown before the key frame that they follow
        load_video(path, count, size=16)


def test_only_the_needed_packets_are_decoded(sound, monkeypatch):
    """One frame, the third after a key frame: decoding begins at that key frame and ends with the frame."""
    path, _ = sound("plain")
    runs = []
    stretches = with_pyav.stretches
    monkeypatch.setattr(with_pyav, "stretches", lambda table, wanted: runs.extend(stretches(table, wanted)) or runs)
    load_video(path, 1, start=53 / 25)
    (first, last) = runs[0]
    assert len(runs) == 1
    assert first == 50
    assert last - first <= 4  # in decoding order the frame may follow the one that it refers to


def test_rotation(sound, folder):
    upright = load_video(sound("plain")[0], 3)
    for degrees in (90, 180, 270):
        path = make.rotated(sound("plain")[0], folder / f"turned_{degrees}.mp4", degrees)
        turned = load_video(path, 3)
        assert np.array_equal(turned.pixels, np.rot90(upright.pixels, -degrees // 90, axes=(2, 3)))
        assert probe(path).rotation == degrees
        assert (probe(path).height, probe(path).width) == turned.pixels.shape[2:]
        assert load_video(path, 3, size=(20, 50)).pixels.shape == (3, 3, 20, 50)
        small = load_video(path, 1, size=48).pixels
        assert small.shape[2:] == ((80, 48) if degrees in (90, 270) else (48, 80))
        whole = load_video(sound("plain")[0], 1, size=48).pixels
        assert np.array_equal(small, np.rot90(whole, -degrees // 90, axes=(2, 3)))


def test_size(sound):
    path, _ = sound("plain")
    assert load_video(path, 1).pixels.shape == (1, 3, 96, 160)
    assert load_video(path, 1, size=48).pixels.shape == (1, 3, 48, 80)
    assert load_video(path, 1, size=(31, 17)).pixels.shape == (1, 3, 31, 17)
    assert load_video(path, 1, size=[31, np.int64(17)]).pixels.shape == (1, 3, 31, 17)
    assert load_video(path, 1, size=np.int64(192)).pixels.shape == (1, 3, 192, 320)


def test_resized_frame_is_the_area_average(sound):
    """Half the size: each pixel is the mean of four, up to the rounding and the place of the colour samples."""
    path, _ = sound("plain")
    full = load_video(path, 5).pixels.astype(float)
    half = load_video(path, 5, size=48).pixels.astype(float)
    mean = full.reshape(5, 3, 48, 2, 80, 2).mean(axis=(3, 5))
    assert np.abs(half - mean).mean() < 2
    assert np.abs(half - mean[:, ::-1]).mean() > 10  # the order of the colours is seen


def test_a_repeated_frame_is_converted_once(sound, monkeypatch):
    path, _ = sound("plain")
    converted = []
    convert = video.FrameWriter._convert
    monkeypatch.setattr(
        video.FrameWriter, "_convert", lambda self, frame, *size: converted.append(frame.pts) or convert(self, frame, *size)
    )
    load_video(path, 500, size=16)
    assert len(converted) == len(set(converted)) == COUNT


def test_probe(sound):
    info = probe(sound("plain")[0])
    assert info == video.VideoInfo(duration=3.2, width=160, height=96, fps=25.0, num_frames=COUNT, codec="h264", rotation=0)
    late = probe(sound("late first frame")[0])
    assert (late.duration, late.fps, late.num_frames) == (pytest.approx(4.2), pytest.approx(25.0), COUNT)
    raw = probe(sound("no container")[0])
    assert (raw.duration, raw.num_frames) == (pytest.approx(3.2), COUNT)


gaps = st.lists(st.floats(0.001, 3.0), min_size=1, max_size=40)


@given(gaps=gaps, late=st.floats(0.0, 2.0), count=st.integers(1, 60), cut=st.tuples(st.floats(0, 0.4), st.floats(0.5, 1.2)))
def test_choice_against_brute_force(gaps, late, count, cut):
    seconds = late + np.cumsum([0.0, *gaps[:-1]])
    duration = float(seconds[-1] + gaps[-1])
    start, end = cut[0] * duration, cut[1] * duration
    chosen = video.choose("x.mp4", seconds, duration, count, start, end)
    assert chosen.tolist() == numbers_on_screen(seconds, count, start, min(end, duration))
    every = video.choose("x.mp4", seconds, duration, None, start, end)
    assert every.tolist() == list(range(every[0], every[-1] + 1))
    assert seconds[every[0]] <= start + 1e-9 or every[0] == 0
    assert every[-1] == 0 or seconds[every[-1]] <= min(end, duration) + 1e-9


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system does not tell a process's greatest memory")
def test_memory_is_that_of_the_result(tmp_path):
    """Two hundred frames that would be 1.2 GB at their full size. A process of its own, whose greatest memory is asked at its end.

    VmHWM, not getrusage: Linux hands the parent's greatest memory on to a child's ru_maxrss, and a test runner has loaded torch.
    """
    path = make.write_video(tmp_path / "large.mp4", make.even_times(200), size=(1080, 1920))
    code = (
        "import sys; from momentor_lib.video import load_video; frames = load_video(sys.argv[1], size=32); assert len(frames) == 200;"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    result = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert int(result.stdout) * 1024 < 400e6


class TestRealFiles:
    @pytest.fixture
    def videos(self, real_data) -> Path:
        return real_data / "videos"

    def test_exact_timestamps(self, videos):
        import json

        rows = json.loads((videos / "nasa_13013.pts.json").read_text())
        frames = load_video(videos / "nasa_13013.mp4", size=32)
        np.testing.assert_allclose(frames.times, [float(row["pts_time"]) for row in rows], atol=1e-6)
        assert frames.duration == pytest.approx(float(rows[-1]["pts_time"]) + float(rows[-1]["duration_time"]), abs=1e-6)

    @pytest.mark.parametrize("name", ["nasa_13013.mp4", "3MSZA.mp4", "unordered.mov"])
    def test_like_a_plain_decode(self, videos, name):
        times, pixels = decode_plainly(videos / name)
        frames = load_video(videos / name, 40)
        at = np.searchsorted(times, frames.times)
        assert np.array_equal(frames.times, times[at])
        assert np.array_equal(frames.pixels, pixels[at])
        assert numbers_on_screen(times, 40, 0.0, frames.duration) == at.tolist()

    @pytest.mark.parametrize("name", ["3MSZA.mp4", "unordered.mov", "video_90.mov", "video_180.mov"])
    def test_decord(self, videos, name):
        pytest.importorskip("decord")
        ours, theirs = load_video(videos / name, 20), load_video(videos / name, 20, reader="decord")
        assert np.array_equal(ours.pixels, theirs.pixels)  # decord turns rotated files upright by itself
        assert np.array_equal(ours.times, theirs.times)
        ours, theirs = (load_video(videos / name, 20, size=112, reader=reader).pixels.astype(int) for reader in ("pyav", "decord"))
        assert np.abs(ours - theirs).mean() < 1.5

    def test_corrupted(self, videos):
        with pytest.warns(UserWarning, match="49 of its 50 frames"):
            frames = load_video(videos / "corrupted.mp4", size=32)
        assert len(frames) == 49
        assert frames.duration == pytest.approx(5.0)

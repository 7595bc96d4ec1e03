"""The file of a video's features: what is written is read, bit for bit, and nothing else is taken for it."""

from __future__ import annotations

import dataclasses
import os
import pickle
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from safetensors import safe_open
from safetensors.numpy import save_file

from momentor_lib.data.features import (
    Expected,
    FrameFeatures,
    Preprocessing,
    Source,
    feature_path,
    read_features,
    read_released_npy,
    uniform_features,
    write_features,
)

PIXELS = Preprocessing(64, (0.42, 0.1, 1 / 3), (0.11, 0.2, 0.3))
DURATION = 20.1 + 0.2  # 20.300000000000004


@pytest.fixture
def video(tmp_path) -> Path:
    path = tmp_path / "videos" / "abc-_123.mp4"
    path.parent.mkdir()
    path.write_bytes(b"the bytes of a video")
    return path


@pytest.fixture
def written(video) -> FrameFeatures:
    rows = np.random.default_rng(0).standard_normal((5, 7)).astype(np.float16)
    times = np.array([0.0, 0.1 + 0.2, 1 / 3, 1 / 3, DURATION])
    return FrameFeatures(rows, times, DURATION, "abc-_123", "encoder-1", PIXELS, Source.of(video))


@pytest.fixture
def path(written, tmp_path) -> Path:
    path = feature_path(tmp_path / "features", written.video_id)
    write_features(path, written)
    return path


def assert_same(read: FrameFeatures, written: FrameFeatures) -> None:
    assert (read.features.dtype, read.times.dtype) == (np.float16, np.float64)
    assert read.features.tobytes() == written.features.tobytes() and read.features.shape == written.features.shape
    assert read.times.tobytes() == written.times.tobytes()
    for name in ("duration", "video_id", "encoder", "preprocessing", "source"):
        assert getattr(read, name) == getattr(written, name)


def test_round_trip(path, written, video):
    everything = Expected("abc-_123", "encoder-1", PIXELS, 5, video)
    for expected in (None, Expected(), everything):
        assert_same(read_features(path, expected), written)
    assert path.name == "abc-_123.safetensors" and os.listdir(path.parent) == [path.name], "no half file is left"
    with safe_open(path, framework="numpy") as file:  # any reader of safetensors can use it
        assert sorted(file.keys()) == ["features", "times"] and float(file.metadata()["duration"]) == DURATION


@settings(max_examples=60, deadline=None)
@given(
    rows=st_numpy.arrays(np.float16, st.tuples(st.integers(1, 4), st.integers(1, 5)), elements=st.floats(-60000, 60000, width=16)),
    duration=st.floats(1e-300, 1e300),
    video_id=st.text(st.characters(codec="utf-8"), min_size=1),
    encoder=st.text(st.characters(codec="utf-8")),
)
def test_whatever_it_is_it_comes_back(tmp_path_factory, rows, duration, video_id, encoder):
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    features = uniform_features(rows, duration, video_id, encoder)
    write_features(path, features)
    assert_same(read_features(path), features)


@pytest.mark.parametrize(
    ("expected", "says"),
    [
        (Expected(video_id="other"), "its video is abc-_123, not other"),
        (Expected(encoder="encoder-2"), "its encoder is encoder-1, not encoder-2"),
        (Expected(num_frames=300), "its number of frames is 5, not 300"),
        (Expected(preprocessing=dataclasses.replace(PIXELS, image_size=224)), '"image_size":64'),
        (Expected(preprocessing=dataclasses.replace(PIXELS, image_std=(0.11, 0.2, 0.30001))), "not {"),
    ],
)
def test_stale(path, expected, says):
    with pytest.raises(ValueError, match="is stale") as error:
        read_features(path, expected)
    message = str(error.value)
    assert message.startswith(f"{path} is stale: ") and says in message and "\n" not in message
    assert message.endswith("run momentor extract again with --overwrite")


def test_every_difference_is_named(path):
    with pytest.raises(ValueError, match="encoder-2; its number of frames is 5, not 6"):
        read_features(path, Expected(encoder="encoder-2", num_frames=6))


def test_a_video_that_changed(path, video):
    expected = Expected(video=video)
    os.utime(video, ns=(1, 1))
    assert len(read_features(path, expected)) == 5, "another date with the same bytes, as a copy has, is no change"
    copy = shutil.copy(video, video.with_name("copy.mp4"))
    assert len(read_features(path, Expected(video=copy))) == 5
    video.write_bytes(b"the bytes of A video")
    with pytest.raises(ValueError, match=r"is stale: the video .*abc-_123.mp4 has other contents"):
        read_features(path, expected)
    video.write_bytes(b"more bytes than the video had")
    with pytest.raises(ValueError, match=r"is stale: the video .*abc-_123.mp4 has 29 bytes, not 20; run momentor extract again"):
        read_features(path, expected)


def test_what_is_not_known_is_not_what_is_expected(tmp_path, video):
    write_features(tmp_path / "x.safetensors", uniform_features(np.ones((2, 3)), 4.0, "x"))
    assert read_features(tmp_path / "x.safetensors").source is None
    for expected in (Expected(encoder="e"), Expected(preprocessing=PIXELS), Expected(video=video)):
        with pytest.raises(ValueError, match="not known"):
            read_features(tmp_path / "x.safetensors", expected)


def refuses(path: Path) -> str:
    with pytest.raises(ValueError, match=r"abc|features") as error:
        read_features(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)
    return str(error.value)


def test_cut_off_at_every_place(path):
    content = path.read_bytes()
    for length in range(0, len(content), 3):
        path.write_bytes(content[:length])
        assert "cut off" in refuses(path)
    path.write_bytes(content + b"x")
    refuses(path)


def test_one_byte_anywhere(path):
    """Every byte matters: what was read could otherwise be wrong without a word."""
    content = path.read_bytes()
    for place in range(0, len(content), 2):
        damaged = bytearray(content)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        try:
            read = read_features(path)
        except ValueError as error:
            assert str(path) in str(error)
        else:  # a space of the header's padding
            pytest.fail(f"byte {place} of {len(content)} was changed to {damaged[place]:#x} and {read.video_id} was read")


def test_foreign_files(path, tmp_path):
    save_file({"features": np.ones((2, 2), np.float16)}, path)
    assert "not of frame features" in refuses(path)
    save_file({"x": np.ones(2)}, path, metadata={"format": "pt"})
    assert "not of frame features" in refuses(path)
    save_file({"x": np.ones(2)}, path, metadata={"format": "momentor frame features", "version": "1"})
    assert "holds {'x': 'F64'}" in refuses(path)
    save_file({"x": np.ones(2)}, path, metadata={"format": "momentor frame features", "version": "2"})
    assert "version '2'" in refuses(path)
    for content in (b"", b"no features", b"<html>" * 500):
        path.write_bytes(content)
        assert "no safetensors file" in refuses(path)
    assert "is no file" in refuses(path.parent)
    with pytest.raises(FileNotFoundError, match="momentor extract makes it"):
        read_features(tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"duration": 0.0}, "a duration of 0.0 s"),
        ({"duration": float("nan")}, "a duration of nan s"),
        ({"features": np.ones((4, 7))}, "4 frames but times of shape"),
        ({"features": np.ones(5)}, "not .frames, width"),
        ({"features": np.full((5, 7), 1e6)}, "not finite in float16"),
        ({"times": np.array([0, 1, 2, 3, np.nan])}, "do not ascend"),
        ({"times": np.array([0, 2, 1, 3, 4.0])}, "do not ascend"),
    ],
)
def test_nonsense_is_not_written(tmp_path, written, change, says):
    with pytest.raises(ValueError, match=says):
        write_features(tmp_path / "x.safetensors", dataclasses.replace(written, **change))
    assert not (tmp_path / "x.safetensors").exists()


def test_a_failed_write_leaves_the_file_before(path, written, monkeypatch):
    def fail(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space left"):
        write_features(path, dataclasses.replace(written, encoder="another"))
    assert_same(read_features(path), written)
    assert os.listdir(path.parent) == [path.name]


def test_into_training(written):
    import torch

    from momentor_lib.model.example import VideoExample

    example = VideoExample(dialogues=[[("What?", "This.")]], **written.example_fields())
    assert example.features.dtype == torch.float32
    assert torch.equal(example.features, torch.from_numpy(written.features.copy()).float())
    assert (list(example.times), example.duration, example.video_id) == (written.times.tolist(), DURATION, "abc-_123")


# the released code's files


def test_a_plain_array(tmp_path):
    rows = np.random.default_rng(1).standard_normal((300, 6)).astype(np.float16)
    np.save(tmp_path / "abc.npy", rows)
    features = read_released_npy(tmp_path / "abc.npy", 403.0, encoder="openai/clip-vit-large-patch14")
    assert np.array_equal(features.features, rows) and (features.video_id, features.duration) == ("abc", 403.0)
    assert features.encoder == "openai/clip-vit-large-patch14"
    # Reference: t_i = i * duration / (M - 1)
    assert np.allclose(features.times, [i * 403.0 / 299 for i in range(300)], rtol=0, atol=1e-9) and features.times[-1] == 403.0
    write_features(tmp_path / "abc.safetensors", features)
    assert_same(read_features(tmp_path / "abc.safetensors"), features)


class Trap:
    """Unpickled, it makes a file."""

    def __init__(self, target: Path):
        self.target = target

    def __reduce__(self):
        return (Path.touch, (self.target,))


@pytest.mark.parametrize("form", ["saved by NumPy", "bare"])
def test_a_pickle_is_never_run(tmp_path, form):
    path, target = tmp_path / "abc.npy", tmp_path / "the trap was sprung"
    if form == "bare":
        path.write_bytes(pickle.dumps(Trap(target)))
    else:
        np.save(path, np.array(Trap(target), dtype=object))
    for read in (lambda: read_released_npy(path, 10.0), lambda: read_features(path)):
        with pytest.raises(ValueError, match=r"abc\.npy"):
            read()
    assert not target.exists()
    np.load(path, allow_pickle=True)
    assert target.exists(), "it is a trap"


def test_a_pickle_can_be_converted_as_the_error_says(tmp_path, repository):
    rows = np.random.default_rng(2).standard_normal((4, 3)).astype(np.float16)
    path = tmp_path / "a b$HOME.npy"
    np.save(path, {"duration": 12.5, "feature": rows})
    with pytest.raises(ValueError, match="is a pickle, which could run anything, so it is not opened; if you trust it") as error:
        read_released_npy(path, 12.5)
    assert "\n" not in str(error.value)
    _, command = str(error.value).split("convert it yourself: python ")
    subprocess.run([sys.executable, *shlex.split(command)], check=True, cwd=repository)
    features = read_features(tmp_path / "a b$HOME.safetensors")
    assert np.array_equal(features.features, rows) and features.times.tolist() == [0.0, 12.5 / 3, 25 / 3, 12.5]
    assert features.video_id == "a b$HOME"


def test_other_npy_files(tmp_path):
    path = tmp_path / "abc.npy"
    np.save(path, np.ones((3, 4), np.float16))
    content = path.read_bytes()
    huge = content.replace(b"(3, 4), }          ", b"(3, 40000000000), }")
    for wrong in (b"", b"text", content[:-1], content[:20], content.replace(b"'descr'", b"{{{{{{{"), huge):
        path.write_bytes(wrong)
        with pytest.raises(ValueError, match=r"abc\.npy is no array that NumPy saved, or is cut off") as error:
            read_released_npy(path, 10.0)
        assert "\n" not in str(error.value)
    for array, says in ((np.ones((3, 4), int), "holds int64"), (np.ones(3), "shape .3."), (np.full((2, 2), np.inf), "not finite")):
        np.save(path, array)
        with pytest.raises(ValueError, match=says):
            read_released_npy(path, 10.0)
    np.save(path, np.ones((3, 4)))
    with pytest.raises(ValueError, match=r"a duration of -1\.0 s"):
        read_released_npy(path, -1)
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_released_npy(tmp_path / "none.npy", 1.0)

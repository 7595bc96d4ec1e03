"""Extraction against ``Predictor.set_video``; with stale files and bad videos."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from extractions import COUNT, run, stamps, write_clips
from make_videos import cut_off, even_times, write_audio_only, write_video
from tiny_models import build_tiny, build_tokenizer
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

from momentor_lib import extract as module
from momentor_lib.data.features import SUFFIX, Expected, feature_path, read_features
from momentor_lib.extract import LEDGER, FrameEncoder, extract_features, find_videos
from momentor_lib.model import presets
from momentor_lib.predictor import Predictor
from momentor_lib.video import load_video


@pytest.fixture(scope="module")
def parts():
    return build_tiny(num_frames=6, seed=3)


@pytest.fixture(scope="module")
def encoder(parts) -> FrameEncoder:
    return FrameEncoder(parts)


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    return write_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture
def videos(clips, tmp_path) -> Path:
    """A copy that a test can change."""
    return Path(shutil.copytree(clips, tmp_path / "videos"))


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "features"


# what is written


def predicted(predictor: Predictor, video: Path) -> torch.Tensor:
    """The features that a predictor encodes."""
    seen = []
    encode = predictor.model.encode_frames
    predictor.model.encode_frames = lambda pixels: seen.append(encode(pixels)) or seen[-1]
    try:
        predictor.set_video(video)
    finally:
        del predictor.model.encode_frames
    return seen[0].squeeze(0)


@pytest.mark.parametrize("model", ["tiny", "random, 70 frames"])
def test_features_are_the_predictors(model, sample_video, out):
    """Bit for bit after rounding to float16; of the shipped model and of one whose frames need two goes."""
    model = "tiny" if model == "tiny" else build_tiny(num_frames=70, seed=1)
    predictor = Predictor(model)
    expected = predicted(predictor, sample_video)
    outcome = extract_features(sample_video, out, model, progress=False)
    assert (outcome.done, outcome.failed, outcome.skipped) == ([sample_video.stem], {}, [])
    features = read_features(feature_path(out, sample_video.stem))
    assert np.array_equal(features.features, expected.half().numpy())
    assert np.array_equal(features.times, predictor.frames.times) and features.duration == predictor.duration
    assert features.encoder == FrameEncoder((predictor.model, predictor.processor)).name
    assert (features.source.name, features.source.size) == (sample_video.name, sample_video.stat().st_size)
    assert (features.preprocessing.image_size, len(features)) == (predictor.processor.image_size, predictor.processor.num_frames)


def test_the_rest_of_the_model_is_as_it_was(parts, sample_video, out):
    """One's own model can go on answering; of a named one the language model is not kept."""
    model, _ = parts
    extract_features(sample_video, out, parts, progress=False)
    assert Predictor(parts).set_video(sample_video).caption().text is not None
    assert {parameter.device.type for parameter in model.parameters()} == {"cpu"}
    named, _ = module.load_frame_encoder("tiny")
    assert named.language_model.device.type == "meta" and named.vision_model.device.type == "cpu"


def test_a_name_belongs_to_the_weights(parts, encoder, tmp_path):
    model, processor = parts
    for folder in (tmp_path / "a", tmp_path / "b"):
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
    assert FrameEncoder(tmp_path / "a").name == FrameEncoder(tmp_path / "b").name == encoder.name
    assert re.fullmatch(r"clip_vision_model-[0-9a-f]{16}", encoder.name)
    assert FrameEncoder(build_tiny(seed=4)).name != encoder.name
    half = build_tiny(num_frames=6, seed=3)[0].to(torch.bfloat16)
    assert FrameEncoder((half, processor)).name != encoder.name


def test_bfloat16(parts, clips, out):
    model, processor = build_tiny(num_frames=6, seed=3)
    run(clips / "clip_0.mp4", out, FrameEncoder((model.to(torch.bfloat16), processor)))
    rough = read_features(feature_path(out, "clip_0")).features
    frames = load_video(clips / "clip_0.mp4", 6, size=16)
    assert np.allclose(rough, FrameEncoder(parts).encode(frames).numpy(), atol=0.1)


def test_a_preset_needs_no_language_model(tmp_path, monkeypatch, clips, out):
    """The hub's parts stand in folders here; the language model's has a tokenizer and no weights."""
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {**sizes, "vocab_size": 50, "max_position_embeddings": 8, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    clip = CLIPModel(CLIPConfig(text_config=text, vision_config={**sizes, "image_size": 16, "patch_size": 8}, projection_dim=8))
    clip.save_pretrained(tmp_path / "clip")
    CLIPImageProcessorPil(image_mean=[0.1, 0.2, 0.3], image_std=[0.4, 0.5, 0.6]).save_pretrained(tmp_path / "clip")
    build_tokenizer(ours=()).save_pretrained(tmp_path / "language")
    monkeypatch.setitem(presets.BACKBONES, "colab", (str(tmp_path / "clip"), str(tmp_path / "language")))
    encoder = FrameEncoder("colab")
    run(clips / "clip_0.mp4", out, encoder)
    frames = load_video(clips / "clip_0.mp4", 300, size=16)
    pixels = frames.pixels[..., 4:20] / 255 if frames.pixels.shape[-1] == 24 else None
    normal = (torch.from_numpy(pixels).float() - torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1)) / torch.tensor([0.4, 0.5, 0.6]).view(3, 1, 1)
    with torch.no_grad():
        expected = clip.eval().vision_model(pixel_values=normal).pooler_output
    features = read_features(feature_path(out, "clip_0"), encoder.expected(clips / "clip_0.mp4"))
    assert np.allclose(features.features, expected, atol=2e-3) and features.features.shape == (300, 16)
    monkeypatch.setitem(presets.BACKBONES, "colab", ("openai/clip-vit-base-patch32", "x"))
    with pytest.raises(ValueError, match="preset 'colab' needs openai/clip-vit-base-patch32 from the Hugging Face hub"):
        FrameEncoder("colab")  # the tests run offline


# what is there is kept; what does not fit is refused


def test_a_second_run_does_nothing(videos, out, encoder):
    assert sorted(run(videos, out, encoder).done) == [f"clip_{number}" for number in range(COUNT)]
    before = stamps(out)
    assert set(before) == {f"clip_{number}{SUFFIX}" for number in range(COUNT)}
    for overwrite in (False, True):
        again = run(videos, out, encoder, overwrite=overwrite)
        assert (again.done, again.failed, len(again.skipped)) == ([], {}, COUNT) and stamps(out) == before
    (out / LEDGER).unlink()  # the files speak for themselves
    assert len(run(videos, out, encoder).done) == COUNT and stamps(out) == before


def test_a_missing_file_is_made_again(videos, out, encoder):
    run(videos, out, encoder)
    feature_path(out, "clip_2").unlink()
    assert run(videos, out, encoder).done == ["clip_2"]


def stale_video(videos: Path, out: Path, parts) -> FrameEncoder:
    write_video(videos / "clip_1.mp4", even_times(40), size=(32, 48))
    return FrameEncoder(parts)


def stale_encoder(videos: Path, out: Path, parts) -> FrameEncoder:
    return FrameEncoder((build_tiny(num_frames=6, seed=9)[0], parts[1]))


def stale_frames(videos: Path, out: Path, parts) -> FrameEncoder:
    return FrameEncoder((parts[0], build_tiny(num_frames=7)[1]))


def stale_preprocessing(videos: Path, out: Path, parts) -> FrameEncoder:
    processor = build_tiny(num_frames=6)[1]
    processor.image_mean = [0.4] * 3
    return FrameEncoder((parts[0], processor))


def damage(videos: Path, out: Path, parts) -> FrameEncoder:
    cut_off(feature_path(out, "clip_1"), feature_path(out, "clip_1"))
    return FrameEncoder(parts)


def foreign(videos: Path, out: Path, parts) -> FrameEncoder:
    feature_path(out, "clip_1").write_text("somebody's")
    return FrameEncoder(parts)


def renamed(videos: Path, out: Path, parts) -> FrameEncoder:
    shutil.copy(feature_path(out, "clip_2"), feature_path(out, "clip_1"))
    return FrameEncoder(parts)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (stale_video, "clip_1.mp4 has "),
        (stale_encoder, "its encoder is clip_vision_model-"),
        (stale_frames, "its number of frames is 6, not 7"),
        (stale_preprocessing, '"image_mean":[0.4,0.4,0.4]'),
        (damage, "is damaged, cut off"),
        (foreign, "no safetensors file"),
        (renamed, "its video is clip_2, not clip_1"),
    ],
)
def test_stale_files_are_refused_or_made_again(videos, out, parts, encoder, spoil, says):
    video = videos / "clip_1.mp4"
    run(video, out, encoder)
    shutil.copy(videos / "clip_2.mp4", videos / "x.mp4")
    run(videos / "clip_2.mp4", out, encoder)
    now = spoil(videos, out, parts)
    before = feature_path(out, "clip_1").read_bytes()
    refused = run(video, out, now)
    assert refused.done == [] and list(refused.failed) == ["clip_1"]
    assert says in refused.failed["clip_1"] and "--overwrite" in refused.failed["clip_1"]
    assert feature_path(out, "clip_1").read_bytes() == before
    assert run(video, out, now, overwrite=True).done == ["clip_1"]
    read_features(feature_path(out, "clip_1"), now.expected(video))
    assert run(video, out, now).skipped == ["clip_1"]


def test_a_copied_video_is_the_same_video(videos, out, encoder):
    run(videos, out, encoder)
    for video in videos.iterdir():
        os.utime(video, (1, 1))
    assert len(run(videos, out, encoder).skipped) == COUNT


# bad videos


def test_bad_videos_are_reported_and_the_others_done(videos, out, encoder):
    (videos / "empty.mp4").write_bytes(b"")
    (videos / "text.mkv").write_text("no video")
    write_audio_only(videos / "sound.mp4")
    outcome = run(videos, out, encoder)
    assert sorted(outcome.done) == [f"clip_{number}" for number in range(COUNT)]
    assert sorted(outcome.failed) == ["empty", "sound", "text"]
    assert outcome.failed["empty"] == f"{videos / 'empty.mp4'} is empty (0 bytes)"
    assert "holds no video" in outcome.failed["sound"]
    assert set(stamps(out)) == {f"clip_{number}{SUFFIX}" for number in range(COUNT)}
    shutil.copy(videos / "clip_0.mp4", videos / "empty.mp4")
    assert run(videos, out, encoder).done == ["empty"], "what failed is tried again"


def test_a_missing_video_among_several(videos, out, encoder):
    files = [videos / "clip_0.mp4", videos / "clip_1.mp4"]
    run(files, out, encoder)
    files[1].unlink()
    outcome = run([*files, videos / "none.mp4"], out, encoder)
    assert outcome.skipped == ["clip_0"]
    assert outcome.failed == {"clip_1": f"{files[1]}: no such video file", "none": f"{videos / 'none.mp4'}: no such video file"}


def test_a_video_that_changes_meanwhile_is_tried_again(videos, out, encoder, monkeypatch):
    video, calls = videos / "clip_0.mp4", []

    def load(path, **options):
        frames = load_video(path, **options)
        calls.append(path)
        if len(calls) == 1:
            write_video(video, even_times(50), size=(32, 48))
        return frames

    monkeypatch.setattr(module, "load_video", load)
    with pytest.raises(OSError, match="changed while it was read"):
        encoder.extract(video)
    assert run(video, out, encoder).done == ["clip_0"]
    assert read_features(feature_path(out, "clip_0"), Expected(video=video)).duration == 2.0


def test_one_name_twice(videos, out, encoder):
    shutil.copy(videos / "clip_0.mp4", videos / "clip_0.mkv")
    with pytest.raises(ValueError, match=r"clip_0.mkv and .*clip_0.mp4 would both be written to clip_0.safetensors; rename one"):
        run(videos, out, encoder)
    assert not out.exists()


def test_find_videos(videos, tmp_path):
    for name in ("notes.txt", ".hidden.mp4", "half.mp4.part", "UPPER.MP4"):
        (videos / name).touch()
    (videos / "folder.mp4").mkdir()
    assert list(find_videos(videos)) == ["UPPER", *(f"clip_{number}" for number in range(COUNT))]
    assert find_videos(videos / "notes.txt") == {"notes": videos / "notes.txt"}, "named, it is taken at one's word"
    assert list(find_videos([videos / "clip_3.mp4", str(videos / "clip_0.mp4")])) == ["clip_3", "clip_0"]
    (tmp_path / "bare").mkdir()
    with pytest.raises(ValueError, match=r"holds no video; its file's suffix would be one of \.3gp"):
        find_videos(tmp_path / "bare")
    with pytest.raises(FileNotFoundError, match="no such folder or video"):
        find_videos(tmp_path / "none")
    with pytest.raises(ValueError, match="not UTF-8"):
        find_videos([os.fsdecode(b"\xff.mp4")])

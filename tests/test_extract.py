"""Extraction against ``Predictor.set_video``, with bad videos, stale files, kills, and as a command."""

from __future__ import annotations

import json
import os
import pickle
import random
import re
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from make_videos import cut_off, even_times, write_audio_only, write_video
from tiny_models import build_tiny, build_tokenizer
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

from momentor_lib import extract as module
from momentor_lib.cli import app as program
from momentor_lib.cli.extract import extract as command
from momentor_lib.data.features import SUFFIX, Expected, feature_path, read_features, uniform_features, write_features
from momentor_lib.extract import LEDGER, Extraction, FrameEncoder, extract_features, find_videos
from momentor_lib.jobs import read_ledger
from momentor_lib.model import presets
from momentor_lib.predictor import Predictor
from momentor_lib.video import load_video

COUNT, KILLS = 5, 20


@pytest.fixture(scope="module")
def parts():
    return build_tiny(num_frames=6, seed=3)


@pytest.fixture(scope="module")
def encoder(parts) -> FrameEncoder:
    return FrameEncoder(parts)


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    """Five clips of 1 to 1.8 s."""
    folder = tmp_path_factory.mktemp("clips")
    for number in range(COUNT):
        write_video(folder / f"clip_{number}.mp4", even_times(25 + 5 * number), size=(32, 48))
    return folder


@pytest.fixture
def videos(clips, tmp_path) -> Path:
    """A copy that a test can change."""
    return Path(shutil.copytree(clips, tmp_path / "videos"))


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "features"


def run(videos, out, encoder, **options):
    return extract_features(videos, out, encoder, retries=0, progress=False, **options)


def stamps(out: Path) -> dict[str, tuple[int, int]]:
    """Which files of features there are, each with what tells that it was written anew."""
    return {file.name: (file.stat().st_ino, file.stat().st_mtime_ns) for file in out.glob(f"*{SUFFIX}") if file.name[0] != "."}


def contents(path: Path) -> tuple:
    """All that a file of features holds."""
    found = read_features(path)
    arrays = found.features.tobytes(), found.times.tobytes()
    return (*arrays, found.duration, found.video_id, found.encoder, found.preprocessing, found.source)


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


# how it runs


def test_one_video_is_decoded_while_another_is_encoded(videos, out, encoder, monkeypatch):
    """The first video's encoding waits for a second video's frames: alone it would wait for ever."""
    decoded, second = [], threading.Event()

    def load(path, **options):
        frames = load_video(path, **options)
        decoded.append(path)
        if len(decoded) == 2:
            second.set()
        return frames

    class Waiting(FrameEncoder):
        def encode(self, frames):
            assert second.wait(60), "no other video was decoded meanwhile"
            return super().encode(frames)

    monkeypatch.setattr(module, "load_video", load)
    assert len(run(videos, out, Waiting(build_tiny(num_frames=6, seed=3)), workers=2).done) == COUNT


@pytest.mark.parametrize("workers", [1, 4])
def test_any_number_of_workers_gives_the_same(videos, tmp_path, encoder, workers):
    run(videos, tmp_path / "a", encoder, workers=workers)
    run(videos, tmp_path / "b", encoder, workers=2)
    for number in range(COUNT):
        one, other = (contents(feature_path(tmp_path / folder, f"clip_{number}")) for folder in ("a", "b"))
        assert one == other


def test_another_process_can_be_given_the_work(videos, out, parts, encoder, tmp_path, monkeypatch):
    """As Ray gives it: pickled for every task; a named model is loaded once a process, wherever that works."""
    model, processor = parts
    model.save_pretrained(tmp_path / "model")
    processor.save_pretrained(tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    sent = pickle.dumps(Extraction(FrameEncoder("model"), out, False))
    monkeypatch.chdir(videos)
    one, other = pickle.loads(sent), pickle.loads(sent)
    assert one.encoder is other.encoder and len(sent) < 2000
    facts = one("clip_0", videos / "clip_0.mp4")
    assert facts == {"frames": 6, "width": 12, "duration": 1.0}
    whole = pickle.loads(pickle.dumps(Extraction(encoder, out, False)))
    assert whole.encoder.name == encoder.name and whole("clip_0", videos / "clip_0.mp4") == facts, "what is there fits"


def test_ray(videos, out, encoder):
    pytest.importorskip("ray")
    assert len(run(videos, out, encoder, executor="ray").done) == COUNT


def test_ray_that_is_missing_is_named(videos, out, encoder, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError, match="needs Ray: pip install"):
        run(videos, out, encoder, executor="ray")


# killed


def start(videos: Path, out: Path, encoder: FrameEncoder) -> int:
    """Extracts in a copy of this process, whose start costs nothing."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 2 if run(videos, out, encoder).failed else 0
        finally:
            os._exit(code)
    return child


def end(child: int) -> int:
    """Waits for it; its exit code, negative where it was killed."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.skipif(sys.platform != "linux", reason="copies of a process with torch in it are safe on Linux only")
def test_killed_at_random(videos, tmp_path, encoder):
    """Each time after nought to three more videos and a while. Nothing is lost, nothing made twice, nothing broken."""
    for number in range(COUNT, 5 * KILLS):
        shutil.copy(videos / f"clip_{number % COUNT}.mp4", videos / f"clip_{number}.mp4")
    ids, undisturbed, out = sorted(find_videos(videos)), tmp_path / "undisturbed", tmp_path / "killed"
    began = time.perf_counter()
    assert end(start(videos, undisturbed, encoder)) == 0
    a_video = (time.perf_counter() - began) / len(ids)
    dice, there, codes = random.Random(0), {}, []
    for _ in range(KILLS):
        child, enough = start(videos, out, encoder), len(there) + dice.randint(0, 3)
        while len(stamps(out)) < enough and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            time.sleep(a_video / 20)
        time.sleep(dice.uniform(0, 2 * a_video))
        os.kill(child, signal.SIGKILL)
        codes.append(end(child))
        now = stamps(out)
        assert there.items() <= now.items(), "a file that was whole was lost or made again"
        for name in now:
            assert contents(out / name) == contents(undisturbed / name)
        there = now
    assert codes[0] == -signal.SIGKILL and set(codes) <= {-signal.SIGKILL, 0}
    assert end(start(videos, out, encoder)) == 0
    assert there.items() <= stamps(out).items()
    assert sorted(path.name for path in out.iterdir() if path.name[0] != ".") == sorted([f"{id}{SUFFIX}" for id in ids] + [LEDGER])
    assert not list(out.glob(".*.part*"))
    for video_id in ids:
        assert contents(feature_path(out, video_id)) == contents(feature_path(undisturbed, video_id))
    assert sorted(entry.id for entry in read_ledger(out / LEDGER)) == ids, "each is done once"


def test_half_files_of_killed_runs_are_removed(videos, out, encoder):
    out.mkdir()
    half, other = out / ".clip_1.0123abcd.part.safetensors", out / ".somebody.safetensors"
    half.write_text("half")
    other.write_text("whole")
    run(videos, out, encoder)
    assert not half.exists() and other.exists()


# the command


@pytest.fixture
def momentor(monkeypatch, capsys):
    """Runs ``momentor extract``: exit code, standard output, lines of standard error."""
    if "extract" not in [registered.name or registered.callback.__name__ for registered in program.app.registered_commands]:
        both = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        both.registered_commands, both.registered_callback = list(program.app.registered_commands), program.app.registered_callback
        both.command()(command)
        monkeypatch.setattr(program, "app", both)

    def call(*arguments: object) -> tuple[int, str, list[str]]:
        code = program.main(["extract", *map(str, arguments)])
        printed = capsys.readouterr()
        return code, printed.out, printed.err.splitlines()

    return call


@pytest.fixture(scope="module")
def saved(parts, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    parts[0].save_pretrained(folder)
    parts[1].save_pretrained(folder)
    return folder


def test_the_command(momentor, videos, out, saved, encoder):
    code, printed, said = momentor(videos, out, "--model", saved)
    assert (code, printed, said) == (0, f"5 videos: 5 done, 0 skipped, 0 failed; features in {out}\n", [])
    read_features(feature_path(out, "clip_4"), encoder.expected(videos / "clip_4.mp4"))
    code, printed, said = momentor(videos, out, "--model", saved, "--json", "--workers", 1)
    document = json.loads(printed)
    assert (code, said) == (0, [])
    assert document == {
        "videos": str(videos),
        "out": str(out),
        "model": str(saved),
        "done": [],
        "skipped": [f"clip_{number}" for number in range(COUNT)],
        "failed": {},
    }


def test_the_command_with_failures(momentor, videos, out, saved):
    (videos / "empty.mp4").write_bytes(b"")
    write_features(feature_path(out, "clip_0"), uniform_features(np.ones((6, 12)), 1.0, "clip_0"))
    code, printed, said = momentor(videos, out, "--model", saved, "--json")
    document = json.loads(printed)
    assert code == 1 and sorted(document["failed"]) == ["clip_0", "empty"] and len(document["done"]) == 4
    [stale, empty] = sorted(said)
    assert (
        stale.startswith(f"momentor: clip_0: {feature_path(out, 'clip_0')} is stale: its encoder is not known") and "--overwrite" in stale
    )
    assert empty == f"momentor: empty: {videos / 'empty.mp4'} is empty (0 bytes)"
    code, printed, said = momentor(videos, out, "--model", saved, "--overwrite")
    assert (code, printed) == (1, f"6 videos: 1 done, 4 skipped, 1 failed; features in {out}\n")
    assert said == [empty]


def test_a_cut_off_video_is_used_with_a_warning(momentor, clips, out, tmp_path, saved):
    write_video(tmp_path / "whole.mp4", even_times(250), container_options={"movflags": "faststart"})
    cut_off(tmp_path / "whole.mp4", tmp_path / "cut.mp4")
    code, _, [warning] = momentor(tmp_path / "cut.mp4", out, "--model", saved)
    assert code == 0 and warning.startswith(f"momentor: warning: {tmp_path / 'cut.mp4'} is cut off")
    assert 3 < read_features(feature_path(out, "cut")).duration < 9


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["VIDEOS"], "Missing argument 'OUT'"),
        (["nowhere", "OUT"], "nowhere: no such folder or video"),
        (["EMPTY", "OUT"], "holds no video"),
        (["VIDEOS", "FILE"], "is a file; name a folder"),
        (["VIDEOS", "OUT", "--model", "huge"], "no model 'huge'"),
        (["VIDEOS", "OUT", "--model", "BROKEN"], "does not load"),
        (["VIDEOS", "OUT", "--workers", "0"], "--workers"),
        (["VIDEOS", "OUT", "--executor", "cloud"], "--executor"),
        (["TWICE", "OUT"], "rename one"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(momentor, clips, out, tmp_path, saved, arguments, says):
    places = {name: tmp_path / name.lower() for name in ("EMPTY", "FILE", "TWICE", "BROKEN")} | {"VIDEOS": clips, "OUT": out}
    places["EMPTY"].mkdir()
    places["FILE"].write_text("x")
    places["TWICE"].mkdir()
    (places["TWICE"] / "a.mp4").touch()
    (places["TWICE"] / "a.mkv").touch()
    shutil.copytree(saved, places["BROKEN"])
    cut_off(saved / "model.safetensors", places["BROKEN"] / "model.safetensors")
    code, printed, said = momentor(*(places.get(argument, argument) for argument in arguments))
    assert (code, printed) == (2, "") and len(said) == 1, said
    assert says in said[0] and said[0].startswith("momentor: ")
    assert not out.exists()

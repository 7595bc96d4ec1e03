"""How extraction runs: overlapping, in other processes, killed, and as a command."""

from __future__ import annotations

import json
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import typer
from extractions import COUNT, contents, run, stamps, write_clips
from make_videos import cut_off, even_times, write_video
from tiny_models import build_tiny

from momentor_lib import extract as module
from momentor_lib.cli import app as program
from momentor_lib.cli.extract import extract as command
from momentor_lib.data.features import SUFFIX, feature_path, read_features, uniform_features, write_features
from momentor_lib.extract import LEDGER, Extraction, FrameEncoder, find_videos
from momentor_lib.jobs import read_ledger
from momentor_lib.video import load_video

KILLS = 20
ALONE = "MOMENTOR_TEST_ALONE"  # in the environment of a process that runs nothing else


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
def test_killed_at_random_in_a_process_of_its_own():
    """A copy of this process, in which other tests have left threads, could wait for ever for a lock that one of them holds."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"{__file__}::test_killed_at_random"]
    alone = os.environ | {ALONE: "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=alone, cwd=Path(__file__).parents[1])
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout[-3000:]


@pytest.mark.skipif(ALONE not in os.environ, reason="run by the test above, in a process of its own")
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

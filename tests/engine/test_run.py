"""How the engine runs: resumed, killed, in several processes, on Ray, on bad files, and as a command."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from engine.dying import KillsItself
from make_videos import cut_off

from momentor_lib.cli import app as program
from momentor_lib.engine import run as module
from momentor_lib.engine.pipeline import STEPS, VideoRun
from momentor_lib.engine.run import generate
from momentor_lib.engine.settings import Settings
from momentor_lib.jobs import read_ledger
from momentor_lib.toy.words import SHAPES

KILLS = 20
ALONE = "MOMENTOR_TEST_ALONE"  # in the environment of a process that runs nothing else


def contents(out: Path) -> dict[str, bytes]:
    """Everything that was made, but for the ledger, whose order of lines follows the clock."""
    files = [path for path in sorted(out.rglob("*")) if path.is_file() and "ledger" not in path.name]
    return {str(path.relative_to(out)): path.read_bytes() for path in files}


def test_what_is_there(made, scripts):
    names = set(contents(made))
    steps = {f"{script.id}/{step}.json" for script in scripts for step in STEPS}
    assert names == steps | {"engine.json", "moment10m.json", "gesm.json", "report.html"}
    assert all(b"\n" in content for name, content in contents(made).items() if name in steps), "a person can read them"


def test_again_nothing_is_done(made, videos, monkeypatch):
    before = contents(made)
    monkeypatch.setattr(VideoRun, "run", lambda self: pytest.fail("it is done already"))
    outcome = generate(videos, made, progress=False)
    assert not outcome.done and len(outcome.skipped) == 3 and contents(made) == before


@pytest.mark.parametrize("step", STEPS)
def test_a_missing_step_is_made_again_and_only_what_follows(made, videos, tmp_path, step, monkeypatch):
    out = Path(shutil.copytree(made, tmp_path / "out"))
    video_id = sorted(path.stem for path in videos.iterdir())[0]
    later = STEPS[STEPS.index(step) :]
    for name in later:
        (out / video_id / f"{name}.json").unlink()
    if step != "tracks":
        monkeypatch.setattr(VideoRun, "_find_tracks", lambda self: pytest.fail("the tracks are there"))
    outcome = generate(videos, out, progress=False)
    assert outcome.done == [video_id] and contents(out) == contents(made)


def test_two_workers_make_the_same(made, videos, tmp_path):
    assert not generate(videos, tmp_path / "out", workers=2, progress=False).failed
    assert contents(tmp_path / "out") == contents(made)


def test_ray_makes_the_same_also_when_a_worker_is_killed(made, videos, tmp_path, monkeypatch):
    ray = pytest.importorskip("ray", reason='Ray is not installed: pip install "momentor[ray]"')
    monkeypatch.setattr(module, "Generation", KillsItself)
    monkeypatch.setenv("MOMENTOR_TEST_MARK", str(tmp_path / "mark"))
    here = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(here))  # of Ray's workers
    outcome = generate(videos, tmp_path / "out", workers=2, executor="ray", progress=False)
    assert (tmp_path / "mark").exists() and not outcome.failed and not ray.is_initialized()
    entries = [entry.id for entry in read_ledger(tmp_path / "out" / "ledger.jsonl")]
    assert sorted(entries) == sorted(set(entries)) and len(entries) == 3, "nothing twice"
    assert contents(tmp_path / "out") == contents(made)


def test_a_bad_video_is_reported_and_the_others_are_made(made, videos, tmp_path, scripts):
    folder = Path(shutil.copytree(videos, tmp_path / "videos"))
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "noise.mp4").write_bytes(bytes(range(256)) * 40)
    outcome = generate(folder, tmp_path / "out", progress=False)
    assert set(outcome.failed) == {"empty", "noise"} and len(outcome.done) == 3
    for name in ("moment10m.json", "gesm.json"):
        assert (tmp_path / "out" / name).read_bytes() == (made / name).read_bytes()
    page = (tmp_path / "out" / "report.html").read_text()
    assert "2 failed" in page and "empty.mp4 is empty" in page and all(script.id in page for script in scripts)


def test_results_of_other_settings_are_not_mixed(made, videos):
    with pytest.raises(ValueError, match="results of other settings: name another folder"):
        generate(videos, made, settings=Settings(sigma=0.5), progress=False)


def test_a_damaged_step_is_named(made, videos, tmp_path):
    out = Path(shutil.copytree(made, tmp_path / "out"))
    video = min(videos.iterdir())
    (out / video.stem / "matrix.json").write_text('{"video_id": 3')
    (out / video.stem / "instructions.json").unlink()
    outcome = generate(videos, out, progress=False, retries=0)
    assert "matrix.json is damaged" in outcome.failed[video.stem] and "delete it" in outcome.failed[video.stem]


def test_the_report_shows_every_boundary_track_and_type(made, scripts):
    page = (made / "report.html").read_text()
    for script in scripts:
        kept = json.loads((made / script.id / "boundaries.json").read_text())["kept"]
        tracks = json.loads((made / script.id / "tracks.json").read_text())
        part = page[page.index(f"<h2>{script.id}</h2>") :].split("</section>")[0]
        assert part.count("<line ") == len(kept) and part.count('text-anchor="end"') == len(tracks)
        assert "instance_qa_data" in part and "data:image/jpeg" in part
    assert "offline backend" in page and "<script" not in page and "http" not in page.replace("http-equiv", "")


# killed


@pytest.mark.skipif(sys.platform != "linux", reason="copies of a process with torch in it are safe on Linux only")
def test_killed_at_random_in_a_process_of_its_own():
    """A copy of this process, in which other tests have left threads, could wait for ever for a lock that one of them holds."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"{__file__}::test_killed_at_random"]
    alone = os.environ | {ALONE: "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, env=alone, cwd=Path(__file__).parents[2])
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout[-3000:]


@pytest.mark.skipif(ALONE not in os.environ, reason="run by the test above, in a process of its own")
def test_killed_at_random(made, videos, tmp_path):
    """Twenty times, each after another while; then once undisturbed. The same bytes, and no half file is left."""
    out, rng, kills = tmp_path / "out", random.Random(0), 0
    for _ in range(10 * KILLS):
        if kills == KILLS:
            break
        child = os.fork()
        if child == 0:
            try:
                generate(videos, out, progress=False)
            finally:
                os._exit(0)
        time.sleep(rng.uniform(0.02, 0.5))
        os.kill(child, signal.SIGKILL)
        kills += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        if (out / "report.html").exists():
            shutil.rmtree(out)  # it came to its end: from the beginning
    assert kills == KILLS
    assert not generate(videos, out, progress=False).failed
    assert contents(out) == contents(made)


# real videos


@pytest.mark.parametrize(("name", "fewest", "most"), [("nasa_13013.mp4", 2, 30), ("3MSZA.mp4", 1, 20)])
def test_a_real_video_runs_through(real_data, tmp_path, name, fewest, most):
    outcome = generate(real_data / "videos" / name, tmp_path, progress=False)
    [video_id] = outcome.done
    kept = json.loads((tmp_path / video_id / "boundaries.json").read_text())["kept"]
    assert fewest <= len(kept) <= most
    cuts = [boundary["time"] for boundary in kept if boundary["kind"] == "cut"]
    assert cuts == pytest.approx({"nasa_13013": [5.1, 8.1], "3MSZA": []}[video_id], abs=0.15), "as one sees them"
    assert video_id in (tmp_path / "report.html").read_text()
    names = {track["name"] for track in json.loads((tmp_path / video_id / "tracks.json").read_text())}
    assert not any(shape in name for name in names for shape in SHAPES), "no toy shape is seen where there is none"


# the command


@pytest.fixture
def momentor(capsys):
    def call(*arguments: object) -> tuple[int, str, list[str]]:
        code = program.main(["engine", *map(str, arguments)])
        printed = capsys.readouterr()
        return code, printed.out, [line for line in printed.err.splitlines() if line.startswith("momentor: ")]

    return call


def test_the_command(momentor, made, videos):
    code, printed, said = momentor(videos, made)
    assert code == 0 and printed == f"3 videos: 0 done, 3 skipped, 0 failed; moment10m.json, gesm.json and report.html in {made}\n"
    assert len(said) == 1 and "made by the offline backend" in said[0]
    code, printed, _ = momentor(videos, made, "--json")
    document = json.loads(printed)
    assert code == 0 and document["backends"] == "offline" and len(document["skipped"]) == 3


def test_the_command_with_a_bad_video(momentor, videos, tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    cut_off(min(videos.iterdir()), folder / "half.mp4")
    (folder / "empty.mp4").write_bytes(b"")
    code, printed, said = momentor(folder, tmp_path / "out", "--json")
    assert code == 1 and "empty" in json.loads(printed)["failed"]
    assert any("empty.mp4 is empty" in line for line in said)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["VIDEOS"], "Missing argument 'OUT'"),
        (["nowhere", "OUT"], "nowhere: no such folder or video"),
        (["EMPTY", "OUT"], "holds no video"),
        (["VIDEOS", "FILE"], "is a file; name a folder"),
        (["VIDEOS", "OUT", "--backends", "mine"], "--backends"),
        (["VIDEOS", "OUT", "--workers", "0"], "--workers"),
        (["VIDEOS", "OUT", "--executor", "cloud"], "--executor"),
        (["VIDEOS", "OUT", "--model", "writer=x"], "belongs to --backends paper"),
        (["VIDEOS", "OUT", "--backends", "paper", "--model", "writer"], "is not PART=M"),
        (["VIDEOS", "OUT", "--backends", "paper", "--model", "painter=x"], "no part 'painter'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(momentor, videos, tmp_path, arguments, says):
    places = {"VIDEOS": videos, "OUT": tmp_path / "out", "EMPTY": tmp_path / "empty", "FILE": tmp_path / "file"}
    places["EMPTY"].mkdir()
    places["FILE"].write_text("x")
    code, printed, said = momentor(*(places.get(argument, argument) for argument in arguments))
    assert (code, printed) == (2, "") and len(said) == 1, said
    assert says in said[0] and not places["OUT"].exists()

"""The runner: what it does once, tries again, gives up and keeps, whatever kills it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from momentor_lib.jobs import Entry, GiveUp, read_ledger, run_jobs

WAYS = {"here": {"workers": 1}, "threads": {"workers": 3, "threads": True}, "processes": {"workers": 2}}
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def square(id: str, argument: int) -> dict:
    return {"square": argument**2}


def note(id: str, folder: Path) -> dict:
    """Leaves a line for every call."""
    with open(folder / id, "a") as file:
        file.write(f"{os.getpid()}\n")
    return {}


def calls(folder: Path, id: str) -> int:
    return len((folder / id).read_text().splitlines()) if (folder / id).exists() else 0


def fail_twice(id: str, folder: Path) -> dict:
    note(id, folder)
    if id == "flaky" and calls(folder, id) < 3:
        raise OSError("the line is\nbusy")
    if id == "broken":
        raise KeyError("never")
    if id == "gone":
        raise GiveUp("it was taken away")
    return {"calls": calls(folder, id)}


def die(id: str, folder: Path) -> dict:
    """``dies_once`` and ``dies`` kill their process, as a machine out of memory does."""
    note(id, folder)
    if id == "dies" or (id == "dies_once" and calls(folder, id) == 1):
        os.kill(os.getpid(), signal.SIGKILL)
    return {}


def no_wait(seconds: float) -> None:
    assert seconds > 0


def lines(ledger: Path) -> list[dict]:
    return [json.loads(line) for line in ledger.read_text().splitlines()]


@each_way
def test_every_item_is_done_once_and_has_one_whole_line(tmp_path, way):
    ledger = tmp_path / "new" / "ledger.jsonl"
    outcome = run_jobs(square, {str(i): i for i in range(20)}, ledger, **way)
    assert sorted(outcome.done, key=int) == [str(i) for i in range(20)]
    assert (outcome.failed, outcome.skipped) == ({}, [])
    assert {entry["id"]: entry["facts"]["square"] for entry in lines(ledger)} == {str(i): i**2 for i in range(20)}
    assert lines(ledger)[0].keys() == {"status", "id", "reason", "attempts", "facts"}
    assert [entry.status for entry in read_ledger(ledger)] == ["done"] * 20


@each_way
def test_what_is_done_is_skipped_and_what_failed_is_tried_again(tmp_path, way):
    ledger = tmp_path / "ledger.jsonl"
    items = dict.fromkeys(("fine", "gone"), tmp_path)
    first = run_jobs(fail_twice, items, ledger, **way)
    assert (first.done, first.failed) == (["fine"], {"gone": "it was taken away"})
    second = run_jobs(note, items | {"new": tmp_path}, ledger, **way)
    assert (sorted(second.done), second.skipped) == (["gone", "new"], ["fine"])
    assert [calls(tmp_path, id) for id in ("fine", "gone", "new")] == [1, 2, 1]
    third = run_jobs(note, items, ledger, **way)
    assert (third.done, third.failed, third.skipped) == ([], {}, ["fine", "gone"])


@each_way
def test_errors_are_tried_again_and_giving_up_is_not(tmp_path, way):
    ledger = tmp_path / "ledger.jsonl"
    outcome = run_jobs(fail_twice, dict.fromkeys(("flaky", "broken", "gone", "fine"), tmp_path), ledger, sleep=no_wait, **way)
    assert sorted(outcome.done) == ["fine", "flaky"]
    assert outcome.failed == {"broken": "KeyError: 'never'", "gone": "it was taken away"}
    assert {entry["id"]: entry["attempts"] for entry in lines(ledger)} == {"flaky": 3, "broken": 3, "gone": 1, "fine": 1}
    assert {id: calls(tmp_path, id) for id in ("flaky", "broken", "gone")} == {"flaky": 3, "broken": 3, "gone": 1}


def test_the_wait_doubles(tmp_path):
    waits: list[float] = []
    run_jobs(fail_twice, {"broken": tmp_path}, tmp_path / "ledger", retries=4, backoff=0.5, sleep=waits.append)
    assert waits == [0.5, 1.0, 2.0, 4.0]
    waits.clear()
    run_jobs(fail_twice, {"broken": tmp_path}, tmp_path / "ledger", retries=0, sleep=waits.append)
    assert waits == []


def test_a_reason_is_one_line(tmp_path):
    outcome = run_jobs(fail_twice, {"flaky": tmp_path}, tmp_path / "ledger", retries=0)
    assert outcome.failed == {"flaky": "the line is busy"}


def test_is_done_looks_at_what_the_entry_promises(tmp_path):
    ledger, items = tmp_path / "ledger", {"2": 2, "3": 3}
    run_jobs(square, items, ledger)
    seen: list[Entry] = []

    def is_done(id: str, entry: Entry) -> bool:
        seen.append(entry)
        return entry.facts["square"] == 4

    outcome = run_jobs(square, items, ledger, is_done=is_done)
    assert (outcome.skipped, outcome.done) == (["2"], ["3"])
    assert [(entry.id, entry.facts) for entry in seen] == [("2", {"square": 4}), ("3", {"square": 9})]


@pytest.mark.parametrize("facts", [{"a": {1, 2}}, {"a": float("nan")}, [1], None])
def test_facts_that_json_cannot_hold_fail_the_job_and_no_other(tmp_path, facts):
    outcome = run_jobs(lambda id, argument: argument, {"bad": facts, "good": {}}, tmp_path / "ledger", sleep=no_wait)
    assert outcome.done == ["good"]
    assert "the work" in outcome.failed["bad"]


def test_any_id_and_fact_comes_back(tmp_path):
    ids = ['"', "a\nb", "\ud800", "Hände", "", " ", "{}"]
    for _ in range(2):
        outcome = run_jobs(lambda id, argument: {id: id}, dict.fromkeys(ids), tmp_path / "ledger")
    assert outcome.skipped == ids
    assert [entry.facts for entry in read_ledger(tmp_path / "ledger")] == [{id: id} for id in ids]


# the file


@pytest.mark.parametrize("cut", [1, 2, 10, 40, 60])
def test_a_torn_last_line_is_taken_out_and_its_job_done_again(tmp_path, cut):
    ledger = tmp_path / "ledger"
    run_jobs(square, {"1": 1, "2": 2}, ledger)
    whole = ledger.read_bytes()
    first = whole.splitlines(keepends=True)[0]
    ledger.write_bytes(whole[:-cut])
    assert [entry.id for entry in read_ledger(ledger)] == ["1"]
    outcome = run_jobs(square, {"1": 1, "2": 2}, ledger)
    assert (outcome.skipped, outcome.done) == (["1"], ["2"])
    assert ledger.read_bytes() == whole
    ledger.write_bytes(first[:-cut])
    assert run_jobs(square, {"1": 1, "2": 2}, ledger).done == ["1", "2"]
    assert ledger.read_bytes() == whole


OTHER_FILES = [
    b'{"abcdefghijk": {"qa_data": []}}',
    b"[1, 2]\n",
    b"\x00\x01",
    b'{"id": "a"}\n',
    b'{"status": "odd", "id": "a"}\n',
    b'{"status": "done", "id": 3}\n',
    b'{"status": "done", "id": "a", "more": 1}\n',
    b"[" * 100_000 + b"\n",
]


@pytest.mark.parametrize("content", OTHER_FILES, ids=range(len(OTHER_FILES)))
def test_a_file_that_is_no_ledger_is_refused_and_kept(tmp_path, content):
    path = tmp_path / "annotations.json"
    path.write_bytes(content)
    for use in (lambda: run_jobs(square, {"1": 1}, path), lambda: list(read_ledger(path))):
        with pytest.raises(ValueError, match=r"annotations\.json, line 1"):
            use()
    assert path.read_bytes() == content


def test_a_second_run_of_a_ledger_is_refused_while_the_first_lives(tmp_path):
    ledger = tmp_path / "ledger"

    def again(id: str, argument: None) -> dict:
        with pytest.raises(OSError, match="another run"):
            run_jobs(square, {"1": 1}, ledger)
        return {}

    assert run_jobs(again, {"outer": None}, ledger).done == ["outer"]
    assert run_jobs(square, {"1": 1}, ledger).done == ["1"]


@pytest.mark.skipif(sys.platform == "win32", reason="limits a file's size as POSIX systems can")
def test_a_full_disk_is_told_and_leaves_whole_lines(tmp_path):
    import resource

    ledger = tmp_path / "ledger"
    items = {str(i): i for i in range(5)}
    run_jobs(square, {"0": 0}, ledger)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ledger.stat().st_size * 5 // 2, before[1]))
    try:
        with pytest.raises(OSError, match="disk full"):
            run_jobs(square, items, ledger)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [entry["id"] for entry in lines(ledger)] == ["0", "1"]
    assert run_jobs(square, items, ledger).done == ["2", "3", "4"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"workers": 0}, "workers"),
        ({"retries": -1}, "retries"),
        ({"executor": "dask"}, "local and ray"),
    ],
)
def test_wrong_arguments(tmp_path, arguments, says):
    with pytest.raises(ValueError, match=says):
        run_jobs(square, {"1": 1}, tmp_path / "ledger", **arguments)
    assert not list(tmp_path.iterdir())


def test_the_bar_tells_how_far_it_is_and_what_failed(tmp_path, capsys, monkeypatch):
    run_jobs(fail_twice, dict.fromkeys(("fine", "gone"), tmp_path), tmp_path / "ledger", description="measure")
    assert capsys.readouterr() == ("", "")  # no terminal, no bar
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    run_jobs(fail_twice, dict.fromkeys(("fine", "gone", "new"), tmp_path), tmp_path / "ledger", description="measure")
    printed = capsys.readouterr()
    assert printed.out == ""
    last = printed.err.rstrip("\n").split("\r")[-1]
    assert "measure: 100%" in last
    assert "3/3" in last
    assert "1 failed" in last
    run_jobs(square, {"1": 1}, tmp_path / "ledger", progress=False)
    assert capsys.readouterr().err == ""


# many


class Endless(Mapping):
    """Items that are made when they are asked for, counting how many stand at once."""

    def __init__(self, count: int) -> None:
        self.count, self.taken, self.ended, self.most = count, 0, 0, 0

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[str]:
        return map(str, range(self.count))

    def __getitem__(self, id: str) -> int:
        self.taken += 1
        self.most = max(self.most, self.taken - self.ended)
        return int(id)

    def work(self, id: str, argument: int) -> dict:
        self.ended += 1
        return {}


@pytest.mark.parametrize("way", [WAYS["here"], WAYS["threads"]], ids=["here", "threads"])
def test_only_a_few_jobs_are_handed_out_at_a_time(tmp_path, way):
    items = Endless(2000)
    assert len(run_jobs(items.work, items, tmp_path / "ledger", **way).done) == 2000
    assert items.most <= 8


# processes


def test_a_job_that_kills_its_process_fails_and_the_run_goes_on(tmp_path):
    items = dict.fromkeys(("a", "b", "dies", "c", "dies_once", "d", "e"), tmp_path)
    outcome = run_jobs(die, items, tmp_path / "ledger", workers=2, retries=1, sleep=no_wait)
    assert sorted(outcome.done) == ["a", "b", "c", "d", "dies_once", "e"]
    assert list(outcome.failed) == ["dies"]
    assert "killed" in outcome.failed["dies"]
    assert sorted(entry["id"] for entry in lines(tmp_path / "ledger")) == sorted(items)


def test_work_that_processes_cannot_be_given_is_refused(tmp_path):
    with pytest.raises(ValueError, match="module's own function"):
        run_jobs(lambda id, argument: {}, {"1": 1}, tmp_path / "ledger", workers=2)
    script = "from momentor_lib.jobs import run_jobs\ndef work(i, a): return {}\nrun_jobs(work, {'1': 1}, 'ledger', workers=2)\n"
    (tmp_path / "script.py").write_text(script)
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert "if __name__ == '__main__':" in done.stderr.splitlines()[-1]


# stops


def test_an_interrupt_leaves_the_ledger_right(tmp_path):
    def work(id: str, argument: int) -> dict:
        if argument == 3:
            raise KeyboardInterrupt
        return square(id, argument)

    items = {str(i): i for i in range(6)}
    with pytest.raises(KeyboardInterrupt):
        run_jobs(work, items, tmp_path / "ledger")
    assert [entry["id"] for entry in lines(tmp_path / "ledger")] == ["0", "1", "2"]
    assert run_jobs(square, items, tmp_path / "ledger").done == ["3", "4", "5"]


def test_an_interrupt_tells_threads_and_keeps_what_they_finish(tmp_path, interruptible, monkeypatch):
    start = threading.Thread.start  # slow, so that the interrupt falls into the last one's
    monkeypatch.setattr(threading.Thread, "start", lambda thread: (start(thread), time.sleep(0.2)))
    told, under_way = threading.Event(), threading.Barrier(3)

    def work(id: str, argument: int) -> dict:
        under_way.wait(300)
        if argument == 0:
            signal.raise_signal(signal.SIGINT)
        told.wait(300)
        if argument == 1:
            raise GiveUp("stopped")
        time.sleep(0.5 * (argument == 2))
        return {}

    with pytest.raises(KeyboardInterrupt):
        run_jobs(work, {str(i): i for i in range(9)}, tmp_path / "ledger", workers=3, threads=True, on_interrupt=told.set)
    assert sorted((entry["id"], entry["status"]) for entry in lines(tmp_path / "ledger")) == [("0", "done"), ("2", "done")]


PARENT = """
import signal
import sys
from pathlib import Path
from test_jobs import linger
from momentor_lib.jobs import run_jobs
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that starts tests in the background has it ignored
    folder, count, workers = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    outcome = run_jobs(linger, {str(i): folder for i in range(count)}, folder / "ledger", workers=workers, threads=len(sys.argv) > 4)
    print(len(outcome.done), len(outcome.skipped))
"""


def linger(id: str, folder: Path) -> dict:
    """A line when it begins and, where it is not stopped, one when it ends."""
    note(f"began-{id}", folder)
    time.sleep(0.02 if (folder / "quick").exists() else 600)
    note(f"ended-{id}", folder)
    return {}


def start(tmp_path: Path, *arguments: str) -> subprocess.Popen:
    (tmp_path / "parent.py").write_text(PARENT)
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])
    command = [sys.executable, str(tmp_path / "parent.py"), str(tmp_path), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": paths})


def until(condition) -> None:
    limit = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < limit, "it never came"
        time.sleep(0.01)


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes in /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_worker_processes_end_with_the_run(tmp_path, how):
    parent = start(tmp_path, "4", "2")
    until(lambda: len(list(tmp_path.glob("began-*"))) == 2)
    workers = [int(path.read_text()) for path in tmp_path.glob("began-*")]
    assert all(is_alive(worker) for worker in workers)
    parent.send_signal(how)
    parent.communicate(timeout=300)
    until(lambda: not any(is_alive(worker) for worker in workers))
    assert (tmp_path / "ledger").read_bytes() == b""


@pytest.mark.parametrize(("kills", "arguments"), [(20, ["40", "3", "threads"]), (5, ["40", "2"])], ids=["threads", "processes"])
def test_killed_at_random_nothing_is_lost_or_repeated(tmp_path, kills, arguments):
    (tmp_path / "quick").touch()
    dice = random.Random(5)
    for _ in range(kills):
        before = len(list(tmp_path.glob("began-*")))
        parent = start(tmp_path, *arguments)
        until(lambda before=before, parent=parent: len(list(tmp_path.glob("began-*"))) > before or parent.poll() is not None)
        time.sleep(dice.uniform(0, 0.05))
        parent.kill()
        parent.communicate()
    told = {entry.id: calls(tmp_path, f"began-{entry.id}") for entry in read_ledger(tmp_path / "ledger")}
    last = start(tmp_path, *arguments)
    assert last.communicate(timeout=300)[0] == f"{40 - len(told)} {len(told)}\n"
    entries = lines(tmp_path / "ledger")
    assert sorted(int(entry["id"]) for entry in entries) == list(range(40))
    assert all(calls(tmp_path, f"ended-{entry['id']}") >= 1 for entry in entries)
    assert {id: calls(tmp_path, f"began-{id}") for id in told} == told


# Ray


def test_without_ray_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError, match=r'pip install "momentor\[ray\]"'):
        run_jobs(square, {"1": 1}, tmp_path / "ledger", executor="ray")


@pytest.fixture(scope="module")
def ray():
    return pytest.importorskip("ray", reason='Ray is not installed: pip install "momentor[ray]"')


def test_ray_does_every_job_once_and_outlives_its_workers(tmp_path, ray):
    items = dict.fromkeys(("a", "dies_once", "b", "dies", "c"), tmp_path)
    outcome = run_jobs(die, items, tmp_path / "ledger", executor="ray", workers=2, retries=1)
    assert sorted(outcome.done) == ["a", "b", "c", "dies_once"]
    assert "Ray worker died" in outcome.failed["dies"]
    assert sorted(entry["id"] for entry in lines(tmp_path / "ledger")) == sorted(items)
    assert [calls(tmp_path, id) for id in items] == [1, 2, 1, 2, 1]
    again = run_jobs(die, items, tmp_path / "ledger", executor="ray", workers=2, retries=0)
    assert (sorted(again.skipped), list(again.failed)) == (["a", "b", "c", "dies_once"], ["dies"])
    assert not ray.is_initialized()

"""Videos and annotation files from a server on loopback that serves, breaks off, delays and refuses."""

from __future__ import annotations

import hashlib
import io
import os
import random
import signal
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from pathlib import Path

import pytest
from loopback import SIZE, Server, content, serving

from momentor_lib.data import download
from momentor_lib.data.annotations import DATA_SETS, DataSet, download_annotations, unpack
from momentor_lib.data.download import download_videos, watch_address
from momentor_lib.jobs import GiveUp, read_ledger

IDS = ["-bcdefghij0", "_bcdefghij1", "abcdefghij2"]
HOSTILE = ["../../../etc", "/etc/passwd", "a b; rm -rf", "$(touch me)", "abcdefghij", "abcdefghijkl", "abcdefghij\n", "äbcdefghijk", ""]


@pytest.fixture
def server():
    with serving() as running:
        yield running


def fetch(server: Server, folder: Path, ids: list[str], kind: str = "fine", **options: object):
    options = {"sleep": lambda seconds: None, "progress": False, "retries": 2} | options
    return download_videos(ids, folder, address_of=lambda id: server.address(f"{kind}/{id}.mp4"), **options)


def is_right(folder: Path, id: str, kind: str = "fine") -> bool:
    return (folder / f"{id}.mp4").read_bytes() == content(f"{kind}/{id}.mp4")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


# videos


@pytest.mark.parametrize("workers", [1, 3])
def test_videos_come_whole_and_once(server, tmp_path, workers):
    folder = tmp_path / "new" / "100% of it"
    assert sorted(fetch(server, folder, IDS, workers=workers).done) == IDS
    assert all(is_right(folder, id) for id in IDS)
    assert names(folder) == sorted([f"{id}.mp4" for id in IDS] + ["ledger.jsonl"])
    for entry in read_ledger(folder / "ledger.jsonl"):
        body = content(f"fine/{entry.id}.mp4")
        assert (entry.status, entry.reason) == ("done", "")
        assert entry.facts == {"bytes": SIZE, "sha256": hashlib.sha256(body).hexdigest()}
    server.asked.clear()
    outcome = fetch(server, folder, IDS, workers=workers)
    assert (outcome.skipped, outcome.done, server.asked) == (IDS, [], [])


@pytest.mark.parametrize("id", HOSTILE)
def test_an_id_of_another_form_is_refused_before_anything(server, tmp_path, id):
    folder = tmp_path / "a" / "b" / "c"
    outcome = fetch(server, folder, [id, IDS[0]])
    assert outcome.done == [IDS[0]]
    assert outcome.failed[id].startswith("not the id of a YouTube video")
    assert {asked for asked, _ in server.asked} == {f"fine/{IDS[0]}.mp4"}
    assert names(tmp_path) == ["a"]
    assert names(folder) == [f"{IDS[0]}.mp4", "ledger.jsonl"]


def test_a_ledger_cannot_vouch_for_another_file(server, tmp_path):
    (tmp_path / "secret.mp4").write_text("1")
    (tmp_path / "in").mkdir()
    line = '{"status": "done", "id": "../secret", "reason": "", "attempts": 1, "facts": {"bytes": 1}}\n'
    (tmp_path / "in" / "ledger.jsonl").write_text(line)
    assert list(fetch(server, tmp_path / "in", ["../secret"]).failed) == ["../secret"]


def test_a_download_that_breaks_off_is_gone_on_with(server, tmp_path):
    assert fetch(server, tmp_path, IDS[:1], "breaks").done == IDS[:1]
    assert is_right(tmp_path, IDS[0], "breaks")
    ranges = [span for _, span in server.asked if span]
    assert ranges
    assert all(int(span.removeprefix("bytes=").rstrip("-")) > 0 for span in ranges)
    [entry] = read_ledger(tmp_path / "ledger.jsonl")
    assert 2 <= entry.attempts <= 3


def test_the_next_run_goes_on_with_a_half_file(server, tmp_path):
    assert list(fetch(server, tmp_path, IDS[:1], "breaks", retries=0).failed) == IDS[:1]
    [half] = (tmp_path / ".half").iterdir()
    assert 0 < half.stat().st_size < SIZE
    assert names(tmp_path) == [".half", "ledger.jsonl"]
    server.asked.clear()
    for _ in range(3):
        outcome = fetch(server, tmp_path, IDS[:1], "breaks", retries=0)
    assert outcome.skipped == IDS[:1]
    assert any(span for _, span in server.asked)
    assert is_right(tmp_path, IDS[0], "breaks")
    assert names(tmp_path) == [f"{IDS[0]}.mp4", "ledger.jsonl"]


@pytest.mark.parametrize(
    ("left", "suffix"),
    [(0, ".part"), (SIZE - 1, ".part"), (SIZE, ".part"), (SIZE, "")],
    ids=["nothing", "all but a byte", "all", "all, renamed"],
)
def test_whatever_a_kill_left_the_next_run_ends_it(server, tmp_path, left, suffix):
    """The third one yt-dlp itself would never get on from."""
    fetch(server, tmp_path, IDS[:1], "breaks", retries=0)
    [half] = (tmp_path / ".half").iterdir()
    half.replace(half.with_name(half.name.removesuffix(".part") + suffix)).write_bytes(content(f"fine/{IDS[0]}.mp4")[:left])
    assert fetch(server, tmp_path, IDS[:1]).done == IDS[:1]
    assert is_right(tmp_path, IDS[0])
    assert names(tmp_path) == [f"{IDS[0]}.mp4", "ledger.jsonl"]


@pytest.mark.parametrize(("status", "tries"), [(404, 1), (410, 1), (403, 3), (429, 3), (503, 3)])
def test_a_refusal_is_told_and_tried_again_where_that_may_help(server, tmp_path, status, tries):
    waits: list[float] = []
    outcome = fetch(server, tmp_path, IDS[:1], str(status), sleep=waits.append, backoff=5.0)
    assert str(status) in outcome.failed[IDS[0]]
    assert "\x1b" not in outcome.failed[IDS[0]]
    assert (len(server.asked), waits) == (tries, [5.0, 10.0][: tries - 1])
    assert names(tmp_path) == ["ledger.jsonl"]


def test_a_server_that_is_not_there_is_tried_again(tmp_path):
    waits: list[float] = []
    outcome = download_videos(IDS[:1], tmp_path, address_of=lambda id: "http://127.0.0.1:1/v.mp4", sleep=waits.append, progress=False)
    assert list(outcome.failed) == IDS[:1]
    assert waits == [2.0, 4.0, 8.0, 16.0]


@pytest.mark.filterwarnings("ignore:yt-dlp")
def test_a_page_that_is_no_video_is_not_tried_again(server, tmp_path):
    server.files["page.html"] = b"<html><body>no video here</body></html>"
    waits: list[float] = []
    outcome = download_videos(IDS[:1], tmp_path, address_of=lambda id: server.address("page.html"), sleep=waits.append, progress=False)
    assert "Unsupported URL" in outcome.failed[IDS[0]]
    assert waits == []


def test_one_that_fails_stops_no_other(server, tmp_path):
    kinds = dict(zip(IDS, ("404", "fine", "breaks"), strict=True))
    outcome = download_videos(
        IDS, tmp_path, address_of=lambda id: server.address(f"{kinds[id]}/{id}.mp4"), sleep=lambda _: None, progress=False
    )
    assert (sorted(outcome.done), list(outcome.failed)) == (IDS[1:], IDS[:1])


def test_files_from_elsewhere_are_kept_and_noted(server, tmp_path):
    (tmp_path / f"{IDS[0]}.mp4").write_bytes(b"by the old script")
    (tmp_path / f"{IDS[1]}.mp4").touch()
    assert sorted(fetch(server, tmp_path, IDS[:2]).done) == IDS[:2]
    assert (tmp_path / f"{IDS[0]}.mp4").read_bytes() == b"by the old script"
    assert is_right(tmp_path, IDS[1])
    facts = {entry.id: entry.facts for entry in read_ledger(tmp_path / "ledger.jsonl")}
    assert facts[IDS[0]] == {"bytes": 17, "sha256": hashlib.sha256(b"by the old script").hexdigest(), "found": True}
    assert "found" not in facts[IDS[1]]


def test_a_file_that_was_cut_or_taken_away_is_fetched_again(server, tmp_path):
    fetch(server, tmp_path, IDS)
    (tmp_path / f"{IDS[0]}.mp4").unlink()
    (tmp_path / f"{IDS[1]}.mp4").write_bytes(b"cut")
    outcome = fetch(server, tmp_path, IDS)
    assert (sorted(outcome.done), outcome.skipped) == (IDS[:2], IDS[2:])
    assert all(is_right(tmp_path, id) for id in IDS)


def test_an_interrupt_stops_what_is_under_way_and_the_next_run_ends_it(server, tmp_path, monkeypatch, interruptible):
    stops: list[threading.Event] = []

    class Downloads(download._Downloads):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)
            stops.append(self.stop)

    def interrupt() -> None:
        server.halfway.wait(300)
        os.kill(os.getpid(), signal.SIGINT)
        stops[0].wait(300)
        server.gate.set()

    monkeypatch.setattr(download, "_Downloads", Downloads)
    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        fetch(server, tmp_path, IDS, "slow", workers=2)
    assert not list(tmp_path.glob("*.mp4"))
    assert (tmp_path / "ledger.jsonl").read_bytes() == b""
    assert sorted(fetch(server, tmp_path, IDS, "slow").done) == IDS
    assert all(is_right(tmp_path, id, "slow") for id in IDS)
    assert any(span for _, span in server.asked)


def test_the_address_is_the_watch_page():
    assert watch_address("-bcdefghij0") == "https://www.youtube.com/watch?v=-bcdefghij0"


def test_without_yt_dlp_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "yt_dlp", None)
    with pytest.raises(ValueError, match=r'pip install "momentor\[download\]"'):
        download_videos(IDS, tmp_path / "new")
    assert not list(tmp_path.iterdir())


CHILD = """
import sys
from momentor_lib.data.download import download_videos
folder, port, count = sys.argv[1:]
ids = [f"video-{i:05}" for i in range(int(count))]
download_videos(ids, folder, workers=3, address_of=lambda id: f"http://127.0.0.1:{port}/steady/{id}.mp4", progress=False)
"""
KILLS = int(os.environ.get("MOMENTOR_TEST_KILLS", "4"))  # test_jobs.py kills the runner itself twenty times


def test_killed_at_random_the_next_run_ends_it_with_nothing_lost_repeated_or_broken(server, tmp_path):
    count, dice = 6 * KILLS, random.Random(1)
    command = [sys.executable, "-c", CHILD, str(tmp_path), str(server.server_port), str(count)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done: dict[str, int] = {}
    for _ in range(KILLS):
        until = len(server.asked) + dice.randint(1, 8)
        child = subprocess.Popen(command, env=environment)
        while len(server.asked) < until and child.poll() is None:
            time.sleep(0.001)
        time.sleep(dice.uniform(0, 0.05))
        child.kill()
        child.wait()
        done = {entry.id: server.times(f"steady/{entry.id}.mp4") for entry in read_ledger(tmp_path / "ledger.jsonl")}
    assert 0 < len(done) < count
    subprocess.run(command, env=environment, check=True, timeout=600)
    entries = {entry.id: entry for entry in read_ledger(tmp_path / "ledger.jsonl")}
    assert len(entries) == count == len((tmp_path / "ledger.jsonl").read_bytes().splitlines())
    assert names(tmp_path) == ["ledger.jsonl", *sorted(f"{id}.mp4" for id in entries)]
    for id, entry in entries.items():
        body = content(f"steady/{id}.mp4")
        assert (tmp_path / f"{id}.mp4").read_bytes() == body
        facts = {"bytes": SIZE, "sha256": hashlib.sha256(body).hexdigest()}
        assert entry.facts in (facts, facts | {"found": True})  # found where the kill came between the file and its entry
    assert {id: server.times(f"steady/{id}.mp4") for id in done} == done


# annotation files


def zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return file.getvalue()


def tarred(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, body in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return file.getvalue()


def annotate(server: Server, folder: Path, *files: str, waits: list[float] | None = None):
    data_set = DataSet({file.split("/")[-1]: server.address(file) for file in files}, "the page")
    sleep = waits.append if waits is not None else lambda _: None
    return download_annotations(data_set, folder, sleep=sleep, retries=2, progress=False)


def test_annotation_files_come_whole_and_once(server, tmp_path):
    files = ("fine/train.jsonl", "breaks/val.jsonl")
    server.files[files[1]] = 8 * content(files[1])  # gdown writes 512 KiB at a time
    outcome = annotate(server, tmp_path, *files)
    assert outcome.done == ["train.jsonl", "val.jsonl"]
    assert (tmp_path / "train.jsonl").read_bytes() == content(files[0])
    assert (tmp_path / "val.jsonl").read_bytes() == server.files[files[1]]
    assert [span for name, span in server.asked if name == files[1] and span] == ["bytes=1572864-"]
    assert names(tmp_path) == ["ledger.jsonl", "train.jsonl", "val.jsonl"]
    facts = [entry.facts for entry in read_ledger(tmp_path / "ledger.jsonl")]
    digest = hashlib.sha256(content(files[0])).hexdigest()
    assert facts[0] == {"files": [{"file": "train.jsonl", "bytes": SIZE, "sha256": digest}]}
    server.asked.clear()
    assert annotate(server, tmp_path, *files).skipped == ["train.jsonl", "val.jsonl"]
    assert server.asked == []
    (tmp_path / "train.jsonl").write_bytes(b"cut")
    assert annotate(server, tmp_path, *files).done == ["train.jsonl"]
    assert (tmp_path / "train.jsonl").read_bytes() == content(files[0])


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_an_archive_is_unpacked_and_cannot_leave_the_folder(server, tmp_path, pack):
    members = {
        "captions/train.json": b"{}",
        "../../val.json": b"[1]",
        "..\\..\\odd.txt": b"x",
        "__MACOSX/._train.json": b"no",
        "ledger.jsonl": b"no",
        "run.sh": b"no",
    }
    server.files["captions.zip"] = pack(members)
    assert annotate(server, tmp_path / "a" / "b", "captions.zip").done == ["captions.zip"]
    assert names(tmp_path / "a" / "b") == ["ledger.jsonl", "odd.txt", "train.json", "val.json"]
    assert names(tmp_path / "a") == ["b"]
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a" / "b" / "val.json").read_bytes() == b"[1]"
    assert annotate(server, tmp_path / "a" / "b", "captions.zip").skipped == ["captions.zip"]
    (tmp_path / "a" / "b" / "odd.txt").unlink()
    assert annotate(server, tmp_path / "a" / "b", "captions.zip").done == ["captions.zip"]
    assert (tmp_path / "a" / "b" / "odd.txt").exists()


def test_a_damaged_archive_is_fetched_anew_by_the_next_run(server, tmp_path):
    whole = zipped({"train.json": bytes(1000)})
    server.files["a.zip"] = whole[:40] + b"\xff" * 60 + whole[100:]
    assert "damaged" in annotate(server, tmp_path, "a.zip").failed["a.zip"]
    assert names(tmp_path) == ["ledger.jsonl"]
    server.files["a.zip"] = whole
    assert annotate(server, tmp_path, "a.zip").done == ["a.zip"]


@pytest.mark.parametrize("damage", [lambda whole: whole[:40] + b"\xff" * 60 + whole[100:], lambda whole: zipped({"a.sh": b""})])
def test_an_archive_without_use_is_told(tmp_path, damage):
    (tmp_path / "a.zip").write_bytes(damage(zipped({"train.json": bytes(1000)})))
    with pytest.raises(GiveUp, match=r"a\.zip (is damaged|holds no)"):
        unpack(tmp_path / "a.zip", tmp_path)
    assert names(tmp_path) == ["a.zip"]


@pytest.mark.parametrize(("status", "tries"), [(403, 1), (404, 1), (429, 3), (500, 3)])
def test_a_refused_annotation_file(server, tmp_path, status, tries):
    waits: list[float] = []
    outcome = annotate(server, tmp_path, f"{status}/train.json", waits=waits)
    assert str(status) in outcome.failed["train.json"]
    assert (len(server.asked), waits) == (tries, [2.0, 4.0][: tries - 1])
    assert names(tmp_path) == ["ledger.jsonl"]


def test_a_web_page_in_the_place_of_a_file_is_refused(server, tmp_path):
    server.files["train.json"] = b"\n<!DOCTYPE html><html>please log in</html>"
    assert annotate(server, tmp_path, "train.json").failed == {"train.json": "a web page came instead of the file"}
    assert names(tmp_path) == ["ledger.jsonl"]


def test_without_gdown_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "gdown", None)
    with pytest.raises(ValueError, match=r'pip install "momentor\[download\]"'):
        download_annotations(DATA_SETS["gesm"], tmp_path / "new")
    assert not list(tmp_path.iterdir())


def test_the_public_addresses():
    """Google Drive's are those of the issue and of TALL's page; gdown knows them as such."""
    from gdown.parse_url import parse_url

    drive = {
        "Moment-10M_0.json": "1wLfRLmQNsq7_ckLdoAgwVFCqn-nwWdqF",
        "Moment-10M_1.json": "1c_SN9nm6acVD47rGJh6qal117QC346fV",
        "GESM_data.json": "180S871yisgAoXx6n0CoPMydBUiWAc0Pc",
        "charades_sta_train.txt": "1ZjG7wJpPSMIBYnW7BAG2u9VVEoNvFm5c",
        "charades_sta_test.txt": "1QG4MXFkoj6JFU0YK5olTY75xTARKSW5e",
    }
    files = {name: address for data_set in DATA_SETS.values() for name, address in data_set.files.items()}
    for name, address in files.items():
        assert address.startswith("https://")
        assert Path(name).name == name
        assert parse_url(url=address) == ((drive[name], True) if name in drive else (None, False))
    assert drive.keys() <= files.keys()
    assert all(data_set.where.startswith("https://") for data_set in DATA_SETS.values())

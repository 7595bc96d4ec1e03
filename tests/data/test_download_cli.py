"""``momentor download`` and ``scripts/download_videos.py``: exit codes, what they print, ``--json``."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from pathlib import Path

import pytest
from loopback import SIZE, content, serving

from momentor_lib import cli
from momentor_lib.cli.download import Annotations
from momentor_lib.data import annotations, download

IDS = ["-bcdefghij0", "_bcdefghij1", "abcdefghij2"]
RECORD = {"data_type": "qa_data", "clip_similarity": 1.0, "conversations": {"User": "Who?", "Assistant": "She."}}


def pack(folder: Path, ids: list[str]) -> Path:
    """A packed file of these videos."""
    path = folder / "packed.json"
    path.write_text(json.dumps({id: {"qa_data": [RECORD | {"id": id}]} for id in ids}))
    return path


@pytest.fixture
def server(monkeypatch):
    """A server in YouTube's place; a video whose id begins with ``gone`` is not there."""
    with serving() as running:

        def address_of(id: str) -> str:
            return running.address(f"{'404' if id.startswith('gone') else 'fine'}/{id}.mp4")

        local = functools.partial(download.download_videos, address_of=address_of, sleep=lambda seconds: None)
        monkeypatch.setattr(download, "download_videos", local)
        yield running


def run(capsys, *arguments: object) -> tuple[int, str, str]:
    code = cli.main(["download", *map(str, arguments)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_all_there_is_exit_code_0(server, capsys, tmp_path):
    source, folder = pack(tmp_path, IDS), tmp_path / "videos"
    arguments = ("--source_path", source, "--video_path", folder, "--workers", 2)
    assert run(capsys, *arguments) == (0, "3 videos: 3 downloaded, 1.2 MB, 0 there already, 0 failed\n", "")
    assert all((folder / f"{id}.mp4").read_bytes() == content(f"fine/{id}.mp4") for id in IDS)
    assert run(capsys, *arguments) == (0, "3 videos: 0 downloaded, 0.0 MB, 3 there already, 0 failed\n", "")
    code, out, err = run(capsys, *arguments, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {"video_path": str(folder), "downloaded": 0, "present": 3, "failed": {}, "bytes": 0}


def test_any_that_failed_is_exit_code_1_with_the_reasons(server, capsys, tmp_path):
    source, folder = pack(tmp_path, [IDS[0], "gone-456789", "gone-_56789", "../../etc"]), tmp_path / "videos"
    code, out, err = run(capsys, "--source_path", source, "--video_path", folder)
    assert (code, err) == (1, "")
    first, *reasons, last = out.splitlines()
    assert first == "4 videos: 1 downloaded, 0.4 MB, 0 there already, 3 failed"
    assert reasons[0].startswith("  2 failed: ") and "404" in reasons[0]
    assert reasons[1] == "  1 failed: not the id of a YouTube video, which is 11 letters, digits, - or _"
    assert last == f"the ledger has each: {folder / 'ledger.jsonl'}"
    code, out, err = run(capsys, "--source_path", source, "--video_path", tmp_path / "again", "--json")
    document = json.loads(out)
    assert (code, err) == (1, "")
    assert (document["downloaded"], document["present"], document["bytes"]) == (1, 0, SIZE)
    assert document["failed"].keys() == {"gone-456789", "gone-_56789", "../../etc"}


def test_a_set_of_annotation_files(server, capsys, tmp_path, monkeypatch):
    files = {name: server.address(f"fine/{name}") for name in ("a.json", "b.json")}
    monkeypatch.setitem(annotations.DATA_SETS, "gesm", annotations.DataSet(files, "https://the.page"))
    arguments = ("--annotations", "gesm", "--target_path", tmp_path / "new")
    assert run(capsys, *arguments) == (0, "2 files: 2 downloaded, 0 there already, 0 failed\n", "")
    assert (tmp_path / "new" / "b.json").read_bytes() == content("fine/b.json")
    (tmp_path / "new" / "a.json").unlink()
    code, out, err = run(capsys, *arguments, "--json")
    document = json.loads(out)
    assert (code, err) == (0, "")
    assert [file["file"] for file in document.pop("files")] == ["a.json"]
    assert document == {
        "annotations": "gesm",
        "target_path": str(tmp_path / "new"),
        "downloaded": 1,
        "present": 1,
        "failed": {},
        "where": "https://the.page",
    }


def test_an_annotation_file_that_is_gone_says_where_to_look(server, capsys, tmp_path, monkeypatch):
    monkeypatch.setitem(annotations.DATA_SETS, "gesm", annotations.DataSet({"a.json": server.address("404/a.json")}, "https://the.page"))
    code, out, err = run(capsys, "--annotations", "gesm", "--target_path", tmp_path / "new")
    assert (code, err) == (1, "where to look: https://the.page\n")
    assert out.startswith("1 file: 0 downloaded, 0 there already, 1 failed\n  1 failed: 404")


def test_every_data_set_can_be_named():
    assert {choice.value for choice in Annotations} == annotations.DATA_SETS.keys()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "--source_path and --video_path"),
        (["--source_path", "PACKED"], "--source_path and --video_path"),
        (["--video_path", "FOLDER"], "--source_path and --video_path"),
        (["--source_path", "PACKED", "--video_path", "FOLDER", "--target_path", "FOLDER"], "--source_path and --video_path"),
        (["--source_path", "FOLDER/none.json", "--video_path", "FOLDER/new"], "none.json"),
        (["--source_path", "LIST", "--video_path", "FOLDER/new"], "list.json"),
        (["--source_path", "PACKED", "--video_path", "LIST"], "is a file; name a folder"),
        (["--source_path", "PACKED", "--video_path", "FOLDER/new", "--workers", "0"], "--workers"),
        (["--source_path", "PACKED", "--video_path", "FOLDER/new", "--retries", "-1"], "--retries"),
        (["--annotations", "gesm"], "needs --target_path"),
        (["--annotations", "gesm", "--target_path", "LIST"], "is a file; name a folder"),
        (["--annotations", "gesm", "--target_path", "FOLDER/new", "--video_path", "FOLDER"], "needs --target_path"),
        (["--annotations", "imagenet", "--target_path", "FOLDER/new"], "imagenet"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(capsys, tmp_path, arguments, says):
    (tmp_path / "list.json").write_text("[1, 2]")
    places = {"PACKED": str(pack(tmp_path, IDS)), "LIST": str(tmp_path / "list.json"), "FOLDER": str(tmp_path)}
    for name, place in places.items():
        arguments = [argument.replace(name, place) for argument in arguments]
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    [line] = err.splitlines()
    assert says in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["list.json", "packed.json"]


def test_a_run_that_another_run_excludes_is_told(server, capsys, tmp_path, monkeypatch):
    arguments = ["--source_path", str(pack(tmp_path, IDS[:1])), "--video_path", str(tmp_path / "videos")]

    codes = []
    real = download._Downloads.fetch

    def fetch(self: object, id: str, _: None) -> dict:
        codes.append(cli.main(["download", *arguments]))
        return real(self, id, None)

    monkeypatch.setattr(download._Downloads, "fetch", fetch)
    assert cli.main(["download", *arguments]) == 0
    assert codes == [2]
    assert "another run is writing" in capsys.readouterr().err


def test_an_interrupt_exits_130(server, capsys, tmp_path, monkeypatch):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(download._Downloads, "fetch", interrupt)
    code, out, err = run(capsys, "--source_path", pack(tmp_path, IDS), "--video_path", tmp_path / "videos", "--workers", 1)
    assert (code, out) == (130, "")
    assert "stopped" in err


def test_the_script_that_moment_10m_users_know(tmp_path, repository):
    """By the flags they know; it fails where a video fails, which the released one did not."""
    (tmp_path / "videos").mkdir()
    for id in IDS:
        (tmp_path / "videos" / f"{id}.mp4").write_bytes(b"whole")
    for ids, code, told in (
        (IDS, 0, "0 downloaded, 0.0 MB, 3 there already, 0 failed"),
        ([*IDS, "; touch me"], 1, "3 there already, 1 failed"),
    ):
        arguments = ["--source_path", str(pack(tmp_path, ids)), "--video_path", "videos"]
        command = [sys.executable, str(repository / "scripts" / "download_videos.py"), *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert (done.returncode, done.stderr) == (code, "")
        assert told in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["packed.json", "videos"]


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from momentor_lib.cli import main; main(['download', '--help']);"
        "sys.exit(bool({'yt_dlp', 'gdown', 'requests', 'torch', 'tqdm'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--source_path" in done.stdout and "--video_path" in done.stdout

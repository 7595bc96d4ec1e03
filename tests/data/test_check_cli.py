"""``momentor check``: exit codes, what it prints, ``--json``."""

from __future__ import annotations

import json
import typing

import pytest

from momentor_lib import cli
from momentor_lib.cli.check import Format
from momentor_lib.data.check import FORMATS, KINDS


@pytest.fixture
def charades(tmp_path):
    path = tmp_path / "charades.txt"
    path.write_text("A 1 9##he runs\n" + "".join(f"B{i} 5 4##she\x1b[2J sits\n" for i in range(7)))
    return path


def run(capsys, *arguments) -> tuple[int, str, str]:
    code = cli.main(["check", *map(str, arguments)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_a_clean_file(capsys, repository):
    code, out, err = run(capsys, repository / "data_samples" / "gesm.json")
    assert (code, err) == (0, "")
    first, durations, last = out.splitlines()
    assert first.endswith("gesm.json: gesm, 12 videos, 51 spans, 51 texts") and last == "  nothing wrong found"
    assert "ends not checked of 51 spans" in durations and "--durations" in durations


def test_findings_are_told_with_their_first_five_places(capsys, charades):
    code, out, err = run(capsys, charades)
    assert (code, err) == (1, "")
    lines = out.splitlines()
    assert lines[0] == f"{charades}: charades-sta, 8 videos, 8 spans, 8 texts"
    assert lines[2] == "  7 reversed spans, the first:"
    assert lines[3:] == [f"    line {i + 2}, video B{i}: 5 to 4 s" for i in range(5)]


def test_durations_come_from_a_table(capsys, charades, tmp_path):
    table = tmp_path / "lengths.csv"
    table.write_text("id,length\nA,8.5\n")
    code, out, _ = run(capsys, charades, "--durations", table)
    assert code == 1
    assert "    line 1, video A: 1 to 9 s, and the video lasts 8.5 s" in out.splitlines()
    assert "ends not checked of 7 spans" in out


def test_one_json_document(capsys, charades):
    code, out, err = run(capsys, charades, "--json")
    assert (code, err) == (1, "")
    report = json.loads(out)
    assert (report["file"], report["format"], report["clean"], report["count"]) == (str(charades), "charades-sta", False, 7)
    assert (report["videos"], report["spans"], report["texts"], report["spans_with_known_duration"]) == (8, 8, 8, 0)
    [finding] = report["findings"]
    assert (finding["kind"], finding["meaning"], finding["count"], len(finding["places"])) == (
        "reversed-span",
        KINDS["reversed-span"],
        7,
        5,
    )
    assert finding["places"][0] == {"video_id": "B0", "data_type": "", "index": None, "line": 2, "detail": "5 to 4 s"}


def test_the_format_can_be_forced(capsys, repository):
    assert [format.value for format in Format] == list(FORMATS)
    code, out, _ = run(capsys, repository / "data_samples" / "gesm.json", "--format", "gesm", "--json")
    assert code == 0 and json.loads(out)["clean"] is True
    code, out, err = run(capsys, repository / "data_samples" / "gesm.json", "--format", "srt")
    assert (code, out) == (2, "") and "srt" in err and len(err.splitlines()) == 1


def test_names_from_the_file_cannot_write_on_the_terminal(capsys, tmp_path):
    path = tmp_path / "names.json"
    names = "\x1b[2J\n\u202e", "\ud800"
    path.write_text(json.dumps({name: {"duration": 1, "timestamps": [[1, 0]], "sentences": ["a"]} for name in names}))
    code, out, _ = run(capsys, path)
    assert code == 1 and len(out.splitlines()) == 4
    assert "\x1b" not in out and "\u202e" not in out and "\\x1b[2J\\n\\u202e" in out and "\\ud800" in out
    code, out, _ = run(capsys, path, "--json")
    assert [place["video_id"] for place in json.loads(out)["findings"][0]["places"]] == list(names)


def write_inputs(folder) -> None:
    (folder / "cut.json").write_text('{"v": {"duration": 1, "timestamps": [[1, 2]], "sente')
    (folder / "text.txt").write_text("nothing of that kind")
    (folder / "empty.json").write_text("")
    (folder / "fine.txt").write_text("A 1 2##x\n")
    (folder / "bad.csv").write_text("id,length\nA,soon\n")


MISTAKES: dict[str, tuple[typing.Sequence[str], str]] = {
    "no such file": (["no.json"], "no.json: No such file or directory"),
    "a folder": (["."], "directory"),
    "cut off": (["cut.json"], "cut.json is"),
    "another format": (["text.txt"], "no format known here"),
    "empty": (["empty.json"], "is empty"),
    "a bad table": (["fine.txt", "--durations", "bad.csv"], "bad.csv, line 2: 'soon' is no duration"),
    "no table": (["fine.txt", "--durations", "no.csv"], "no.csv: No such file or directory"),
}


@pytest.mark.parametrize("name", MISTAKES)
@pytest.mark.parametrize("json_too", [False, True])
def test_mistakes_are_one_line(capsys, tmp_path, monkeypatch, name, json_too):
    monkeypatch.chdir(tmp_path)
    write_inputs(tmp_path)
    arguments, message = MISTAKES[name]
    code, out, err = run(capsys, *arguments, *(["--json"] if json_too else []))
    assert (code, out) == (2, "")
    [line] = err.splitlines()
    assert line.startswith("momentor: ") and message in line

"""``momentor convert`` and the two scripts: flags, what they print, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from momentor_lib import cli
from momentor_lib.data.convert import convert_file


def run(capsys, *arguments) -> tuple[int, str, str]:
    capsys.readouterr()
    code = cli.main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def flags(source, target) -> list:
    return ["--source_path", source, "--target_path", target]


@pytest.fixture
def doubtful(tmp_path):
    """One good record, two that are dropped, twelve that are malformed."""
    turn = {"User": "When? {moment}", "Assistant": "{moment}"}
    good = {"conversations": turn, "variables": {"moment": [1.25, 7.5]}, "match_score": 2}
    records = [good, good | {"match_score": 0.1}, {"conversations": turn, "variables": {"moment": [1, 2]}}] + [{"conversations": 5}] * 12
    path = tmp_path / "doubtful.json"
    path.write_text(json.dumps({"v": {"qa_data": records}}))
    return path


def test_a_summary_says_what_was_kept_and_why_not(capsys, tmp_path, doubtful):
    code, out, err = run(capsys, "convert", *flags(doubtful, tmp_path / "out.json"))
    assert code == 0 and len(json.loads((tmp_path / "out.json").read_text())) == 1
    first, second = out.splitlines()
    assert first == f"{tmp_path / 'out.json'}: 1 of 15 records kept (6.7%)"
    assert second.split(maxsplit=5)[:5] == ["qa_data", "1", "of", "15", "6.7%"]
    assert second.endswith("no score: 1; score not above the threshold: 1; malformed: 12")
    told = err.splitlines()
    assert len(told) == 11 and all(line.startswith("momentor: warning: ") for line in told)
    assert "video 'v', 'qa_data', record 3" in told[0] and told[-1].endswith("and 2 more were malformed")


def test_json_is_one_document_and_nothing_else(capsys, tmp_path, doubtful):
    code, out, _ = run(capsys, "convert", *flags(doubtful, tmp_path / "out.json"), "--json")
    document = json.loads(out)
    assert (
        code == 0 and document["source"] == str(doubtful) and (document["records"], document["kept"], document["malformed"]) == (15, 1, 12)
    )
    assert document["data_types"]["qa_data"]["dropped"] == {"no score": 1, "score not above the threshold": 1}


def test_options_are_those_of_the_library(capsys, tmp_path, samples):
    source = samples / "moment10m.json"
    options = ["--time-format", "tags", "--no-filter", "--output-format", "jsonl"]
    assert run(capsys, "convert", *flags(source, tmp_path / "a"), *options)[0] == 0
    convert_file(source, tmp_path / "b", time_format="tags", keep_all=True, output_format="jsonl")
    assert run(capsys, "convert", *flags(source, tmp_path / "c"), "--seed", "7")[0] == 0
    convert_file(source, tmp_path / "d", seed=7)
    code, out, _ = run(capsys, "convert", *flags(samples / "gesm.json", tmp_path / "e"), "--gesm")
    convert_file(samples / "gesm.json", tmp_path / "f", gesm=True)
    assert code == 0 and "12 of 12 videos kept" in out
    for one, other in ("ab", "cd", "ef"):
        assert (tmp_path / one).read_bytes() == (tmp_path / other).read_bytes()


def test_mistakes_are_one_line_and_exit_code_2(capsys, tmp_path, samples, doubtful):
    broken = tmp_path / "broken.json"
    broken.write_text('{\n"v": {"qa_data": [}\n}')
    for arguments, message in (
        (flags(tmp_path / "none.json", tmp_path / "out"), "none.json"),
        (flags(broken, tmp_path / "out"), "line 2"),
        (flags(tmp_path, tmp_path / "out"), str(tmp_path)),
        (flags(samples / "moment10m.json", tmp_path), "is a folder"),
        ([*flags(samples / "moment10m.json", tmp_path / "out"), "--gesm"], "is a packed file"),
        ([*flags(doubtful, tmp_path / "out"), "--strict"], "record 3"),
        ([*flags(doubtful, tmp_path / "out"), "--output-format", "csv"], "csv"),
        (["--source_path", doubtful], "--target_path"),
    ):
        code, out, err = run(capsys, "convert", *arguments)
        assert (code, out) == (2, "") and message in err and len(err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("script, name, gesm", [("convert_data.py", "moment10m.json", False), ("convert_data_gesm.py", "gesm.json", True)])
def test_scripts_take_the_flags_that_users_know(tmp_path, repository, samples, script, name, gesm):
    command = [sys.executable, str(repository / "scripts" / script)]
    done = subprocess.run([*command, *map(str, flags(samples / name, tmp_path / "a.json"))], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0 and "kept (100.0%)" in done.stdout
    convert_file(samples / name, tmp_path / "b.json", gesm=gesm)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    done = subprocess.run([*command, *map(str, flags("none.json", tmp_path / "c.json"))], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1 and "none.json" in done.stderr

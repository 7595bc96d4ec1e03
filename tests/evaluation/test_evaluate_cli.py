"""``momentor evaluate``: the table, JSON, CSV, picture, and each mistake in one line."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time

import pytest

from momentor_lib import cli
from momentor_lib.cli.evaluate import Task, TruthFormat
from momentor_lib.evaluation.formats import FORMATS, TASKS


@pytest.fixture
def files(tmp_path):
    truth = tmp_path / "sta.txt"
    truth.write_text("AB 0 10##a man runs\nAB 3 5##he sits\nCD 0 4##a dog\nno line\n")
    said = [
        {"video": "AB", "query": "a man runs", "text": "0 s to 10 s"},
        {"id": "AB#1", "text": "who knows"},
        {"id": "CD#0", "spans": [[0, 2]]},
    ]
    (tmp_path / "said.jsonl").write_text("".join(json.dumps(one) + "\n" for one in said))
    return truth, tmp_path / "said.jsonl"


def command(files, *more):
    truth, said = files
    return ["evaluate", "grounding", "--predictions", str(said), "--ground-truth", str(truth), "--format", "charades-sta", *more]


def test_the_choices_are_the_library_s():
    assert {task.value for task in Task} == set(TASKS)
    assert {format.value for format in TruthFormat} == set(FORMATS)


def test_a_table_with_counts(files, capsys):
    assert cli.main(command(files)) == 0
    printed = capsys.readouterr()
    assert "3 queries, 2 videos, 3 predicted, 0 missing, 1 unparsed, 0 empty, 0 unknown ids, 0 repeated, 0 malformed records" in printed.out
    row = next(line.split() for line in printed.out.splitlines() if line.strip().startswith("mIoU"))
    assert row[1] == "50.00" and row[-1] == "3"
    assert "sta.txt: 1 malformed records, the first: line 4: not of the form VID START END##TEXT" in printed.err


def test_json_is_the_whole_of_standard_output(files, capsys, tmp_path):
    out, png = tmp_path / "all.csv", tmp_path / "new" / "plot.png"
    assert cli.main(command(files, "--json", "--bootstrap", "50", "--per-query", str(out), "--plot", str(png))) == 0
    document = json.loads(capsys.readouterr().out)
    scores = {score["metric"]: score for score in document["scores"]}
    assert scores["mIoU"]["value"] == pytest.approx(50)
    assert scores["mIoU"]["low"] <= 50 <= scores["mIoU"]["high"]
    assert scores["F1@0.5, several moments"]["value"] is None
    assert document["counts"]["unparsed"] == 1
    assert document["ground_truth"]["dirt"] == {"malformed": 1}
    rows = list(csv.DictReader(out.open()))
    assert [(row["id"], row["state"], float(row["mIoU"])) for row in rows] == [("AB#0", "", 100), ("AB#1", "unparsed", 0), ("CD#0", "", 50)]
    assert png.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_missing_counts_as_wrong_and_unknown_is_an_error(files, capsys):
    _, said = files
    said.write_text('{"id": "AB#0", "spans": [[0, 10]]}\n{"id": "XY#0", "spans": [[0, 10]]}\n')
    assert cli.main(command(files)) == 2
    assert "1 predictions fit nothing in the ground truth: XY#0; is it the right file? --allow-unknown" in capsys.readouterr().err
    assert cli.main(command(files, "--allow-unknown", "--json")) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["counts"]["missing"], document["counts"]["unknown ids"]) == (2, 1)
    assert next(score["value"] for score in document["scores"] if score["metric"] == "mIoU") == pytest.approx(100 / 3)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["grounding"], "name either --predictions F, a file, or --model M with --data D"),
        (["grounding", "--predictions", "SAID", "--model", "tiny"], "name either --predictions"),
        (["grounding", "--predictions", "SAID"], "--predictions needs --ground-truth F"),
        (["grounding", "--model", "tiny"], "--model needs --data D"),
        (["grounding", "--predictions", "SAID", "--ground-truth", "TRUTH", "--data", "FOLDER"], "--data and --out belong to --model"),
        (["grounding", "--predictions", "nowhere.jsonl", "--ground-truth", "TRUTH"], "nowhere.jsonl: no such file"),
        (["grounding", "--predictions", "SAID", "--ground-truth", "nowhere"], "nowhere: no such file"),
        (["singing", "--predictions", "SAID", "--ground-truth", "TRUTH"], "singing"),
        (["qa", "--predictions", "SAID", "--ground-truth", "TRUTH"], "charades-sta files hold nothing for qa; these do: qa, momentor"),
        (["grounding", "--predictions", "TRUTH", "--ground-truth", "TRUTH"], "holds no prediction: the first record"),
        (["grounding", "--predictions", "SAID", "--ground-truth", "TRUTH", "--plot", "FOLDER"], "is a folder"),
        (["grounding", "--predictions", "SAID", "--ground-truth", "TRUTH", "--plot", "x", "--per-query", "x"], "both name x; give each"),
        (["grounding", "--predictions", "SAID", "--ground-truth", "TRUTH", "--format", "coco"], "--format"),
        (["grounding", "--model", "tiny", "--data", "FOLDER"], "name the annotations of these videos with --ground-truth"),
        (["grounding", "--model", "tiny", "--data", "FOLDER", "--ground-truth", "TRUTH"], "none of the 2 videos"),
        (["grounding", "--model", "tiny", "--data", "SAID", "--ground-truth", "TRUTH"], "is no folder of videos"),
    ],
)
def test_mistakes_are_one_line(files, tmp_path, capsys, arguments, says):
    truth, said = files
    truth.write_text("AB 0 10##a man runs\nCD 0 4##a dog\n")
    said.write_text('{"id": "AB#0", "spans": [[0, 10]]}\n')
    (tmp_path / "folder").mkdir()
    names = {"SAID": str(said), "TRUTH": str(truth), "FOLDER": str(tmp_path / "folder")}
    assert cli.main(["evaluate", *[names.get(word, word) for word in arguments]]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert says in printed.err and "Traceback" not in printed.err
    assert len(printed.err.splitlines()) == 1


def test_plot_needs_spans(tmp_path, capsys):
    (tmp_path / "qa.jsonl").write_text('{"id": 1, "video": "a", "question": "who?", "answer": "x"}\n')
    (tmp_path / "said.jsonl").write_text('{"id": 1, "answer": "x"}\n')
    command = ["evaluate", "qa", "--predictions", str(tmp_path / "said.jsonl"), "--ground-truth", str(tmp_path / "qa.jsonl")]
    assert cli.main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["scores"][0]["value"] == 100
    assert cli.main([*command, "--plot", str(tmp_path / "x.png")]) == 2
    assert "qa has none" in capsys.readouterr().err


@pytest.mark.quiet
def test_the_evaluation_imports_without_torch_and_quickly():
    modules = ("grounding", "highlights", "captioning", "segmentation", "qa", "formats", "predictions", "matching", "evaluate", "protocol")
    code = (
        "import sys, time, resource\n"
        f"{'; '.join(f'import momentor_lib.evaluation.{name}' for name in modules)}\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print('torch' in sys.modules, 'transformers' in sys.modules, used.ru_utime + used.ru_stime)"
    )
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    torch, transformers, seconds = done.stdout.split()
    assert (torch, transformers) == ("False", "False")
    assert float(seconds) < 1, f"{seconds} processor seconds, {time.perf_counter() - began:.1f} s by the clock"

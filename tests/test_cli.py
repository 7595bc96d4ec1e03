"""The commands: exit codes, messages, ``--json``, and that standard output holds the result and nothing else.

Most tests put a predictor with known answers in the model's place; the last ones run the shipped model on a shipped video.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path
from types import ModuleType

import av
import numpy as np
import pytest
from tiny_models import build_tiny

from momentor_lib import cli, timecode
from momentor_lib.moments import Answer, Moment
from momentor_lib.predictor import Predictor

FOUND = [Moment(12.34, 18.4, 0.93, 0.21, 0.34), Moment(2.0, 4.5, 0.4, 0.1, 0.2)]
ONLY_TOYS = "this model knows toy videos only"


class KnownPredictor:
    """Answers that the tests know, in the place of a model."""

    calls: list[tuple] = []

    def __init__(self, model="tiny", device=None):
        if model not in ("tiny", "folder"):
            raise FileNotFoundError(f"no model {model!r}: name a preset or a folder that holds one")

    def set_video(self, video):
        print("a library that talks")
        warnings.warn("a library that warns", UserWarning, stacklevel=1)
        self.duration, self.video_path = 40.0, video
        return self

    def ground(self, query, top_k=None):
        self.calls.append(("ground", query, top_k))
        moments = [] if query == "nothing" else FOUND[:top_k]
        text = timecode.format_spans([(m.start, m.end) for m in moments]) if moments else "It does not happen."
        return Answer(text, moments, query, (ONLY_TOYS,))

    def ask(self, question):
        self.calls.append(("ask", question))
        return Answer("At <12.34s>, it is red.", [], question)

    def caption(self, start=None, end=None):
        self.calls.append(("caption", start, end))
        if start is not None:
            return Answer("the red circle moves left", [Moment(start, end, label="the red circle moves left")])
        text = "<1.50s>-<4.25s> the red circle moves left. <5.00s>-<9.00s> the blue star spins after <4.25s>."
        labels = ("the red circle moves left", "the blue star spins after <4.25s>")
        return Answer(text, [Moment(1.5, 4.25, label=labels[0]), Moment(5.0, 9.0, label=labels[1])])


@pytest.fixture
def known(monkeypatch):
    """Puts :class:`KnownPredictor` in the predictor's place; its calls."""
    module = ModuleType("momentor_lib.predictor")
    module.Predictor = KnownPredictor
    monkeypatch.setitem(sys.modules, "momentor_lib.predictor", module)
    monkeypatch.setattr(KnownPredictor, "calls", [])
    return KnownPredictor.calls


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> str:
    """A clip that decodes: five seconds of grey."""
    path = tmp_path_factory.mktemp("clip") / "grey.mp4"
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width = stream.height = 64
        for _ in range(50):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), 99, np.uint8))))
        container.mux(stream.encode())
    return str(path)


def fails(capsys, *arguments: str) -> str:
    """Runs a command that must be refused: exit code 2, one line on standard error and nothing on standard output."""
    assert cli.main(arguments) == 2
    printed = capsys.readouterr()
    lines = [line for line in printed.err.splitlines() if not line.startswith("momentor: warning:") and line != "a library that talks"]
    assert printed.out == ""
    assert len(lines) == 1, lines
    assert lines[0].startswith("momentor: ")
    return lines[0]


# ground


def test_ground_prints_the_moments_in_seconds(known, video, capsys):
    assert cli.main(["ground", video, " the red circle "]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        "the red circle",
        "  12.3 s - 18.4 s  score 0.93, give or take 0.2 s and 0.3 s",
        "  2.0 s - 4.5 s  score 0.40, give or take 0.1 s and 0.2 s",
    ]
    assert known == [("ground", "the red circle", None)]
    assert f"momentor: warning: {ONLY_TOYS}" in printed.err.splitlines()


def test_ground_json_is_the_whole_of_standard_output(known, video, capsys):
    assert cli.main(["ground", video, "the red circle", "--json", "--top", "1", "--model", "folder"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {
        "video": video,
        "duration": 40.0,
        "query": "the red circle",
        "text": "<12.34s>-<18.40s>",
        "moments": [{"start": 12.34, "end": 18.4, "score": 0.93, "start_std": 0.21, "end_std": 0.34}],
        "model": "folder",
    }
    assert known == [("ground", "the red circle", 1)]
    # What libraries print goes to standard error, their warnings nowhere, ours to standard error.
    assert "a library that talks" in printed.err
    assert "a library that warns" not in printed.err
    assert ONLY_TOYS in printed.err


def test_ground_that_finds_nothing_is_no_error(known, video, capsys):
    assert cli.main(["ground", video, "nothing"]) == 0
    assert capsys.readouterr().out.splitlines() == ["nothing", "  no moment found"]
    assert cli.main(["ground", video, "nothing", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["moments"] == []


def test_ground_writes_a_picture_and_a_page(known, video, capsys, tmp_path):
    png, html = tmp_path / "new" / "demo.png", tmp_path / "demo.html"
    assert cli.main(["ground", video, "the red circle", "--png", str(png), "--html", str(html)]) == 0
    assert png.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    page = html.read_text(encoding="utf-8")
    assert "the red circle" in page
    assert ONLY_TOYS in page
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["demo.html", "demo.png"]


# ask and caption


def test_ask(known, video, capsys):
    assert cli.main(["ask", video, "Which colour?"]) == 0
    assert capsys.readouterr().out == "At 12.3 s, it is red.\n"
    assert cli.main(["ask", video, "Which colour?", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "video": video,
        "duration": 40.0,
        "question": "Which colour?",
        "text": "At <12.34s>, it is red.",
        "moments": [],
        "model": "tiny",
    }


def test_caption_of_every_event(known, video, capsys):
    assert cli.main(["caption", video]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "1.5 s - 4.2 s  the red circle moves left",
        "5.0 s - 9.0 s  the blue star spins after 4.2 s",
    ]
    assert cli.main(["caption", video, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [m["label"] for m in document["moments"]] == ["the red circle moves left", "the blue star spins after <4.25s>"]
    assert (document["start"], document["end"]) == (None, None)
    assert set(document) == {"video", "duration", "start", "end", "text", "moments", "model"}


@pytest.mark.parametrize(
    ("options", "segment"),
    [
        (["--start", "3", "--end", "7.5"], (3.0, 7.5)),
        (["--start", "3"], (3.0, 40.0)),
        (["--end", "7.5"], (0.0, 7.5)),
        (["--start", "0", "--end", "99"], (0.0, 40.0)),
    ],
)
def test_caption_of_one_segment(known, video, capsys, options, segment):
    assert cli.main(["caption", video, *options]) == 0
    printed = capsys.readouterr()
    assert printed.out == "the red circle moves left\n"
    assert known == [("caption", *segment)]
    assert ("the video ends at 40.0 s" in printed.err) == ("99" in options)
    assert cli.main(["caption", video, *options, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["start"], document["end"]) == segment


# mistakes


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ground"], "Missing argument 'VIDEO'"),
        (["ground", "VIDEO", "  "], "QUERY is empty"),
        (["ground", "VIDEO", "x", "--top", "0"], "--top"),
        (["ground", "VIDEO", "x", "--top", "many"], "--top"),
        (["ground", "VIDEO", "x", "--fps", "3"], "--fps"),
        (["ground", "nowhere.mp4", "x"], "nowhere.mp4"),
        (["ground", "TEXT", "x"], "text.mp4"),
        (["ground", "FOLDER", "x"], "FOLDER"),
        (["ground", "VIDEO", "x", "--model", "no/such/model"], "no/such/model"),
        (["ground", "VIDEO", "x", "--png", "FOLDER"], "is a folder"),
        (["ground", "VIDEO", "x", "--html", "TEXT/page.html"], "not a folder that you may write to"),
        (["ground", "VIDEO", "x", "--png", "FOLDER/a", "--html", "FOLDER/a"], "both name"),
        (["ask", "VIDEO", ""], "QUESTION is empty"),
        (["ask", "VIDEO"], "Missing argument 'QUESTION'"),
        (["caption", "VIDEO", "--start", "5", "--end", "5"], "must be before"),
        (["caption", "VIDEO", "--start", "-5"], "--start"),
        (["caption", "VIDEO", "--start", "nan"], "--start"),
        (["caption", "VIDEO", "--end", "inf"], "numbers of seconds"),
        (["caption", "VIDEO", "--start", "40"], "lasts 40.0 s"),
        (["toy", "FOLDER", "--videos", "0", "--seed", "1"], "--videos"),
        (["toy", "FOLDER", "--videos", "1", "--seed", "-1"], "--seed"),
        (["toy", "FOLDER", "--videos", "1", "--seed", "1", "--split", "dev"], "--split"),
        (["toy", "FOLDER", "--videos", "1"], "--seed"),
        (["toy", "TEXT", "--videos", "1", "--seed", "1"], "is a file"),
        (["find"], "find"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(known, video, tmp_path, capsys, arguments, says):
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    places = {"VIDEO": video, "TEXT": str(text), "FOLDER": str(tmp_path)}
    filled = [a.replace(name, place) if a.startswith(name) else a for a in arguments for name, place in [_place(a, places)]]
    assert says.replace("FOLDER", str(tmp_path)) in fails(capsys, *filled)
    assert [p.name for p in tmp_path.iterdir()] == ["text.mp4"]


def _place(argument: str, places: dict[str, str]) -> tuple[str, str]:
    return next(((name, place) for name, place in places.items() if argument.startswith(name)), ("", ""))


def test_a_mistake_in_the_outputs_is_told_before_the_work(known, video, tmp_path, capsys):
    fails(capsys, "ground", video, "x", "--png", str(tmp_path))
    assert known == []


def test_traceback_on_request(known, video, monkeypatch):
    monkeypatch.setenv("MOMENTOR_TRACEBACK", "1")
    with pytest.raises(FileNotFoundError):
        cli.main(["ground", video, "x", "--model", "none"])


def test_an_interrupt_exits_130(known, video, capsys, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(KnownPredictor, "ask", interrupt)
    assert cli.main(["ask", video, "x"]) == 130
    assert "stopped" in capsys.readouterr().err


# toy


def test_toy_writes_what_it_says(tmp_path, capsys):
    assert cli.main(["toy", str(tmp_path / "out"), "--videos", "1", "--seed", "7", "--split", "test"]) == 0
    assert capsys.readouterr().out.startswith("1 test video in ")
    written = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    [line] = (tmp_path / "out" / "annotations.jsonl").read_text().splitlines()
    assert written == {"annotations.jsonl", "moment10m.json", "gesm.json", "MANIFEST", json.loads(line)["path"]}


# the command as a user starts it


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "import sys; from momentor_lib.cli import main; sys.exit(main())", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, timeout=300)


@pytest.mark.quiet
def test_help_is_quick_and_names_every_command():
    began = time.process_time(), os.times().children_user
    done = run("--help")
    assert done.returncode == 0
    for name in ("ground", "ask", "caption", "toy", "doctor"):
        assert f"\n  {name} " in done.stdout
    assert os.times().children_user - began[1] < 1.0
    assert run().stdout == done.stdout


def test_help_imports_nothing_heavy():
    heavy = "{'torch', 'transformers', 'av', 'numpy', 'matplotlib'}"
    code = f"import sys; from momentor_lib.cli import main; main(['ground', '--help']); print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ast.literal_eval(done.stdout.splitlines()[-1]) == []


def test_the_shipped_model_on_a_shipped_video(sample_video, repository, tmp_path):
    """The answer is the Predictor's, as JSON, and standard error holds nothing of transformers' or torch's. (How good the shipped
    model's answers are: test_shipped_model.)"""
    samples = [json.loads(line) for line in (repository / "data_samples" / "annotations.jsonl").read_text().splitlines()]
    sample = next(s for s in samples if s["path"].endswith(sample_video.name))
    query = next(q for q in sample["queries"] if len(q["moments"]) == 1)
    done = run("ground", str(sample_video), query["query"], "--json", "--html", str(tmp_path / "page.html"))
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert list(document) == ["video", "duration", "query", "text", "moments", "model"]
    assert document["duration"] == pytest.approx(sample["duration"], abs=0.11)
    best = document["moments"][0]
    assert 0 < best["score"] <= 1
    assert best["start_std"] >= 0 <= best["end_std"]
    assert 0 <= best["start"] <= best["end"] <= document["duration"]
    expected = Predictor("tiny").set_video(sample_video).ground(query["query"])
    assert document["text"] == expected.text
    assert [(m["start"], m["end"]) for m in document["moments"]] == [(m.start, m.end) for m in expected.moments]


def test_the_shipped_model_asks_and_captions(sample_video):
    for command, *options in (["ask", "What happens?"], ["caption"], ["caption", "--start", "1", "--end", "6"]):
        done = run(command, str(sample_video), *options)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip()
        assert not timecode.find_tags(done.stdout)


def test_a_file_that_is_no_video_gives_one_line_without_traceback(tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    done = run("ground", str(tmp_path / "text.mp4"), "x")
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert "text.mp4" in line


def test_a_file_cut_off_is_used_with_one_warning(video, tmp_path):
    """Read three times (probed, decoded, drawn), told once; and nothing of transformers' or torch's own is on standard error."""
    model, processor = build_tiny()
    model.save_pretrained(tmp_path / "random")
    processor.save_pretrained(tmp_path / "random")
    with av.open(video) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(Path(video).read_bytes()[: packets[len(packets) // 2].pos])
    done = run("ground", str(cut), "x", "--model", str(tmp_path / "random"), "--png", str(tmp_path / "out.png"))
    assert done.returncode == 0
    [line] = done.stderr.splitlines()
    assert line.startswith(f"momentor: warning: {cut} is cut off")
    assert done.stdout.startswith("x\n  ")


def test_letters_that_the_terminal_cannot_show_do_no_harm(tmp_path):
    done = run("ground", str(tmp_path / "Hände.mp4"), "x", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 2
    assert "mp4" in done.stderr

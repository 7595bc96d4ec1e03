"""The explorer, driven as a browser drives it: values are set, a message comes in, and the timeline is read."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import ipywidgets
import numpy as np
import pytest

from momentor_lib.paths import shipped
from momentor_lib.predictor import Predictor
from momentor_lib.toy.writer import write_video
from momentor_lib.viz import controls as controls_module
from momentor_lib.viz import exploration as exploration_module
from momentor_lib.viz.controls import WIDGET_VIEW, uploaded
from momentor_lib.viz.widgets import Explorer

RECORDS = [json.loads(line) for line in shipped("data_samples/annotations.jsonl").read_text(encoding="utf-8").splitlines()]
SAMPLE, OTHER = (shipped("data_samples") / record["path"] for record in RECORDS[:2])
QUERY = RECORDS[0]["queries"][0]["query"]


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor("tiny").set_video(SAMPLE)


@pytest.fixture
def explorer(predictor) -> Explorer:
    return Explorer(predictor)


@pytest.fixture(scope="module")
def noise(tmp_path_factory) -> Path:
    """A video unlike any that the tiny model has seen."""
    path = tmp_path_factory.mktemp("noise") / "noise.mp4"
    write_video(path, np.random.default_rng(0).integers(0, 256, (40, 3, 96, 96), dtype=np.uint8))
    return path


def send_file(explorer: Explorer, name: str, content: bytes) -> None:
    """What arrives from a browser when a user picks a file."""
    state = {"name": name, "type": "video/mp4", "size": len(content), "last_modified": 0, "content": memoryview(content)}
    explorer.controls.upload.set_state({"value": [state]})


def press_enter(explorer: Explorer, text: str) -> None:
    explorer.controls.query.value = text
    explorer.controls.query._handle_msg({"content": {"data": {"method": "custom", "content": {"event": "submit"}}}, "buffers": []})


def shown(explorer: Explorer) -> str:
    """The HTML in the explorer's output area."""
    [output] = explorer.controls.output.outputs
    return output["data"]["text/html"]


def test_a_typed_query_shows_its_moments_and_the_truth(explorer, predictor) -> None:
    assert "nothing asked yet" in shown(explorer)
    press_enter(explorer, f" {QUERY.upper()}? ")
    assert explorer.timeline.moments == predictor.ground(QUERY.upper(), 1).moments
    assert [[moment.start, moment.end] for moment in explorer.timeline.truth] == RECORDS[0]["queries"][0]["moments"]
    html = shown(explorer)
    assert QUERY.upper() in html and "mt-truth" in html and "<video" in html
    assert f'data-start="{explorer.timeline.moments[0].start!r}"' in html
    assert "Not done" not in explorer.controls.status.value


def test_the_button_asks_too(explorer) -> None:
    explorer.controls.query.value = QUERY
    explorer.controls.button.click()
    assert explorer.timeline.query == QUERY


def test_nothing_typed_is_said_and_leaves_the_answer(explorer) -> None:
    press_enter(explorer, QUERY)
    before = shown(explorer)
    press_enter(explorer, "  ")
    assert "type something to ask first, for instance" in explorer.controls.status.value and QUERY in explorer.controls.status.value
    assert shown(explorer) == before
    press_enter(explorer, QUERY)
    assert explorer.message == "" and "Not done" not in explorer.controls.status.value


def test_the_slider_asks_again_with_more_moments(explorer) -> None:
    explorer.controls.count.value = 2  # nothing is asked yet
    assert explorer.timeline.moments == [] and explorer.message == ""
    press_enter(explorer, QUERY)
    explorer.controls.count.value = 4
    assert len(explorer.timeline.moments) == 4


def test_the_nearest_anchor_is_compared_with_continuous_reading(explorer, predictor) -> None:
    press_enter(explorer, QUERY)
    [continuous] = explorer.timeline.moments
    explorer.controls.reading.value = True
    [nearest] = explorer.timeline.moments
    assert nearest == predictor.ground(QUERY, 1, nearest=True).moments[0]
    assert f"nearest anchors: {nearest.start:.2f} s – {nearest.end:.2f} s. Read continuously: {continuous.start:.2f} s" in shown(explorer)


def test_events_and_questions(explorer, predictor) -> None:
    explorer.controls.task.value = "events"
    assert [moment.label for moment in explorer.timeline.moments] == [event.label for event in predictor.events()]
    assert explorer.controls.query.disabled and explorer.controls.count.disabled
    explorer.controls.task.value = "ask"
    question = RECORDS[0]["qa"][0]["question"]
    assert question in explorer.controls.query.options
    press_enter(explorer, question)
    assert explorer.timeline.point == predictor.ask(question).text


def test_another_video_is_opened_and_the_predictor_keeps_its_own(explorer, predictor) -> None:
    explorer.controls.video.value = OTHER.name
    assert explorer.exploration.predictor.video_path == OTHER and predictor.video_path == SAMPLE
    assert explorer.timeline.duration == pytest.approx(RECORDS[1]["duration"], abs=0.2)
    press_enter(explorer, RECORDS[1]["queries"][0]["query"])
    assert explorer.timeline.truth


def test_the_predictors_own_video_comes_first(predictor, noise) -> None:
    own = Explorer(Predictor((predictor.model, predictor.processor)).set_video(noise))
    assert own.exploration.name == noise.name and own.controls.video.options[:2] == (noise.name, SAMPLE.name)
    assert Explorer(predictor, [OTHER, noise]).controls.video.options == (OTHER.name, noise.name)
    with pytest.raises(ValueError, match="no videos to choose from"):
        Explorer(predictor, [])


def test_the_models_warning_about_a_strange_video_is_shown(explorer, noise) -> None:
    send_file(explorer, "noise.mp4", noise.read_bytes())
    press_enter(explorer, QUERY)
    [warning] = explorer.exploration.predictor.ground(QUERY).warnings
    assert warning in explorer.timeline.note
    assert explorer.timeline.truth is None


def test_an_uploaded_video_is_opened_and_the_same_file_can_come_again(explorer) -> None:
    for name in (OTHER.name, f"../{OTHER.name}"):
        send_file(explorer, name, OTHER.read_bytes())
        assert explorer.message == "" and explorer.controls.upload.value == ()
    names = [f"{OTHER.name} (2)", f"{OTHER.name} (3)"]  # a sample has the first
    assert explorer.controls.video.options[-2:] == tuple(names)
    assert explorer.controls.video.value == explorer.exploration.name == names[1]
    assert explorer.exploration.clip.path.read_bytes() == OTHER.read_bytes()


@pytest.mark.parametrize("content", [b"", b"no video at all", SAMPLE.read_bytes()[:200]])
def test_a_bad_upload_is_one_line_and_the_video_before_stays(explorer, content) -> None:
    press_enter(explorer, QUERY)
    before, names = shown(explorer), explorer.controls.video.options
    send_file(explorer, "bad.mp4", content)
    assert explorer.message.startswith("bad.mp4") and "\n" not in explorer.message and "/" not in explorer.message
    assert "Not done" in explorer.controls.status.value and "bad.mp4" in explorer.controls.status.value
    assert shown(explorer) == before and explorer.controls.video.options == names and explorer.controls.video.value == SAMPLE.name
    press_enter(explorer, QUERY)
    assert explorer.message == ""


def test_too_large_an_upload_is_refused_with_what_to_do(explorer, monkeypatch) -> None:
    monkeypatch.setattr(exploration_module, "UPLOAD_LIMIT", 30_000)
    send_file(explorer, "large.mp4", SAMPLE.read_bytes())
    assert 'give its path instead, Explorer(predictor, ["large.mp4"])' in explorer.message
    assert explorer.exploration.name == SAMPLE.name


def test_a_cut_off_video_is_shown_with_its_damage_and_warns_nobody_else(explorer, tmp_path) -> None:
    whole = OTHER.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        send_file(explorer, "half.mp4", whole[: 3 * len(whole) // 4])
    assert explorer.message == "" and "half.mp4" in explorer.timeline.note and "/" not in explorer.timeline.note


def test_what_nobody_foresaw_is_shown_too(explorer, monkeypatch) -> None:
    monkeypatch.setattr(explorer.exploration, "predictor", None)
    press_enter(explorer, QUERY)
    assert explorer.message.startswith("AttributeError: ")
    assert "<b>" not in explorer.controls.status.value.partition("</b>")[2]


def test_the_status_says_what_runs(explorer, monkeypatch) -> None:
    said = []
    explorer.controls.status.observe(lambda change: said.append(change["new"]), "value")
    press_enter(explorer, QUERY)
    assert "Looking through the video" in said[0] and said[-1] == '<span role="status"></span>'


def test_texts_cannot_become_markup(explorer) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    press_enter(explorer, hostile)
    assert hostile not in shown(explorer)
    explorer.ask(hostile, task=hostile)
    assert "no task" in explorer.message and hostile not in explorer.controls.status.value + explorer._repr_html_()


def test_a_page_without_a_kernel_has_the_timeline(explorer) -> None:
    bundle = explorer.ask(QUERY)._repr_mimebundle_()
    assert bundle[WIDGET_VIEW]["model_id"] == explorer.controls.box.model_id
    assert bundle["text/html"] == explorer.timeline._repr_html_()
    assert QUERY in bundle["text/plain"]


def test_without_ipywidgets_there_is_the_timeline_and_a_way_to_ask(predictor, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "ipywidgets", None)  # its import fails
    assert controls_module.load_ipywidgets() is None
    bare = Explorer(predictor, query=QUERY)
    bundle = bare._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert "pip install ipywidgets" in bundle["text/html"] and "mt-truth" in bundle["text/html"]
    assert bare.ask(task="events").timeline.moments == predictor.events()
    assert "no video &#x27;none.mp4&#x27;" in bare.choose("none.mp4")._repr_html_()


def test_uploads_of_both_versions_of_ipywidgets_are_read() -> None:
    seven = {"a.mp4": {"metadata": {"name": "a.mp4", "size": 1}, "content": b"1"}}
    eight = ({"name": "a.mp4", "size": 1, "content": memoryview(b"1")},)
    assert list(uploaded(seven)) == list(uploaded(eight)) == [("a.mp4", b"1")]
    assert list(uploaded({})) == list(uploaded(())) == []


def test_every_widget_is_ipywidgets_own(explorer) -> None:
    waiting = [explorer.controls.box]
    while waiting:
        widget = waiting.pop()
        assert type(widget).__module__.startswith("ipywidgets.")
        waiting += widget.children if isinstance(widget, ipywidgets.Box) else []

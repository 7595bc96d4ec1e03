"""Annotations of every format and predictions of every form: what is read, what is reported, what belongs to what."""

from __future__ import annotations

import csv
import io
import json
import re

import numpy as np
import pytest

from momentor_lib.data.durations import read_durations
from momentor_lib.evaluation.evaluate import evaluate
from momentor_lib.evaluation.formats import FORMATS, TASKS, read_truth
from momentor_lib.evaluation.grounding import score_grounding
from momentor_lib.evaluation.matching import match
from momentor_lib.evaluation.own_format import rate
from momentor_lib.evaluation.predictions import Prediction, read_predictions
from momentor_lib.moments import Moment


def lines(path, *records):
    path.write_text("".join((record if isinstance(record, str) else json.dumps(record)) + "\n" for record in records))
    return path


# the real files


@pytest.mark.parametrize("name", ["charades", "activitynet"])
def test_the_real_files_read_whole_and_perfect_is_100(name, request):
    truth = read_truth(request.getfixturevalue(name), "grounding")
    assert (len(truth.items), truth.videos) == {"charades": (3720, 1334), "activitynet": (17505, 4917)}[name]
    spans = [item.spans for item in truth.items]
    for name, values in score_grounding(spans, spans).items():
        assert np.isnan(values).all() if "several" in name else (values == 100).all()
    assert all(np.nanmax(values, initial=0) == 0 for values in score_grounding([[] for _ in spans], spans).values())


def test_the_dirt_of_the_real_files_is_reported(charades, activitynet):
    assert {kind: one.count for kind, one in read_truth(activitynet, "captioning").dirt.findings.items()} == {"past-end": 5}
    assert not read_truth(charades, "grounding").dirt.findings  # without durations, ends cannot be told
    durations = read_durations(charades.parent / "Charades_v1_test.csv")
    dirty = read_truth(charades, "grounding", durations=durations)
    assert {kind: one.count for kind, one in dirty.dirt.findings.items()} == {"past-end": 562}
    assert dirty.items[0].duration == pytest.approx(31.1, abs=0.2)


def test_youcook2_in_both_layouts_is_the_same(youcook2, tmp_path):
    first = read_truth(youcook2, "captioning")
    database = {
        item.id: {
            "duration": item.duration,
            "subset": "validation",
            "annotations": [{"segment": [event.start, event.end], "sentence": event.label} for event in item.events],
        }
        for item in first.items
    }
    (tmp_path / "own.json").write_text(json.dumps({"database": database}))
    second = read_truth(tmp_path / "own.json", "captioning")
    assert second.format == "youcook2"
    assert second.items == first.items
    assert sum(len(item.events) for item in first.items) == 3492


def test_qvhighlights(qvhighlights):
    truth = read_truth(qvhighlights / "highlight_val_release.jsonl", "highlights")
    assert len(truth.items) == 1550
    assert truth.items[0].id == "2579"
    assert truth.items[0].ratings.scores.shape == (75, 3)
    assert truth.items[0].ratings.scores[41].tolist() == [1, 1, 2]


# made by hand


def test_charades_by_hand(tmp_path):
    path = tmp_path / "sta.txt"
    path.write_text("AB 1.0 2.5##a man runs\nno line\nAB 9 3##he sits\nCD 0 4##a dog\nCD 0 4##a dog\n")
    truth = read_truth(path, "grounding", "charades-sta")
    assert [(item.id, item.text, item.spans) for item in truth.items] == [
        ("AB#0", "a man runs", ((1.0, 2.5),)),
        ("AB#1", "he sits", ((9.0, 3.0),)),
        ("CD#0", "a dog", ((0.0, 4.0),)),
        ("CD#1", "a dog", ((0.0, 4.0),)),
    ]
    assert {kind: one.count for kind, one in truth.dirt.findings.items()} == {"malformed": 1, "reversed-span": 1, "duplicate-id": 1}


def test_label_files(tmp_path):
    (tmp_path / "P03.txt").write_text("SIL\npour\npour\n\n")
    (tmp_path / "P04.txt").write_text("\n")
    (tmp_path / "mapping.txt").write_text("0 SIL\n1 pour\n")
    truth = read_truth(tmp_path, "segmentation")
    assert [(item.id, item.labels) for item in truth.items] == [("P03", ("SIL", "pour", "pour"))]
    assert truth.dirt.count == 1


def test_own_annotations(repository):
    path = repository / "data_samples" / "annotations.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for task in TASKS:
        truth = read_truth(path, task)
        assert truth.format == "momentor" and truth.videos == len(records) and truth.dirt.clean
    queries = read_truth(path, "grounding").items
    assert [list(map(list, item.spans)) for item in queries] == [query["moments"] for record in records for query in record["queries"]]
    rated = read_truth(path, "highlights").items[0]
    (start, end), clips = rated.spans[0], rated.ratings.scores[:, 0]
    covered = [max(0, min(end, 2 * i + 2) - max(start, 2 * i)) for i in range(len(clips))]
    assert clips.tolist() == [4 if seconds >= 1 else 0 for seconds in covered]
    labels = read_truth(path, "segmentation").items[0]
    assert len(labels.labels) == round(records[0]["duration"] * labels.fps)


def test_a_clip_is_salient_where_half_of_it_lies_in_a_moment():
    assert rate(((0.6, 4.9),), 8.5).scores[:, 0].tolist() == [4, 4, 0, 0]  # 1.4, 2 and 0.9 s of them
    assert rate(((1.0, 2.0), (4.0, 4.5), (4.6, 5.1)), 6.0).scores[:, 0].tolist() == [4, 0, 4]
    assert rate((), 5.0).scores.tolist() == [[0], [0]]


def test_dirt_of_own_annotations(tmp_path):
    good = {"id": "a", "duration": 10.0, "queries": [{"query": "x", "moments": [[1, 2]]}], "events": [], "qa": []}
    spans = [[5, 3], [4, 4], [-1, 2], [1, 11]]
    bad = good | {"id": "b", "queries": [{"query": "x", "moments": spans}]}
    path = lines(tmp_path / "annotations.jsonl", good, bad, good, good | {"id": "c", "duration": 0}, "{", {"id": "d"})
    truth = read_truth(path, "grounding", "momentor")
    assert [item.id for item in truth.items] == ["a#0", "b#0"]
    kinds = {kind: one.count for kind, one in truth.dirt.findings.items()}
    assert kinds == {"reversed-span": 1, "empty-span": 1, "negative-time": 1, "past-end": 1, "duplicate-id": 1, "malformed": 3}


def test_questions(tmp_path):
    path = lines(
        tmp_path / "qa.jsonl",
        {"id": 7, "video": "a", "question": "who?", "answer": 1, "options": ["x", "y"]},
        {"video": "a", "question": "what?", "answer": "x"},
        {"video": "a", "question": "no answer"},
        {"id": 7, "video": "a", "question": "again?", "answer": "x"},
    )
    truth = read_truth(path, "qa")
    assert [(item.id, item.answer, item.options) for item in truth.items] == [("7", 1, ("x", "y")), ("a#1", "x", ())]
    assert {kind: one.count for kind, one in truth.dirt.findings.items()} == {"malformed": 1, "duplicate-id": 1}


@pytest.mark.parametrize(
    ("content", "task", "format", "says"),
    [
        ("AB 1 2##x\n", "captioning", None, "charades-sta files hold nothing for captioning; these do: activitynet, youcook2, momentor"),
        ("AB 1 2##x\n", "grounding", "coco", "unknown format 'coco'"),
        ("AB 1 2##x\n", "singing", None, "unknown task 'singing'"),
        ("hello\n", "grounding", "charades-sta", "holds nothing for grounding: line 1: not of the form VID"),
        ("hello\n", "grounding", None, "of no format known here"),
        ('{"v": {"timestamps": [[0, 1]], "captions": ["x"]}}', "captioning", None, "is a gesm file, which is to train on"),
    ],
)
def test_what_is_no_truth_is_named(tmp_path, content, task, format, says):
    (tmp_path / "file").write_text(content)
    with pytest.raises(ValueError, match=says):
        read_truth(tmp_path / "file", task, format)


# predictions


@pytest.mark.parametrize(
    "record",
    [
        {"qid": 1, "pred_relevant_windows": [[1, 2.5, 0.5]]},
        {"id": "1", "moments": [{"start": 1, "end": 2.5, "score": 0.5}]},
        {"id": "1", "spans": [[1, 2.5, 0.5]]},
        {"id": 1, "timestamps": [[1, 2.5, 0.5]]},
        {"id": 1, "events": [{"timestamp": [1, 2.5], "score": 0.5}]},
    ],
)
def test_forms_of_moments(tmp_path, record):
    [found], dirt = read_predictions(lines(tmp_path / "p.jsonl", record), "grounding")
    assert (found.id, found.moments, found.unparsed, dirt.clean) == ("1", (Moment(1, 2.5, 0.5),), False, True)


def test_free_text_is_read_and_what_cannot_be_is_counted(tmp_path):
    path = lines(
        tmp_path / "p.jsonl",
        {"video": "videos/a.mp4", "query": "x", "text": "From 1 s to 2 s."},
        {"video": "b", "query": "x", "response": "I cannot tell."},
        {"video": "c", "query": "x", "moments": []},
        {"video": "d", "query": "x", "text": "1 s to 2 s", "moments": [{"start": 5, "end": 6}]},
    )
    found, _ = read_predictions(path, "grounding")
    assert [one.video for one in found] == ["a", "b", "c", "d"]
    assert [one.unparsed for one in found] == [False, True, False, False]
    assert [one.moments for one in found] == [(Moment(1, 2),), (), (), (Moment(5, 6),)]


def test_captions_in_activitynet_s_form_in_lines_and_in_words(tmp_path):
    events = (Moment(1, 2, label="a man runs"), Moment(3, 4, label="he sits"))
    forms = {
        "results.json": {"results": {"a": [{"sentence": e.label, "timestamp": [e.start, e.end]} for e in events]}},
        "events.jsonl": {"video": "a", "events": [{"start": e.start, "end": e.end, "label": e.label} for e in events]},
        "layout.jsonl": {"video": "a", "timestamps": [[1, 2], [3, 4]], "sentences": ["a man runs", "he sits"]},
        "words.jsonl": {"video": "a", "text": "1 s - 2 s: a man runs. 3 s - 4 s: he sits."},
    }
    for name, record in forms.items():
        (tmp_path / name).write_text(json.dumps(record) + "\n")
        [found], _ = read_predictions(tmp_path / name, "captioning")
        assert (found.video, found.moments) == ("a", events), name
    (tmp_path / "pretty.json").write_text(json.dumps(forms["results.json"], indent=2))
    assert read_predictions(tmp_path / "pretty.json", "captioning")[0][0].moments == events
    (tmp_path / "list.json").write_text(json.dumps([forms["events.jsonl"], 3]))
    found, dirt = read_predictions(tmp_path / "list.json", "captioning")
    assert found[0].moments == events and dirt.count == 1


def test_label_folders_and_answers(tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("x\nx\ny\n")
    [found], _ = read_predictions(tmp_path / "labels", "segmentation")
    assert (found.video, found.labels) == ("a", ("x", "x", "y"))
    answers, _ = read_predictions(lines(tmp_path / "qa.jsonl", {"id": 1, "answer": "red"}, {"id": 2, "answer": 3}, {"id": 3}), "qa")
    assert [one.answer for one in answers] == ["red", "3", None]


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ({"text": "1 s to 2 s"}, "names neither a qid, nor an id, nor a video"),
        ({"id": [1]}, "qid is a list of 1"),
        ({"id": 1, "spans": [[1]]}, "a list of 1 where \\[start, end\\]"),
        ({"id": 1, "spans": "1-2"}, "spans is a text, not a list"),
        ({"id": 1, "moments": [{"start": 1}]}, "a moment has no start and end"),
        ({"id": 1, "moments": [{"start": "1", "end": 2}]}, "a text where a number of seconds belongs"),
        ({"id": 1, "timestamps": [[1, 2]], "sentences": []}, "has 1 timestamps but 0 sentences"),
        ([1], "a list of 1 where an object belongs"),
        ("{", "not JSON"),
    ],
)
def test_a_record_that_is_no_prediction_is_named(tmp_path, record, says):
    good = {"id": 2, "spans": [[1, 2]]}
    found, dirt = read_predictions(lines(tmp_path / "p.jsonl", good, record), "grounding")
    assert len(found) == 1
    [(place, detail)] = dirt.findings["malformed"].places
    assert place.line == 2
    assert re.search(says, detail)
    with pytest.raises(ValueError, match="holds no prediction: the first record"):
        read_predictions(lines(tmp_path / "bad.jsonl", record), "grounding")


def test_an_empty_file(tmp_path):
    with pytest.raises(ValueError, match=r"p\.jsonl holds no prediction: it is empty"):
        read_predictions(lines(tmp_path / "p.jsonl"), "grounding")
    (tmp_path / "x.json").write_text('{"results": [1]}')
    with pytest.raises(ValueError, match='its "results" is a list of 1'):
        read_predictions(tmp_path / "x.json", "captioning")


# what belongs to what


@pytest.fixture
def truth(tmp_path):
    path = tmp_path / "sta.txt"
    path.write_text("AB 1 2##A man runs.\nAB 3 5##he sits\nCD 0 4##a dog\nCD 5 9##a dog\n")
    return read_truth(path, "grounding", "charades-sta")


def test_by_id_or_by_words(truth):
    said = [
        Prediction(id="AB#1", moments=(Moment(3, 5),)),
        Prediction(video="AB", query="a  man runs", moments=(Moment(1, 2),)),
        Prediction(video="CD", query="a dog", moments=(Moment(0, 4),)),
    ]
    found = match(truth.items, said)
    assert found.predictions == [said[1], said[0], said[2], said[2]]
    assert (found.missing, found.unknown, found.repeated) == (0, [], [])


def test_as_many_predictions_as_are_asked_in_the_same_words_belong_in_order(truth):
    said = [Prediction(video="CD", query="a dog", moments=(Moment(0, end),)) for end in (4, 5, 6)]
    assert match(truth.items, said[:1]).predictions[2:] == [said[0], said[0]]
    assert match(truth.items, said[:2]).predictions[2:] == said[:2]
    three = match(truth.items, said)
    assert three.predictions[2:] == [said[0], said[0]] and len(three.repeated) == 2


@pytest.mark.parametrize("named", ["by id", "by words", "in words"])
def test_perfect_predictions_of_the_real_files_score_100_whatever_their_form(activitynet, tmp_path, named):
    truth = read_truth(activitynet, "grounding")
    records = []
    for item in truth.items:
        name = {"video": item.video, "query": item.text} if named == "by words" else {"id": item.id}
        start, end = item.spans[0]
        records.append(name | ({"text": f"from {start} seconds to {end} seconds"} if named == "in words" else {"spans": [[start, end]]}))
    found, _ = read_predictions(lines(tmp_path / "perfect.jsonl", *records), "grounding")
    result = evaluate(truth, match(truth.items, found), "grounding", draws=0)
    assert all(score.value == 100 for score in result.scores if score.count)
    assert (result.counts["missing"], result.counts["unparsed"], result.counts["repeated"]) == (0, 0, 0)


def test_missing_unknown_and_repeated(truth):
    said = [Prediction(id="AB#0"), Prediction(id="AB#0"), Prediction(id="ZZ"), Prediction(video="AB", query="flies")]
    found = match(truth.items, said)
    assert (found.missing, found.unknown, found.repeated) == (3, ["ZZ", "AB: flies"], ["AB#0"])
    with pytest.raises(ValueError, match="2 predictions fit nothing in the ground truth: ZZ, AB: flies"):
        found.refuse_unknown()


def test_counts_and_scores_of_what_is_missing_or_unread(truth):
    said = [
        Prediction(id="AB#0", moments=(Moment(1, 2),)),
        Prediction(id="AB#1", text="no idea", unparsed=True),
        Prediction(id="CD#0", moments=()),
    ]
    result = evaluate(truth, match(truth.items, said), "grounding", draws=200)
    found = {"queries": 4, "videos": 2, "predicted": 3, "missing": 1, "unparsed": 1, "empty": 1, "unknown ids": 0, "repeated": 0}
    assert result.counts == found
    scores = {score.name: score for score in result.scores}
    assert scores["mIoU"].value == 25
    assert scores["mIoU"].low == 0 and scores["mIoU"].high == 50  # two videos: both one, or both the other
    assert (scores["F1@0.5, several moments"].count, scores["mIoU"].count) == (0, 4)
    rows = list(csv.DictReader(io.StringIO(result.per_query())))
    assert list(rows[0])[:4] == ["id", "video", "query", "state"]
    assert [row["state"] for row in rows] == ["", "unparsed", "empty", "missing"]
    assert [(row["mIoU"], row["F1@0.5, several moments"]) for row in rows] == [("100", ""), ("0", ""), ("0", ""), ("0", "")]
    assert json.loads(json.dumps(result.record(), allow_nan=False))["scores"][5]["value"] is None


def test_the_order_of_the_predictions_has_no_say(tmp_path, repository):
    path = repository / "data_samples" / "annotations.jsonl"
    for task in ("grounding", "highlights", "captioning", "segmentation"):
        truth = read_truth(path, task)
        records = []
        for number, item in enumerate(truth.items):
            moments = [
                {"start": 0.5 * (number + k), "end": 5.0 + number + k, "score": 1 - k / 9, "label": "the red circle grows"}
                for k in range(3)
            ]
            records.append({"id": item.id, "moments": moments})
        results = []
        for name, order in (("one", records), ("other", records[::-1])):
            found, _ = read_predictions(lines(tmp_path / f"{task}-{name}.jsonl", *order), task)
            results.append(evaluate(truth, match(truth.items, found), task, draws=20).record())
        assert results[0] == results[1]


def test_every_format_serves_a_known_task():
    assert set(TASKS) == {task for tasks in FORMATS.values() for task in tasks}

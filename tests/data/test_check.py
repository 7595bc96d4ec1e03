"""The linter: each kind of finding, in each format, where it was put; and what it says of the real files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from momentor_lib.data.check import FORMATS, KINDS, check_file, recognise
from momentor_lib.data.check.report import FIRST, LONGEST
from momentor_lib.data.durations import read_durations


def record(moment=(1.0, 2.0), **changes) -> dict:
    turns = [{"User": "When?", "Assistant": "{moment}"}]
    return {"id": "v", "data_type": "qa_data", "match_score": 2, "variables": {"moment": moment}, "conversations": turns} | changes


def packed(*records, data_type: str = "qa_data") -> dict:
    return {"vid": {data_type: [record(), *records]}}


def activitynet(spans, sentences=None, duration=20.0) -> dict:
    return {
        "v_1": {
            "duration": duration,
            "timestamps": spans,
            "sentences": ["something happens"] * len(spans) if sentences is None else sentences,
        }
    }


def youcook2(*segments, duration=20.0, sentence="stir") -> dict:
    events = [{"segment": segment, "id": i, "sentence": sentence} for i, segment in enumerate(segments)]
    return {"database": {"abc": {"duration": duration, "subset": "training", "recipe_type": "101", "annotations": events}}}


def query(windows=((0, 2),), **changes) -> dict:
    whole = {"qid": 1, "query": "a dog runs", "vid": "a_0_20", "duration": 20, "relevant_windows": list(windows)}
    return whole | {"relevant_clip_ids": [0], "saliency_scores": [[1, 2, 3]]} | changes


def write(tmp_path: Path, content) -> Path:
    path = tmp_path / "file"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def found(tmp_path, content, **options) -> dict[str, tuple]:
    """Kind -> (count, the first place's video id, data type, index and line)."""
    report = check_file(write(tmp_path, content), **options)
    return {
        finding.kind: (finding.count, place.video_id, place.data_type, place.index, place.line)
        for finding in report.in_order
        for place, _ in finding.places[:1]
    }


def lines(*records) -> str:
    return "\n".join(line if isinstance(line, str) else json.dumps(line) for line in records) + "\n"


CLEAN = {
    "moment10m": packed(
        record([[1, 2], [3.5, 4]], clip_similarity=0.2), record(variables={}, conversations={"User": "Who {x}?", "Assistant": "he"})
    ),
    "gesm": {"vid": {"timestamps": [[0, 1.5], [1, 2]], "captions": ["a", "b"]}},
    "charades-sta": "AO8RW 0.0 6.9##a person is putting a book on a shelf.\n\nAO8RW 0.0 6.9##another\n",
    "activitynet": activitynet([[0, 20.0], [3, 4.5]]),
    "qvhighlights": lines(query(), query(qid=2), {"qid": 3, "query": "the test part", "vid": "b", "duration": 150}),
    "youcook2": youcook2([0, 20], [1, 3]),
}


@pytest.mark.parametrize("format", FORMATS)
def test_a_clean_file_is_recognised_and_has_no_findings(tmp_path, format):
    path = write(tmp_path, CLEAN[format])
    assert recognise(path) == format
    for report in (check_file(path), check_file(path, format)):
        assert report.clean and report.format == format and report.videos >= 1 and report.spans >= 2
        assert report.record()["findings"] == []


# Each file with one or two things wrong: kind -> count, video id, data type, index, line.
SPOILED = {
    "moment10m reversed": (packed(record([2, 1])), {"reversed-span": (1, "vid", "qa_data", 1, None)}),
    "moment10m one of several": (packed(record([[2, 1], [3, 4], [6, 5]])), {"reversed-span": (2, "vid", "qa_data", 1, None)}),
    "moment10m empty span": (packed(record([2, 2])), {"empty-span": (1, "vid", "qa_data", 1, None)}),
    "moment10m negative": (packed(record([-1, 1])), {"negative-time": (1, "vid", "qa_data", 1, None)}),
    "moment10m source clip": (
        packed(record(variables={"moment": [1, 2], "SOURCE_CLIP": [5, 4]})),
        {"reversed-span": (1, "vid", "qa_data", 1, None)},
    ),
    "moment10m click": (
        packed(record(variables={"moment": [1, 2], "click_position": [-3, [0.5, 0.5]]})),
        {"negative-time": (1, "vid", "qa_data", 1, None)},
    ),
    "moment10m empty text": (
        packed(record(conversations=[{"User": " ", "Assistant": "{moment}"}])),
        {"empty-text": (1, "vid", "qa_data", 1, None)},
    ),
    "moment10m no variable": (packed(record(variables={})), {"missing-variable": (1, "vid", "qa_data", 1, None)}),
    "moment10m unknown type": (
        {"vid": {"qa_data": [record()], "pose_data": [record()]}},
        {"unknown-type": (1, "vid", "pose_data", None, None)},
    ),
    "moment10m malformed": (packed(record(conversations=7)), {"malformed": (1, "vid", "qa_data", 1, None)}),
    "moment10m twice": (
        f'{{"vid": {json.dumps(packed()["vid"])}, "vid": {json.dumps(packed()["vid"])}}}',
        {"duplicate-id": (1, "vid", "", None, None)},
    ),
    "gesm": (
        {"vid": {"timestamps": [[1, 2], [2, 1], [3, 3]], "captions": ["a", "b", ""]}},
        {"reversed-span": (1, "vid", "", 1, None), "empty-span": (1, "vid", "", 2, None), "empty-text": (1, "vid", "", 2, None)},
    ),
    "gesm uneven": (
        {"one": {"timestamps": [[1, 2]], "captions": ["a"]}, "vid": {"timestamps": [[1, 2]], "captions": []}},
        {"malformed": (1, "vid", "", None, None)},
    ),
    "charades": (
        lines(
            "A 1 2##fine", "B 3 2##x", "C 2 2##x", "D -1 2##x", "E nan 2##x", "F 1 inf##x", "G 1 2## ", "A 1 2##fine", "H one 2##x", "I 1 2"
        ),
        {
            "malformed": (2, "", "", None, 9),
            "duplicate-id": (1, "A", "", None, 8),
            "not-a-number": (2, "E", "", None, 5),
            "negative-time": (1, "D", "", None, 4),
            "reversed-span": (1, "B", "", None, 2),
            "empty-span": (1, "C", "", None, 3),
            "empty-text": (1, "G", "", None, 7),
        },
    ),
    "activitynet": (
        activitynet([[0, 20.01], [5, 4], [3, 3], [-1, 2], [1, 2], "no"], ["a", "b", "c", "d", "  ", "f"]),
        {
            "malformed": (1, "v_1", "", 5, None),
            "negative-time": (1, "v_1", "", 3, None),
            "reversed-span": (1, "v_1", "", 1, None),
            "empty-span": (1, "v_1", "", 2, None),
            "past-end": (1, "v_1", "", 0, None),
            "empty-text": (1, "v_1", "", 4, None),
        },
    ),
    "activitynet without sentences": ({"v_1": {"duration": 3, "timestamps": [[1, 2]]}}, {"malformed": (1, "v_1", "", None, None)}),
    "activitynet uneven": (activitynet([[1, 2]], []), {"malformed": (1, "v_1", "", None, None)}),
    "activitynet NaN": (
        '{"v_1": {"duration": 10, "timestamps": [[NaN, 2], [1, Infinity], [2, 3]], "sentences": ["a", "b", "c"]}}',
        {"not-a-number": (2, "v_1", "", 0, None)},
    ),
    "activitynet duration": (activitynet([[1, 2]], duration=0), {"bad-duration": (1, "v_1", "", None, None)}),
    "activitynet a number of 400 digits": (
        f'{{"v_1": {{"duration": 10, "timestamps": [[1, {"9" * 400}]], "sentences": ["a"]}}}}',
        {"not-a-number": (1, "v_1", "", 0, None)},
    ),
    "activitynet twice": (
        '{"v_1": {"duration": 9, "timestamps": [], "sentences": []}, "v_1": {"duration": 9, "timestamps": [[1, 2]], "sentences": ["a"]}}',
        {"duplicate-id": (1, "v_1", "", None, None)},
    ),
    "youcook2": (
        youcook2([5, 4], [0, 21], [1, "2"]),
        {"malformed": (1, "abc", "", 2, None), "reversed-span": (1, "abc", "", 0, None), "past-end": (1, "abc", "", 1, None)},
    ),
    "youcook2 empty": (youcook2([1, 2], sentence=""), {"empty-text": (1, "abc", "", 0, None)}),
    "qvhighlights": (
        lines(query([[0, 2], [6, 4]]), query([[18, 22]]), query(qid=3, query=""), "{broken", query(qid=4, saliency_scores=[])),
        {
            "malformed": (2, "", "", None, 4),
            "duplicate-id": (1, "a_0_20", "", None, 2),
            "reversed-span": (1, "a_0_20", "", 1, 1),
            "past-end": (1, "a_0_20", "", 0, 2),
            "empty-text": (1, "a_0_20", "", None, 3),
        },
    ),
    "qvhighlights clips": (
        lines(query(relevant_clip_ids=[9, 10], saliency_scores=[[1, 1, 1]] * 2)),
        {"past-end": (1, "a_0_20", "", None, 1)},
    ),
    "qvhighlights predictions": (
        lines({"qid": 1, "vid": "a", "pred_relevant_windows": [[1, 2, 0.5], [3, 2, 0.1], [1, 2]], "pred_saliency_scores": [-1.5]}),
        {"malformed": (1, "a", "", 2, 1), "reversed-span": (1, "a", "", 1, 1)},
    ),
}


@pytest.mark.parametrize("name", SPOILED)
def test_what_is_wrong_is_counted_and_its_place_named(tmp_path, name):
    content, expected = SPOILED[name]
    assert found(tmp_path, content) == expected


def test_the_first_five_places_are_kept_and_all_are_counted(tmp_path):
    report = check_file(write(tmp_path, lines(*(f"V{i} 3 2##x" for i in range(8)))))
    [finding] = report.in_order
    assert (finding.kind, finding.count, report.count) == ("reversed-span", 8, 8)
    assert [place.line for place, _ in finding.places] == [1, 2, 3, 4, 5] and len(finding.places) == FIRST
    assert finding.places[0][1] == "3 to 2 s"


def test_durations_from_outside_find_ends_that_the_file_cannot(tmp_path):
    content = lines("A 1 9##x", "B 1 9##y")
    without = check_file(write(tmp_path, content))
    assert without.clean and (without.spans, without.timed) == (2, 0)
    report = check_file(write(tmp_path, content), durations={"A": 8.5})
    assert [finding.kind for finding in report.in_order] == ["past-end"] and (report.spans, report.timed) == (2, 1)
    assert report.findings["past-end"].places[0][1] == "1 to 9 s, and the video lasts 8.5 s"
    assert found(tmp_path, packed(record([1, 30])), durations={"vid": 20})["past-end"] == (1, "vid", "qa_data", 1, None)


def test_a_floats_own_error_is_not_past_the_end(tmp_path):
    assert found(tmp_path, activitynet([[0, 95.04]], duration=95.03999999999999)) == {}


def test_a_long_detail_is_cut(tmp_path):
    report = check_file(write(tmp_path, lines("A 1 2##fine", "B " + "9" * 5000 + "x 2##x")))
    assert len(report.findings["malformed"].places[0][1]) <= LONGEST + 3


def test_a_line_that_is_no_text_or_endless_is_one_finding(tmp_path, monkeypatch):
    monkeypatch.setattr("momentor_lib.data.check.source.LONGEST_LINE", 100)
    path = tmp_path / "file"
    path.write_bytes(b"A 1 2##x\nB 1 2##\xff\xfe\n" + b"y" * 1000 + b"\nC 1 2##x\r\n")
    report = check_file(path)
    assert (report.videos, report.findings["malformed"].count) == (2, 2)
    assert [place.line for place, _ in report.findings["malformed"].places] == [2, 3]


@pytest.mark.parametrize(
    "content, message",
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("hello\nworld", "no format known here: it begins with 'hello'"),
        ('[{"id": "v", "data_type": "qa_data", "conversations": []}]', "a JSON list, as converted files are"),
        ('{"a": 1, "b": {"c": 2}}', "not of videos or queries"),
        ('{"v": {"duration": 3, "timestamps": [[1, 2]], "sentences": ["a"', "not JSON at line 1"),
        ('{"v": {"timestamps": [[1, 2]], "captions": ["a"]}, ', "file"),
        ('{"v": {"qa_data": [], "x": ', "file"),
        ("{" * 5000, "no format known"),
        ('{"database": [1]}', "database"),
        ('{"database": {}}', "nothing to check"),
    ],
)
def test_what_cannot_be_checked_is_one_clear_line(tmp_path, content, message):
    with pytest.raises(ValueError, match=message) as error:
        check_file(write(tmp_path, content))
    assert "\n" not in str(error.value)


def test_an_unknown_format_and_a_missing_file(tmp_path):
    with pytest.raises(ValueError, match="no format 'srt': choose one of moment10m"):
        check_file(write(tmp_path, "x"), "srt")
    with pytest.raises(FileNotFoundError):
        check_file(tmp_path / "no")


def test_formats_that_are_forced_on_another_file(tmp_path):
    path = write(tmp_path, CLEAN["charades-sta"])
    for format in ("moment10m", "gesm", "activitynet", "youcook2"):
        with pytest.raises(ValueError, match="file"):
            check_file(path, format)
    assert check_file(path, "qvhighlights").findings["malformed"].count == 2


def test_a_mark_of_byte_order_is_no_letter(tmp_path):
    for format in ("charades-sta", "activitynet", "qvhighlights"):
        content = CLEAN[format]
        path = write(tmp_path, "\ufeff" + (content if isinstance(content, str) else json.dumps(content)))
        assert check_file(path).clean and recognise(path) == format


def test_every_kind_of_finding_is_tested():
    kinds = {kind for _, expected in SPOILED.values() for kind in expected}
    assert kinds == set(KINDS)


# -- real files -------------------------------------------------------------------------------------------------------------------------


def test_real_activitynet_has_five_spans_past_the_end(real_data):
    report = check_file(real_data / "annotations" / "activitynet_captions_val_1.json")
    assert (report.format, report.videos, report.spans, report.timed) == ("activitynet", 4917, 17505, 17505)
    [finding] = report.in_order
    assert (finding.kind, finding.count) == ("past-end", 5)
    assert [(place.video_id, place.index) for place, _ in finding.places] == [
        ("v_EGLJPCJnG64", 4),
        ("v_spZ_RrpyNJw", 3),
        ("v_wN2XnDS0aGc", 2),
        ("v_M_E1i4S8Vp0", 1),
        ("v_-sd2XAFkeC0", 3),
    ]


def test_real_charades_with_and_without_the_videos_lengths(real_data):
    path, table = real_data / "annotations" / "charades_sta_test.txt", real_data / "annotations" / "Charades_v1_test.csv"
    report = check_file(path)
    assert report.clean and (report.format, report.videos, report.spans, report.timed) == ("charades-sta", 1334, 3720, 0)
    with table.open(newline="") as file:
        lengths = {row["id"]: float(row["length"]) for row in csv.DictReader(file)}
    past = sum(float(line.split("##")[0].split()[2]) > lengths[line.split()[0]] for line in path.read_text().splitlines())
    report = check_file(path, durations=read_durations(table))
    assert {kind: finding.count for kind, finding in report.findings.items()} == {"past-end": past} and past == 562
    assert report.timed == 3720


def test_real_qvhighlights_and_youcook2_are_clean(real_data):
    report = check_file(real_data / "qvhighlights" / "highlight_val_release.jsonl")
    assert report.clean and (report.format, report.texts) == ("qvhighlights", 1550)
    report = check_file(real_data / "qvhighlights" / "sample_val_preds.jsonl")
    assert report.clean and (report.format, report.spans) == ("qvhighlights", 15500)
    path = real_data / "annotations" / "youcook2_val_pdvc.json"
    assert check_file(path).format == "activitynet" and check_file(path, "youcook2").clean


def test_the_shipped_samples_are_clean(repository):
    durations = {}
    for line in (repository / "data_samples" / "annotations.jsonl").read_text().splitlines():
        annotation = json.loads(line)
        durations[annotation["id"]] = annotation["duration"]
    for name, format in (("moment10m.json", "moment10m"), ("gesm.json", "gesm")):
        report = check_file(repository / "data_samples" / name, durations=durations)
        assert report.clean and report.format == format and report.videos == len(durations) and report.timed == report.spans > 0

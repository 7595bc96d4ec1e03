"""Records of the packed file become dialogues: placeholders, forms, output formats, and what is left out."""

from __future__ import annotations

import copy
import json
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks import plain_converter
from benchmarks.convert import make_lists, write_packed
from momentor_lib.data import moment10m
from momentor_lib.data.convert import convert_file, to_dialogue
from momentor_lib.data.moment10m import Problem, Variables, read_packed
from momentor_lib.data.templates import TEMPLATES, TagsForm, TextForm
from momentor_lib.data.thresholds import NO_SCORE, TOO_LOW, UNKNOWN_TYPE, keeps

TIME = re.compile(r"(\d+(?:\.\d+)?)(?:s| seconds)(?:-|~| to )(\d+(?:\.\d+)?)(?:s| seconds)")
odd = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def write(path, packed):
    path.write_text(json.dumps(packed))
    return path


def load(path):
    return json.loads(path.read_text())


def test_placeholders_are_filled_where_they_stand_and_other_braces_stay():
    record = {
        "variables": {"moment": [[1.5, 2], [3, 4]], "SOURCE_CLIP": [0.25, 1], "instance_class": "cat"},
        "conversations": [{"User": "{a} {SOURCE_CLIP} {instance_class} {SOURCE_CLIP} {", "Assistant": "{moment} {moments}"}],
    }
    assert to_dialogue(record) == [
        ("{a} <0.25s>-<1.00s> cat <0.25s>-<1.00s> {", "<1.50s>-<2.00s> and <3.00s>-<4.00s> {moments}"),
    ]


def test_a_bare_conversation_and_a_click():
    record = {
        "variables": {"click_position": [12.3, [0.104, 0.25]]},
        "conversations": {"User": "What is at {click_position}?", "Assistant": "a cat"},
    }
    assert to_dialogue(record) == [("What is at [<12.30s>, <0.1, 0.25>]?", "a cat")]


def test_a_text_that_a_variable_brings_is_not_filled_again():
    record = {"variables": {"content": "{moment}", "moment": [1, 2]}, "conversations": {"User": "{content}", "Assistant": ""}}
    assert to_dialogue(record)[0][0] == "{moment}"


def test_a_missing_variable_is_an_error():
    with pytest.raises(KeyError):
        to_dialogue({"conversations": {"User": "{moment}", "Assistant": ""}})


# -- the converter -----------------------------------------------------------------------------------------------------------------------

pieces = st.sampled_from(["{", "}", "content", "moment", "instance_class", "{moment}", "{content}", "x", '"', "\\", "\n", "é"])
words = st.lists(pieces, max_size=5).map("".join)
placeholders = ["{moment}", "{SOURCE_CLIP}", "{click_position}", "{content}", "{instance_class}", "{x}", "{", "}", " a "]
sentences = st.lists(st.sampled_from(placeholders)).map("".join)
times = st.integers(0, 400_000).map(lambda count: count / 1000)
spans = st.tuples(times, times).map(sorted).map(list)
variables = st.fixed_dictionaries(
    {},
    optional={
        "moment": spans | st.lists(spans, min_size=1, max_size=3),
        "SOURCE_CLIP": spans,
        "click_position": st.tuples(times, st.lists(st.floats(0, 1) | st.integers(0, 1), min_size=2, max_size=2)).map(list),
        "instance_class": words,
        "content": words,
    },
)


@odd
@given(
    questions=st.lists(sentences.map("".join) | words, min_size=1, max_size=3),
    answer=sentences.map("".join),
    given=variables,
    data=st.data(),
)
def test_each_text_is_filled_in_one_pass_whatever_the_braces(tmp_path, questions, answer, given, data):
    """The quick way gives what one pass over the text gives, as to_dialogue makes it."""
    names = data.draw(st.permutations(list(given)))
    turns = [{"User": question, "Assistant": answer} for question in questions]
    record = {"match_score": 2, "variables": {name: given[name] for name in names}, "conversations": turns}
    compare_with_one_pass(tmp_path, record)


def compare_with_one_pass(tmp_path, record):
    path = write(tmp_path / "p.json", {"v": {"qa_data": [record]}})
    summary = convert_file(path, tmp_path / "out.json", time_format="tags")
    made = [[(turn["User"], turn["Assistant"]) for turn in one["conversations"]] for one in load(tmp_path / "out.json")]
    try:
        assert made == [to_dialogue(record)]
    except KeyError:  # a text names a variable that is missing
        assert not made and summary.whole.malformed == 1


@pytest.mark.parametrize(
    "text, values",
    [
        ("{{content}}", {"content": "instance_class", "instance_class": "cat"}),
        ("{{content}}", {"content": "moment", "moment": [1, 2]}),
        ("{moment} {{content}ment}", {"content": "mo", "moment": [1, 2]}),
        ("{content} {moment}", {"content": "{moment} {x}", "moment": [1, 2]}),
        ("{content} {x} {instance_class}", {"content": "{instance_class}", "instance_class": "{content}"}),
        ("{content} {moment}", {"content": "{moment}"}),
        ("{x} {moment} {", {"moment": [1, 2]}),
        ("{{moment}}", {"moment": [[1, 2], [3, 4]]}),
        ("nothing to fill", {"moment": [1, 2]}),
        ("{content}", {"content": ""}),
    ],
)
def test_braces_that_a_variable_brings_or_makes_are_not_filled(tmp_path, text, values):
    for names in (list(values), list(values)[::-1]):
        record = {"match_score": 2, "variables": {name: values[name] for name in names}}
        compare_with_one_pass(tmp_path, record | {"conversations": [{"User": text, "Assistant": text}]})


def test_what_a_straightforward_script_writes(tmp_path):
    """Same records in the same order, and the same texts but for the templates drawn."""
    path = write_packed(tmp_path / "p.json", 1600)
    np.random.seed(0)  # noqa: NPY002 (what the script uses)
    plain_converter.convert(path, tmp_path / "plain.json")
    convert_file(path, tmp_path / "ours.json")
    plain, ours = load(tmp_path / "plain.json"), load(tmp_path / "ours.json")
    assert [(one["id"], one["data_type"]) for one in plain] == [(one["id"], one["data_type"]) for one in ours] and len(ours) > 1000
    for one, other in zip(plain, ours, strict=True):
        for theirs, mine in zip(one["conversations"], other["conversations"], strict=True):
            for role in ("User", "Assistant"):
                assert TIME.sub("T", theirs[role]) == TIME.sub("T", mine[role])
                pairs = zip(TIME.findall(theirs[role]), TIME.findall(mine[role]), strict=True)
                assert all(float(a) == pytest.approx(float(b), abs=0.51) for span, other in pairs for a, b in zip(span, other, strict=True))


def test_a_malformed_record_changes_nothing_else(tmp_path):
    """A video that has one is read another way; the others come out alike, and problems name the place in the file."""
    import random

    lists = make_lists(random.Random(1), "v")
    spoiled = copy.deepcopy(lists)
    spoiled["qa_data"].insert(3, {"conversations": 5, "match_score": 2})
    spoiled["qa_data"].insert(9, {"conversations": {"User": "{content}", "Assistant": ""}, "match_score": 2})
    packed = {f"v{number}": spoiled if number == 2 else lists for number in range(4)}
    problems: list[Problem] = []
    summary = convert_file(write(tmp_path / "p.json", packed), tmp_path / "a.jsonl", time_format="tags", on_problem=problems.append)
    convert_file(write(tmp_path / "p.json", dict.fromkeys(packed, lists)), tmp_path / "b.jsonl", time_format="tags")
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    assert [(p.video_id, p.data_type, p.index) for p in problems] == [("v2", "qa_data", 3), ("v2", "qa_data", 9)]
    assert "{content}" in problems[1].reason and summary.tallies["qa_data"].malformed == 2


def test_why_records_are_dropped(tmp_path):
    turn = {"User": "a", "Assistant": "b"}
    scores = [{}, {"match_score": None}, {"clip_similarity": 0.1}, {"match_score": 0.0, "clip_similarity": 0.3}, {"match_score": 1}]
    packed = {
        "v": {"qa_data": [{"conversations": turn} | score for score in scores], "pose_data": [{"conversations": [turn], "match_score": 9}]}
    }
    path = write(tmp_path / "p.json", packed)
    figures = convert_file(path, tmp_path / "out.json").record()
    assert figures["data_types"]["qa_data"] == {"records": 5, "kept": 2, "share": 0.4, "dropped": {NO_SCORE: 2, TOO_LOW: 1}, "malformed": 0}
    assert figures["data_types"]["pose_data"]["dropped"] == {UNKNOWN_TYPE: 1}
    assert (figures["records"], figures["kept"]) == (6, 2)
    [(_, records)] = read_packed(path, on_problem=lambda problem: None)
    assert [keeps(record) for record in records] == [False, False, False, True, True]
    assert convert_file(path, tmp_path / "all.json", keep_all=True).whole.kept == 6
    assert [one["data_type"] for one in load(tmp_path / "all.json")] == ["qa_data"] * 5 + ["pose_data"]


def test_output_formats_hold_the_same(tmp_path, samples):
    from pyarrow import parquet

    for name in ("a.json", "b.jsonl", "c.parquet"):
        convert_file(samples / "moment10m.json", tmp_path / name)
    convert_file(samples / "moment10m.json", tmp_path / "d.txt", output_format="jsonl")
    rows = load(tmp_path / "a.json")
    assert [json.loads(line) for line in (tmp_path / "b.jsonl").read_text().splitlines()] == rows
    assert parquet.read_table(tmp_path / "c.parquet").to_pylist() == rows
    assert (tmp_path / "d.txt").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    for name in ("e.json", "f.jsonl", "g.parquet"):
        convert_file(samples / "gesm.json", tmp_path / name, gesm=True)
    rows = load(tmp_path / "e.json")
    assert [json.loads(line) for line in (tmp_path / "f.jsonl").read_text().splitlines()] == rows
    assert parquet.read_table(tmp_path / "g.parquet").to_pylist() == rows


def test_nothing_kept_is_a_whole_file_of_nothing(tmp_path):
    from pyarrow import parquet

    path = write(tmp_path / "p.json", {"v": {"qa_data": []}})
    for name in ("a.json", "b.jsonl", "c.parquet"):
        convert_file(path, tmp_path / name)
    assert load(tmp_path / "a.json") == [] and (tmp_path / "b.jsonl").read_text() == ""
    assert parquet.read_table(tmp_path / "c.parquet").num_rows == 0


def test_mistakes_are_one_line_and_leave_nothing(tmp_path, samples):
    source = samples / "moment10m.json"
    broken = write(tmp_path / "p.json", {"v": {"qa_data": [{"conversations": 1}]}})
    for arguments, message in (
        ({"source": source, "time_format": "ticks"}, "no time format 'ticks'"),
        ({"source": source, "output_format": "csv"}, "no output format 'csv'"),
        ({"source": source, "gesm": True}, "is a packed file"),
        ({"source": samples / "gesm.json"}, "is a GESM file"),
        ({"source": broken, "strict": True}, "video 'v', 'qa_data', record 0"),
    ):
        with pytest.raises(ValueError, match=message):
            convert_file(arguments.pop("source"), tmp_path / "out", **arguments)
    with pytest.raises(ValueError, match="is the source itself"):
        convert_file(broken, broken)
    with pytest.raises(FileNotFoundError):
        convert_file(tmp_path / "none.json", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["p.json"]


# -- forms -------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [TextForm(), TagsForm()])
@pytest.mark.parametrize(
    "value",
    [[2, 1], [-1, 1], [[1, 2], [4, 3]], [1], "1-2", [1, "2"], [True, 3], [float("nan"), 1], [1, float("inf")], [[]], [1, 10**400], 7],
)
def test_a_moment_that_cannot_be_is_an_error(form, value):
    with pytest.raises(ValueError, match="moment"):
        form.moment(value)


@pytest.mark.parametrize("value", [[-1.0, [0.1, 0.2]], [1.0, 2.0], [1.0, [0.1]], [1.0, [0.1, float("nan")]], "here", [[1, 2], [3, 4]]])
def test_a_click_that_cannot_be_is_an_error(value):
    for form in (TextForm(), TagsForm()):
        with pytest.raises(ValueError, match="click"):
            form.click(value)


def test_clicks():
    assert TextForm().click([12.3, [0.104, 0.25]]) == "[12.3s, <0.1, 0.25>]"
    assert TextForm().click([12, [0.999, 0.0]]) == "[12s, <1.0, 0.0>]"
    assert TagsForm().click([12, [1, 0.666]]) == "[<12.00s>, <1, 0.67>]"


@given(st.floats(0, 1))
def test_places_are_rounded_as_python_rounds(place):
    assert TextForm().click([1.5, [place, 0.5]]) == f"[1.5s, <{round(place, 2)}, 0.5>]"


def test_minus_zero_is_zero():
    assert TagsForm().moment([-0.0, 2.0]) == "<0.00s>-<2.00s>"
    assert all("-0" not in TextForm(seed).moment([-0.0, 2.0]).replace("s-", "") for seed in range(40))


@given(start=st.floats(0, 4000), length=st.floats(1e-6, 3), several=st.booleans())
def test_no_template_empties_a_moment(start, length, several):
    spans = [(start, start + length), (0.0, 100.0)] if several else [(start, start + length)]
    for template in TEMPLATES:
        for (begin, end), text in zip(spans, template.write(spans), strict=True):
            first, last = TIME.fullmatch(text).groups()
            assert begin == end or float(first) < float(last)
            assert (float(first), float(last)) == pytest.approx((begin, end), abs=0.51)


def test_all_twelve_templates_are_drawn_alike():
    form = TextForm(1)
    texts = [form.moment([12.3, 18.4]) for _ in range(12_000)]
    expected = {template.write([(12.3, 18.4)])[0] for template in TEMPLATES}
    assert set(texts) == expected and len(expected) == 12
    assert all(800 < texts.count(text) < 1200 for text in expected)


def test_events_as_text_and_as_tags():
    timestamps, captions = [(18.4, 25.0), (12.3, 18.4)], ["A man sits. ", "it rains"]
    for text in (TextForm(seed).events(timestamps, captions) for seed in range(20)):
        assert TIME.sub("T", text) == "T: A man sits.  T: it rains"
        assert len({re.sub(r"[\d.]+", "", found[0]) for found in TIME.finditer(text)}) == 1  # one template a video
    assert TagsForm().events(timestamps, captions) == "<12.30s>-<18.40s> it rains. <18.40s>-<25.00s> A man sits."


def test_variables_of_the_quick_reader_are_those_of_the_file():
    assert set(Variables.__struct_fields__) == {"moment", "SOURCE_CLIP", "click_position", "instance_class", "content"}
    assert {"id", "data_type", *moment10m.PackedRecord.__struct_fields__} == moment10m.KNOWN_KEYS

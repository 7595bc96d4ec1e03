"""Reader and converter on whole files: what is kept, in which words, and what becomes of damaged and odd ones."""

from __future__ import annotations

import json
import os
import re
import signal
import string
import subprocess
import sys
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from momentor_lib.data.convert import convert_file, to_dialogue
from momentor_lib.data.moment10m import DATA_TYPES, Problem, read_gesm, read_packed
from momentor_lib.data.thresholds import THRESHOLDS
from momentor_lib.paths import shipped
from momentor_lib.timecode import find_spans

NUMBER = r"\d+(?:\.\d\d)?"
SPAN = re.compile(rf"(?P<start>{NUMBER})(?P<unit>s| seconds)(?P<separator>-|~| to )(?P<end>{NUMBER})(?P=unit)")


def record(text="When? {moment}", answer="{moment}", moment=(1.25, 7.5), **fields):
    return {"variables": {"moment": list(moment)}, "conversations": [{"User": text, "Assistant": answer}]} | fields


def write(path, packed):
    path.write_text(json.dumps(packed))
    return path


def test_records_come_video_by_video_and_keep_every_key(tmp_path):
    bare = record(clip_similarity=0.2, extra={"a": 1}) | {"conversations": {"User": "q", "Assistant": "a"}}
    path = write(tmp_path / "p.json", {"one": {"qa_data": [record(match_score=2.0), bare]}, "two": {}})
    (first, records), (second, none) = read_packed(path)
    assert (first, second, none) == ("one", "two", [])
    assert [r.conversations[0].User for r in records] == ["When? {moment}", "q"]
    assert records[1].extra == {"extra": {"a": 1}}
    assert (records[0].match_score, records[0].clip_similarity, records[1].clip_similarity) == (2.0, None, 0.2)


def test_a_malformed_record_is_named_counted_and_skipped_or_stops(tmp_path):
    odd = [record(), record(variables={"moment": "soon"}), {"conversations": 3}, record()]
    path = write(tmp_path / "p.json", {"v": {"qa_data": odd, "new_data": []}})
    problems: list[Problem] = []
    [(_, records)] = read_packed(path, on_problem=problems.append)
    assert len(records) == 2
    assert [(p.video_id, p.data_type, p.index) for p in problems] == [("v", "qa_data", 1), ("v", "qa_data", 2), ("v", "new_data", None)]
    with pytest.raises(ValueError, match=r"video 'v'.*qa_data.*record 1"):
        list(read_packed(path, strict=True))


@pytest.mark.parametrize("content", ["", "[]", "[1, 2]", "hello", '{"v": {"qa_data": [', '{"v"', '{"v": {}} more', "\x00\x01"])
def test_a_file_that_is_none_is_one_clear_line(tmp_path, content):
    path = tmp_path / "bad.json"
    path.write_text(content)
    for read in (lambda: list(read_packed(path)), lambda: convert_file(path, tmp_path / "out.json")):
        with pytest.raises(ValueError, match=r"bad\.json") as error:
            read()
        assert "\n" not in str(error.value)
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize("data_type", DATA_TYPES)
def test_what_is_kept_is_what_the_rule_keeps_in_order(tmp_path, data_type):
    limit = THRESHOLDS[data_type]
    scores = [{}, {"match_score": limit}, {"match_score": limit + 0.01}, {"clip_similarity": limit + 0.01}, {"clip_similarity": limit}]
    scores += [{"match_score": limit - 0.01, "clip_similarity": limit + 0.01}, {"match_score": limit + 0.01, "clip_similarity": 0.0}]
    records = [record(answer=str(number), **score) for number, score in enumerate(scores)]
    path = write(tmp_path / "p.json", {"v": {data_type: records}})
    summary = convert_file(path, tmp_path / "out.json")
    kept = json.loads((tmp_path / "out.json").read_text())
    assert [one["conversations"][0]["Assistant"] for one in kept] == ["2", "3", "5", "6"]
    assert all(list(one) == ["id", "data_type", "conversations"] for one in kept)
    assert (summary.whole.kept, summary.whole.total) == (4, 7)
    assert convert_file(path, tmp_path / "all.json", keep_all=True).whole.kept == 7


def test_every_text_is_one_that_some_template_gives(tmp_path):
    moments = [(0.2 * n, 0.2 * n + 3.37) for n in range(200)]
    packed = {"v": {"qa_data": [record(f"At {{moment}}, {n}?", "{moment} {moment}", m, match_score=2) for n, m in enumerate(moments)]}}
    convert_file(write(tmp_path / "p.json", packed), tmp_path / "out.json", seed=3)
    shapes = set()
    for one, (start, end) in zip(json.loads((tmp_path / "out.json").read_text()), moments, strict=True):
        turn = one["conversations"][0]
        found = SPAN.search(turn["User"])
        decimals = 2 if "." in found["start"] else 0
        assert (found["start"], found["end"]) == (f"{start:.{decimals}f}", f"{end:.{decimals}f}")
        assert turn["Assistant"] == f"{found[0]} {found[0]}"  # one template for a variable, wherever it stands
        shapes.add((found["separator"], decimals, found["unit"]))
    assert len(shapes) == 12


def test_several_moments_a_click_words_and_foreign_braces(tmp_path):
    variables = {"moment": [[1, 2], [3, 4], [5, 6]], "click_position": [12.3, [0.104, 0.25]], "instance_class": "{moment}"}
    one = record("{x} {click_position} {instance_class} {", "{moment}", match_score=2, variables=variables)
    convert_file(write(tmp_path / "p.json", {"v": {"qa_data": [one]}}), tmp_path / "out.json")
    [turn] = json.loads((tmp_path / "out.json").read_text())[0]["conversations"]
    assert turn["User"] == "{x} [12.3s, <0.1, 0.25>] {moment} {"
    assert len({found["separator"] for found in SPAN.finditer(turn["Assistant"])}) == 1
    assert re.sub(SPAN, "S", turn["Assistant"]) == "S, S and S"


def test_a_moment_that_rounding_would_empty_keeps_its_decimals(tmp_path):
    packed = {"v": {"qa_data": [record(moment=(1.1, 1.3), match_score=2) for _ in range(60)]}}
    convert_file(write(tmp_path / "p.json", packed), tmp_path / "out.json")
    for one in json.loads((tmp_path / "out.json").read_text()):
        found = SPAN.search(one["conversations"][0]["Assistant"])
        assert found["start"] != found["end"]


def test_the_same_seed_gives_the_same_bytes_in_another_process_too(tmp_path):
    source, script = shipped("data_samples/moment10m.json"), "scripts/convert_data.py"
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        convert_file(source, tmp_path / name, seed=seed)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() != (tmp_path / "c").read_bytes()
    convert_file(source, tmp_path / "d")
    command = [sys.executable, script, "--source_path", str(source), "--target_path", str(tmp_path / "e")]
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"PYTHONHASHSEED": "7"}, cwd=source.parents[1])
    assert (tmp_path / "d").read_bytes() == (tmp_path / "e").read_bytes()


def test_tags_lose_nothing_and_say_what_the_toy_worlds_own_dialogues_say(tmp_path):
    source = shipped("data_samples/moment10m.json")
    convert_file(source, tmp_path / "out.jsonl", time_format="tags")
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    packed = json.loads(source.read_text())
    expected = [to_dialogue(one) for lists in packed.values() for records in lists.values() for one in records]
    assert [[(turn["User"], turn["Assistant"]) for turn in line["conversations"]] for line in lines] == expected


def test_gesm_in_both_forms(tmp_path):
    source = shipped("data_samples/gesm.json")
    truth = dict(read_gesm(source))
    convert_file(source, tmp_path / "text.json", gesm=True)
    convert_file(source, tmp_path / "tags.json", gesm=True, time_format="tags")
    for one in json.loads((tmp_path / "text.json").read_text()):
        assert (list(one), one["data_type"]) == (["id", "data_type", "data"], "event_sequence_decoding")
        assert len(list(SPAN.finditer(one["data"]))) == len(truth[one["id"]].captions)
    for one in json.loads((tmp_path / "tags.json").read_text()):
        assert find_spans(one["conversations"][0]["Assistant"]) == [tuple(span) for span in truth[one["id"]].timestamps]


def test_killed_at_any_moment_there_is_no_target_or_a_whole_one(tmp_path):
    body = {"qa_data": [record(match_score=2) for _ in range(300)]}
    source, target = write(tmp_path / "p.json", {f"v{n}": body for n in range(300)}), tmp_path / "out.json"
    code = f"from momentor_lib.data.convert import convert_file; print(1, flush=True); convert_file({str(source)!r}, {str(target)!r})"
    for delay in (0.0, 0.02, 0.05, 0.1, 0.2, 0.4):
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
        assert not target.exists() or len(json.loads(target.read_text())) == 90_000
    convert_file(source, target)
    assert len(json.loads(target.read_text())) == 90_000


# -- files that something has gone wrong with ---------------------------------------------------------------------------------------------

odd_numbers = st.one_of(st.floats(), st.integers(), st.integers(min_value=10**300, max_value=10**310), st.just(-1.5))
odd_texts = st.one_of(
    st.text(max_size=12), st.text("{}moentSRC_LIP", max_size=24), st.sampled_from(["\ud800", "{moment}", "{SOURCE_CLIP} {x}"])
)
leaves = st.one_of(st.none(), st.booleans(), odd_numbers, odd_texts)
anything = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd_texts, inner, max_size=3), max_leaves=6)
moments = st.one_of(
    st.lists(odd_numbers, min_size=2, max_size=2), st.lists(st.lists(odd_numbers, min_size=2, max_size=2), max_size=3), anything
)
names = st.sampled_from(["moment", "SOURCE_CLIP", "click_position", "instance_class", "content", "other"])
turns = st.fixed_dictionaries({}, optional={"User": odd_texts | anything, "Assistant": odd_texts | anything})
records = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "conversations": st.one_of(turns, st.lists(turns, max_size=2), anything),
            "variables": st.dictionaries(names, moments | anything, max_size=3) | anything,
            "match_score": odd_numbers | anything,
            "clip_similarity": odd_numbers | anything,
            "extra": anything,
        },
    ),
    anything,
)
lists = st.dictionaries(st.sampled_from([*DATA_TYPES, "strange", "\ud800"]), st.lists(records, max_size=3) | anything, max_size=3)
files = st.dictionaries(st.text(string.printable, max_size=6) | odd_texts, lists | anything, max_size=3)
odd = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@odd
@given(packed=files, cut=st.none() | st.floats(0, 1), time_format=st.sampled_from(["text", "tags"]), gesm=st.booleans())
def test_whatever_the_file_there_is_an_error_or_a_count(tmp_path, packed, cut, time_format, gesm):
    text = json.dumps(packed)
    path, out = tmp_path / "odd.json", tmp_path / "out.json"
    path.write_text(text if cut is None else text[: int(cut * len(text))])
    out.unlink(missing_ok=True)
    problems: list[Problem] = []
    try:
        summary = convert_file(path, out, time_format=time_format, gesm=gesm, keep_all=True, on_problem=problems.append)
    except ValueError as error:
        assert str(path) in str(error) and "\n" not in str(error)
        assert not out.exists()
    else:
        assert len(json.loads(out.read_text())) == summary.whole.kept
        assert len(problems) == summary.whole.malformed
        assert all("\n" not in str(problem) for problem in problems)
    for read in (read_packed, read_gesm):
        try:
            list(read(path, on_problem=problems.append))
        except ValueError as error:
            assert "\n" not in str(error)


def test_deep_nesting_is_an_error_or_a_count(tmp_path):
    path = tmp_path / "deep.json"
    path.write_text('{"v": ' + "[" * 100_000 + "]" * 100_000 + "}")
    problems: list[Problem] = []
    assert sum(len(found) for _, found in read_packed(path, on_problem=problems.append)) == 0
    assert problems

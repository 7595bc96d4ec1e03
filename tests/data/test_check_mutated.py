"""Spoiled files: whatever stands in one, the linter has findings or one clear line."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from momentor_lib import cli
from momentor_lib.data.check import FORMATS, KINDS, check_file
from momentor_lib.data.check.report import FIRST, Report

TURNS = [{"User": "In {SOURCE_CLIP}, who {x} is at {click_position}?", "Assistant": "{moment} {moment}"}]
VARIABLES = {"moment": [[1.5, 2.0], [3, 4.5]], "SOURCE_CLIP": [0.5, 1], "click_position": [1.0, [0.5, 0.25]], "instance_class": "cat"}
RECORD = {"id": "v", "data_type": "qa_data", "clip_similarity": 0.3, "variables": VARIABLES, "conversations": TURNS}
DENSE = {"duration": 20.0, "timestamps": [[0, 1.5], [2, 3]], "sentences": ["a", "b"]}
QUERY = {"qid": 1, "query": "x", "vid": "a", "duration": 150, "relevant_windows": [[0, 2], [4, 6]]}
# Files of one JSON object, or a list of lines.
FILES = {
    "moment10m": {"v": {"qa_data": [RECORD, RECORD], "comp_ret_data": [RECORD]}, "w": {"qa_data": [RECORD]}},
    "gesm": {"v": {"timestamps": [[0, 1.5], [2, 3]], "captions": ["a", "b"]}, "w": {"timestamps": [[1, 2]], "captions": ["c"]}},
    "charades-sta": ["A 0.0 6.9##a person sits", "A 1 2##b", "B 3 4##c"],
    "activitynet": {"v_1": DENSE, "v_2": DENSE},
    "qvhighlights": [QUERY | {"relevant_clip_ids": [0, 2], "saliency_scores": [[1, 2, 3], [2, 2, 2]]}, QUERY | {"qid": 2}],
    "youcook2": {"database": {"v": {"duration": 9, "subset": "validation", "annotations": [{"segment": [1, 2], "sentence": "stir"}]}}},
}
# Written into the text afterwards: Python's own writer refuses them, or is slow.
RAW = {"@deep@": "[" * 20_000 + "]" * 20_000, "@objects@": '{"a":' * 20_000 + "1" + "}" * 20_000, "@long@": "9" * 6_000, "@open@": "[" * 9}
odd_numbers = st.sampled_from([0, -1, -0.0, 1e308, -1e308, float("nan"), float("inf"), 10**400, 2**64, 1e-320, True, 7.25])
odd_texts = st.sampled_from(["", " ", "{", "{" * 99 + "}" * 99, "{moment}", "{}", "\ud800", "\x00", "##", "\u202e", "NaN", "9" * 500, *RAW])
odd = st.one_of(
    st.none(),
    odd_numbers,
    odd_texts,
    st.text(st.characters(), max_size=5),  # lone surrogates too
    st.lists(st.one_of(odd_numbers, odd_texts), max_size=3),
    st.dictionaries(odd_texts, odd_numbers, max_size=2),
)


def places(value, path=()):
    """Every place in a JSON value, as the keys that lead there."""
    yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*path, key))


def mutate(draw, content):
    """A copy with one place replaced, removed, doubled, or reversed."""
    content = copy.deepcopy(content)
    *path, last = draw(st.sampled_from([place for place in places(content) if place]))
    holder = content
    for key in path:
        holder = holder[key]
    action = draw(st.sampled_from(["replace", "replace", "remove", "double", "reverse"]))
    if action == "replace":
        holder[last] = draw(odd)
    elif action == "remove":
        del holder[last]
    elif action == "double" and isinstance(holder, list):
        holder.insert(last, copy.deepcopy(holder[last]))
    elif action == "reverse" and isinstance(holder[last], list):
        holder[last].reverse()
    return content


def to_bytes(content) -> bytes:
    lines = (
        [line if isinstance(line, str) else json.dumps(line) for line in content] if isinstance(content, list) else [json.dumps(content)]
    )
    text = "\n".join(lines)
    for mark, written in RAW.items():
        text = text.replace(f'"{mark}"', written)
    return text.encode("utf-8", "surrogatepass")


@st.composite
def spoiled_values(draw, format):
    content = FILES[format]
    for _ in range(draw(st.integers(1, 4))):
        if any(place for place in places(content)):
            content = mutate(draw, content)
    return to_bytes(content)


@st.composite
def spoiled_bytes(draw, format):
    content = to_bytes(FILES[format])
    for _ in range(draw(st.integers(1, 3))):
        begin = draw(st.integers(0, len(content)))
        end = draw(st.integers(begin, min(len(content), begin + 30)))
        pieces = [b"", b"{", b"}", b"]", b'"', b"\\", b"\\ud800", b"\xff", b"\x00", b"NaN", b"-", b"\n", b"##", content[begin:end] * 2]
        content = content[:begin] + draw(st.sampled_from(pieces)) + content[end:]
    return content


def check_spoiled(path, content: bytes, format: str | None) -> Report | None:
    path.write_bytes(content)
    try:
        report = check_file(path, format)
    except ValueError as error:
        assert str(path) in str(error) and "\n" not in str(error)
        return None
    assert set(report.findings) <= set(KINDS)
    for finding in report.in_order:
        assert finding.count >= len(finding.places) == min(finding.count, FIRST) >= 1
    json.dumps(report.record(), allow_nan=False)
    return report


many = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.mark.parametrize("format", FORMATS)
@many
@given(st.data())
def test_spoiled_values_are_findings_or_one_line(tmp_path, format, data):
    content = data.draw(spoiled_values(format))
    check_spoiled(tmp_path / "file", content, format)
    check_spoiled(tmp_path / "file", content, None)


@pytest.mark.parametrize("format", FORMATS)
@many
@given(st.data())
def test_spoiled_bytes_are_findings_or_one_line(tmp_path, format, data):
    content = data.draw(spoiled_bytes(format))
    check_spoiled(tmp_path / "file", content, format)
    check_spoiled(tmp_path / "file", content, None)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("mark", RAW)
def test_deep_long_and_open_values(tmp_path, format, mark):
    for content in FILES[format] if isinstance(FILES[format], list) else [FILES[format]]:
        broken = f'{{"{mark}": "{mark}"}}' if isinstance(content, str) else json.dumps({mark: mark, **content})
        check_spoiled(tmp_path / "file", to_bytes([broken]), format)
        check_spoiled(tmp_path / "file", to_bytes([broken]), None)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(FORMATS), st.data())
def test_the_command_has_an_exit_code_and_one_document(tmp_path, capsys, format, data):
    path = tmp_path / "file"
    path.write_bytes(data.draw(st.one_of(spoiled_values(format), spoiled_bytes(format))))
    capsys.readouterr()
    code = cli.main(["check", str(path), "--json"])
    printed = capsys.readouterr()
    if code == 2:
        assert printed.out == "" and len(printed.err.splitlines()) == 1
    else:
        assert code == (0 if json.loads(printed.out)["clean"] else 1) and printed.err == ""

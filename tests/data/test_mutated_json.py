"""Spoiled bytes: an error or a count, and the same whether videos are decoded together, one by one, or record by record."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from momentor_lib.data import large_json, moment10m
from momentor_lib.data.convert import convert_file
from momentor_lib.data.moment10m import read_packed

VARIABLES = {"moment": [[1.5, 2.0], [3, 4.5]], "SOURCE_CLIP": [0.5, 1], "click_position": [1.0, [0.5, 0.25]], "instance_class": "cat"}
TURNS = [{"User": "In {SOURCE_CLIP}, who {x} is at {click_position}?", "Assistant": "{moment} {instance_class}"}]
RECORD = {"id": "v", "data_type": "qa_data", "clip_similarity": 0.3, "variables": VARIABLES, "conversations": TURNS}
BARE = {
    "match_score": 2.0,
    "variables": {"content": "é", "moment": [0.0, 1.25]},
    "conversations": {"User": "{content}", "Assistant": "{moment}"},
}
PACKED = {f"v{number}": {"qa_data": [RECORD, BARE], "comp_ret_data": [RECORD], "hypo_scene_data": [BARE]} for number in range(5)}
GESM = {f"v{number}": {"timestamps": [[0, 1.5], [1.5, 3.0]], "captions": ["a", "b {moment}"]} for number in range(5)}
brackets = [b"{", b"}", b"]", b'"', b"}]}, ", b'}]}, "v9": {"qa_data": [', b"[" * 3000, b'{"a":' * 3000]
numbers = [b"NaN", b"-", b"-0.0", b"1e999", b"9" * 400, b"9" * 5000, b"Infinity", b"true", b"null"]
pieces = st.sampled_from([b"", b"\\", b"\\ud800", b"\\u00e9", b"\xff", b"\x00", b"\n", b"{moment}", *brackets, *numbers])
many = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@st.composite
def spoiled(draw, content: bytes) -> bytes:
    for _ in range(draw(st.integers(1, 3))):
        begin = draw(st.integers(0, len(content)))
        end = draw(st.integers(begin, min(len(content), begin + 30)))
        content = content[:begin] + draw(st.one_of(pieces, st.just(content[begin:end] * 2))) + content[end:]
    return content


def outcome(source, target, **options) -> tuple:
    """What is written and said of a file: bytes, counts and problems, or the error."""
    target.unlink(missing_ok=True)
    problems = []
    try:
        summary = convert_file(source, target, time_format="tags", keep_all=True, on_problem=problems.append, **options)
    except ValueError as error:
        assert str(source) in str(error) and "\n" not in str(error) and not target.exists()
        return "error", str(error)
    written = target.read_bytes()
    assert len(json.loads(written)) == summary.whole.kept and len(problems) == summary.whole.malformed
    assert all(str(problem) and "\n" not in str(problem) for problem in problems)
    return written, summary.record()["data_types"], sorted(problem[:3] for problem in problems if problem.index is not None)


def refuse(*_) -> None:
    raise ValueError("not here")


@many
@given(content=spoiled(json.dumps(PACKED).encode()), window=st.sampled_from([800, 3000, 1 << 16]))
def test_a_spoiled_packed_file_reads_alike_in_every_way(tmp_path, content, window):
    source, target = tmp_path / "packed.json", tmp_path / "out.json"
    source.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(large_json, "WINDOW", window)
        together = outcome(source, target)
        patch.setattr(moment10m, "_decode_videos", refuse)
        one_by_one = outcome(source, target)
        patch.setattr(moment10m, "_decode_video", lambda *_: None)
        patch.setattr(large_json, "_end_by_msgspec", lambda *_: None)
        record_by_record = outcome(source, target)
    assert together == one_by_one
    # Read with care, a record is also refused for what is no Unicode in keys that nobody looks at; and an error may name another place.
    if not (b"\xff" in content or b"\\ud800" in content or one_by_one[0] == record_by_record[0] == "error"):
        assert one_by_one == record_by_record
    try:
        records = [record for _, found in read_packed(source, on_problem=lambda problem: None) for record in found]
    except ValueError as error:
        assert one_by_one[0] == "error" and str(source) in str(error)
    else:
        assert all(isinstance(record.variables, dict) and isinstance(record.conversations, list) for record in records)


@many
@given(content=spoiled(json.dumps(GESM).encode()))
def test_a_spoiled_gesm_file_is_an_error_or_a_count(tmp_path, content):
    source = tmp_path / "gesm.json"
    source.write_bytes(content)
    outcome(source, tmp_path / "out.json", gesm=True)


@pytest.mark.parametrize("opening, closing", [("[", "]"), ('{"a": ', "}"), ('[{"a": ', "}]")])
@pytest.mark.parametrize(
    "where", ['{{"v": {}}}', '{{"v": {{"qa_data": {}}}}}', '{{"v": {{"qa_data": [{}]}}}}', '{{"v": {{"timestamps": {}}}}}']
)
def test_deep_nesting_is_a_count(tmp_path, opening, closing, where):
    source = tmp_path / "deep.json"
    source.write_text(where.format(opening * 50_000 + "1" + closing * 50_000))
    for gesm in (False, True):
        written, *_ = outcome(source, tmp_path / "out.json", gesm=gesm)
        assert written == b"[]\n"

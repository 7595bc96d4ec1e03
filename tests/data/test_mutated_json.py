"""Spoiled bytes: an error or a count, and the same whether videos are decoded together, one by one, or record by record."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spoiled_files import GESM, PACKED, outcome, spoiled

from momentor_lib.data import large_json, moment10m
from momentor_lib.data.moment10m import read_packed

many = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def refuse(*_) -> None:
    raise ValueError("not here")


@many
@given(
    content=spoiled(json.dumps(PACKED).encode()),
    window=st.sampled_from([800, 3000, 1 << 16]),
    time_format=st.sampled_from(["text", "tags"]),
)
def test_a_spoiled_packed_file_reads_alike_in_every_way(tmp_path, content, window, time_format):
    source, target = tmp_path / "packed.json", tmp_path / "out.json"
    source.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(large_json, "WINDOW", window)
        together = outcome(source, target, time_format)
        patch.setattr(moment10m, "_decode_videos", refuse)
        one_by_one = outcome(source, target, time_format)
        patch.setattr(moment10m, "_decode_video", lambda *_: None)
        patch.setattr(large_json, "_end_by_msgspec", lambda *_: None)
        record_by_record = outcome(source, target, time_format)
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

"""A large JSON object entry by entry says what json.loads says, however it is written, and is refused where it is cut or broken."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from momentor_lib.data import large_json
from momentor_lib.data.large_json import entries

keys = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(["a", "b", '"', "\\", "{", "}]"])
leaves = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False, allow_infinity=False) | keys
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=8)
pairs = st.lists(st.tuples(keys, values), max_size=6)
styles = st.sampled_from([{}, {"separators": (",", ":")}, {"indent": 2}, {"indent": "\t"}, {"ensure_ascii": False}])
quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Name:
    """A key that equals no other, so that a dict keeps repeated ones."""

    def __init__(self, text: str) -> None:
        self.text = text


def to_text(content: list[tuple], style: dict) -> str:
    """An object that may have a key twice, as json.dumps would write it."""
    if not content:
        return json.dumps({}, **style)
    marks = {str(number): value for number, (_, value) in enumerate(content)}
    text = json.dumps({f"@{number}@": value for number, value in marks.items()}, **style)
    for number, (key, _) in enumerate(content):
        text = text.replace(f'"@{number}@"', json.dumps(key, ensure_ascii=style.get("ensure_ascii", True)), 1)
    return text


def read(path, **options) -> list[tuple]:
    return [(key, json.loads(bytes(value)) if isinstance(value, memoryview) else value) for key, value in entries(path, **options)]


def decode_some(piece: bytes) -> list[tuple]:
    found = msgspec.json.decode(piece, type=dict[Name, Any], dec_hook=lambda _, text: Name(text))
    return [(name.text, value) for name, value in found.items()]


@quick
@given(content=pairs, style=styles, window=st.integers(4, 60), bom=st.booleans())
def test_entries_are_what_json_says(tmp_path, content, style, window, bom):
    path = tmp_path / "object.json"
    path.write_bytes(b"\xef\xbb\xbf" * bom + f" {to_text(content, style)}\n".encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(large_json, "WINDOW", window)
        together = read(path, decode_some=decode_some)
        patch.setattr(large_json, "_end_by_msgspec", lambda view, start: None)
        scanned = read(path)
    assert read(path) == together == scanned == content


def test_msgspec_says_where_a_value_ends(tmp_path):
    """Should its message change, files are still read, but by scanning: this says so."""
    assert large_json._end_by_msgspec(memoryview(b'[1, "]"] , "b": 2}'), 0) == len(b'[1, "]"] ')
    assert large_json._AHEAD == 1


@quick
@given(content=pairs.filter(bool), style=styles, share=st.floats(0, 1, exclude_max=True))
def test_a_file_cut_anywhere_is_one_line(tmp_path, content, style, share):
    whole = to_text(content, style).encode()
    path = tmp_path / "cut.json"
    path.write_bytes(whole[: int(share * len(whole))])
    for options in ({}, {"decode_some": decode_some}):
        with pytest.raises(ValueError, match=r"cut\.json") as error:
            read(path, **options)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content, message",
    [
        ('{"a": {}\n "b": 1}', "line 2, column 2"),
        ('{"a": [1,, 2]}', "line 1, column 10"),
        ('{"a": 1,}', "line 1, column 9"),
        ("{a: 1}", "line 1, column 2"),
        ('{"a" 1}', "':' should stand here"),
        ('{"a": 1} {', "something follows"),
        ('\n\n{"a": {"b": ?}}', "line 3, column 13"),
        ('{"ü": {"b": "é", "c": ?}}'.encode().decode(), "line 1"),
        ("<!DOCTYPE html>", "should begin with"),
        ('["a"]', "holds a list"),
        ('{"a": }', "a value should stand here"),
        ('{"a\n": 1}', "Invalid control character"),
        ("", "is empty"),
        ("   ", "line 1, column 4"),
    ],
)
def test_a_broken_file_is_one_line_that_says_where(tmp_path, content, message):
    path = tmp_path / "broken.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"broken\.json") as error:
        read(path)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_what_python_writes_beyond_json_is_handed_on(tmp_path):
    path = tmp_path / "loose.json"
    path.write_text('{"a": [NaN, "\\ud800"], "b": ' + "[" * 5000 + "]" * 5000 + ', "c": -Infinity, "d": {"}": "\\\\"}}')
    found = {key: bytes(value) for key, value in entries(path)}
    assert list(found) == ["a", "b", "c", "d"]
    assert found["a"] == b'[NaN, "\\ud800"]' and found["c"] == b"-Infinity" and len(found["b"]) == 10_000


def test_progress_ends_with_the_file(tmp_path):
    path = tmp_path / "object.json"
    path.write_text(json.dumps({str(number): [number] * 50 for number in range(2000)}))
    for options in ({}, {"decode_some": decode_some}):
        told = []
        assert len(read(path, progress=told.append, **options)) == 2000
        assert told == sorted(told) and told[-1] == path.stat().st_size - 1

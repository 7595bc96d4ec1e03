"""A small packed file and a small GESM file, ways to spoil their bytes, and what converting them comes to."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from momentor_lib.data.convert import convert_file

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


@st.composite
def spoiled(draw, content: bytes) -> bytes:
    for _ in range(draw(st.integers(1, 3))):
        begin = draw(st.integers(0, len(content)))
        end = draw(st.integers(begin, min(len(content), begin + 30)))
        content = content[:begin] + draw(st.one_of(pieces, st.just(content[begin:end] * 2))) + content[end:]
    return content


def outcome(source, target, time_format="tags", keep_all=True, **options) -> tuple:
    """What is written and said of a file: bytes, counts and problems, or the error."""
    target.unlink(missing_ok=True)
    problems = []
    try:
        summary = convert_file(source, target, time_format=time_format, keep_all=keep_all, on_problem=problems.append, **options)
    except ValueError as error:
        assert str(source) in str(error) and "\n" not in str(error) and not target.exists()
        return "error", str(error)
    written = target.read_bytes()
    assert len(json.loads(written)) == summary.whole.kept and len(problems) == summary.whole.malformed
    assert all(str(problem) and "\n" not in str(problem) for problem in problems)
    return written, summary.record()["data_types"], sorted(problem[:3] for problem in problems if problem.index is not None)

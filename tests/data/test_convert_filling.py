"""Filling quickly writes byte for byte what filling each text in one careful pass writes, whatever the records."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spoiled_files import PACKED, outcome, spoiled

from momentor_lib.data import convert, filling
from momentor_lib.data.filling import NO_VARIABLES, fill_in_one_pass, write_variables
from momentor_lib.data.moment10m import PackedRecord, Turn, Variables
from momentor_lib.data.templates import TEMPLATES, TextForm

many = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
pieces = st.sampled_from(["{", "}", "{moment}", "{SOURCE_CLIP}", "{click_position}", "{content}", "{instance_class}", "{x}", "moment"])
plain = st.sampled_from([" a ", "100% ", '"', "\\", "\n", "é", "\u2028", "\x00", "\x7f", "<1.5s>", "\ud800"])
sentences = st.lists(pieces | plain, max_size=4).map("".join)
seconds = st.one_of(
    st.integers(0, 40_000).map(lambda count: count / 100), st.floats(0, 1e4), st.integers(0, 99), st.sampled_from([0, 0.0, -0.0, -1.5])
)
lengths = st.sampled_from([0.0, 0.005, 0.01, 0.5, 0.75, 0.99, 1.0, 1.01, 7, 2.5, -1.0])
spans = st.tuples(seconds, lengths).map(lambda pair: [pair[0], pair[0] + pair[1]])
odd = st.sampled_from([[], [True, 5.5], ["1", "2"], [1.0, None], "12", 7, {"1": 2, "3": 4}, [1, 10**400], [1.0, 2.0, 3.0], float("nan")])
moments = spans | st.lists(spans, max_size=3) | odd
places = st.floats(0, 1) | st.sampled_from([0, 1, 0.1, 0.25, 0.999, -0.0])
clicks = st.tuples(seconds, st.lists(places, min_size=2, max_size=2)).map(list) | odd
variables = st.fixed_dictionaries(
    {}, optional={"moment": moments, "SOURCE_CLIP": moments, "click_position": clicks, "content": sentences, "instance_class": sentences}
)
turns = st.fixed_dictionaries({"User": sentences, "Assistant": sentences})
records = st.fixed_dictionaries(
    {"conversations": st.lists(turns, min_size=1, max_size=1) | turns | st.lists(turns, max_size=3)},
    optional={"variables": variables | st.none(), "match_score": st.sampled_from([None, 0.1, 2, 2.5]), "clip_similarity": st.floats(0, 1)},
)
lists = st.dictionaries(st.sampled_from(["qa_data", "comp_ret_data", "odd"]), st.lists(records, max_size=4), max_size=2)


def fill_with_care(records, form):
    """What ``filling.fill`` promises, without its quick way."""
    dialogues, faults = [], []
    for record in records:
        try:
            texts = write_variables(record.variables or NO_VARIABLES, form)
            dialogues.append(fill_in_one_pass(record.conversations, texts))
        except ValueError as error:
            faults.append((record, str(error)))
    return dialogues, faults


def compare(source, target, **options) -> None:
    """Both ways of filling give the same bytes, counts and problems."""
    quick = outcome(source, target, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convert, "fill", fill_with_care)
        assert outcome(source, target, **options) == quick


@many
@given(
    packed=st.dictionaries(st.sampled_from(["v1", "v2", "é"]), lists, max_size=3),
    time_format=st.sampled_from(["text", "tags"]),
    keep_all=st.booleans(),
    seed=st.integers(0, 3),
)
def test_records_of_any_kind_are_filled_alike(tmp_path, packed, time_format, keep_all, seed):
    source = tmp_path / "packed.json"
    source.write_text(json.dumps(packed))
    compare(source, tmp_path / "out.json", time_format=time_format, keep_all=keep_all, seed=seed)


@many
@given(content=spoiled(json.dumps(PACKED).encode()), time_format=st.sampled_from(["text", "tags"]))
def test_spoiled_files_are_filled_alike(tmp_path, content, time_format):
    source = tmp_path / "packed.json"
    source.write_bytes(content)
    compare(source, tmp_path / "out.json", time_format=time_format)


@given(seed=st.integers(0, 9), values=st.lists(st.tuples(seconds, lengths), min_size=1, max_size=8))
def test_a_moment_is_what_the_template_drawn_for_it_writes(seed, values):
    """However long it is: long ones are written in another place."""
    drawn, form = TextForm(seed), TextForm(seed)
    for start, length in values:
        if start >= 0 and length >= 0:
            [expected] = drawn.draw().write([(start + 0.0, start + length + 0.0)])
            assert form.moment([start, start + length]) == expected


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_gets_more_decimals_only_where_it_must(template):
    for span in ((1.5, 2.5), (1.2, 1.4), (1.201, 1.204), (1.0, 1.0), (3.0, 9.0)):
        decimals = template.decimals
        while span[0] < span[1] and f"{span[0]:.{decimals}f}" == f"{span[1]:.{decimals}f}":
            decimals = max(decimals + 1, 2)
        start, end = (f"{time:.{decimals}f}{template.unit}" for time in span)
        assert template.write([span]) == [f"{start}{template.separator}{end}"]


def test_most_records_are_filled_quickly(monkeypatch):
    """One turn with its placeholders, in the question or in the answer, needs no careful pass."""
    record = PackedRecord(
        variables=Variables(moment=[1.5, 9.0], SOURCE_CLIP=[2.0, 4.0], click_position=[1.5, [0.5, 0.25]], content="a cat"),
        conversations=[Turn("{SOURCE_CLIP} {content} {moment}", "{click_position} {moment}")],
    )
    expected = fill_with_care([copy.deepcopy(record)], TextForm(1))
    monkeypatch.setattr(filling, "fill_in_one_pass", None)
    assert filling.fill([record], TextForm(1)) == expected

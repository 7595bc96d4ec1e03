"""Seconds, positions and tags: nothing is lost on the way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentor_lib import timecode

SECONDS = st.floats(0, 1e5, allow_nan=False)


@given(SECONDS)
def test_a_tag_names_its_time_exactly(seconds):
    (tag,) = timecode.find_tags(f"at {timecode.format_tag(seconds)}.")
    assert tag.seconds == seconds


@given(st.lists(st.tuples(SECONDS, SECONDS), min_size=1, max_size=5))
def test_spans_come_back_in_order_repeated_ones_too(spans):
    assert timecode.find_spans(timecode.format_spans([*spans, spans[0]])) == [*spans, spans[0]]


@given(SECONDS, st.floats(0.1, 1e5))
def test_position_and_back(seconds, duration):
    position = timecode.to_position(seconds, duration)
    assert 0 <= position <= 1
    assert timecode.to_seconds(position, duration) == pytest.approx(min(seconds, duration), rel=1e-12, abs=1e-12)


def test_the_forms_are_the_ones_that_the_formats_promise():
    assert timecode.format_tag(0) == "<0.00s>"
    assert timecode.format_tag(12.3) == "<12.30s>"
    assert timecode.format_tag(1e-7) == "<0.0000001s>"
    assert timecode.format_spans([(1, 2), (3, 4), (5, 6)]) == "<1.00s>-<2.00s>, <3.00s>-<4.00s> and <5.00s>-<6.00s>"


def test_minus_zero_is_a_tag_too():
    assert timecode.format_tag(-0.0) == "<0.00s>"
    assert timecode.find_spans(timecode.format_span(-0.0, 1.5)) == [(0.0, 1.5)]


def test_what_is_no_tag_is_left_alone():
    assert timecode.find_tags("<time> <s> <1.5> <1.s> < 1s> <-1s> 1.5s") == []


def test_forms_for_people():
    assert timecode.display(12.34) == "12.3 s"
    assert timecode.clock(12.34) == "0:12.3"
    assert timecode.clock(59.97) == "1:00.0"
    assert timecode.clock(3723.4) == "1:02:03.4"
    assert timecode.for_people("from <12.34s> on") == "from 12.3 s on"


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_a_tag_needs_a_real_time(seconds):
    with pytest.raises(ValueError, match="time tag"):
        timecode.format_tag(seconds)


@pytest.mark.parametrize(("seconds", "duration"), [(1, 0), (1, -3), (float("nan"), 5), (1, float("nan"))])
def test_a_position_needs_a_duration_and_a_time(seconds, duration):
    with pytest.raises(ValueError, match=r"duration|time"):
        timecode.to_position(seconds, duration)

"""Spans in free text: the wordings that models use, and what is no span."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentor_lib.data.templates import TEMPLATES
from momentor_lib.evaluation.spans_in_text import find_events_in_text, find_spans_in_text
from momentor_lib.timecode import format_spans

READ = [
    ("From 12.5 seconds to 20 seconds.", [(12.5, 20)]),
    ("12.5s - 20s", [(12.5, 20)]),
    ("12-20", [(12, 20)]),
    ("[12.5, 20.0]", [(12.5, 20)]),
    ("(3, 7) and (10, 14)", [(3, 7), (10, 14)]),
    ("[[3.0, 5.0], [7.0, 9.0]]", [(3, 5), (7, 9)]),
    ("0:12 to 1:05", [(12, 65)]),
    ("00:00:12,500 --> 00:00:20,000", [(12.5, 20)]),
    ("1:02:03.5-1:02:10", [(3723.5, 3730)]),
    ("between 10 and 15 seconds", [(10, 15)]),
    ("It starts at 3 seconds and ends at 9 seconds.", [(3, 9)]),
    ("starting at 3.2 seconds until 7 seconds", [(3.2, 7)]),
    ("At 10.0s and lasts until 14s", [(10, 14)]),
    ("start: 5.2, end: 7.9", [(5.2, 7.9)]),
    ("start time = 5.2s, end time = 7.9s", [(5.2, 7.9)]),
    ("{'start': 3.0, 'end': 5.5}", [(3, 5.5)]),
    ('[{"start": 3, "end": 5}, {"start": 7, "end": 9}]', [(3, 5), (7, 9)]),
    ("from 1 minute 5 seconds to 1 minute 20 seconds", [(65, 80)]),
    ("from 1 min to 2 min", [(60, 120)]),
    ("from 1 to 2 minutes", [(60, 120)]),
    ("2m5s - 2m10s", [(125, 130)]),
    ("1 hour 2 minutes to 1 hour 3 minutes", [(3720, 3780)]),
    ("from second 12 to second 15", [(12, 15)]),
    ("from around 3.5 to around 7 seconds", [(3.5, 7)]),
    ("timestamps 10.5 and 20.5", [(10.5, 20.5)]),
    ("3~7s", [(3, 7)]),
    ("5s until 9s", [(5, 9)]),
    ("5 through 9", [(5, 9)]),
    ("5 – 9", [(5, 9)]),
    ("5s→9s", [(5, 9)]),
    ("3-5, 7-9, 11-13", [(3, 5), (7, 9), (11, 13)]),
    ("12.3 s to 18.4 s, 20 s to 22 s and 30 to 31 s", [(12.3, 18.4), (20, 22), (30, 31)]),
    ("1. 0:10 - 0:20\n2. 0:30 - 0:40", [(10, 20), (30, 40)]),
    ("Event 1: 3s - 5s; Event 2: 8s - 9s", [(3, 5), (8, 9)]),
    ("2 people walk from 3s to 5s", [(3, 5)]),
    ("in 3 of 4 cases from 10 to 20", [(10, 20)]),
    ("from 1,200 seconds to 1,210 seconds", [(1200, 1210)]),
    ("0.0 to 0.0", [(0, 0)]),
]


@pytest.mark.parametrize(("text", "spans"), READ)
def test_read(text, spans):
    assert find_spans_in_text(text) == spans


@pytest.mark.parametrize(
    "text",
    ["", "I do not know.", "at 12 seconds", "20 to 10", "It takes 30% to 50% of the video", "seconds twelve to twenty", "never", "7"],
)
def test_no_span(text):
    assert find_spans_in_text(text) == []


SPANS = st.lists(
    st.tuples(st.integers(0, 5000), st.integers(0, 5000)).map(lambda pair: tuple(value / 100 for value in sorted(pair))),
    min_size=1,
    max_size=3,
)


@given(SPANS)
def test_time_tags_lose_nothing(spans):
    assert find_spans_in_text(f"It happens in {format_spans(spans)}.") == spans


@given(SPANS, st.sampled_from(TEMPLATES))
def test_the_twelve_templates_of_moment_10m(spans, template):
    found = find_spans_in_text(" and ".join(template.write(spans)))
    assert len(found) == len(spans)
    assert np.abs(np.subtract(found, spans)).max() <= 0.501 * 10**-template.decimals  # as written: short spans get more decimals


@given(st.text(max_size=60))
def test_any_text_gives_spans_that_are_some(text):
    for start, end in find_spans_in_text(text):
        assert 0 <= start <= end


def test_events():
    text = "1. 0:01 - 0:05: A man runs.\n2. 0:06 - 0:09 - He falls, (badly).\n"
    assert find_events_in_text(text) == [((1, 5), "A man runs"), ((6, 9), "He falls, (badly)")]
    assert find_events_in_text("<1.00s>-<2.00s> the red circle moves left. <3.00s>-<4.00s> it grows.") == [
        ((1, 2), "the red circle moves left"),
        ((3, 4), "it grows"),
    ]
    assert find_events_in_text("nothing") == []

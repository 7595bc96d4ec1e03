"""Cleaning, cutting and writing of what a timeline says."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentor_lib.moments import Moment
from momentor_lib.viz.text import clean, columns, describe, shorten, ticks, wrap, write_span


@given(st.text(st.characters(exclude_categories=())))
def test_cleaned_text_is_one_line_that_any_file_can_hold(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode("utf-8")
    assert len(cleaned.splitlines()) <= 1
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in cleaned)
    assert clean(cleaned) == cleaned


@given(st.text(), st.integers(1, 60))
def test_a_shortened_text_fits_and_says_that_it_was_cut(text: str, room: int) -> None:
    short = shorten(text, room)
    assert columns(short) <= room
    assert short == text or (short.endswith("…") and text.startswith(short[:-1]))


@given(st.text(st.characters(codec="utf-8")).map(clean), st.integers(4, 30), st.integers(1, 4))
def test_wrapped_lines_fit_and_lose_only_what_has_no_room(text: str, room: int, lines: int) -> None:
    wrapped = wrap(text, room, lines)
    assert 1 <= len(wrapped) <= lines
    assert all(columns(line) <= room for line in wrapped)
    if columns(text) <= lines * (room // 2):  # even breaking before each long word leaves lines at least half full
        assert not any(line.endswith("…") and not text.endswith("…") for line in wrapped)
    if not wrapped[-1].endswith("…"):
        assert "".join("".join(wrapped).split()) == "".join(text.split())


def test_lines_break_between_words() -> None:
    assert wrap("the red circle moves left", 15, 3) == ["the red circle", "moves left"]
    assert wrap("the red circle moves left", 8, 2) == ["the red", "circle…"]


@pytest.mark.parametrize(
    ("duration", "span", "labels"),
    [
        (42.0, "12.3 s – 18.4 s", ["0 s", "10 s", "20 s", "30 s", "40 s"]),
        (0.4, "12.3 s – 18.4 s", ["0.0 s", "0.1 s", "0.2 s", "0.3 s", "0.4 s"]),
        (403.0, "0:12.3 – 0:18.4", ["0:00", "1:00", "2:00", "3:00", "4:00", "5:00", "6:00"]),
        (7200.0, "0:12.3 – 0:18.4", ["0:00", "15:00", "30:00", "45:00", "1:00:00", "1:15:00", "1:30:00", "1:45:00", "2:00:00"]),
    ],
)
def test_short_videos_are_read_in_seconds_and_long_ones_on_a_clock(duration: float, span: str, labels: list[str]) -> None:
    assert write_span(Moment(12.31, 18.42), duration) == span
    assert [label for _, label in ticks(duration)] == labels


def test_a_very_long_text_is_cut_at_once() -> None:
    assert len(shorten("x" * 3_000_000, 100)) == 100
    assert len(wrap("y " * 1_000_000, 100, 3)) == 3


@given(st.floats(0.05, 1e6))
def test_ticks_are_few_different_and_inside(duration: float) -> None:
    times = [time for time, _ in ticks(duration)]
    assert times[0] == 0 and 1 <= len(times) <= 9
    assert all(a < b for a, b in itertools.pairwise(times)) and times[-1] <= duration * (1 + 1e-6)
    assert len({label for _, label in ticks(duration)}) == len(times)


def test_a_description_says_all_that_the_bar_shows() -> None:
    assert describe(Moment(1.5, 2.25, 0.5, label="a  cat\n"), 10.0) == "a cat, 1.5 s to 2.2 s, score 0.50"
    assert describe(Moment(1.5, 2.25), 10.0, is_truth=True) == "1.5 s to 2.2 s"
    assert describe(Moment(11, 12, 0.5), 10.0) == "11.0 s to 12.0 s, score 0.50, outside the video"

"""The page, read back by an HTML parser: what it says, and that no text can become markup."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from viz.timelines import HOSTILE, TIMELINES

from momentor_lib.moments import Moment
from momentor_lib.viz.text import clean
from momentor_lib.viz.timeline import Timeline


class Reader(HTMLParser):
    """Elements in order with their attributes, and the text inside each class."""

    VOID = ("meta", "link", "img", "br")

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[list[str], str]] = []
        self._open: list[tuple[str, str]] = []
        self.feed(html)
        self.close()
        assert self._open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        assert len(values) == len(attrs), "no attribute comes twice"
        self.elements.append((tag, values))
        if tag not in self.VOID:
            self._open.append((tag, values.get("class", "")))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(([part for tag, names in self._open for part in (tag, *names.split())], data))

    def text_in(self, name: str) -> str:
        return "".join(data for inside, data in self.texts if name in inside)

    def all(self, tag: str) -> Iterator[dict[str, str]]:
        return (values for name, values in self.elements if name == tag)


def shape(html: str) -> list[tuple[str, tuple[str, ...]]]:
    """Elements and the names of their attributes: what no text may change."""
    return [(tag, tuple(values)) for tag, values in Reader(html).elements]


def test_the_table_says_every_moment() -> None:
    text = Reader(TIMELINES["typical"].html()).text_in("table")
    assert "112.3 s0.4 s18.4 s0.6 s0.93" in text
    assert "330" not in text and "32.1 s0.5 s4.0 s2.0 s0.08" in text
    assert "truth12.0 s–18.6 s––" in text


def test_each_moment_is_a_button_with_a_label() -> None:
    buttons = list(Reader(TIMELINES["typical"].html()).all("button"))
    assert [button["aria-label"] for button in buttons] == [
        "Moment 1: 12.3 s to 18.4 s, score 0.93",
        "Moment 2: 30.2 s to 33.9 s, score 0.41",
        "Moment 3: 2.1 s to 4.0 s, score 0.08",
    ]
    assert [(float(b["data-start"]), float(b["data-end"])) for b in buttons] == [(12.31, 18.42), (30.2, 33.9), (2.1, 4.0)]


def test_an_answer_in_words_stands_in_place_of_times() -> None:
    for name, rows in (("answered", "1 12.0 s – 13.0 s"), ("answered without a time", "No moments")):
        reader = Reader(TIMELINES[name].html())
        assert "he red circle" in reader.text_in("mt-title") and "No moment found" not in reader.text_in("momentor-timeline")
        assert rows in reader.text_in("mt-rows")
        assert not [values for values in reader.all("button") if "mt-best" in values["class"]]  # told in the text's order
    assert "the red circle" in TIMELINES["answered without a time"].description()


def test_bars_lie_where_the_moments_are() -> None:
    reader = Reader(TIMELINES["outside"].html())
    places = [values["style"] for tag, values in reader.elements if values.get("class") == "mt-bar"]
    expected = [(90, 10), (50, 0), (0, 100)]  # percent; two moments are outside, and so is the truth
    assert [tuple(float(x) for x in re.findall(r"[\d.]+", place)) for place in places] == expected
    assert reader.text_in("mt-beyond") == "▷◁▷"


@pytest.mark.parametrize("name", TIMELINES)
def test_every_page_is_whole_and_stands_alone(name: str) -> None:
    html = TIMELINES[name].html()
    reader = Reader(html)
    assert html.startswith("<!doctype html>")
    assert next(reader.all("html"))["lang"] == "en"
    assert any(values.get("name") == "viewport" for values in reader.all("meta"))
    assert reader.text_in("title")
    assert [tag for tag, _ in reader.elements].count("h1") == 1
    assert all(values["alt"] for values in reader.all("img"))
    assert not any("id" in values for _, values in reader.elements)
    for _, values in reader.elements:
        for attribute in ("src", "href", "poster", "action"):
            assert values.get(attribute, "data:").startswith("data:")
    assert "url(" not in html and "@import" not in html and "http:" not in html and "https:" not in html


@pytest.mark.parametrize("name", ["empty", "empty with truth", "nothing at all"])
def test_no_moment_is_said_and_has_no_button(name: str) -> None:
    reader = Reader(TIMELINES[name].html())
    assert "No moment found" in reader.text_in("mt-rows") and "No moment found" in reader.text_in("mt-title")
    assert list(reader.all("button")) == []


def test_the_policy_lets_this_script_run_and_no_other() -> None:
    html = TIMELINES["hostile"].html()
    reader = Reader(html)
    assert [tag for tag, _ in reader.elements].count("script") == 1
    digest = base64.b64encode(hashlib.sha256(reader.text_in("script").encode()).digest()).decode()
    policy = next(values["content"] for values in reader.all("meta") if values.get("http-equiv") == "Content-Security-Policy")
    assert f"script-src 'sha256-{digest}';" in policy and "default-src 'none';" in policy


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=()), min_size=1, max_size=60) | st.just(HOSTILE))
def test_no_text_becomes_markup(text: str) -> None:
    plain = Timeline(30.0, [Moment(1, 2, 0.9, label="x")], query="x", note="x", video_path="x.mp4")
    strange = Timeline(30.0, [Moment(1, 2, 0.9, label=f"x{text}")], query=f"x{text}", note=f"x{text}", video_path=f"x{text}.mp4")
    for one, other in ((plain.html(), strange.html()), (plain._repr_html_(), strange._repr_html_())):
        other.encode("utf-8")
        assert [e for e in shape(other) if e[0] not in ("details", "summary")] == shape(one)
    reader = Reader(strange.html())
    assert clean(f"x{text}") in (reader.text_in("details") or reader.text_in("mt-title"))
    assert reader.text_in("td").endswith(clean(f"x{text}"))


def test_a_long_query_is_cut_in_the_title_and_whole_below_it() -> None:
    timeline = TIMELINES["fifty"]
    reader = Reader(timeline.html())
    assert len(reader.text_in("mt-title")) < 250 and reader.text_in("mt-title").endswith(timeline.point)
    assert clean(timeline.query) in reader.text_in("details")


def test_neither_the_fragment_nor_the_words_hold_a_path(tmp_path) -> None:
    (tmp_path / "clip.mp4").write_text("no video")
    timeline = Timeline(9.0, [Moment(1, 2)], query="x", video_path=tmp_path / "clip.mp4")
    for text in (timeline._repr_html_(), repr(timeline), timeline.html()):
        assert tmp_path.name not in text and str(tmp_path) not in text


@pytest.mark.parametrize("duration", [0.0, -1.0, float("nan"), float("inf")])
def test_a_duration_must_be_one(duration: float) -> None:
    with pytest.raises(ValueError, match="duration above 0 s"):
        Timeline(duration, [])


@pytest.mark.parametrize("moment", [Moment(2, 1), Moment(float("nan"), 1), Moment(1, float("inf"))])
def test_a_moment_must_have_a_start_before_its_end(moment: Moment) -> None:
    with pytest.raises(ValueError, match="a start and an end"):
        Timeline(9.0, [moment])
    with pytest.raises(ValueError, match="a start and an end"):
        Timeline(9.0, [], truth=[moment])

"""The timeline's page as a user meets it: opened from the disk in Chromium, without a network."""

from __future__ import annotations

import io
import itertools
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from make_videos import read_numbers, write_video
from PIL import Image
from viz.timelines import TIMELINES, many_moments

from momentor_lib.moments import Moment
from momentor_lib.viz.timeline import Timeline

MOMENTS = [Moment(6.31, 9.42, 0.93, 0.4, 0.6), Moment(12.2, 15.9, 0.41, 1.2, 0.8), Moment(2.1, 2.4, 0.08, 0.5, 0.5)]
RATE = 10


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Path:
    """20 s at 10 frames a second, each frame's number in its pixels."""
    times = [Fraction(number, RATE) for number in range(20 * RATE)]
    return write_video(tmp_path_factory.mktemp("video") / "a clip #1.mp4", times, container_options={"movflags": "faststart"})


@pytest.fixture
def timeline(video: Path) -> Timeline:
    return Timeline(20.0, MOMENTS, query="the red circle moves left", video_path=video, truth=[Moment(6.0, 9.6)])


def show(page, timeline: Timeline, folder: Path):
    timeline.save_html(folder / "timeline.html")
    page.goto((folder / "timeline.html").as_uri())
    return page


def wait_for_time(page, seconds: float, number: int = 0) -> None:
    """Until the player has arrived there: within 0.1 s, with a frame to show."""
    page.wait_for_function(
        """([seconds, number]) => {
            const video = document.querySelectorAll("video")[number];
            return !video.seeking && video.readyState >= 2 && Math.abs(video.currentTime - seconds) < 0.1;
        }""",
        arg=[seconds, number],
    )


def shown_frame(page) -> int:
    """The number of the frame that the player shows."""
    with Image.open(io.BytesIO(page.locator("video").screenshot())) as image:
        return read_numbers(np.asarray(image.convert("RGB")).transpose(2, 0, 1)[None])[0]


def moment_buttons(page):
    return page.get_by_role("button", name="Moment ")


def focused(page) -> str:
    return page.evaluate("document.activeElement.getAttribute('aria-label')")


def test_a_click_on_a_moment_takes_the_player_to_its_start(new_page, timeline: Timeline, tmp_path: Path) -> None:
    page = show(new_page(), timeline, tmp_path)
    for number, moment in enumerate(MOMENTS):
        button = page.get_by_role("button", name=f"Moment {number + 1}: ")
        button.click()
        wait_for_time(page, moment.start)
        assert abs(shown_frame(page) / RATE - moment.start) <= 1 / RATE
        assert button.get_attribute("aria-current") == "true"
        assert page.get_by_role("status").inner_text() == button.get_attribute("aria-label")


def test_a_video_too_large_to_embed_is_played_from_beside_the_page(new_page, timeline: Timeline, video: Path) -> None:
    page = show(new_page(), replace(timeline, embed_limit=10), video.parent)
    assert page.evaluate("document.querySelector('video').getAttribute('src')") == "a%20clip%20%231.mp4"
    page.get_by_role("button", name="Moment 2").click()
    wait_for_time(page, 12.2)
    assert abs(shown_frame(page) / RATE - 12.2) <= 1 / RATE


def test_the_keyboard_is_enough(new_page, timeline: Timeline, tmp_path: Path) -> None:
    page = show(new_page(), timeline, tmp_path)
    assert page.locator("button.mt-row[tabindex='0']").count() == 1  # all moments together are one stop of the Tab key
    page.locator("video").focus()
    for _ in range(20):  # the player's own controls come first
        page.keyboard.press("Tab")
        if focused(page) and focused(page).startswith("Moment"):
            break
    assert focused(page).startswith("Moment 1:")
    # Down and up go by rank; right and left by time, where 3 comes before 1 and 1 before 2.
    way = "ArrowDown 2, ArrowDown 3, ArrowDown 3, ArrowRight 1, ArrowRight 2, ArrowRight 2, ArrowLeft 1, ArrowUp 1, End 3"
    for key, rank in (step.split() for step in way.split(", ")):
        page.keyboard.press(key)
        assert focused(page).startswith(f"Moment {rank}:"), key
    page.keyboard.press("Enter")
    wait_for_time(page, 2.1)
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    wait_for_time(page, 6.31)
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.tagName") == "VIDEO"


def test_playing_a_moment_ends_with_it(new_page, timeline: Timeline, tmp_path: Path) -> None:
    page = show(new_page(), timeline, tmp_path)
    assert page.get_by_role("button", name="Play this moment").count() == 0
    page.get_by_role("button", name="Moment 3").click()
    wait_for_time(page, 2.1)
    page.evaluate("document.querySelector('video').addEventListener('pause', (event) => { window.pausedAt = event.target.currentTime; })")
    page.get_by_role("button", name="Play this moment").click()
    page.wait_for_function("() => window.pausedAt > 0")
    assert 2.4 <= page.evaluate("window.pausedAt") < 3.4  # a busy machine draws seldom, and notices late


def test_a_click_on_the_strip_takes_the_player_there(new_page, timeline: Timeline, tmp_path: Path) -> None:
    page = show(new_page(), timeline, tmp_path)
    box = page.locator(".mt-strip").bounding_box()
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 10)
    wait_for_time(page, 15.0)


def test_dragging_along_the_strip_takes_the_player_along(new_page, timeline: Timeline, tmp_path: Path) -> None:
    page = show(new_page(), timeline, tmp_path)
    box = page.locator(".mt-strip").bounding_box()
    page.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 10)
    page.mouse.down()
    wait_for_time(page, 2.0)
    for part in (0.25, 0.75):
        page.mouse.move(box["x"] + part * box["width"], box["y"] + 300)  # the pointer may leave the strip
        wait_for_time(page, 20 * part)
    page.mouse.up()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 10)
    page.wait_for_timeout(200)
    wait_for_time(page, 15.0)


def test_a_moment_outside_the_video_goes_to_the_nearer_end(new_page, timeline: Timeline, tmp_path: Path) -> None:
    page = show(new_page(), replace(timeline, moments=[Moment(30, 40), Moment(-5, -2)]), tmp_path)
    page.get_by_role("button", name="Moment 1").click()
    wait_for_time(page, 20.0)
    page.get_by_role("button", name="Moment 2").click()
    wait_for_time(page, 0.0)


def test_without_a_player_the_picture_follows_the_moment(new_page, tmp_path: Path) -> None:
    page = show(new_page(), TIMELINES["typical"], tmp_path)
    thumbnails = page.locator(".mt-frame")
    times = [float(thumbnails.nth(i).get_attribute("data-time")) for i in range(thumbnails.count())]
    for rank, start in ((3, 2.1), (2, 30.2)):
        page.get_by_role("button", name=f"Moment {rank}").click()
        nearest = int(np.abs(np.array(times) - start).argmin())
        assert page.locator("img.mt-stage").get_attribute("src") == thumbnails.nth(nearest).locator("img").get_attribute("src")
        inside = [i for i in range(len(times)) if "mt-inside" in thumbnails.nth(i).get_attribute("class")]
        moment = TIMELINES["typical"].moments[rank - 1]
        assert inside == [i for i, time in enumerate(times) if moment.start <= time <= moment.end]
    assert page.get_by_role("button", name="Play this moment").count() == 0


def test_two_timelines_in_one_page_do_not_meet(new_page, timeline: Timeline, tmp_path: Path) -> None:
    style = "<style>.row, .title { display: none } p { color: red; width: 20em }</style><p id='outside'>outside</p>"
    html = f"<!doctype html><title>two</title>{style}{timeline._repr_html_()}{timeline._repr_html_()}"
    (tmp_path / "two.html").write_text(html, encoding="utf-8")
    page = new_page()
    page.goto((tmp_path / "two.html").as_uri())
    page.get_by_role("button", name="Moment 1").nth(1).click()
    wait_for_time(page, 6.31, number=1)
    page.get_by_role("button", name="Moment 2").nth(0).click()
    wait_for_time(page, 12.2, number=0)
    wait_for_time(page, 6.31, number=1)
    assert [page.get_by_role("status").nth(i).inner_text()[:9] for i in (0, 1)] == ["Moment 2:", "Moment 1:"]
    alone = """(remove) => {
        if (remove) document.querySelectorAll(".momentor-timeline").forEach((timeline) => timeline.remove());
        return Object.values({ ...getComputedStyle(document.getElementById("outside")) }).join();
    }"""
    assert page.evaluate(alone, False) == page.evaluate(alone, True)  # what is around a timeline looks as it does without it


def test_a_harmful_query_does_no_harm(new_page, tmp_path: Path) -> None:
    page = show(new_page(), TIMELINES["hostile"], tmp_path)
    page.get_by_role("button", name="Moment 1").click()
    assert page.evaluate("window.harmed === undefined && document.scripts.length === 1")
    assert "<script>window.harmed = 1</script>" in page.locator("h1").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read_on_light_and_dark(new_page, timeline: Timeline, tmp_path: Path, scheme: str) -> None:
    page = show(new_page(color_scheme=scheme), timeline, tmp_path)
    page.get_by_role("button", name="Moment 1").click()
    wait_for_time(page, 6.31)
    corner = Image.open(io.BytesIO(page.screenshot())).convert("RGB").getpixel((3, 3))
    assert (max(corner) < 60) if scheme == "dark" else (min(corner) > 230)
    for place in ("h1", "button.mt-row .mt-span", "button.mt-row .mt-score", "td", "caption", ".mt-axis span", ".mt-time"):
        element = page.locator(place).first
        grey = np.asarray(Image.open(io.BytesIO(element.screenshot())).convert("L"), float) / 255
        bright, dark = (((level + 0.055) / 1.055) ** 2.4 for level in (grey.max(), grey.min()))
        assert (bright + 0.05) / (dark + 0.05) >= 4.5, place


def test_without_its_script_the_page_still_says_everything(new_page, timeline: Timeline, tmp_path: Path) -> None:
    page = show(new_page(java_script_enabled=False), timeline, tmp_path)
    assert "6.3 s – 9.4 s" in page.locator("h1").inner_text()
    assert page.locator("tbody tr").nth(1).inner_text().split("\t") == ["2", "12.2 s", "1.2 s", "15.9 s", "0.8 s", "0.41"]
    assert page.get_by_role("status").inner_text() == ""  # nothing that promises what only the script does
    assert page.locator("video").get_attribute("controls") is not None
    assert page.locator(".mt-bar").first.bounding_box()["width"] > 20


@pytest.mark.parametrize("width", [360, 1100])
@pytest.mark.parametrize("name", TIMELINES)
def test_nothing_is_cut_off(new_page, tmp_path: Path, name: str, width: int) -> None:
    page = show(new_page(viewport={"width": width, "height": 800}), TIMELINES[name], tmp_path)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    cut_off = page.evaluate("""() => [...document.querySelectorAll(":is(h1, p, th, td, .mt-words, .mt-words span, .mt-axis)")]
        .filter((element) => element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).display !== "inline")
        .map((element) => element.outerHTML.slice(0, 200))""")
    assert cut_off == []
    ticks = [tick.bounding_box() for tick in page.locator(".mt-axis span").all()]
    assert all(one["x"] + one["width"] <= other["x"] for one, other in itertools.pairwise(ticks))


@pytest.mark.parametrize("count", [3, 50])
def test_all_time_axes_are_in_line(new_page, tmp_path: Path, count: int) -> None:
    timeline = replace(TIMELINES["typical"], moments=many_moments(count, 42.0))
    page = show(new_page(), timeline, tmp_path)
    boxes = [page.locator(place).first.bounding_box() for place in (".mt-strip", ".mt-track", ".mt-axis", ".mt-truth .mt-track")]
    assert {(round(box["x"]), round(box["width"])) for box in boxes} == {(round(boxes[0]["x"]), round(boxes[0]["width"]))}
    bar, track = page.locator(".mt-bar").first.bounding_box(), boxes[1]
    assert abs((bar["x"] - track["x"]) / track["width"] * 42 - timeline.moments[0].start) < 0.1
    assert abs(bar["width"] / track["width"] * 42 - timeline.moments[0].duration) < 0.1
    last = page.get_by_role("button", name=f"Moment {count}:")
    moment_buttons(page).first.focus()
    page.keyboard.press("End")
    assert last.evaluate("element => element === document.activeElement")
    visible, scroller = last.bounding_box(), page.locator(".mt-rows").bounding_box()
    assert scroller["y"] - 1 <= visible["y"] and visible["y"] + visible["height"] <= scroller["y"] + scroller["height"] + 1

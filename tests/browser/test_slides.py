"""The slides in Chromium: nothing cut off, keys turn them, no request leaves the page."""

from __future__ import annotations

import pytest

from notebooks.tools import course, slides

STEMS = [lesson.stem for lesson in course.lessons()]
SMALLEST = 0.5  # of a block's own size: below it a text could not be read from the last row

# What of each slide is too low, too wide or too small, and what is not on any slide.
FAULTS = """() => [...document.querySelectorAll(".slide")].flatMap((slide, number) => {
  const room = slide.getBoundingClientRect();
  const foot = slide.querySelector(".foot").getBoundingClientRect();
  return [...slide.querySelectorAll(".inner > *")].filter((block) => {
    const box = block.getBoundingClientRect();
    return box.bottom > foot.top + 1 || box.right > room.right || Number(block.style.zoom || 1) < %f
      || block.scrollWidth > block.clientWidth + 2;
  }).map((block) => `slide ${number + 1}: ${block.className} ${block.textContent.slice(0, 60)}`);
})"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slides")
    slides.write_slides(folder=folder)
    return folder


@pytest.mark.parametrize("stem", STEMS)
def test_nothing_is_cut_off(new_page, folder, stem):
    page = new_page(viewport={"width": 1280, "height": 720})
    page.goto((folder / f"{stem}.html").as_uri())
    assert page.locator(".slide").count() > 10
    assert page.evaluate(FAULTS % SMALLEST) == []
    assert page.locator(".part").count() == 0


def test_keys_and_buttons_turn_the_slides(new_page, folder):
    page = new_page(viewport={"width": 1024, "height": 768})
    page.goto((folder / f"{STEMS[0]}.html").as_uri())
    shown = lambda: page.evaluate("[...document.querySelectorAll('.slide')].findIndex((slide) => slide.matches('.now')) + 1")  # noqa: E731
    seen = [shown()]
    for key in ("ArrowRight", "PageDown", "ArrowLeft", "End", "ArrowRight", "Home", "ArrowLeft"):
        page.keyboard.press(key)
        seen.append(shown())
    last = page.locator(".slide").count()
    assert seen == [1, 2, 3, 2, last, last, 1, 1]
    page.get_by_label("next slide").click()
    assert shown() == 2 and page.url.endswith("#2")
    page.reload()
    assert shown() == 2


def test_the_timeline_on_a_slide_keeps_its_own_keys(new_page, folder):
    page = new_page(viewport={"width": 1280, "height": 720})
    page.goto((folder / "00_start_here.html").as_uri())
    number = page.evaluate("[...document.querySelectorAll('.slide')].findIndex((slide) => slide.querySelector('.momentor-timeline'))")
    for _ in range(number):
        page.keyboard.press("ArrowRight")
    page.locator(".momentor-timeline button.mt-row").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.url.endswith(f"#{number + 1}")


def test_without_javascript_it_is_one_text(new_page, folder):
    page = new_page(java_script_enabled=False)
    page.goto((folder / f"{STEMS[0]}.html").as_uri())
    assert page.locator(".part").count() > 5 and page.locator(".part").nth(1).is_visible()

"""Notebook 00 in JupyterLab as a student meets it: read, run, a query typed into the explorer, the player sought by its timeline."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browser.lab import open_notebook, running_lab

from momentor_lib.paths import shipped

NAME = "00_start_here"
BADGE = "https://colab.research.google.com/assets/"  # a picture in the notebook's head
OPENED, ASKED, LAST = 2, 2, 0  # the sample that the notebook opens, its query typed here, and the sample chosen at the end


@pytest.fixture(scope="module")
def server(browser, repository, tmp_path_factory) -> Iterator[str]:
    """The address of a JupyterLab with a copy of notebook 00."""
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed")
    pytest.importorskip("ipywidgets", reason="ipywidgets is not installed")
    folder = tmp_path_factory.mktemp("notebooks")
    shutil.copy(repository / "notebooks" / f"{NAME}.ipynb", folder)
    with running_lab(folder, tmp_path_factory.mktemp("jupyter")) as address:
        yield address


@pytest.fixture(scope="module")
def records() -> list[dict]:
    return [json.loads(line) for line in shipped("data_samples/annotations.jsonl").read_text().splitlines()]


@pytest.fixture
def look(tmp_path) -> Callable[[object, str], None]:
    """Takes a picture of a page for people to look at; MOMENTOR_SCREENSHOTS names a folder where they stay."""
    folder = Path(os.environ.get("MOMENTOR_SCREENSHOTS", tmp_path))
    return lambda page, name: page.screenshot(path=folder / f"explorer_{name}.png")


def wait_for_player(page, timeline, seconds: float) -> None:
    """Until the player of a timeline is there, within 0.1 s, with a picture to show."""
    page.wait_for_function(
        "([video, seconds]) => !video.seeking && video.readyState >= 2 && Math.abs(video.currentTime - seconds) < 0.1",
        arg=[timeline.locator("video").element_handle(), seconds],
    )


def scroll_to(page, part) -> None:
    """Scrolls through the notebook, which holds only the cells that are in sight, until the part is seen."""
    page.mouse.move(700, 600)
    page.mouse.wheel(0, -100_000)
    for _ in range(400):
        if part.count() and part.first.is_visible():
            part.first.scroll_into_view_if_needed()
            return
        page.mouse.wheel(0, 300)
        page.wait_for_timeout(100)  # milliseconds
    pytest.fail(f"nowhere in the notebook: {part}")


def upload(page, explorer, path: Path) -> None:
    with page.expect_file_chooser() as chooser:
        explorer.get_by_role("button", name="Upload").click()
    chooser.value.set_files(path)


def cut_off(explorer) -> list[str]:
    """Controls whose text does not fit into them."""
    script = """(root) => [...root.querySelectorAll("button, label, select, input[type=text], .widget-html-content")]
        .filter((part) => part.offsetParent && part.scrollWidth > part.clientWidth + 1).map((part) => part.textContent || part.value)"""
    return explorer.evaluate(script)


def test_a_typed_query_is_answered_and_the_timeline_seeks_the_player(new_page, server: str, records, look, tmp_path: Path) -> None:
    page = open_notebook(new_page, server, NAME, expected=BADGE, viewport={"width": 1300, "height": 1250})
    page.get_by_role("heading", name="5. Drag along the timeline").wait_for()
    saved = page.locator(".momentor-timeline").filter(has_text=records[OPENED]["queries"][1]["query"])
    scroll_to(page, saved.get_by_role("table"))  # before anything ran
    look(page, "1_saved")

    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.get_by_text("| Idle").wait_for()  # the notebook stops growing
    explorer = page.locator(".jp-OutputArea-output .widget-vbox").first
    scroll_to(page, explorer.get_by_role("combobox", name="Query"))
    timeline = explorer.locator(".momentor-timeline")
    timeline.get_by_role("button", name="Moment 1").wait_for()
    look(page, "2_run")
    assert cut_off(explorer) == []

    query = explorer.get_by_role("combobox", name="Query")
    asked = records[OPENED]["queries"][ASKED]["query"]
    query.fill(asked)
    query.press("Enter")
    timeline.get_by_text(f"“{asked}”").wait_for()
    assert timeline.locator(".mt-truth").count() == 1
    assert query.evaluate("(box) => document.activeElement === box")  # the next query can be typed at once
    moment = timeline.get_by_role("button", name="Moment 1")
    moment.click()
    wait_for_player(page, timeline, float(moment.get_attribute("data-start")))
    look(page, "3_asked")

    strip = timeline.locator(".mt-strip").bounding_box()
    page.mouse.move(strip["x"] + 5, strip["y"] + 10)
    page.mouse.down()
    page.mouse.move(strip["x"] + strip["width"] / 2, strip["y"] + 10, steps=4)
    page.mouse.up()
    wait_for_player(page, timeline, records[OPENED]["duration"] / 2)
    look(page, "4_dragged")

    slider = explorer.get_by_role("slider")
    slider.press("ArrowRight")
    slider.press("ArrowRight")
    timeline.get_by_role("button", name="Moment 3").wait_for()
    explorer.get_by_role("button", name="nearest anchor").click()
    timeline.get_by_text("Read continuously").wait_for()
    look(page, "5_nearest")

    (tmp_path / "bad.mp4").write_bytes(b"no video")
    upload(page, explorer, tmp_path / "bad.mp4")
    explorer.get_by_text("bad.mp4 is no video").wait_for()
    assert f"“{asked}”" in timeline.inner_text()
    look(page, "6_bad_upload")

    sample = shipped("data_samples") / records[LAST]["path"]
    shutil.copy(sample, tmp_path / "mine.mp4")
    upload(page, explorer, tmp_path / "mine.mp4")
    timeline.get_by_text("nothing asked yet").wait_for()
    assert explorer.get_by_role("combobox", name="Video").input_value() == "mine.mp4"
    explorer.get_by_role("button", name="All events").click()
    timeline.locator(".mt-label").first.wait_for()
    look(page, "7_events")

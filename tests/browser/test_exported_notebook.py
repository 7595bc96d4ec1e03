"""Notebook 06 as a page, opened from the disk without a network: its timeline seeks the player, and nothing is asked of any computer."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", params=["student", "solution"])
def exported(request, tmp_path_factory) -> Path:
    """The page that the command makes of the notebook in the repository."""
    folder = tmp_path_factory.mktemp("pages")
    command = [sys.executable, str(ROOT / "notebooks" / "export.py"), "06", "--out", str(folder)]
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    subprocess.run([*command, *["--solutions"][: request.param == "solution"]], check=True, env={**os.environ, "PYTHONPATH": paths})
    [page] = folder.iterdir()
    return page


@pytest.fixture
def page(new_page, exported: Path):
    """The page with every network off; the fixture's own watch fails the test where it asks for something all the same."""
    page = new_page()
    page.context.set_offline(True)
    page.goto(exported.as_uri())
    page.wait_for_load_state("load")
    return page


def test_a_click_on_a_moment_seeks_the_player(page) -> None:
    timeline = page.locator(".momentor-timeline").first
    buttons = timeline.get_by_role("button", name=re.compile("^Moment "))
    assert buttons.count() >= 2
    for number in range(buttons.count()):
        button = buttons.nth(number)
        button.click()
        page.wait_for_function(
            """(start) => {
                const video = document.querySelector(".momentor-timeline video");
                return !video.seeking && video.readyState >= 2 && Math.abs(video.currentTime - Math.min(start, video.duration)) < 0.15;
            }""",
            arg=float(button.get_attribute("data-start")),
        )
        assert button.get_attribute("aria-current") == "true"


def test_the_keys_move_through_the_moments(page) -> None:
    buttons = page.locator(".momentor-timeline").first.get_by_role("button", name=re.compile("^Moment "))
    buttons.first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    start = float(buttons.nth(1).get_attribute("data-start"))
    page.wait_for_function(f"() => Math.abs(document.querySelector('.momentor-timeline video').currentTime - {start}) < 0.15")


def test_every_picture_is_inside_and_nothing_names_another_computer_as_a_source(page, exported: Path) -> None:
    broken = "() => [...document.images].filter((image) => !image.complete || image.naturalWidth === 0).map((image) => image.outerHTML)"
    assert page.evaluate(broken) == []
    assert page.evaluate("document.images.length") > 5
    sources = "() => [...document.querySelectorAll('[src], link[href]')].map((element) => element.src || element.href)"
    assert [address[:80] for address in page.evaluate(sources) if not address.startswith("data:")] == []
    assert not re.search(r"(@import|url\()\s*['\"]?https?:", exported.read_text(encoding="utf-8"))

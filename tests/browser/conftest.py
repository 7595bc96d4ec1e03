"""A headless Chromium, and pages in it that fail their test on a request to a network, an error or a word on the console."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """Chromium; MOMENTOR_CHROMIUM names it where it is not on the path."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
    path = os.environ.get("MOMENTOR_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("no Chromium on the path; MOMENTOR_CHROMIUM names one")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=path, args=ARGUMENTS, ignore_default_args=["--hide-scrollbars"])
        yield chromium
        chromium.close()


@pytest.fixture
def new_page(browser: object) -> Iterator[Callable[..., object]]:
    """Opens an empty page with the options of ``browser.new_context``; what went wrong on any is told when the test ends.

    ``server`` is the one address that may be asked, with whose own words and errors the test is not concerned; ``expected`` begins
    another that is asked, and does not answer.
    """
    contexts, wrong = [], []

    def open_page(*, server: str = "", expected: str = "", **options: object) -> object:
        contexts.append(browser.new_context(**{"viewport": {"width": 1100, "height": 900}, **options}))
        page = contexts[-1].new_page()
        page.set_default_timeout(30_000)
        if expected:
            page.route(f"{expected}**", lambda route: route.abort())

        def check(request: object) -> None:
            if not is_local(request.url, server) and not (expected and request.url.startswith(expected)):
                wrong.append(request.url[:200])

        page.on("request", check)
        if not server:
            page.on("console", lambda message: wrong.append(f"console: {message.text}"))
            page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
            page.on("dialog", lambda dialog: (wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def is_local(address: str, server: str) -> bool:
    """Whether a request stays in the page, on the disk, or with the test's own server."""
    return address.startswith(("data:", "blob:", "file:", "about:")) or (bool(server) and address.startswith(f"{server}/"))

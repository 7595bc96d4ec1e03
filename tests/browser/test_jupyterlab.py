"""A timeline as a cell's output in JupyterLab: its buttons and keys work there, and it can be read where it is not trusted."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import nbformat
import pytest
from browser.lab import environment, open_notebook, running_lab
from make_videos import write_video

from momentor_lib.moments import Moment
from momentor_lib.viz.timeline import Timeline

MOMENTS = [Moment(6.31, 9.42, 0.93, 0.4, 0.6), Moment(12.2, 15.9, 0.41, 1.2, 0.8)]


def write_notebook(path: Path, timeline: Timeline, word: str) -> None:
    """A notebook that shows the timeline twice, as if it had run; ``word`` makes its signature another."""
    shown = {"text/html": timeline._repr_html_(), "text/plain": repr(timeline)}
    cells = [
        nbformat.v4.new_code_cell(
            "timeline", execution_count=n, outputs=[nbformat.v4.new_output("execute_result", data=shown, execution_count=n)]
        )
        for n in (1, 2)
    ]
    notebook = nbformat.v4.new_notebook(cells=[*cells, nbformat.v4.new_markdown_cell(word)])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)


@pytest.fixture(scope="module")
def server(browser, tmp_path_factory) -> Iterator[str]:
    """The address of a JupyterLab with two notebooks, trusted.ipynb and untrusted.ipynb."""
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed")
    folder, home = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("jupyter")
    video = write_video(home / "clip.mp4", [Fraction(n, 10) for n in range(200)])
    timeline = Timeline(20.0, MOMENTS, query="the red circle moves left", video_path=video)
    for word in ("trusted", "untrusted"):
        write_notebook(folder / f"{word}.ipynb", timeline, word)
    subprocess.run(
        [sys.executable, "-m", "jupyter", "trust", str(folder / "trusted.ipynb")], env=environment(home), check=True, capture_output=True
    )
    with running_lab(folder, home) as address:
        yield address


def open_outputs(new_page, server: str, name: str):
    page = open_notebook(new_page, server, name)
    page.locator(".jp-OutputArea-output table").nth(1).wait_for()
    return page


def test_buttons_and_keys_work_in_an_output(new_page, server: str) -> None:
    page = open_outputs(new_page, server, "trusted")
    outputs = page.locator(".momentor-timeline")
    times = "() => [...document.querySelectorAll('.momentor-timeline video')].map((video) => video.currentTime)"
    outputs.nth(0).get_by_role("button", name="Moment 1").click()
    page.wait_for_function(f"() => Math.abs(({times})()[0] - 6.31) < 0.1")
    # JupyterLab moves between cells with these keys, opens one with Enter and scrolls with Space; here they are the timeline's.
    for key, start in (("ArrowDown Enter", 12.2), ("ArrowUp Space", 6.31), ("ArrowRight Enter", 12.2), ("ArrowLeft Enter", 6.31)):
        for part in key.split():
            page.keyboard.press(part)
        page.wait_for_function(f"() => Math.abs(({times})()[0] - {start}) < 0.1")
    assert page.evaluate(times)[1] == 0
    assert page.locator(".jp-Notebook.jp-mod-editMode").count() == 0


def test_an_output_that_is_not_trusted_can_be_read(new_page, server: str) -> None:
    page = open_outputs(new_page, server, "untrusted")
    assert page.evaluate("() => [...document.querySelectorAll('.momentor-timeline')].some((root) => root.momentorStarted)") is False
    output = page.locator(".jp-OutputArea-output").first
    assert "the red circle moves left”: 6.3 s – 9.4 s" in output.inner_text()
    assert output.locator("tbody tr").nth(1).inner_text().split("\t") == ["2", "12.2 s", "1.2 s", "15.9 s", "0.8 s", "0.41"]
    assert output.locator("video").get_attribute("controls") is not None
    assert output.bounding_box()["height"] < 1200  # the strip stays a strip

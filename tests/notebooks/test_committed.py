"""The notebooks in the repository: as their sources say, run, and fit to be shown."""

from __future__ import annotations

import re

import nbformat
import pytest

MAX_LINES = 20
HEADINGS = ("You will be able to", "Know before", "Minutes", "Hardware", "Downloads", "Account")


@pytest.fixture
def notebook(build, source, kind):
    return nbformat.read(build.target(source, kind), as_version=4)


def outputs_of(notebook):
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def test_no_drift(build, source):
    assert build.differences(source) == [], "run: python notebooks/build.py"


def test_header(build, source, kind, notebook):
    header = notebook.cells[0].source
    first_level = [
        line for cell in notebook.cells if cell.cell_type == "markdown" for line in cell.source.splitlines() if re.match(r"# ", line)
    ]
    assert first_level == [header.splitlines()[0]], "exactly one title, at the top"
    assert re.match(rf"# {source.name[:2]} · \S", header)
    assert f"/github/{build.REPOSITORY}/blob/main/{kind}/{source.stem}.ipynb)" in header.splitlines()[2]
    assert re.findall(r"^- \*\*(.+?)\*\*:", header, flags=re.MULTILINE) == list(HEADINGS)
    assert re.search(r"\*\*Minutes\*\*: \d+ to read and solve, \d+ to run", header)
    assert "- **Account**: none" in header


def test_one_set_up_cell_in_all(build, notebook):
    assert notebook.cells[1].source == build.SETUP.rstrip("\n")
    assert notebook.cells[1].outputs == []


def test_cells_are_short(notebook):
    code = [cell.source for cell in notebook.cells[2:] if cell.cell_type == "code"]
    assert [source for source in code if len(source.splitlines()) > MAX_LINES] == []
    assert len(notebook.cells[1].source.splitlines()) <= MAX_LINES


def test_two_to_four_exercises_each_with_a_check(notebook):
    exercises = sum(bool({"exercise", "solution"} & set(cell.metadata.get("tags", []))) for cell in notebook.cells)
    checks = sum("check" in cell.metadata.get("tags", []) for cell in notebook.cells)
    assert 2 <= exercises <= 4 and checks == exercises


def test_outputs_come_from_one_clean_run(notebook):
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert [output.output_type for output in outputs_of(notebook) if output.output_type == "error"] == []
    assert [output.text for output in outputs_of(notebook) if output.output_type == "stream" and output.name == "stderr"] == []


def test_nothing_of_one_machine(notebook):
    assert "widgets" not in notebook.metadata
    assert all(set(cell.metadata) <= {"tags"} for cell in notebook.cells)
    for output in outputs_of(notebook):
        for text in [output.get("text", ""), *output.get("data", {}).values()]:
            assert not re.search(
                r"/(home|root|Users|tmp|work|var)/\w|[A-Z]:\\\\Users|\b0x[0-9a-f]{9,}", text if isinstance(text, str) else ""
            )


def test_figures_have_words(notebook):
    pictures = [output for output in outputs_of(notebook) if "image/png" in output.get("data", {})]
    assert pictures
    assert all(len(output.metadata["image/png"]["alt"]) > 30 for output in pictures)


def test_small_enough(build, source, kind):
    assert build.target(source, kind).stat().st_size < build.MAX_BYTES


def test_links_lead_to_notebooks_that_exist(build, source, kind, notebook):
    links = [link for cell in notebook.cells if cell.cell_type == "markdown" for link in re.findall(r"\]\(([^)#]+\.ipynb)\)", cell.source)]
    own = [link for link in links if not link.startswith("http")]
    assert [link for link in own if not (build.target(source, kind).parent / link).exists()] == []

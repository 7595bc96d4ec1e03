"""notebooks/export.py: pages that ask no other computer for anything."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter

ROOT = Path(__file__).resolve().parents[2]
BADGE = "[![Open in Colab](https://example.org/badge.svg)](https://example.org/open)"
ASKS = re.compile(r"<(?:script|img|link)[^>]*(?:src|href)=[\"']?(?:https?:)?//")


@pytest.fixture(scope="module")
def export():
    spec = importlib.util.spec_from_file_location("notebooks_export", ROOT / "notebooks" / "export.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def notebook():
    output = nbformat.v4.new_output("display_data", data={"text/html": '<section id="shown"><script>window.ran = 1</script></section>'})
    cells = [nbformat.v4.new_markdown_cell(f"# Title\n\n{BADGE}"), nbformat.v4.new_code_cell("1 + 1", outputs=[output])]
    return nbformat.v4.new_notebook(cells=cells)


def test_a_page_asks_for_nothing_and_keeps_outputs_and_links(export, notebook):
    before = nbformat.writes(notebook)
    page = export.to_page(notebook, "a title")
    assert not ASKS.search(page)
    assert '<section id="shown"><script>window.ran = 1</script>' in page and "<title>a title</title>" in page
    assert re.search(r"<a href=\"https://example.org/open\"[^>]*>Open in Colab</a>", page)
    assert nbformat.writes(notebook) == before


def test_a_plain_export_would_ask(notebook):
    """Why there is a command of our own."""
    assert len(ASKS.findall(HTMLExporter().from_notebook_node(notebook)[0])) >= 3


def test_names_choose_notebooks(export):
    [one] = export.find_notebooks(["06"])
    assert one.name == "06_temporal_grounding.ipynb" and one.parent.name == "notebooks"
    assert export.find_notebooks(["06"], solutions=True)[0].parent.name == "solutions"
    assert len(export.find_notebooks([])) >= 8
    with pytest.raises(FileNotFoundError, match="no notebook 99"):
        export.find_notebooks(["99"])

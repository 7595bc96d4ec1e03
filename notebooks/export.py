"""Makes pages of the notebooks that need no network: one HTML file each, timelines and figures inside::

    python notebooks/export.py 06                 # -> 06_temporal_grounding.html
    python notebooks/export.py 06 07 --out pages  # into a folder
    python notebooks/export.py 06 --solutions     # with every exercise solved

What the page of a plain ``jupyter nbconvert --to html`` fetches when it is opened is left out: require.js
and MathJax, so that formulas stay as they are typed, and the picture of the Colab badge, which becomes a
link in words.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter
from nbformat import NotebookNode

from momentor_lib.files import write_whole

ROOT = Path(__file__).resolve().parent.parent
NOTHING = "data:text/javascript,"  # the address of an empty script
REMOTE_PICTURE = re.compile(r"!\[([^\]]*)\]\(https?://[^)]*\)")


def find_notebooks(names: list[str], solutions: bool = False) -> list[Path]:
    """The notebooks whose file names begin with one of ``names``; all without names.

    Raises:
        FileNotFoundError: a name fits no notebook.
    """
    folder = ROOT / "notebooks" / ("solutions" if solutions else "")
    every = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    for name in names:
        if not any(path.name.startswith(name) for path in every):
            raise FileNotFoundError(
                f"no notebook {name}*; there are: {', '.join(path.stem for path in every)}"
            )
    return [path for path in every if not names or path.name.startswith(tuple(names))]


def to_page(notebook: NotebookNode, title: str) -> str:
    """A notebook as it was run -> an HTML page that asks no other computer for anything."""
    notebook = nbformat.from_dict(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = REMOTE_PICTURE.sub(r"\1", cell.source)
    exporter = HTMLExporter(require_js_url=NOTHING, mathjax_url=NOTHING)
    text, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": title}})
    return text


def main() -> int:
    parser = argparse.ArgumentParser(description="Makes pages of the notebooks that need no network.")
    parser.add_argument("names", nargs="*", help="beginnings of file names, such as 06; all without")
    parser.add_argument("--out", type=Path, default=Path(), help="folder; by default the current one")
    parser.add_argument("--solutions", action="store_true", help="the notebooks with every exercise solved")
    arguments = parser.parse_args()
    try:
        found = find_notebooks(arguments.names, arguments.solutions)
    except FileNotFoundError as error:
        parser.error(str(error))
    arguments.out.mkdir(parents=True, exist_ok=True)
    for path in found:
        page = arguments.out / f"{path.stem}.html"
        write_whole(page, to_page(nbformat.read(path, as_version=4), path.stem))
        print(f"{page} ({page.stat().st_size / 1000:.0f} KB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Writes the repository's address into every badge and link, and the notebooks' minutes into README's table.

The address stands in pyproject.toml, under ``[project.urls]``, and everything else follows it::

    python notebooks/badges.py                          # make badges: all places as pyproject.toml says
    python notebooks/badges.py --repository owner/name  # a new address
    python notebooks/badges.py --check                  # do all places agree? writes nothing

No notebook is run: of each, the title with its badge and the set-up cell are renewed, and the outputs stay.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from types import ModuleType

import nbformat

from momentor_lib.files import write_whole

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = ROOT / "pyproject.toml"
PAGES = ("*.md", "docs/**/*.md", "notebooks/*.md", "checkpoints/*/*.md")  # with links to the repository
IN_PYPROJECT = re.compile(r'^(Repository = "https://github\.com/)([\w.-]+/[\w.-]+)(")$', re.MULTILINE)
IN_BADGE = re.compile(r"colab\.research\.google\.com/github/([\w.-]+/[\w.-]+)/blob/")
MINUTES = re.compile(r"\*\*Minutes\*\*: (\d+) to read and solve, (\d+) to run")
ROW = re.compile(r"^\| `(\d\d_\w+)` \| ([^|\n]+?) \|.*$", re.MULTILINE)


def write_address(repository: str) -> str:
    """Puts ``owner/name`` into pyproject.toml and returns the address that stood there.

    Raises:
        ValueError: it is no address of that form.
    """
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise ValueError(f"the repository's address is owner/name, as on GitHub, not {repository!r}")
    text = PYPROJECT.read_text(encoding="utf-8")
    found = IN_PYPROJECT.search(text)
    if found is None:
        raise ValueError(f'{PYPROJECT.name} has no line Repository = "https://github.com/owner/name"')
    write_whole(PYPROJECT, IN_PYPROJECT.sub(rf"\g<1>{repository}\g<3>", text))
    return found[2]


def renewed(build: ModuleType, former: set[str]) -> dict[Path, str]:
    """File -> its text as it should be: README, the pages with links, and every notebook that was made.

    Args:
        build: notebooks/build.py, which has read the address.
        former: addresses that may still stand somewhere; those in badges are found here.
    """
    found = [page for pattern in PAGES for page in sorted(ROOT.glob(pattern))]
    pages = {page: page.read_text(encoding="utf-8") for page in found}
    notebooks = {}
    for source in build.find_sources():
        for kind in (build.STUDENT, build.SOLUTION):
            path = build.target(source, kind)
            if path.exists():
                notebooks[path] = with_new_top(path, build.make(source, kind))
    for text in (*pages.values(), *(path.read_text(encoding="utf-8") for path in notebooks)):
        former |= set(IN_BADGE.findall(text))
    for page, text in pages.items():
        for old in sorted(former - {build.REPOSITORY}):
            text = re.sub(rf"github(\.com)?/{re.escape(old)}(?![\w-])", rf"github\1/{build.REPOSITORY}", text)
        pages[page] = with_table(text, build) if page == ROOT / "README.md" else text
    return pages | notebooks


def with_new_top(path: Path, made: nbformat.NotebookNode) -> str:
    """A notebook's text with the title and the set-up cell as they are made now, and the rest as it is."""
    notebook = nbformat.read(path, as_version=4)
    for old, new in zip(notebook.cells[:2], made.cells[:2], strict=True):
        old.source, old.id = new.source, new.id
    return nbformat.writes(notebook, version=4, indent=1) + "\n"


def with_table(text: str, build: ModuleType) -> str:
    """README with each notebook's minutes and badge behind its name and what it is about."""
    sources = {source.stem: source for source in build.find_sources()}

    def row(found: re.Match) -> str:
        name, about = found.groups()
        if name not in sources:
            return found[0]
        header = build.make(sources[name], build.STUDENT).cells[0].source
        read, run = MINUTES.search(header).groups()
        badge = build.BADGE.format(build.REPOSITORY, f"{build.STUDENT}/{name}.ipynb")
        return f"| `{name}` | {about} | {read} + {run} | {badge} |"

    return ROW.sub(row, text)


def main() -> int:
    parser = argparse.ArgumentParser(description="Writes the repository's address into every badge and link.")
    parser.add_argument("--repository", metavar="OWNER/NAME", help="a new address")
    parser.add_argument("--check", action="store_true", help="only say what does not agree")
    arguments = parser.parse_args()
    if arguments.repository and arguments.check:
        parser.error("--check writes nothing, so it takes no --repository")
    try:
        former = {write_address(arguments.repository)} if arguments.repository else set()
    except ValueError as error:
        parser.error(str(error))
    import build  # reads the address as it stands now

    new = renewed(build, former)
    differ = [path for path, text in new.items() if path.read_bytes() != text.encode("utf-8")]
    for path in differ:
        print(path.relative_to(ROOT).as_posix())
        if not arguments.check:
            write_whole(path, new[path])
    done = "do not agree: run make badges" if arguments.check else "written"
    print(f"{build.REPOSITORY}: {len(differ)} of {len(new)} files {done}" if differ else "all places agree")
    return 1 if differ and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())

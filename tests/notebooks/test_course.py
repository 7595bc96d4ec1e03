"""The course as a whole: nothing of the library is left out, one notebook leads to the next, prose numbers come from cells.

**A public name** is what the library promises to users: the names of ``momentor_lib.__all__``; the modules and names that README
names in full (``momentor_lib.a.b`` or ``momentor_lib/a/b.py``); the methods that README's Python examples call; the commands of
README's table. Each must stand in the code of a notebook, or between backticks in its text.

**A prose number** is any number in a notebook's text but counts up to ten, references (section, exercise, notebook) and code. It must
stand in an output or in the code of the same section, of the one before or of the one after; else in ELSEWHERE, with where it is from.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

import momentor_lib
from notebooks import build
from notebooks.tools import course

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SMALL = 10  # counts that a reader checks at a glance

# Numbers that no cell prints, by notebook: where each is from.
PAPER = "the paper's figure"
CUSTOM = "a threshold that the field agreed on"
ELSEWHERE: dict[str, dict[str, str]] = {
    "00": {"2024": "the paper's year"},
    "01": {"300": PAPER, "14": "CLIP ViT-L/14, a name", "1,024": PAPER},
    "02": {"46.87": "the example of section 1", "300": PAPER, "29.3": PAPER, "25.4": PAPER, "3.9": PAPER},
    "03": {"64,900": PAPER},
    "04": {"0.3": "boundary_f1's own tolerance", "60": "videos of benchmarks/engine_scores.py"},
    "05": {"2021": "a paper's year", "1,000": "videos of momentor_lib.training.scratch.PLAN"},
    "06": {"50": "what a coin would get, percent"},
    "07": {"0.3": CUSTOM, "0.5": CUSTOM, "0.7": CUSTOM, "0.95": CUSTOM, "1.5": "METEOR 1.5, a name"},
}


def student(source: Path) -> nbformat.NotebookNode:
    return nbformat.read(build.target(source, build.STUDENT), as_version=4)


# -- public names --------------------------------------------------------------------------------------------------------------------


def public_names() -> set[str]:
    names = set(momentor_lib.__all__)
    names |= set(re.findall(r"\bmomentor_lib(?:\.\w+)+", README))
    names |= {path.replace("/", ".") for path in re.findall(r"\b(momentor_lib(?:/\w+)+)(?:\.py|/?`)", README)}
    for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        calls = [node.func for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Call)]
        names |= {f".{call.attr}" for call in calls if isinstance(call, ast.Attribute)}
    return names | {f"momentor {command}" for command in re.findall(r"^\| `momentor (\w+)", README, re.MULTILINE)}


def told() -> str:
    """All code of the notebooks, and what stands between backticks in their text."""
    parts = []
    for source in build.find_sources():
        for cell in student(source).cells:
            parts += [cell.source] if cell.cell_type == "code" else re.findall(r"`([^`]+)`", cell.source)
    return "\n".join(parts)


def is_told(name: str, text: str) -> bool:
    """Whether a name stands in a text: itself, or imported from its module."""
    if re.search(rf"(?<!\w){re.escape(name)}\b" if name[0] != "." else rf"{re.escape(name)}\b", text):
        return True
    module, _, last = name.rpartition(".")
    return bool(module) and bool(re.search(rf"from {re.escape(module)} import [^\n]*\b{last}\b", text))


def test_every_public_name_is_in_a_notebook():
    names = public_names()
    assert len(names) > 30
    text = told()
    missing = sorted(name for name in names if not is_told(name, text))
    assert missing == [], f"in no notebook: {', '.join(missing)}"


def test_a_name_that_is_not_told_is_found():
    assert not is_told("momentor_lib.unheard_of", told()) and not is_told("momentor sing", told())
    assert is_told("momentor_lib.model.lora.merge", "from momentor_lib.model.lora import add_lora, merge")


# -- the thread ----------------------------------------------------------------------------------------------------------------------


def test_each_notebook_leads_to_the_next(source):
    following = [other for other in build.find_sources() if int(other.name[:2]) == int(source.name[:2]) + 1]
    last_words = student(source).cells[-1].source.partition("## Next")[2]
    assert last_words, "a notebook ends with what comes next"
    for other in following:
        assert f"]({other.stem}.ipynb)" in last_words, f"the section Next should link to {other.stem}.ipynb"


def test_what_a_notebook_builds_on_comes_before_it():
    numbers = [lesson.number for lesson in course.lessons()]
    for lesson in course.lessons():
        assert all(before < lesson.number for before in lesson.needs) and set(lesson.needs) <= set(numbers)


# -- prose numbers -------------------------------------------------------------------------------------------------------------------

NUMBER = re.compile(r"(?<![\w.,^{-])(\d[\d,]*(?:\.\d+)?)(?![\w]*\})")
NO_PROSE = re.compile(
    r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$"  # code and formulas
    r"|\]\([^)]*\)|\b\d\d · "  # links
    r"|^#+ (?:\d+\. )?"  # a heading's own number
    r"|\b(?:sections?|exercises?|notebooks?) \d+(?:(?:,| and|, and|-) \d+)*",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)


def numbers_in(text: str) -> set[float]:
    return {float(found.replace(",", "")) for found in re.findall(r"\d[\d,_]*(?:\.\d+)?(?:e-?\d+)?", text.replace("_", "")) if found}


def sections(notebook: nbformat.NotebookNode) -> list[tuple[str, set[float]]]:
    """(prose, numbers in code and outputs) of each section."""
    found = []
    for heading, cells in course.split_at_headings(notebook.cells[1:]):
        prose, seen = [heading], set()
        for cell in cells:
            if cell.cell_type == "markdown":
                prose.append(cell.source)
                continue
            seen |= numbers_in(cell.source)
            for output in cell.outputs:
                data = output.get("data", {})
                seen |= numbers_in(output.get("text", "")) | numbers_in(data.get("text/plain", ""))
        found.append(("\n".join(prose), seen))
    return found


def unfounded(notebook: nbformat.NotebookNode, allowed: dict[str, str]) -> Iterator[str]:
    """Numbers of the prose that come from nowhere, each with its line."""
    parts = sections(notebook)
    for place, (prose, _) in enumerate(parts):
        near = set().union(*(seen for _, seen in parts[max(0, place - 1) : place + 2]))
        for line in NO_PROSE.sub(" ", prose).splitlines():
            for written in NUMBER.findall(line):
                written = written.rstrip(",")
                value = float(written.replace(",", ""))
                small = value <= SMALL and value == int(value) and "." not in written
                if not small and value not in near and written not in allowed:
                    yield f"{written} in {line.strip()!r}"


def test_prose_numbers_come_from_cells(source):
    assert list(unfounded(student(source), ELSEWHERE.get(source.name[:2], {}))) == []


def test_allowed_numbers_are_needed(source):
    allowed = ELSEWHERE.get(source.name[:2], {})
    text = "\n".join(unfounded(student(source), {}))
    assert [number for number in allowed if not re.search(rf"^{re.escape(number)} in ", text, re.MULTILINE)] == []


@pytest.mark.parametrize(
    ("prose", "found"),
    [
        ("it takes 0.93 s", ["0.93"]),
        ("48 videos, and 7 others", ["48"]),
        ("see section 12 and notebook 04; `x = 99`; $2^{77}$", []),
        ("1,234 were kept, of 5,000", ["5,000"]),
    ],
)
def test_a_typed_number_is_found(prose, found):
    output = nbformat.v4.new_output("stream", text="kept 1234")
    cells = [nbformat.v4.new_markdown_cell("# T"), nbformat.v4.new_markdown_cell(prose), nbformat.v4.new_code_cell("1", outputs=[output])]
    assert [line.partition(" in ")[0] for line in unfounded(nbformat.v4.new_notebook(cells=cells), {})] == found

"""What the sources say about the course: titles, sections, minutes, what to know before, exercises.

All that is made from the notebooks (index, teaching plans, answer keys, slides) takes its facts from here,
so a new notebook is in all of them once it lies in ``notebooks/src``.
"""

from __future__ import annotations

import importlib.util
import math
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import jupytext
import nbformat
from nbformat import NotebookNode

from notebooks import build

WRONG_ANSWERS = build.ROOT / "tests" / "notebooks" / "wrong_answers.py"


@dataclass(frozen=True)
class Exercise:
    """One exercise, with what stands around it in the source.

    Attributes:
        title: as in its heading, without "Exercise N".
        number: counted from 1 in its notebook.
        text: Markdown, from behind its heading to its cell.
        stub, solution, check: code cells.
        module, name: of its self-check, in momentor_lib.checks.
    """

    title: str
    number: int
    text: str
    stub: str
    solution: str
    check: str
    module: str
    name: str


@dataclass(frozen=True)
class Section:
    """A section of a notebook, one level-two heading.

    Attributes:
        title: the heading, without its number.
        number: 0 where the heading has none (What could go wrong, Summary, Next).
        minutes: to read and solve, not rounded.
        exercises: their numbers.
    """

    title: str
    number: int
    minutes: float
    exercises: tuple[int, ...]


@dataclass(frozen=True)
class Lesson:
    """One notebook.

    Attributes:
        stem: the file's name without its ending.
        number: two digits.
        title: without the number.
        able, before: the header's lines "You will be able to" and "Know before".
        read, run: the header's minutes; ``read`` holds the exercises too.
        imports: the first code cell, which the exercises' solutions need.
        sections, exercises: in order.
    """

    stem: str
    number: str
    title: str
    able: str
    before: str
    read: int
    run: int
    imports: str
    sections: tuple[Section, ...]
    exercises: tuple[Exercise, ...]

    @property
    def short_title(self) -> str:
        """The title up to its colon, without marks."""
        return self.title.partition(":")[0].replace("*", "")

    @property
    def needs(self) -> list[str]:
        """Numbers of the notebooks that it builds on."""
        return re.findall(r"\b\d\d\b", self.before)

    def minutes(self, numbers: list[int] | None = None) -> int:
        """Minutes to read and solve: of all, or of the sections with these numbers, rounded up.

        Raises:
            ValueError: there is no section of that number.
        """
        if numbers is None:
            return self.read
        return math.ceil(sum(section.minutes for section in self.pick(numbers)))

    def pick(self, numbers: list[int]) -> list[Section]:
        """The sections with these numbers.

        Raises:
            ValueError: there is no section of that number.
        """
        by_number = {section.number: section for section in self.sections if section.number}
        if missing := [number for number in numbers if number not in by_number]:
            raise ValueError(
                f"{self.stem} has no section {missing[0]}; it has {', '.join(map(str, by_number))}"
            )
        return [by_number[number] for number in numbers]


def lessons() -> list[Lesson]:
    """Every notebook that has a source, in order."""
    return [read_lesson(source) for source in build.find_sources()]


def read_lesson(source: Path) -> Lesson:
    """One source -> what it says about itself."""
    cells = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent").cells
    header = build.make(source, build.STUDENT).cells[0].source
    exercises = tuple(find_exercises(cells))
    minutes = re.search(r"\*\*Minutes\*\*: (\d+) to read and solve, (\d+) to run", header)
    return Lesson(
        stem=source.stem,
        number=source.stem[:2],
        title=header.splitlines()[0].partition(" · ")[2],
        able=header_line(header, "You will be able to"),
        before=header_line(header, "Know before"),
        read=int(minutes[1]),
        run=int(minutes[2]),
        imports=next(cell.source for cell in cells if cell.cell_type == "code"),
        sections=tuple(find_sections(cells)),
        exercises=exercises,
    )


def header_line(header: str, name: str) -> str:
    """The text of one line of a notebook's header, however many lines it is written on."""
    found = re.search(rf"^- \*\*{name}\*\*: (.+?)(?=\n- |\n\n|\Z)", header, re.MULTILINE | re.DOTALL)
    return " ".join(found[1].split())


def split_at_headings(cells: list[NotebookNode]) -> list[tuple[str, list[NotebookNode]]]:
    """(heading, cells) of each section; a Markdown cell that holds several headings is cut at them."""
    parts: list[tuple[str, list[NotebookNode]]] = [("", [])]
    for cell in cells:
        if cell.cell_type != "markdown":
            parts[-1][1].append(cell)
            continue
        for piece in re.split(r"^(?=## )", cell.source, flags=re.MULTILINE):
            if piece.startswith("## "):
                heading, _, piece = piece.partition("\n")
                parts.append((heading[3:].strip(), []))
            if piece.strip():
                parts[-1][1].append(nbformat.v4.new_markdown_cell(piece.strip()))
    return parts


def find_sections(cells: list[NotebookNode]) -> list[Section]:
    """The sections of a source, without what stands above the first heading."""
    found, exercises = [], 0
    for heading, inside in split_at_headings(cells)[1:]:
        numbered = re.match(r"(\d+)\. (.+)", heading)
        count = sum("exercise" in build.tags_of(cell) for cell in inside)
        own = tuple(range(exercises + 1, exercises + count + 1))
        exercises += count
        number, title = (int(numbered[1]), numbered[2]) if numbered else (0, heading)
        found.append(Section(title, number, build.raw_minutes(inside), own))
    return found


def find_exercises(cells: list[NotebookNode]) -> list[Exercise]:
    """The exercises of a source, each with its text, stub, solution and check."""
    found, text, module = [], "", ""
    for place, cell in enumerate(cells):
        if cell.cell_type == "markdown":
            text = cell.source
            continue
        if imported := re.search(r"from momentor_lib\.checks import (\w+) as checks", cell.source):
            module = imported[1]
        if "exercise" in build.tags_of(cell):
            solution, check = cells[place + 1].source, cells[place + 2].source
            title, task = re.search(r"### Exercise \d+: (.+)\n?((?:.|\n)*)\Z", text).groups()
            name = re.match(r"checks\.(\w+)\(", check)[1]
            found.append(
                Exercise(title, len(found) + 1, task.strip(), cell.source, solution, check, module, name)
            )
    return found


def wrong_answers() -> ModuleType:
    """The module that holds plausible wrong answers to every exercise, in WRONG_ANSWERS."""
    name = "course_wrong_answers"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, WRONG_ANSWERS)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


def mistakes(exercise: Exercise) -> list[tuple[str, object, str]]:
    """(name in words, the wrong answer, what the check says to it) of each usual mistake."""
    check = getattr(importlib.import_module(f"momentor_lib.checks.{exercise.module}"), exercise.name)
    answers = wrong_answers().WRONG_ANSWERS[exercise.module, exercise.name]
    return [(in_words(answer.__name__), answer, check(answer).message) for answer in answers]


def in_words(name: str) -> str:
    """'only_the_first' and 'OnlyTheFirst' -> 'only the first'."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().replace("_", " ").strip()

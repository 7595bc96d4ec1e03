"""Fills in what the pages about the course say of the notebooks, and writes the answer keys::

    python -m notebooks.tools.pages            # after a notebook has changed, or a new one is there
    python -m notebooks.tools.pages --check    # is any of them stale? writes nothing

A page is written by hand but for its made parts, between ``<!-- made: KIND ... -->`` and ``<!-- /made -->``.
Kinds: ``course``, the table of notebooks; ``needs``, which builds on which; ``plan``, a timetable from the
lines inside the comment; ``mistakes``, the usual wrong answers to the exercises of that page's plans;
``keys``, links to the answer keys. A line of a plan is ``NN | all | what to skip when late``, or
``NN | 1 2 5 | ...`` with the numbers of sections, or ``15 min | what else``. ``plan 210`` is for a room:
it must fit into 210 minutes, and what one reader does alone takes half as long again there. A notebook that
has no source yet is left out.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from momentor_lib.files import write_whole
from notebooks import build
from notebooks.tools import answer_keys, course
from notebooks.tools.course import Lesson

PAGES = (
    "notebooks/README.md",
    "docs/teaching/README.md",
    "docs/teaching/half_day.md",
    "docs/teaching/one_day.md",
    "docs/teaching/six_weeks.md",
)
ROOM = 1.5  # with questions, and until the slowest is done
MADE = re.compile(r"(<!-- made: (\w+)(.*?)-->\n).*?(<!-- /made -->)", re.DOTALL)


@dataclass(frozen=True)
class Row:
    """A line of a timetable.

    Attributes:
        lesson: None for what is no notebook.
        sections: their numbers; None for the whole notebook.
        minutes: of one reader alone; of a break, its own.
        words: what to skip when late, or what the time is for.
    """

    lesson: Lesson | None
    sections: tuple[int, ...] | None
    minutes: int
    words: str

    @property
    def in_a_room(self) -> int:
        return self.minutes if self.lesson is None else math.ceil(ROOM * self.minutes)

    @property
    def exercises(self) -> list[int]:
        """Numbers of the exercises in these sections."""
        if self.lesson is None:
            return []
        chosen = self.lesson.sections if self.sections is None else self.lesson.pick(list(self.sections))
        return [number for section in chosen for number in section.exercises]


@dataclass(frozen=True)
class Plan:
    """A timetable: ``budget`` minutes in a room, or 0 for one reader alone."""

    rows: tuple[Row, ...]
    budget: int

    @property
    def minutes(self) -> int:
        return sum(row.in_a_room if self.budget else row.minutes for row in self.rows)


def read_plan(text: str, lessons: list[Lesson]) -> Plan:
    """The lines of a plan; those of notebooks that are not there yet are left out.

    Raises:
        ValueError: a line that is none, or a section that is not in its notebook.
    """
    by_number = {lesson.number: lesson for lesson in lessons}
    rows = []
    budget, _, lines = text.partition("\n")
    for line in filter(None, map(str.strip, lines.splitlines())):
        first, _, rest = (part.strip() for part in line.partition("|"))
        if pause := re.fullmatch(r"(\d+) min", first):
            rows.append(Row(None, None, int(pause[1]), rest))
        elif re.fullmatch(r"\d\d", first):
            chosen, _, words = (part.strip() for part in rest.partition("|"))
            if (lesson := by_number.get(first)) is not None:
                sections = None if chosen == "all" else tuple(int(number) for number in chosen.split())
                rows.append(Row(lesson, sections, lesson.minutes(sections and list(sections)), words))
        else:
            raise ValueError(
                f"a plan's line is 'NN | all or sections | words' or '15 min | words', not {line!r}"
            )
    return Plan(tuple(rows), int(budget or 0))


def plans_of(text: str, lessons: list[Lesson]) -> list[Plan]:
    """Every plan of a page."""
    return [read_plan(lines, lessons) for _, kind, lines, _ in MADE.findall(text) if kind == "plan"]


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    cells = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in cells)


def link(lesson: Lesson, page: Path, title: str) -> str:
    path = os.path.relpath(build.ROOT / "notebooks" / f"{lesson.stem}.ipynb", page.parent)
    return f"[{lesson.number} · {title}]({Path(path).as_posix()})"


def plan_table(plan: Plan, page: Path) -> str:
    """A timetable, with its sum below."""
    header = ["notebook", "sections", "minutes alone", "exercises", "when late, skip"]
    lines = []
    for row in plan.rows:
        if row.lesson is None:
            lines.append([row.words, "", "", "", ""])
            continue
        chosen = "all"
        if row.sections:
            chosen = "; ".join(
                f"{section.number} {section.title}" for section in row.lesson.pick(list(row.sections))
            )
        numbers = ", ".join(map(str, row.exercises)) or "-"
        lines.append(
            [link(row.lesson, page, row.lesson.short_title), chosen, str(row.minutes), numbers, row.words]
        )
    if not plan.budget:
        return table(header, [*lines, ["in all", "", f"**{plan.minutes}**", "", ""]])
    total = 0
    for line, row in zip(lines, plan.rows, strict=True):
        line[3:3] = [str(row.in_a_room)]
        line.insert(0, clock(total))
        total += row.in_a_room
    end = [clock(total), "end", "", "", f"**{total}** of {plan.budget}", "", ""]
    return table(["from", *header[:3], "in the room", *header[3:]], [*lines, end])


def clock(minutes: int) -> str:
    return f"{minutes // 60}:{minutes % 60:02d}"


def mistakes_table(plans: list[Plan]) -> str:
    """The usual wrong answers to the exercises of some plans, and what the check says to each."""
    rows, done = [], set()
    for row in (row for plan in plans for row in plan.rows if row.lesson is not None):
        for exercise in row.lesson.exercises:
            if exercise.number in row.exercises and (row.lesson.number, exercise.number) not in done:
                done.add((row.lesson.number, exercise.number))
                name = f"{row.lesson.number}, {exercise.number}: {exercise.title}"
                for words, _, said in course.mistakes(exercise):
                    rows.append([name, words, said])
                    name = ""
    return table(["exercise", "usual wrong answer", "what the check says"], rows)


def course_table(lessons: list[Lesson], page: Path) -> str:
    rows = [
        [
            link(lesson, page, lesson.title),
            lesson.able,
            lesson.before,
            str(lesson.read),
            str(lesson.run),
            str(len(lesson.exercises)),
        ]
        for lesson in lessons
    ]
    total = [str(sum(getattr(lesson, name) for lesson in lessons)) for name in ("read", "run")]
    rows.append(["in all", "", "", *total, str(sum(len(lesson.exercises) for lesson in lessons))])
    names = [
        "notebook",
        "you will be able to",
        "know before",
        "read and solve (min)",
        "run (min)",
        "exercises",
    ]
    return table(names, rows)


def needs_graph(lessons: list[Lesson]) -> str:
    """Which notebook builds on which, as a Mermaid graph; GitHub and JupyterLab draw it."""
    lines = [f'  n{one.number}["{one.number} · {one.short_title}"]' for one in lessons]
    lines += [f"  n{before} --> n{one.number}" for one in lessons for before in one.needs]
    return "\n".join(["```mermaid", "graph LR", *lines, "```", ""])


def keys_list(lessons: list[Lesson]) -> str:
    return "".join(
        f"- [{one.number} · {one.title}](answer_keys/{one.stem}.md): {len(one.exercises)} exercises\n"
        for one in lessons
    )


def fill(text: str, page: Path, lessons: list[Lesson]) -> str:
    """A page with its made parts as the sources say now.

    Raises:
        ValueError: a kind that there is not, or a plan that cannot be read.
    """

    def made(found: re.Match) -> str:
        opening, kind, lines, closing = found.groups()
        if kind == "plan":
            body = plan_table(read_plan(lines, lessons), page)
        elif kind == "mistakes":
            body = mistakes_table(plans_of(text, lessons))
        elif kind == "course":
            body = course_table(lessons, page)
        elif kind == "needs":
            body = needs_graph(lessons)
        elif kind == "keys":
            body = keys_list(lessons)
        else:
            raise ValueError(f"{page}: nothing of kind {kind!r} is made")
        return f"{opening}\n{body}\n{closing}"

    return MADE.sub(made, text)


def pages() -> dict[Path, str]:
    """What each page and each answer key should hold, by its path."""
    lessons = course.lessons()
    filled = {build.ROOT / name: (build.ROOT / name).read_text(encoding="utf-8") for name in PAGES}
    filled = {path: fill(text, path, lessons) for path, text in filled.items()}
    return filled | {answer_keys.FOLDER / f"{one.stem}.md": answer_keys.write_key(one) for one in lessons}


def stale() -> list[str]:
    """The pages and keys that are not as the sources say, and the keys of notebooks that are gone."""
    wanted = pages()
    old = [
        path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    gone = [path for path in answer_keys.FOLDER.glob("*.md") if path not in wanted]
    return [path.relative_to(build.ROOT).as_posix() for path in [*old, *gone]]


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Fills in the pages about the course and writes the answer keys."
    )
    parser.add_argument("--check", action="store_true", help="only say which are stale")
    if parser.parse_args().check:
        found = stale()
        print(
            "\n".join([*found, "Run: python -m notebooks.tools.pages"])
            if found
            else "All pages are as the sources say."
        )
        return 1 if found else 0
    wanted = pages()
    for path, text in wanted.items():
        write_whole(path, text)
    for path in answer_keys.FOLDER.glob("*.md"):
        if path not in wanted:
            path.unlink()
    print(f"{len(wanted)} pages are as the sources say")
    return 0


if __name__ == "__main__":
    sys.exit(main())

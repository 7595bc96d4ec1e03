"""The pages about the course: as the sources say, complete, and within the time that they promise."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from notebooks import build
from notebooks.tools import answer_keys, course, pages, timings
from notebooks.tools.pages import MADE

ROOT = Path(__file__).resolve().parents[2]
LESSONS = course.lessons()
BLOCK = re.compile(r"<!-- made: (\w+) -->\n(.*?)<!-- /made -->", re.DOTALL)
MOST_OF_A_PLAN = 0.95  # the rest is for questions
PLANS = [
    pytest.param(path, plan, id=f"{path.stem}-{number}")
    for path in sorted((ROOT / "docs" / "teaching").glob("*.md"))
    for number, plan in enumerate(pages.plans_of(path.read_text(encoding="utf-8"), LESSONS), start=1)
]


def test_nothing_is_stale():
    assert pages.stale() == [], "run: python -m notebooks.tools.pages"


def test_minutes_are_those_of_the_notebooks_headers():
    told = re.findall(
        r"^\| \[(\d\d) .+?\]\((\w+\.ipynb)\) \|.*?\| (\d+) \| (\d+) \| \d+ \|$",
        (ROOT / "notebooks" / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert [number for number, *_ in told] == [source.name[:2] for source in build.find_sources()]
    for _, name, read, run in told:
        header = nbformat.read(ROOT / "notebooks" / name, as_version=4).cells[0].source
        assert f"**Minutes**: {read} to read and solve, {run} to run" in header


@pytest.mark.parametrize("lesson", LESSONS, ids=[lesson.number for lesson in LESSONS])
def test_the_minutes_of_sections_make_the_minutes_of_the_notebook(lesson):
    sections = sum(section.minutes for section in lesson.sections)
    assert lesson.read - 8 < sections <= lesson.read  # header and imports take some too, and minutes are rounded up to five
    assert [number for section in lesson.sections for number in section.exercises] == [e.number for e in lesson.exercises]


@pytest.mark.parametrize(("path", "plan"), PLANS)
def test_a_plan_fits_into_its_time(path, plan):
    assert plan.minutes <= MOST_OF_A_PLAN * plan.budget
    assert f"**{plan.minutes}** of {plan.budget}" in path.read_text(encoding="utf-8")
    begins = sum(row.in_a_room for row in plan.rows if row.lesson is not None)
    assert begins > 0, "a plan without a notebook"


def test_six_weeks_are_the_whole_course():
    text = (ROOT / "docs" / "teaching" / "six_weeks.md").read_text(encoding="utf-8")
    taught = {row.lesson.number for plan in pages.plans_of(text, LESSONS) for row in plan.rows if row.lesson is not None}
    assert taught | set(re.findall(r"\b\d\d\b", text.rpartition("## Week 6")[2])) >= {lesson.number for lesson in LESSONS}


@pytest.mark.parametrize("lesson", LESSONS, ids=[lesson.number for lesson in LESSONS])
def test_an_answer_key_has_every_exercise_and_every_wrong_answer(lesson):
    key = (answer_keys.FOLDER / f"{lesson.stem}.md").read_text(encoding="utf-8")
    assert len(re.findall(r"^## Exercise", key, re.MULTILINE)) == len(lesson.exercises) >= 2
    for exercise in lesson.exercises:
        assert exercise.solution in key
        for answer in course.wrong_answers().WRONG_ANSWERS[exercise.module, exercise.name]:
            assert re.search(rf"^(def|class) {answer.__name__}\b", key, re.MULTILINE)


@pytest.mark.parametrize("name", [*pages.PAGES, "docs/teaching/timings.md", "docs/teaching/answer_keys/00_start_here.md"])
def test_links_lead_somewhere(name):
    page = ROOT / name
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert links and [link for link in links if not (page.parent / link).exists()] == []


def test_a_changed_minute_makes_a_page_stale():
    path = ROOT / "docs" / "teaching" / "half_day.md"
    text = path.read_text(encoding="utf-8")
    spoilt = re.sub(r"\| 25 \| 38 \|", "| 24 | 38 |", text)
    assert spoilt != text
    assert pages.fill(spoilt, path, LESSONS) == text


@pytest.mark.parametrize(
    ("line", "message"), [("00 | 99 |", "has no section 99"), ("coffee", "a plan's line is"), ("00 | all of it |", "invalid literal")]
)
def test_a_plan_that_cannot_be_read_is_named(line, message):
    with pytest.raises(ValueError, match=message):
        pages.read_plan(f" 90\n{line}\n", LESSONS)


def test_a_notebook_that_is_not_there_yet_is_left_out():
    assert pages.read_plan(" 90\n98 | all | nothing\n00 | all |\n", LESSONS).rows == pages.read_plan(" 90\n00 | all |\n", LESSONS).rows


def test_an_unknown_kind_is_an_error():
    with pytest.raises(ValueError, match="nothing of kind"):
        pages.fill("<!-- made: weather -->\n<!-- /made -->", ROOT / "README.md", LESSONS)
    assert MADE.search("<!-- made: course -->\n<!-- /made -->")


def test_a_measurement_goes_into_its_place_and_nowhere_else(tmp_path):
    page = tmp_path / "timings.md"
    page.write_text((ROOT / "docs" / "teaching" / "timings.md").read_text(encoding="utf-8"), encoding="utf-8")
    before = dict(BLOCK.findall(page.read_text(encoding="utf-8")))
    timings.write_block("runs", "| measured |\n", page)
    after = dict(BLOCK.findall(page.read_text(encoding="utf-8")))
    assert after == before | {"runs": "\n| measured |\n\n"}
    with pytest.raises(ValueError, match="no place"):
        timings.write_block("weather", "", page)


def test_the_clone_is_measured_without_this_copy(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    assert "PYTHONPATH" not in timings.plain_environment() and "PATH" in timings.plain_environment()
    assert re.search(r"^\d{4}-\d\d-\d\d, \d+ cores of .+, Python 3\.\d+\.\d+, torch \d", timings.machine())

"""Slides made from the notebooks: complete, and pages that ask nothing of a network."""

from __future__ import annotations

import html
import re

import pytest

from notebooks.tools import course, slides

LESSONS = course.lessons()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slides")
    slides.write_slides(folder=folder)
    return folder


@pytest.mark.parametrize("lesson", LESSONS, ids=[lesson.number for lesson in LESSONS])
def test_every_section_is_there_and_nothing_is_fetched(folder, lesson):
    page = (folder / f"{lesson.stem}.html").read_text(encoding="utf-8")
    assert page.count('<div class="part') == 1 + len(lesson.sections)
    assert "<!--" not in page.split("<nav")[0].split("</style>")[1], "a part of the template was not filled"
    fetched = re.findall(r"""(?:\bsrc|<link[^>]*\bhref)\s*=\s*["'](?!data:)([^"']+)|url\((?!["']?data:)([^)]+)\)|@import""", page)
    assert fetched == []
    text = html.unescape(re.sub(r"<[^>]+>", "", page))
    for exercise in lesson.exercises:
        assert f"Exercise {exercise.number}: " in text
        assert exercise.stub in text and exercise.solution not in text


def test_pictures_and_formulas_are_inside(folder):
    page = (folder / "02_temporal_perception_module.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") >= 5
    assert page.count("data:image/svg+xml;base64,") >= 10


def test_every_formula_of_the_course_can_be_drawn(folder):
    for path in folder.glob("[0-9]*.html"):
        assert re.findall(r"<code>[^<]*\\[a-zA-Z][^<]*</code>", path.read_text(encoding="utf-8")) == [], path.name


def test_a_formula_that_cannot_be_drawn_stays_as_text():
    assert slides.formula(r"\unknown{x}", alone=False) == r"<code>\unknown{x}</code>"


def test_code_is_no_formula():
    assert "<img" not in slides.markdown("`$HOME` and `$PATH`, and a price of $5")
    assert slides.markdown(r"so $x_1$ and $y$").count('class="formula"') == 2


def test_the_index_leads_to_every_page(folder):
    index = (folder / "index.html").read_text(encoding="utf-8")
    links = re.findall(r'href="([^"]+)"', index)
    assert links == [f"{lesson.stem}.html" for lesson in LESSONS]
    assert all((folder / link).exists() for link in links)


def test_only_what_is_named_is_made(tmp_path):
    assert [path.name for path in slides.write_slides(["00"], tmp_path)] == ["00_start_here.html"]
    with pytest.raises(FileNotFoundError, match="99"):
        slides.write_slides(["99"], tmp_path)

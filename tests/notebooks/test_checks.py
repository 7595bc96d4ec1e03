"""Each exercise's check: accepts the solution, rejects the stub with a hint and wrong answers too, gives no answer away, never raises."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from pathlib import Path

import jupytext
import pytest

from momentor_lib.checks.result import CheckResult, NotYet, require, self_check

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def load_wrong_answers():
    spec = importlib.util.spec_from_file_location("wrong_answers", HERE / "wrong_answers.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["wrong_answers"] = module
    spec.loader.exec_module(module)
    return module.WRONG_ANSWERS


WRONG_ANSWERS = load_wrong_answers()


def find_exercises():
    """(source, module of checks, name of the check, import cell, exercise, solution, check) for each exercise of all sources."""
    found = []
    for source in sorted((ROOT / "notebooks" / "src").glob("[0-9][0-9]_*.py")):
        cells = jupytext.read(source, fmt="py:percent").cells
        code = [cell for cell in cells if cell.cell_type == "code"]
        module = re.search(r"from momentor_lib\.checks import (\w+) as checks", code[0].source).group(1)
        before = []  # solutions of the exercises before, which a later one may build on
        for place, cell in enumerate(code):
            if "exercise" in cell.metadata.get("tags", []):
                solution, check = code[place + 1].source, code[place + 2].source
                name = re.match(r"checks\.(\w+)\(", check).group(1)
                found.append(pytest.param(module, name, code[0].source, list(before), cell.source, solution, check, id=f"{module}.{name}"))
                before.append(solution)
    return found


def run(check, *cells):
    names: dict[str, object] = {}
    for cell in cells:
        exec(cell, names)
    return eval(check, names)


@pytest.mark.parametrize(("module", "name", "imports", "before", "stub", "solution", "check"), find_exercises())
def test_exercise(module, name, imports, before, stub, solution, check):
    solved = run(check, imports, *before, solution)
    assert isinstance(solved, CheckResult) and solved.passed, solved
    empty = run(check, imports, *before, stub)
    assert not empty.passed and len(empty.message) > 20

    wrong = WRONG_ANSWERS[module, name]
    assert len(wrong) >= 2
    function = getattr(importlib.import_module(f"momentor_lib.checks.{module}"), name)
    body = [line.strip() for line in solution.splitlines() if re.match(r"\s+\S", line) and '"""' not in line]
    hints = {}
    for answer in wrong:
        result = function(answer)
        assert not result.passed, f"{answer.__name__} was accepted"
        assert not any(line in result.message for line in body if len(line) > 12), "the hint holds a line of the solution"
        hints[answer.__name__] = result.message
    assert len(set(hints.values())) >= 2, f"the hints do not tell mistakes apart: {hints}"


def test_every_wrong_answer_belongs_to_an_exercise():
    assert set(WRONG_ANSWERS) == {tuple(exercise.id.split(".")) for exercise in find_exercises()}


@pytest.mark.parametrize("error", [ValueError("odd"), SystemExit(1), RecursionError(), NotYet("look again")])
def test_a_check_never_raises(error):
    def answer():
        raise error

    @self_check
    def check(function):
        function()
        return "fine"

    result = check(answer)
    assert not result.passed and result.message


@pytest.mark.parametrize("value", [None, ...])
def test_a_missing_answer_gets_a_hint(value):
    assert not self_check(lambda answer: "fine")(value).passed


def test_result_shows_itself_without_colour_too():
    @self_check
    def check(number):
        require(number > 1, "more than 1 & less <b>")
        return "large enough"

    assert repr(check(2)) == "✓ Solved: large enough"
    assert repr(check(1)).startswith("✗ Not yet")
    assert "&amp; less &lt;b&gt;" in check(1)._repr_html_() and "Not yet" in check(1)._repr_html_()

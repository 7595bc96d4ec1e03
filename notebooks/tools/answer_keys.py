"""An answer key for each notebook: task, solution, usual wrong answers with what the check says to each.

``python -m notebooks.tools.pages`` writes them, into ``docs/teaching/answer_keys/``.
"""

from __future__ import annotations

import importlib
import inspect
import re

from momentor_lib.checks.result import CheckResult
from notebooks import build
from notebooks.tools import course
from notebooks.tools.course import Exercise, Lesson

FOLDER = build.ROOT / "docs" / "teaching" / "answer_keys"
HEAD = """\
# Answer key: {number} · {title}

Made by `python -m notebooks.tools.pages` from `notebooks/src/{stem}.py` and
`tests/notebooks/wrong_answers.py`; edit those. There are
[the student's notebook](../../../notebooks/{stem}.ipynb) and
[the solved one](../../../notebooks/solutions/{stem}.ipynb).
"""


def write_key(lesson: Lesson) -> str:
    """The answer key of a notebook, as Markdown."""
    parts = [HEAD.format(number=lesson.number, title=lesson.title, stem=lesson.stem)]
    before: list[str] = [lesson.imports]
    for exercise in lesson.exercises:
        solved = said_to_solution(exercise, before)
        parts.append(write_exercise(exercise, solved))
        before.append(exercise.solution)
    return "\n".join(parts)


def said_to_solution(exercise: Exercise, before: list[str]) -> CheckResult:
    """What the check says to the solution.

    Raises:
        ValueError: it does not accept it.
    """
    names: dict[str, object] = {}
    for cell in [*before, exercise.solution]:
        exec(cell, names)
    result = eval(exercise.check, names)
    if not result.passed:
        raise ValueError(f"the check {exercise.name} does not accept the solution: {result.message}")
    return result


def write_exercise(exercise: Exercise, solved: CheckResult) -> str:
    """One exercise of a key."""
    check = importlib.import_module(f"momentor_lib.checks.{exercise.module}")
    task = re.sub(r"\]\((?!https?:)([^)]+\.ipynb)\)", r"](../../../notebooks/\1)", exercise.text)
    parts = [
        f"## Exercise {exercise.number}: {exercise.title}",
        *([task] if task else []),
        "### A solution",
        f"```python\n{exercise.solution}\n```",
        f"The check (`{check.__name__}.{exercise.name}`) says:",
        f"> {solved.message}",
        "### Usual wrong answers",
    ]
    known = course.mistakes(exercise)
    if shared := helpers_of([answer for _, answer, _ in known]):
        parts += ["Some of them share:", f"```python\n{shared}\n```"]
    for words, answer, said in known:
        code = inspect.getsource(answer).rstrip()
        parts += [
            f"**{words[0].upper()}{words[1:]}.** The check says:",
            f"> {said}",
            f"```python\n{code}\n```",
        ]
    return "\n\n".join(parts) + "\n"


def helpers_of(answers: list[object]) -> str:
    """What wrong answers call that stands beside them in their file."""
    module = course.wrong_answers()
    wrong = {answer.__name__ for several in module.WRONG_ANSWERS.values() for answer in several}
    helpers = {
        name: value
        for name, value in vars(module).items()
        if getattr(value, "__module__", "") == module.__name__ and name not in wrong
    }
    text = "\n".join(map(inspect.getsource, answers))
    used = [value for name, value in helpers.items() if re.search(rf"\b{name}\b", text)]
    return "\n\n\n".join(inspect.getsource(value).rstrip() for value in used)

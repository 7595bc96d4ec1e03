"""What a self-check says."""

from __future__ import annotations

import functools
import html
from collections.abc import Callable
from dataclasses import dataclass

from momentor_lib.viz.style import GREEN, VERMILLION


@dataclass(frozen=True)
class CheckResult:
    """Passed or not, and a sentence. A notebook shows it in colour, with a sign and a word beside the colour.

    Attributes:
        passed: is the exercise solved?
        message: what was confirmed, or a hint.
    """

    passed: bool
    message: str

    def __repr__(self) -> str:
        return f"{'✓ Solved' if self.passed else '✗ Not yet'}: {self.message}"

    def _repr_html_(self) -> str:
        colour = GREEN if self.passed else VERMILLION
        head, _, message = repr(self).partition(": ")
        words = f'<b style="color:{colour}">{head}</b>: {html.escape(message)}'
        return f'<div style="border-left:4px solid {colour};padding:4px 10px">{words}</div>'


class NotYet(Exception):
    """Raised inside a check with the hint that the student is to see."""


def require(condition: bool, hint: str) -> None:
    """Goes on where ``condition`` holds; else the check ends with ``hint``.

    Raises:
        NotYet: ``condition`` does not hold.
    """
    if not condition:
        raise NotYet(hint)


def require_something(value: object) -> None:
    """Goes on where a student has written something; a stub gives None.

    Raises:
        NotYet: ``value`` is None or ``...``.
    """
    require(
        value is not None and value is not ...,
        "nothing comes back yet. Write your code in the cell above, run it, then run this one again.",
    )


def self_check(check: Callable[..., str]) -> Callable[..., CheckResult]:
    """Makes a check out of a function that returns what it confirmed, or calls :func:`require`.

    Whatever a student's code raises becomes a hint, so that "Run all" goes on behind it.
    """

    @functools.wraps(check)
    def guarded(*arguments: object) -> CheckResult:
        try:
            for argument in arguments:
                require_something(argument)
            return CheckResult(True, check(*arguments))
        except NotYet as hint:
            return CheckResult(False, str(hint))
        except (Exception, SystemExit) as error:
            return CheckResult(False, f"your code stopped with {type(error).__name__}: {error}")

    return guarded

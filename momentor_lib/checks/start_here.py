"""Self-checks of notebook 00: what an answer is, and how good it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from momentor_lib.checks.result import require, require_something, self_check
from momentor_lib.moments import Moment

Span = tuple[float, float]


@self_check
def overlap(function: Callable[[Span, Span], float]) -> str:
    """Temporal IoU of two spans."""
    same = function((2.0, 6.0), (2.0, 6.0))
    require_something(same)
    require(abs(same - 1) < 1e-9, f"a span compared with itself should give 1, not {same:.3f}.")
    for one, other in (((0.0, 2.0), (5.0, 9.0)), ((5.0, 9.0), (0.0, 2.0)), ((0.0, 3.0), (3.0, 5.0))):
        got = function(one, other)
        require(abs(got) < 1e-9, f"{one} and {other} have no stretch in common: that is 0, not {got:.3f}. Can a length be negative?")
    half = function((0.0, 4.0), (2.0, 6.0))
    require(abs(half - 2 / 4) > 1e-9, "you divide by one span's length; divide by the stretch that either of them covers.")
    require(abs(half - 2 / 8) > 1e-9, "you count the common stretch twice in the union.")
    require(
        abs(half - 2 / 6) < 1e-9, f"(0, 4) and (2, 6) came out as {half:.3f}. How long is what both cover, how long what either covers?"
    )
    inside = function((0.0, 10.0), (4.0, 6.0))
    require(abs(inside - 0.2) < 1e-9, f"a span of 2 s inside one of 10 s came out as {inside:.3f}.")
    require(abs(function((4.0, 6.0), (0.0, 10.0)) - 0.2) < 1e-9, "the two spans should be able to change places.")
    return "equal spans give 1, separate ones 0, and everything between agrees too."


@self_check
def happening_at(function: Callable[[Sequence[Moment], float], list[str]]) -> str:
    """Labels of all moments that contain a time, both ends included."""
    moments = [Moment(5.0, 9.0, label="a"), Moment(0.0, 6.0, label="b"), Moment(20.0, 30.0, label="c"), Moment(9.0, 9.5, label="d")]
    got = function(moments, 25.0)
    require_something(got)
    require(isinstance(got, list), f"the answer should be a list of labels, not a {type(got).__name__}.")
    require(got == ["c"], f"at 25 s exactly one of the test moments is going on; you found {len(got)}.")
    require(function(moments, 5.5) != ["a"] and function(moments, 5.5) != ["b"], "two things can go on at once; you give only one of them.")
    require(sorted(function(moments, 5.5)) == ["a", "b"], "at 5.5 s two of the test moments are going on.")
    require(function(moments, 15.0) == [], "at 15 s nothing goes on in the test: the list should be empty.")
    require(sorted(function(moments, 9.0)) == ["a", "d"], "a moment's first and last instant belong to it.")
    return "overlapping moments, empty stretches and the very ends come out right."

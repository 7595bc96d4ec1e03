"""Self-checks of notebook 06: reading an end, merging moments, calibration, times as people write them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from momentor_lib.checks.result import require, require_something, self_check
from momentor_lib.model.temporal import TemporalPerceptionModule
from momentor_lib.moments import Moment
from momentor_lib.timecode import find_tags

N, DURATION = 11, 20.0  # anchors 2 s apart


@self_check
def read_end(function: Callable[[np.ndarray, float, float], float]) -> str:
    """Mean around the highest anchor that the start allows, in seconds."""
    number = np.arange(N)
    one_peak = -((number - 6.3) ** 2)
    got = function(one_peak.copy(), 4.0, DURATION)
    require_something(got)
    expected = _library_end(one_peak, 4.0)
    require(abs(got - expected / DURATION) > 1e-6, "that is a position from 0 to 1; seconds are asked for.")
    require(abs(got - 12.0) > 1e-6, "you read the highest anchor itself: its neighbours should pull the time towards the truth.")
    two = np.logaddexp(-((number - 8.4) ** 2), -((number - 1.0) ** 2) + 1.0)
    got = function(two.copy(), 12.0, DURATION)
    require(got != 12.0, "an earlier peak is higher, but before the start it may not count at all. Your end sticks to the start.")
    require(got >= 12.0, f"the start is at 12 s, and your end at {got:.1f} s, before it.")
    require(abs(got - _library_end(two, 12.0)) < 1e-4, "with a higher peak before the start the end is off: what is left out, and when?")
    apart = np.logaddexp(-((number - 3.2) ** 2), -((number - 9.0) ** 2) - 0.5)
    got = function(apart.copy(), 0.0, DURATION)
    require(abs(got - _library_end(apart, 0.0)) < 1e-4, "a second peak far away draws the time into the empty middle: mind the window.")
    close = -((number - 5.2) ** 2)
    got = function(close.copy(), 11.0, DURATION)
    require(abs(got - _library_end(close, 11.0)) < 1e-4, "at a start of 11 s the anchors at 10 s and 12 s should both be able to count.")
    near = -3.0 * (number - 5.0) ** 2
    require(function(near.copy(), 11.5, DURATION) >= 11.5, "even after leaving anchors out the mean can lie before the start.")
    rng = np.random.default_rng(0)
    for _ in range(50):
        scores, start = rng.normal(0, 3, N), float(rng.uniform(0, 19.9))
        require(
            abs(function(scores.copy(), start, DURATION) - _library_end(scores, start)) < 1e-3, "for random scores the library differs."
        )
    return "fifty random distributions, and those with an early peak, two peaks, and a start between two anchors, agree with the library."


def _library_end(scores: np.ndarray, start: float) -> float:
    decoded = TemporalPerceptionModule(N, 4).decode(torch.tensor(scores), torch.tensor(start / DURATION, dtype=torch.float64))
    return float(decoded.position) * DURATION


@self_check
def without_duplicates(function: Callable[[Sequence[Moment]], list[Moment]]) -> str:
    """Non-maximum suppression at IoU 0.5."""
    one, same, other = Moment(0, 10, 0.6), Moment(1, 10, 0.9), Moment(20, 30, 0.7)
    got = function([one, same, other])
    require_something(got)
    require(isinstance(got, list) and all(isinstance(moment, Moment) for moment in got), "the result should be a list of moments.")
    require(function([]) == [], "no moments in, no moments out.")
    require(len(got) < 3, "two of the test moments cover nearly the same stretch, and both are still there.")
    require(other in got, "a moment that overlaps with nothing is gone.")
    require(same in got, "of two that are the same, the one with the higher score should stay, wherever it stands in the list.")
    require(got == [same, other], "the moments should come back best first.")
    half = [Moment(0, 10, 0.9), Moment(4, 14, 0.8)]  # IoU 6 / 14
    require(function(half) == half, "two moments with an IoU of 0.43 are two moments.")
    edge = [Moment(0, 10, 0.9), Moment(0, 5, 0.8)]
    require(function(edge) == edge, "an IoU of just 0.5 is not above 0.5.")
    chain = [Moment(0, 10, 0.9), Moment(3, 13, 0.8), Moment(6, 16, 0.7)]  # neighbours 7 / 13, ends 4 / 16
    require(
        function(chain) == [chain[0], chain[2]],
        "the second falls to the first, so it cannot bring the third down: compare with those that were kept.",
    )
    return "duplicates go, the best of each group stays, and what fell brings nobody else down."


@self_check
def share_inside(function: Callable[[np.ndarray, np.ndarray, np.ndarray, float], float]) -> str:
    """Share of truths within so many standard deviations of what was read."""
    zero = np.zeros(4)
    true = np.array([0.5, 1.5, -0.5, -1.5])
    got = function(zero, true, np.ones(4), 1.0)
    require_something(got)
    require(abs(got - 2) > 1e-9, "that is how many; a share of all is asked for.")
    require(abs(got - 0.75) > 1e-9, "a truth 1.5 s too early counts as inside: an error has two directions.")
    require(abs(got - 0.5) < 1e-9, "of errors 0.5, 1.5, -0.5 and -1.5 s, half lie within one standard deviation of 1 s.")
    require(
        abs(function(zero, true, np.array([1.0, 2.0, 0.1, 2.0]), 1.0) - 0.75) < 1e-9, "each boundary has a standard deviation of its own."
    )
    require(abs(function(zero, true, np.ones(4), 2.0) - 1) < 1e-9, "within two standard deviations all four lie: what does width do?")
    require(abs(function(zero, true, 0.5 * np.ones(4), 2.0) - 0.5) < 1e-9, "two standard deviations of 0.5 s reach as far as one of 1 s.")
    require(abs(function(zero[:1], np.ones(1), np.ones(1), 1.0) - 1) < 1e-9, "a truth just at the end is inside.")
    return "both directions, each boundary's own standard deviation, and the very end come out right."


@self_check
def with_tags(function: Callable[[str], str]) -> str:
    """Times as people write them -> time tags; other numbers stay."""
    got = function("Who is spinning in 12.5 s-20 s?")
    require_something(got)
    require(isinstance(got, str), f"a text should come back, not a {type(got).__name__}.")
    require([tag.seconds for tag in find_tags(got)] == [12.5, 20.0], "in '12.5 s-20 s' there are two times, 12.5 and 20 seconds.")
    require(got == "Who is spinning in <12.50s>-<20.00s>?", f"around the times the text should stay as it is: {got!r}")
    got = function("What happens at 1:02.5?")
    require([tag.seconds for tag in find_tags(got)] != [1.025], "1:02.5 is a minute and more: 60 seconds for each minute.")
    require(got == "What happens at <62.50s>?", f"'1:02.5' is a minute and 2.5 seconds; your text says {got!r}")
    require(function("From 0:12 to 20.5 s?") == "From <12.00s> to <20.50s>?", "both ways of writing can stand in one question.")
    plain = "Do 2 shapes move, or 3?"
    require(function(plain) == plain, "numbers that are no times were changed: a unit or a colon makes a time.")
    tagged = "What happens in <3.25s>-<7.00s>?"
    require(function(tagged) == tagged, "a text that has its tags already should stay as it is.")
    return "seconds, clock times, both together, other numbers and tags come out right."

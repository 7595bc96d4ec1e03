"""What of a moment is on a timeline: the part inside the video, and its whiskers."""

from __future__ import annotations

from momentor_lib.moments import Moment

_SEEN = 0.004  # a whisker shorter than this part of the axis would be a blot


def is_outside(moment: Moment, duration: float) -> bool:
    """Whether no part of the moment lies in the video."""
    return moment.start > duration or moment.end < 0


def inside(moment: Moment, duration: float) -> tuple[float, float]:
    """Start and end of the part in the video, seconds, for a moment that is not outside."""
    return max(moment.start, 0.0), min(moment.end, duration)


def whisker(at: float, deviation: float, duration: float) -> tuple[float, float] | None:
    """One standard deviation to each side of a boundary, as far as it lies in the video; None where nothing can be seen of it."""
    low, high = max(at - deviation, 0.0), min(at + deviation, duration)
    return (low, high) if high - low > _SEEN * duration else None

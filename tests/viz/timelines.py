"""Timelines that are hard to draw well; what a good drawing of any of them must hold is tested for all."""

from __future__ import annotations

import numpy as np

from momentor_lib.moments import Moment
from momentor_lib.video import Frames
from momentor_lib.viz.timeline import Timeline

HOSTILE = (
    "</script><script>window.harmed = 1</script>\"'><img src=x onerror='window.harmed = 1'>\n&amp; $\\frac{1}{2}$ \x00\ud800 ]]> --> {{x}}"
)


def numbered_frames(count: int, duration: float, height: int = 64, width: int = 64) -> Frames:
    """Frame i is one grey, ``4 * i``."""
    shades = (4 * np.arange(count)).astype(np.uint8)
    pixels = np.broadcast_to(shades[:, None, None, None], (count, 3, height, width)).copy()
    return Frames(pixels=pixels, times=np.linspace(0, duration, count), duration=duration)


def many_moments(count: int, duration: float, label: str = "") -> list[Moment]:
    """Moments all over the video, best first."""
    draw = np.random.default_rng(0)
    moments = []
    for rank in range(count):
        start = draw.uniform(0, 0.9 * duration)
        end = min(duration, start + draw.uniform(0, 0.1 * duration))
        moments.append(Moment(start, end, 0.95 * 0.97**rank, draw.uniform(0, 0.8), draw.uniform(0, 0.8), label and f"{label} {rank}"))
    return moments


TIMELINES = {
    "typical": Timeline(
        42.0,
        [Moment(12.31, 18.42, 0.93, 0.4, 0.6), Moment(30.2, 33.9, 0.41, 1.2, 0.8), Moment(2.1, 4.0, 0.08, 0.5, 2.0)],
        query="the red circle moves left",
        frames=numbered_frames(64, 42.0),
        truth=[Moment(12.0, 18.6)],
    ),
    "empty": Timeline(42.0, [], query="a cat", frames=numbered_frames(9, 42.0, 90, 160), note="The tiny model knows toy videos only."),
    "empty with truth": Timeline(42.0, [], query="a cat", truth=[Moment(3, 4), Moment(20, 31)]),
    "nothing at all": Timeline(5.0, []),
    "fifty": Timeline(
        42.0, many_moments(50, 42.0), query="x" * 400 + " word" * 80, frames=numbered_frames(64, 42.0, 128, 72), note="note " * 90
    ),
    "events": Timeline(
        403.0,
        [
            Moment(1, 100, 0.9, 2, 3, "the red circle moves left and then it goes on to blink for as long as anybody looks at it"),
            Moment(90, 200, 0.8, 5, 8, "红色圆圈向左移动"),
            Moment(201, 403, 0.7, 2, 0, "the blue star $x_1$ spins"),
        ],
    ),
    "outside": Timeline(
        20.0,
        [Moment(18, 25, 0.9, 1, 1), Moment(30, 40, 0.5), Moment(-5, -2, 0.4), Moment(10, 10, 0.3, 0.2, 0.2), Moment(-1, 21, 0.2)],
        query="WWWWWWWW MMMMMMMM " * 8,
        truth=[Moment(40, 50)],
    ),
    "two hours": Timeline(7300.0, [Moment(3601, 3720.5, 0.9, 30, 30)], query="long", frames=numbered_frames(64, 7300.0, 270, 480)),
    "a blink": Timeline(0.4, [Moment(0.1, 0.2, 0.9, 0.01, 0.02)], query="blink"),
    "hostile": Timeline(30.0, [Moment(1, 2, 0.9, label=HOSTILE)], query=HOSTILE, note=HOSTILE, truth=[Moment(1, 2, label=HOSTILE)]),
    "answered": Timeline(30.0, [Moment(12, 13)], query="What happens at 12 s?", headline="The red circle " + "moves and " * 20 + "stops"),
    "answered without a time": Timeline(30.0, [], query="Who moves?", headline="the red circle"),
    "unsure": Timeline(10.0, [Moment(4, 5, 0.2, float("inf"), float("nan"))], query="sure?"),
}

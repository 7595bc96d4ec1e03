"""Self-checks of notebook 01: from a video file to frames with times."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from momentor_lib.checks.result import require, require_something, self_check

UNEVEN = (0.0, 0.04, 0.08, 0.12, 0.16, 0.5, 1.0, 1.04, 1.08, 1.7, 2.0, 2.5)  # seconds; steps from 0.04 s to 0.62 s


@self_check
def frame_times(function: Callable[[Path], Sequence[float]]) -> str:
    """Times of all frames of a file with uneven steps and frames stored out of order."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "uneven.mp4"
        _write_uneven(path)
        got = function(path)
    require_something(got)
    got = np.asarray(got, dtype=float)
    require(
        got.shape == (len(UNEVEN),),
        f"a file of {len(UNEVEN)} frames gave {got.size} times. Does every packet count, but the empty last one?",
    )
    require(got.max() < 100, "these numbers are far too large for seconds. What turns a timestamp into seconds?")
    steps = np.diff(got)
    require(bool((steps > 0).all()), "the times go back and forth: packets lie in the file in another order than frames are shown.")
    require(got[0] > -1e-3, "the first frame is shown at 0 s here, yours is earlier. A packet has two stamps: decoding and presentation.")
    require(
        not np.allclose(steps, steps[0], atol=1e-3), "all your steps are equal, but in this file some frames stay longer. Ask each packet."
    )
    require(np.allclose(got, UNEVEN, atol=2e-3), "some times are off. A packet has two stamps: decoding and presentation.")
    return "your times agree with a file of uneven steps whose packets lie out of order."


def _write_uneven(path: Path) -> None:
    """A video with a frame at each time of UNEVEN, its packets in another order (frames predicted from both sides)."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"g": "30", "bf": "2", "b_strategy": "0", "x264-params": "scenecut=0"})
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, seconds in enumerate(UNEVEN):
            picture = np.full((32, 32, 3), 10 * number, dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(1000 * seconds), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@self_check
def uniform_times(function: Callable[[float, int], Sequence[float]]) -> str:
    """``count`` times from 0 to the duration, both ends included."""
    for duration, count in ((10.0, 5), (7.3, 64), (403.0, 300), (2.0, 2)):
        got = function(duration, count)
        require_something(got)
        got = np.asarray(got, dtype=float)
        require(got.shape == (count,), f"for {count} frames there should be {count} times, not {got.size}.")
        require(abs(got[0]) < 1e-9, f"the first time should be the video's start, not {got[0]:.3f} s.")
        require(
            abs(got[-1] - duration) < 1e-6,
            f"the last of {count} times should be the end, {duration} s, not {got[-1]:.3f} s. Count the gaps.",
        )
        require(np.allclose(np.diff(got), duration / (count - 1)), "the steps between the times should all be equal.")
    return "the first time is the start, the last is the end, and all steps are equal."


@self_check
def on_screen(function: Callable[[np.ndarray, np.ndarray], Sequence[int]]) -> str:
    """The last frame that begins at or before each wanted time."""
    times = np.array(UNEVEN)
    wanted = np.array([0.0, 0.05, 0.16, 0.49, 0.5, 0.99, 1.69, 2.4, 9.0])
    expected = [0, 1, 4, 4, 5, 5, 8, 10, 11]
    got = function(times, wanted)
    require_something(got)
    got = np.asarray(got)
    require(got.shape == wanted.shape, f"{len(wanted)} wanted times need {len(wanted)} indices, not shape {got.shape}.")
    require(
        bool((got == got.astype(int)).all()) and got.min() >= 0 and got.max() < len(times),
        "an index must be a whole number from 0 to the last frame.",
    )
    ahead = times[got.astype(int)] > wanted
    require(not ahead.any(), "at some wanted time you picked a frame that is not yet on screen: it begins later.")
    exact = np.isin(wanted, times)
    require(
        bool((got[exact] == np.array(expected)[exact]).all()),
        "a frame is on screen from its own time on: what if the wanted time is exactly that?",
    )
    require(got.tolist() == expected, "at some wanted time a later frame had already replaced yours. Steps between frames can be uneven.")
    return "each wanted time got the frame that a viewer sees then, also with uneven steps."


@self_check
def similarity(function: Callable[[np.ndarray], np.ndarray]) -> str:
    """Cosine similarity of each two rows."""
    features = np.array([[3.0, 4.0, 0.0], [6.0, 8.0, 0.0], [-4.0, 3.0, 0.0], [0.0, 1.0, 1.0]])
    got = function(features)
    require_something(got)
    got = np.asarray(got, dtype=float)
    require(got.shape == (4, 4), f"four frames should give a table of 4 x 4, not {got.shape}.")
    require(bool((np.abs(got) <= 1 + 1e-9).all()), "a cosine lies between -1 and 1. Which length must be divided out?")
    require(np.allclose(np.diag(got), 1), "a frame compared with itself should give 1: divide each row by that row's own length.")
    require(abs(got[0, 1] - 1) < 1e-9, "vectors that point the same way should give 1, however long they are.")
    require(abs(got[0, 2]) < 1e-9, "vectors at a right angle should give 0.")
    require(np.allclose(got[0, 3], 0.8 / np.sqrt(2)), "the angle between two of the test vectors came out wrong.")
    return "same direction gives 1, a right angle gives 0, and length plays no part."

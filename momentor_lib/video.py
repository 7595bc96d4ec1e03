"""A video file -> its frames, each with the time at which the file shows it.

Times are the file's own presentation timestamps, in seconds: no frame count is ever divided by a frame rate, so a variable
frame rate, a late first frame and an edit list come out right. Memory is that of the result: frames are resized one at a
time, while decoding.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from os import PathLike

import numpy as np

from momentor_lib._readers.packets import PacketTable, last_end, scan
from momentor_lib._readers.pixels import FrameWriter, Size, quarter_turns
from momentor_lib._readers.source import Source, VideoError
from momentor_lib._readers.with_decord import read_with_decord
from momentor_lib._readers.with_pyav import Surprise, decode_all, frame_times, read_forward, read_planned

__all__ = ["Frames", "VideoError", "VideoInfo", "load_video", "probe"]

READERS = ("pyav", "decord")
SAME_TIME = 1e-9  # seconds; a time this little before a frame's is that frame's: 3 * 0.04 is less than 0.12


@dataclass(frozen=True)
class Frames:
    """Frames of one video.

    Attributes:
        pixels: uint8 [T, 3, H, W], red, green, blue, upright.
        times: float64 [T], seconds, ascending: the presentation timestamp of each frame in the file.
        duration: seconds, of the whole file whatever part was read: when the presentation of its last frame ends.
    """

    pixels: np.ndarray
    times: np.ndarray
    duration: float

    def __len__(self) -> int:
        return len(self.times)


@dataclass(frozen=True)
class VideoInfo:
    """What a video file says about itself.

    Attributes:
        duration: seconds, as in :class:`Frames`.
        width, height: pixels, of the upright frame.
        fps: frames a second on average.
        num_frames: how many frames are shown.
        codec: FFmpeg's name of it, such as ``h264``.
        rotation: degrees clockwise (0, 90, 180, 270) by which the stored frames are turned to be upright; reading does it.
    """

    duration: float
    width: int
    height: int
    fps: float
    num_frames: int
    codec: str
    rotation: int


def load_video(
    path: str | PathLike[str],
    num_frames: int | None = None,
    start: float | None = None,
    end: float | None = None,
    size: Size = None,
    reader: str = "pyav",
) -> Frames:
    """Reads frames of a video file.

    Args:
        path: the file.
        num_frames: how many, T. Frame i is the one on screen at ``start + i * (end - start) / (T - 1)``: the last frame whose
            timestamp is not later (before the first frame: the first). Asking for more frames than there are gives some of them
            several times. None: every frame that is on screen between ``start`` and ``end``.
        start, end: seconds; by default 0 and the file's duration. An end beyond the duration is the duration.
        size: None: as stored; an int: pixels of the shorter side, the other in proportion; (height, width): exactly that.
        reader: ``"pyav"`` or ``"decord"``. decord reads sound files of common kinds and refuses the others.

    Raises:
        VideoError: an argument makes no sense, or the file cannot be read; one line with the file and the reason.

    Warns:
        UserWarning: the file is cut off or damaged; says how far it can be read. What decodes is used.
    """
    check_arguments(path, num_frames, start, end, size, reader)
    with Source(path) as source:
        table = scan(source)
        if reader == "decord":
            times, pixels = read_with_decord(source, table, lambda seconds: choose(path, seconds, table.end, num_frames, start, end), size)
            if table.promised is not None:
                warn_cut_off(source, table.end, table.promised, stacklevel=3)
            return Frames(pixels=pixels, times=times, duration=table.end)
        if table.regular:
            try:
                return _load_planned(source, table, num_frames, start, end, size)
            except Surprise:
                pass
        return _load_forward(source, table, num_frames, start, end, size)


def _load_planned(source: Source, table: PacketTable, num_frames: int | None, start: float | None, end: float | None, size: Size) -> Frames:
    chosen = choose(source.path, table.seconds, table.end, num_frames, start, end)
    writer = FrameWriter(len(chosen), size)
    read_planned(source, table, places_of(table.numbers[chosen]), writer)
    if table.promised is not None:
        warn_cut_off(source, table.end, table.promised)
    return Frames(pixels=writer.pixels, times=table.seconds[chosen], duration=table.end)


def _load_forward(source: Source, table: PacketTable, num_frames: int | None, start: float | None, end: float | None, size: Size) -> Frames:
    seconds, order, duration, promised = decoded_times(source, table)
    chosen = choose(source.path, seconds, duration, num_frames, start, end)
    writer = FrameWriter(len(chosen), size)
    read_forward(source, places_of(order[chosen]), writer)
    if promised is not None:
        warn_cut_off(source, duration, promised)
    elif len(seconds) < len(table.numbers):
        count = f"{len(seconds)} of its {len(table.numbers)} frames can be decoded, up to {seconds[-1]:.2f} s"
        warnings.warn(f"{source.path} is damaged: {count}", stacklevel=3)
    return Frames(pixels=writer.pixels, times=seconds[chosen], duration=duration)


def decoded_times(source: Source, table: PacketTable) -> tuple[np.ndarray, np.ndarray, float, float | None]:
    """What the packets cannot tell, found by decoding the whole file.

    Returns:
        The times of the frames that decode [F], in seconds, ascending; which frame out of the decoder each is [F]; the duration; and
        the duration that the header promised, if there is less.
    """
    times, durations = frame_times(source)
    order = np.argsort(times, kind="stable")
    seconds = times[order]
    whole = table.whole and seconds[-1] == table.seconds[-1]
    return seconds, order, *last_end(source, seconds, int(durations[order[-1]]), whole)


def probe(path: str | PathLike[str]) -> VideoInfo:
    """What is in a video file. Reads it through once and decodes one frame, or all where the packets have no timestamps or are cut off.

    Raises:
        VideoError: the file cannot be read; one line with the file and the reason.
    """
    with Source(path) as source:
        table = scan(source)
        frame = next(decode_all(source), None)
        if frame is None:
            raise VideoError(f"{path}: not one frame of its video can be decoded")
        turns = quarter_turns(frame)
        width, height = (frame.height, frame.width) if turns % 2 else (frame.width, frame.height)
        seconds, duration = table.seconds, table.end
        if not table.regular:
            seconds, _, duration, _ = decoded_times(source, table)
        shown = duration - float(seconds[0])
        return VideoInfo(
            duration=duration,
            width=width,
            height=height,
            fps=len(seconds) / shown if shown > 0 else 0.0,
            num_frames=len(seconds),
            codec=source.stream.codec_context.name,
            rotation=(-90 * turns) % 360,
        )


def choose(
    path: str | PathLike[str],
    seconds: np.ndarray,
    duration: float,
    num_frames: int | None,
    start: float | None,
    end: float | None,
) -> np.ndarray:
    """Which of the frames shown at ``seconds`` [F] (ascending) to return: int64 [T], as :func:`load_video` says.

    Raises:
        VideoError: the part asked for is empty or begins after the video.
    """
    start = 0.0 if start is None else start
    end = duration if end is None else min(end, duration)
    if start >= end and not (start == end == duration == 0.0):
        raise VideoError(f"{path}: no part of the video is between {start:g} s and {end:g} s; it lasts {duration:g} s")
    if num_frames is None:
        first = on_screen(seconds, np.array([start]))[0]
        return np.arange(first, max(first + 1, np.searchsorted(seconds, end + SAME_TIME, side="right")))
    steps = np.arange(num_frames)
    return on_screen(seconds, start + steps * (end - start) / max(num_frames - 1, 1))


def on_screen(seconds: np.ndarray, times: np.ndarray) -> np.ndarray:
    """The index of the frame on screen at each of ``times`` [T]: the last that began, or the first of all."""
    return np.maximum(np.searchsorted(seconds, times + SAME_TIME, side="right") - 1, 0)


def places_of(chosen: np.ndarray) -> dict[int, list[int]]:
    """Frame -> its places in the result, so that a frame asked for twice is decoded once."""
    places: dict[int, list[int]] = {}
    for place, frame in enumerate(chosen.tolist()):
        places.setdefault(frame, []).append(place)
    return places


def warn_cut_off(source: Source, duration: float, promised: float, stacklevel: int = 4) -> None:
    """Warns the caller of ``load_video`` that the header promises more video than there is."""
    text = f"{source.path} is cut off or damaged at its end: {duration:.2f} s of its {promised:.2f} s can be read"
    warnings.warn(text, stacklevel=stacklevel)


def check_arguments(
    path: str | PathLike[str],
    num_frames: int | None,
    start: float | None,
    end: float | None,
    size: Size,
    reader: str,
) -> None:
    """Raises VideoError for an argument that makes no sense for any file."""
    if num_frames is not None and num_frames < 1:
        raise VideoError(f"{path}: num_frames must be 1 or more, not {num_frames}")
    for name, seconds in (("start", start), ("end", end)):
        if seconds is not None and not (math.isfinite(seconds) and seconds >= 0):
            raise VideoError(f"{path}: {name} must be 0 s or later, not {seconds}")
    if start is not None and end is not None and start >= end:
        raise VideoError(f"{path}: start must be before end, not {start:g} s and {end:g} s")
    sides = size if isinstance(size, tuple | list) else () if size is None else (size,)
    if any(side < 1 for side in sides) or (isinstance(size, tuple | list) and len(size) != 2):
        raise VideoError(f"{path}: size must be the shorter side or (height, width) in pixels, not {size}")
    if reader not in READERS:
        raise VideoError(f"{path}: unknown reader {reader!r}; the readers are {' and '.join(READERS)}")

"""Reading frames with decord: the second reader, for sound files of common kinds.

decord names frames by number, not by time, and its numbers go wrong on edit lists, MPEG-TS and damage. So the times come from
the file's packets, and a file of which decord lists other timestamps is refused.
"""

from __future__ import annotations

from collections.abc import Callable

import av
import numpy as np

from momentor_lib._readers.packets import PacketTable
from momentor_lib._readers.pixels import FrameWriter, Size
from momentor_lib._readers.source import Source, VideoError, reason

BATCH = 8  # full-size frames held at a time
MISORDERED = {"mpeg4"}  # codecs whose B frames decord gives out in the wrong order, with the right timestamps
CLOSE = 0.002  # seconds; decord's timestamps are single precision


def read_with_decord(
    source: Source, table: PacketTable, choose: Callable[[np.ndarray], np.ndarray], size: Size
) -> tuple[np.ndarray, np.ndarray]:
    """The frames that ``choose`` picks from all frame times [F]: (times [T] seconds, pixels uint8 [T, 3, H, W]).

    Raises:
        VideoError: decord is not installed, cannot open the file, or sees other frames than the packets do.
    """
    try:
        import decord
    except (ImportError, OSError) as error:
        raise VideoError(f"{source.path}: the reader decord is not installed; use reader='pyav'") from error
    advice = "use reader='pyav'"
    try:
        video = decord.VideoReader(str(source.path), num_threads=1)
        starts = video.get_frame_timestamp(np.arange(len(video)))[:, 0]
    except (decord.DECORDError, RuntimeError, AssertionError) as error:
        raise VideoError(f"{source.path}: decord cannot read it ({first_words(error)}); {advice}") from error
    if source.stream.codec_context.name in MISORDERED:
        raise VideoError(f"{source.path}: decord mixes up the order of frames in this codec; {advice}")
    if not agrees(table, starts, len(video.get_key_indices())):
        raise VideoError(f"{source.path}: decord numbers its frames otherwise than its timestamps say; {advice}")
    chosen = choose(table.seconds)
    writer = FrameWriter(len(chosen), size)
    frames, first_places = np.unique(chosen, return_index=True)
    stops = [*first_places[1:].tolist(), len(chosen)]  # chosen ascends: the places of one frame follow each other
    places = [list(range(first, stop)) for first, stop in zip(first_places.tolist(), stops, strict=True)]
    for begin in range(0, len(frames), BATCH):
        try:
            batch = video.get_batch(frames[begin : begin + BATCH].tolist()).asnumpy()
        except (decord.DECORDError, RuntimeError) as error:
            raise VideoError(f"{source.path}: decord cannot decode it ({first_words(error)}); {advice}") from error
        for offset, pixels in enumerate(batch):
            writer.write(places[begin + offset], av.VideoFrame.from_ndarray(pixels, format="rgb24"))
    return table.seconds[chosen], writer.pixels


def agrees(table: PacketTable, starts: np.ndarray, keys: int) -> bool:
    """Whether decord's list of frame times [F] and its count of key frames are the packets' own.

    A late first frame is at 0 for decord, so the gaps are compared. Where it takes other frames for key frames, its pictures are
    wrong.
    """
    if not (table.regular and table.indexed and len(starts) == len(table.seconds) and keys == table.key.sum()):
        return False
    return bool(np.ptp(starts - table.seconds) <= CLOSE)


def first_words(error: Exception) -> str:
    """The part of decord's message that a person can read: without its stack trace and source lines."""
    text = reason(error).split("Stack trace")[0]
    return text[text.rfind("] ") + 2 :][:120].strip() if "] " in text else text[:120]

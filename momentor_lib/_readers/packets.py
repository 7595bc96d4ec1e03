"""Which frames a file has, and when each is shown: read from its packets, without decoding any."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np

from momentor_lib._readers.source import Source

ERRORS_IN_A_ROW = 100  # a demuxer that fails this often without giving a packet has reached the end of what it can read
MISSING = 0.5  # seconds that the header promises and the file lacks, from which on it counts as cut off


@dataclass(frozen=True)
class PacketTable:
    """The packets of a video stream, P of them, in the order in which they are decoded.

    Attributes:
        pts: int64 [P], presentation timestamps in the stream's time base. Meaningless unless ``regular``.
        key: bool [P], decoding can start here.
        regular: every packet has a timestamp of its own and none is marked corrupt: a frame can be named by its timestamp.
        indexed: the container can seek to a key frame by its own index.
        seconds: float64 [F], when each frame appears, ascending. Packets that an edit list keeps for decoding only show none.
        numbers: int64 [F], the packet of each of these frames.
        whole: every sample that the file's own list of them names was read.
        end: seconds, when the last frame's presentation ends.
        promised: seconds, when it would end according to the header, if that is later than a whole file's could; else None.
    """

    pts: np.ndarray
    key: np.ndarray
    regular: bool
    indexed: bool
    seconds: np.ndarray
    numbers: np.ndarray
    whole: bool
    end: float
    promised: float | None


def read_packets(source: Source) -> Iterator[av.Packet]:
    """Every packet of the stream that can be read; a demuxer that stumbles over damage is asked again."""
    source.at_start = False
    errors = 0
    while errors < ERRORS_IN_A_ROW:
        try:
            for packet in source.container.demux(source.stream):
                if packet.size:
                    errors = 0
                    yield packet
            return
        except av.FFmpegError:
            errors += 1


def scan(source: Source) -> PacketTable:
    """Reads through the whole file once: some ten milliseconds a minute of video."""
    rows = []
    damaged = False
    for packet in read_packets(source):
        rows.append((packet.pts, packet.duration or 0, packet.is_keyframe, packet.is_discard))
        damaged = damaged or packet.is_corrupt
    stamped = bool(rows) and all(row[0] is not None for row in rows)
    pts, durations = (np.array([row[column] or 0 for row in rows], dtype=np.int64) for column in range(2))
    key = np.array([row[2] for row in rows], dtype=bool)
    shown = ~np.array([row[3] for row in rows], dtype=bool)
    numbers = np.flatnonzero(shown)[np.argsort(pts[shown], kind="stable")]
    seconds = np.array([source.seconds(ticks) for ticks in pts[numbers].tolist()])
    whole = len(rows) == source.samples
    end, promised = last_end(source, seconds, int(durations[numbers[-1]]) if len(numbers) else 0, whole)
    return PacketTable(
        pts=pts,
        key=key,
        regular=stamped and len(np.unique(pts)) == len(pts) and not damaged and len(numbers) > 0 and bool(key[0]),
        indexed=has_index(source),
        seconds=seconds,
        numbers=numbers,
        whole=whole,
        end=end,
        promised=promised,
    )


def last_end(source: Source, seconds: np.ndarray, duration: int, whole: bool) -> tuple[float, float | None]:
    """When the last of the frames shown at ``seconds`` [F] stops being shown, and when the header says so if frames are missing.

    The header is believed where the file is ``whole`` (all samples of its index were read). Otherwise the frame's own ``duration``
    in ticks decides, else the rate, else the gap before it. It comes second because it counts to the next frame decoded, which is
    not always the next one shown.
    """
    if not len(seconds):
        return 0.0, None
    promised = source.promised_end()
    if whole and promised is not None and promised > seconds[-1]:
        return promised, None
    gap = float(seconds[-1] - seconds[-2]) if len(seconds) > 1 else 0.0
    end = float(seconds[-1]) + (duration * float(source.stream.time_base) or source.frame_step() or gap)
    missing = promised is not None and not whole and promised - end > max(MISSING, 0.02 * promised)
    return end, promised if missing else None


def has_index(source: Source) -> bool:
    """MPEG streams, whose seeking guesses a place in the file, have no index, whatever entries FFmpeg has collected."""
    return len(source.stream.index_entries) > 0 and source.container.format.name.split(",")[0] in ("mov", "matroska", "avi")

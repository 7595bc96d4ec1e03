"""Which frames a file has, and when each is shown: read from its packets, without decoding any."""

from __future__ import annotations

from dataclasses import dataclass

import av
import numpy as np

from momentor_lib._readers.source import Source

ERRORS_IN_A_ROW = 100  # a demuxer that fails this often without giving a packet has reached the end of what it can read


@dataclass(frozen=True)
class PacketTable:
    """The packets of a video stream, P of them, in the order in which they are decoded.

    Attributes:
        pts, dts: int64 [P], presentation and decoding timestamps in the stream's time base. Meaningless unless ``regular``.
        key: bool [P], decoding can start here.
        shown: bool [P], False for packets that an edit list keeps for decoding only.
        regular: every packet has its timestamps, no two are shown at one time, none is marked corrupt: a frame can be
            named by its timestamp.
        indexed: the container can seek to a key frame by its own index.
        seconds: float64 [F], when each shown frame appears, ascending.
        numbers: int64 [F], the packet of each of these frames.
        end: seconds, when the last frame's presentation ends.
    """

    pts: np.ndarray
    dts: np.ndarray
    key: np.ndarray
    shown: np.ndarray
    regular: bool
    indexed: bool
    seconds: np.ndarray
    numbers: np.ndarray
    end: float


def read_packets(source: Source):
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
    """Reads through the whole file once: a few milliseconds a minute of video."""
    source.rewind()
    rows = []
    damaged = False
    for packet in read_packets(source):
        rows.append((packet.pts, packet.dts, packet.duration or 0, packet.is_keyframe, packet.is_discard))
        damaged = damaged or packet.is_corrupt
    stamped = bool(rows) and all(row[0] is not None and row[1] is not None for row in rows)
    pts, dts, duration = (np.array([row[column] or 0 for row in rows], dtype=np.int64) for column in range(3))
    key = np.array([row[3] for row in rows], dtype=bool)
    shown = ~np.array([row[4] for row in rows], dtype=bool)
    numbers = np.flatnonzero(shown)[np.argsort(pts[shown], kind="stable")]
    seconds = np.array([source.seconds(ticks) for ticks in pts[numbers].tolist()])
    ordered = bool((np.diff(dts) > 0).all() and (np.diff(pts[numbers]) > 0).all())
    return PacketTable(
        pts=pts,
        dts=dts,
        key=key,
        shown=shown,
        regular=stamped and ordered and not damaged and len(numbers) > 0 and bool(key[0]),
        indexed=has_index(source),
        seconds=seconds,
        numbers=numbers,
        end=end_of_last(source, seconds, int(duration[numbers[-1]]) if len(numbers) else 0),
    )


def end_of_last(source: Source, seconds: np.ndarray, duration: int) -> float:
    """When the last frame stops being shown: its own duration, else the gap before it, else the header's rate."""
    if not len(seconds):
        return 0.0
    if duration:
        return float(seconds[-1] + duration * float(source.stream.time_base))
    gap = seconds[-1] - seconds[-2] if len(seconds) > 1 else source.frame_step()
    return float(seconds[-1] + gap)


def has_index(source: Source) -> bool:
    """MPEG streams, whose seeking guesses a place in the file, have no index, whatever entries FFmpeg has collected."""
    return len(source.stream.index_entries) > 0 and source.container.format.name.split(",")[0] in ("mov", "matroska", "avi")

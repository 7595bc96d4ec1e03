"""Reading frames with PyAV.

Two ways, which give the same frames of a sound file:

* :func:`read_planned`: the packets have told when each frame is shown, so only the packets that the wanted frames need are
  decoded, from the key frame before each (one seek a key-frame interval where the container has an index; from the start
  otherwise). Any surprise ends it.
* :func:`read_forward`: decodes everything from the start, past damage, and trusts only the timestamps of the frames that come out.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import av
import numpy as np

from momentor_lib._readers.packets import PacketTable, read_packets
from momentor_lib._readers.pixels import FrameWriter
from momentor_lib._readers.source import Source, VideoError

SEEK_BEYOND = 32  # packets; reading past fewer of them costs less than a seek


class Surprise(Exception):
    """The file is not what its packets said: decode it forward instead."""


def read_planned(source: Source, table: PacketTable, wanted: dict[int, list[int]], writer: FrameWriter) -> None:
    """Decodes the frames of the packets ``wanted`` (packet number -> places in the result).

    Raises:
        Surprise: a packet does not decode, a frame's timestamp is none of the table's, or a seek lands beyond its key frame.
    """
    missing = set(wanted)
    # Frames that no other frame refers to need no decoding. H.264 says of each which it is; elsewhere FFmpeg's answer is less certain.
    skipping = table.indexed and source.stream.codec_context.name == "h264"
    cursor = Cursor(source, table)

    def take(frames: list[av.VideoFrame], first: int) -> None:
        for frame in frames:
            number = cursor.numbers.get(frame.pts)
            if number is None or frame.is_corrupt or (number == first and not frame.key_frame):
                raise Surprise
            if number in missing:
                writer.write(wanted[number], frame)
                missing.discard(number)

    try:
        for first, last in stretches(table, sorted(wanted)):
            cursor.go_to(first)
            codec = source.stream.codec_context
            for number, packet in cursor.packets_to(last):
                if skipping:
                    codec.skip_frame = "DEFAULT" if number in wanted else "NONREF"
                take(packet.decode(), first)
            take(codec.decode(None), first)
            codec.flush_buffers()
    except av.FFmpegError as error:
        raise Surprise from error
    if missing:
        raise Surprise


def stretches(table: PacketTable, wanted: list[int]) -> Iterator[tuple[int, int]]:
    """The runs of packets [first, last] to decode for the packets ``wanted`` (ascending).

    Each run starts at the last key frame that is both decoded and shown no later than the wanted frame: a frame that is shown
    before the key frame that it follows (open GOP) needs the key frame before that one, too. Runs that touch are one. Without
    an index there is one run, from the start of the file.
    """
    if not table.indexed:
        yield 0, wanted[-1]
        return
    keys = np.flatnonzero(table.key)
    run: tuple[int, int] | None = None
    for number in wanted:
        at = int(np.searchsorted(keys, number, side="right")) - 1
        while at > 0 and table.pts[keys[at]] > table.pts[number]:
            at -= 1
        first = int(keys[at])
        if run is not None and first <= run[1] + 1:
            run = (run[0], number)
        else:
            if run is not None:
                yield run
            run = (first, number)
    if run is not None:
        yield run


class Cursor:
    """Walks over the packets of a regular table and knows the number of each by its timestamp."""

    def __init__(self, source: Source, table: PacketTable):
        self.source = source
        self.table = table
        self.next = 0 if source.at_start else None  # the number of the packet that comes next, None: unknown
        self.numbers = {ticks: number for number, ticks in enumerate(table.pts.tolist())}
        self._packets: Iterator[av.Packet] | None = None

    def go_to(self, number: int) -> None:
        """The next packet will be ``number``. Seeks at most once, and only forward reading follows."""
        if self.next is None or not 0 <= number - self.next <= SEEK_BEYOND:
            if self.table.indexed:
                self.source.container.seek(int(self.table.pts[number]), stream=self.source.stream)
            else:
                self.source.rewind()
            self._packets = None
            self.next = None
        self._goal = number

    def packets_to(self, last: int) -> Iterator[tuple[int, av.Packet]]:
        """(number, packet) from where ``go_to`` went up to ``last``."""
        if self._packets is None:
            self._packets = self.source.container.demux(self.source.stream)
            self.source.at_start = False
        expected = self._goal
        while expected <= last:
            packet = next(self._packets, None)
            number = self.numbers.get(packet.pts) if packet is not None and packet.size else None
            if number is None or number > expected:
                raise Surprise
            if number == expected:
                yield number, packet
                expected += 1
        self.next = last + 1


def decode_all(source: Source) -> Iterator[av.VideoFrame]:
    """Every frame that decodes well, from the start, each packet on its own: damage costs the frames that it hits and no more."""
    source.rewind()
    codec = source.stream.codec_context
    codec.thread_type = "SLICE"  # with frame threads an error belongs to another packet than the one in hand
    for packet in itertools.chain(read_packets(source), [None]):  # None: give what is left
        try:
            frames = codec.decode(packet)
        except av.FFmpegError:
            continue
        yield from (frame for frame in frames if not frame.is_corrupt)


def frame_times(source: Source) -> tuple[np.ndarray, np.ndarray]:
    """Decodes the whole file and keeps the times only: seconds [F] and durations [F] in ticks, in the order in which frames come out.

    Raises:
        VideoError: not one frame decodes.
    """
    times: list[float] = []
    durations: list[int] = []
    for frame in decode_all(source):
        after_last = times[-1] + source.frame_step() if times else 0.0  # raw streams carry no timestamps
        times.append(after_last if frame.pts is None else source.seconds(frame.pts))
        durations.append(frame.duration or 0)
    if not times:
        raise VideoError(f"{source.path}: not one frame of its video can be decoded")
    return np.array(times), np.array(durations)


def read_forward(source: Source, wanted: dict[int, list[int]], writer: FrameWriter) -> None:
    """Writes the frames ``wanted`` (number in the order of ``frame_times`` -> places in the result)."""
    last = max(wanted)
    for number, frame in enumerate(decode_all(source)):
        if number in wanted:
            writer.write(wanted[number], frame)
        if number == last:
            return
    raise VideoError(f"{source.path}: its frames decode differently each time; the file or the storage is damaged")

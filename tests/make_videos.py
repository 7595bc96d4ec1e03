"""Writes small video files that are odd in one way each. Every frame's number stands in its pixels: a test reads which one it got.

A frame is 160 x 96 pixels. Its number stands in the top rows as twelve white or black blocks, lowest bit first; below it a texture moves.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT, BITS, BLOCK = 160, 96, 12, 12
TIME_BASE = Fraction(1, 90_000)
RATE = 25
H264 = {"preset": "ultrafast", "crf": "20", "g": "25", "bf": "3", "sc_threshold": "0", "x264-params": "b-adapt=0"}
CODEC_OPTIONS = {
    "libx264": H264,
    "libx265": {"preset": "ultrafast", "x265-params": "keyint=25:min-keyint=25:scenecut=0:bframes=3:log-level=none"},
    "libsvtav1": {"preset": "12", "crf": "30", "g": "25", "svtav1-params": "log=0"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "g": "25"},
    "mpeg4": {"g": "25", "bf": "2", "q": "3"},
    "mpeg2video": {"g": "12", "bf": "2", "q": "3"},
}


def picture(number: int) -> np.ndarray:
    """Frame ``number``: uint8 [H, W, 3]."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    shade = 128 + 60 * np.sin((columns + 3 * number) / 9) + 60 * np.cos((rows - 2 * number) / 7)
    image = np.stack((shade, shade[::-1], 255 - shade), axis=-1).clip(0, 255).astype(np.uint8)
    image[: 2 * BLOCK] = 0
    for bit in range(BITS):
        if number >> bit & 1:
            image[: 2 * BLOCK, bit * BLOCK : (bit + 1) * BLOCK] = 255
    return image


def read_numbers(pixels: np.ndarray) -> list[int]:
    """uint8 [T, 3, H, W], upright and of any size -> the number of each frame."""
    height, width = pixels.shape[2:]
    row = height * BLOCK // HEIGHT
    columns = [int((bit + 0.5) * BLOCK * width / WIDTH) for bit in range(BITS)]
    bits = pixels[:, 1, row, :][:, columns] > 127
    return [int(sum(1 << bit for bit, on in enumerate(frame) if on)) for frame in bits]


def even_times(count: int, rate: int = RATE) -> list[Fraction]:
    """``count`` frame times at a constant rate, from 0."""
    return [Fraction(number, rate) for number in range(count)]


def uneven_times(count: int, seed: int = 0) -> list[Fraction]:
    """``count`` frame times with gaps between 20 and 200 ms, from 0."""
    gaps = np.random.default_rng(seed).integers(20, 200, count)
    gaps[0] = 0
    return [Fraction(int(total), 1000) for total in np.cumsum(gaps)]


@contextmanager
def usual_priority() -> Iterator[None]:
    """SVT-AV1 gives the thread that opens it real-time priority where it may (as root), and leaves it so: what that thread starts later
    inherits it, and everything else on the machine waits."""
    if not hasattr(os, "sched_setscheduler"):
        yield
        return
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, *before)


@usual_priority()
def write_video(
    path: Path,
    times: Sequence[Fraction],
    *,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    audio: bool = False,
    size: tuple[int, int] = (HEIGHT, WIDTH),
) -> Path:
    """Writes frame i of ``picture``, stretched to ``size`` (height, width), to be shown at ``times[i]`` seconds."""
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=RATE, options={**CODEC_OPTIONS[codec], **(options or {})})
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p"
        if codec not in ("mpeg4", "mpeg2video"):  # these know no finer clock than their rate
            stream.codec_context.time_base = TIME_BASE
        time_base = stream.codec_context.time_base or Fraction(1, RATE)
        sound = container.add_stream("aac", rate=48_000) if audio else None
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.pts, frame.time_base = round(time / time_base), time_base
            container.mux(stream.encode(frame))  # the encoder's own step stretches it
        container.mux(stream.encode())
        if sound is not None:
            write_silence(container, sound, float(times[-1]) + 1)
    return path


def write_silence(container: av.container.OutputContainer, stream: av.AudioStream, seconds: float) -> None:
    """Adds a silent sound track."""
    for begin in range(0, int(seconds * 48_000), 1024):
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
        frame.pts, frame.sample_rate = begin, 48_000
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def write_audio_only(path: Path) -> Path:
    """A file with sound and no picture."""
    with av.open(str(path), "w") as container:
        write_silence(container, container.add_stream("aac", rate=48_000), 1.0)
    return path


def shift(source: Path, path: Path, seconds: Fraction, container_options: dict[str, str] | None = None) -> Path:
    """Copies the packets with all timestamps moved by ``seconds``. To before 0 in an MP4 makes an edit list that hides the first frames."""
    with av.open(str(source)) as reading, av.open(str(path), "w", options=container_options or {}) as writing:
        stream = reading.streams.video[0]
        copy = writing.add_stream_from_template(stream)
        for packet in reading.demux(stream):
            if packet.dts is None:
                continue
            ticks = round(seconds / packet.time_base)
            packet.pts += ticks
            packet.dts += ticks
            packet.stream = copy
            writing.mux(packet)
    return path


def cut_off(source: Path, path: Path, part: float = 0.6) -> Path:
    """The first ``part`` of a file's bytes."""
    data = source.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    return path


def with_junk(source: Path, path: Path, size: int = 20_000) -> Path:
    """A file with ``size`` bytes in its middle replaced by noise."""
    data = bytearray(source.read_bytes())
    begin = (len(data) - size) // 2
    data[begin : begin + size] = np.random.default_rng(1).bytes(size)
    path.write_bytes(data)
    return path


def rotated(source: Path, path: Path, degrees: int) -> Path:
    """An MP4 whose header asks players to turn the picture clockwise by ``degrees`` (90, 180 or 270)."""
    data = bytearray(source.read_bytes())
    cosine, sine = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    matrix = struct.pack(">9i", cosine << 16, sine << 16, 0, -sine << 16, cosine << 16, 0, 0, 0, 1 << 30)
    at = data.index(b"tkhd") + 4 + 40  # version 0: flags, two dates, track, reserved, duration, reserved, layer, group, volume, reserved
    data[at : at + 36] = matrix
    path.write_bytes(data)
    return path


def without_sync_table(source: Path, path: Path) -> Path:
    """An MP4 that has lost the list of its key frames: by the standard, every frame then claims to be one."""
    data = source.read_bytes()
    if data.count(b"stss") != 1:
        raise ValueError("expected one table of key frames")
    path.write_bytes(data.replace(b"stss", b"free"))
    return path

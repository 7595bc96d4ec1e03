"""Sound video files of many kinds, written by ``make_videos``, with the exact times of their frames."""

from __future__ import annotations

from pathlib import Path

import av
import make_videos as make
import numpy as np
import pytest

COUNT = 80
EVEN = make.even_times(COUNT)
LATE = [time + 1 for time in EVEN]
UNEVEN = make.uneven_times(COUNT)
OPEN_GOP = {"x264-params": "b-adapt=0:open-gop=1"}
# What a decoder must keep apart: references among B frames, several references, weighted prediction.
REFERENCES = {"preset": "fast", "x264-params": "keyint=40:min-keyint=40:scenecut=0:bframes=5:b-adapt=0:b-pyramid=normal:ref=4"}
INTERLACED = {"x264-params": "interlaced=1:tff=1:bframes=2"}
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov"}
FASTSTART = {"movflags": "faststart"}


def has_encoder(name: str) -> bool:
    try:
        av.codec.Codec(name, "w")
    except av.codec.codec.UnknownCodecError:
        return False
    return True


# name: (file name, times of its frames, arguments of write_video, does decord read it right, to the pixel?)
SOUND = {
    "plain": ("plain.mp4", EVEN, {"container_options": FASTSTART}, True),
    "with sound": ("sound.mp4", EVEN, {"audio": True}, True),
    "variable rate": ("variable.mp4", UNEVEN, {}, True),
    "variable rate, matroska": ("variable.mkv", UNEVEN, {}, True),
    "late first frame": ("late.mp4", LATE, {"audio": True}, True),
    "late first frame, matroska": ("late.mkv", LATE, {}, True),
    "open GOP": ("open.mp4", EVEN, {"options": OPEN_GOP}, False),
    "open GOP, matroska": ("open.mkv", EVEN, {"options": OPEN_GOP}, False),
    "many references": ("references.mp4", EVEN, {"options": REFERENCES}, True),
    "interlaced": ("interlaced.mp4", EVEN, {"options": INTERLACED}, False),
    "fragments": ("fragments.mp4", EVEN, {"container_options": FRAGMENTS}, False),
    "MPEG-TS": ("stream.ts", EVEN, {}, False),
    "MPEG-2 in MPEG-TS": ("mpeg2.ts", EVEN, {"codec": "mpeg2video"}, False),
    "MPEG-PS": ("mpeg2.mpg", EVEN, {"codec": "mpeg2video"}, False),
    "MPEG-4 part 2 in AVI": ("mpeg4.avi", EVEN, {"codec": "mpeg4"}, False),
    "MPEG-4 part 2 in MOV": ("mpeg4.mov", EVEN, {"codec": "mpeg4"}, False),
    "no container": ("raw.h264", EVEN, {}, False),
    "HEVC": ("hevc.mp4", EVEN, {"codec": "libx265"}, True),
    "AV1": ("av1.mp4", EVEN, {"codec": "libsvtav1"}, False),
    "VP9": ("vp9.webm", EVEN, {"codec": "libvpx-vp9"}, True),
    "a colon and a space in the name": ("12:30 a%03d.mp4", EVEN, {}, True),
}
# These containers start their clock where they like; the file's own timestamps are right, and only gaps are known from outside.
FREE_CLOCK = {"fragments", "MPEG-TS", "MPEG-2 in MPEG-TS", "MPEG-PS", "MPEG-4 part 2 in AVI"}
DECORD = [name for name, row in SOUND.items() if row[3]]


class SoundVideos:
    """Writes each kind of ``SOUND`` into a folder when it is first asked for."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.written: dict[str, Path] = {}

    def __call__(self, name: str) -> tuple[Path, np.ndarray]:
        """The file and the seconds of its frames; skips the test where this PyAV cannot write it."""
        file, times, arguments, _ = SOUND[name]
        codec = arguments.get("codec", "libx264")
        if not has_encoder(codec):
            pytest.skip(f"this PyAV has no encoder {codec}")
        if name not in self.written:
            self.written[name] = make.write_video(self.folder / file, times, **arguments)
        return self.written[name], np.array([float(time) for time in times])


def numbers_on_screen(seconds: np.ndarray, count: int, start: float, end: float) -> list[int]:
    """Brute force: for each time, the last frame that is not later (to a nanosecond), else the first."""
    wanted = [start + i * (end - start) / max(count - 1, 1) for i in range(count)]
    return [max([i for i, time in enumerate(seconds) if time <= at + 1e-9], default=0) for at in wanted]


def assert_one_line(error: Exception, path: Path) -> None:
    assert str(path) in str(error)
    assert "\n" not in str(error)
    assert len(str(error)) < len(str(path)) + 200

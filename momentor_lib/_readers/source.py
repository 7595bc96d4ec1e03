"""A video file that is open for reading, and the error that every reader raises."""

from __future__ import annotations

import os
from pathlib import Path

import av
from av.stream import Disposition

# The clock of an MPEG stream starts anywhere: FFmpeg's own files start it at 1.4 s, a piece of a broadcast at any hour of the day.
CLOCK_FORMATS = {"mpegts", "mpeg"}
LATEST_CLOCK_START = 10.0  # seconds; later than this it is a time of day, and we count from the container's start instead
MOST_THREADS = 4  # that decode one file: a few large frames in memory, and other files may be read beside it


class VideoError(ValueError):
    """A video that cannot be read as asked. The message is one line: the file, the reason, what to do."""


class Source:
    """One video stream of one file, opened with PyAV.

    Attributes:
        path: as the caller gave it, for messages.
        container, stream: PyAV's objects. ``rewind`` replaces them.
        origin: seconds to take off every timestamp; 0 but for pieces of a broadcast.
        samples: how many samples the index at the file's start lists; 0 where it lists none or not all of them.
        at_start: nothing was read from the container yet.
    """

    def __init__(self, path: str | Path):
        """Raises VideoError: the file is missing, a folder, empty, no video, or damaged beyond opening."""
        self.path = path
        self._check_file()
        self._open()
        start = self.container.start_time
        late = start is not None and start / av.time_base > LATEST_CLOCK_START
        self.origin = start / av.time_base if late and self.container.format.name in CLOCK_FORMATS else 0.0

    def _check_file(self) -> None:
        file = Path(self.path)
        try:
            if file.is_dir():
                raise VideoError(f"{self.path} is a folder, not a video file")
            if not file.exists():
                raise VideoError(f"{self.path}: no such file")
            if file.stat().st_size == 0:
                raise VideoError(f"{self.path} is empty (0 bytes)")
        except (OSError, ValueError) as error:
            if isinstance(error, VideoError):
                raise
            raise VideoError(f"{self.path} cannot be read: {reason(error)}") from error

    def _open(self) -> None:
        try:
            self.container = av.open(f"file:{self.path}", metadata_errors="replace")
        except (av.FFmpegError, OSError, ValueError) as error:
            raise VideoError(f"{self.path} is no video that can be read, or cut off before its index: {reason(error)}") from error
        streams = [stream for stream in self.container.streams.video if not stream.disposition & Disposition.attached_pic]
        if not streams:
            kinds = sorted({stream.type for stream in self.container.streams} - {"video"}) or ["a still picture"]
            self.container.close()
            raise VideoError(f"{self.path} holds no video, only {' and '.join(kinds)}")
        self.stream = streams[0]
        if self.container.format.name == "tty":
            self.container.close()
            raise VideoError(f"{self.path} is a text file, not a video")
        if self.stream.codec_context is None:
            self.container.close()
            raise VideoError(f"{self.path}: no decoder for its video is installed")
        self.stream.thread_type = "AUTO"
        self.stream.codec_context.thread_count = min(MOST_THREADS, os.cpu_count() or 1)
        whole_index = self.container.format.name.startswith("mov")
        self.samples = len(self.stream.index_entries) if whole_index else 0
        self.at_start = True

    def rewind(self) -> None:
        """Opens the file anew: the one way back to the start that is right for every container."""
        if not self.at_start:
            self.container.close()
            self._open()

    def seconds(self, ticks: int) -> float:
        """A timestamp of this stream -> seconds."""
        return ticks * self.stream.time_base.numerator / self.stream.time_base.denominator - self.origin

    def frame_step(self) -> float:
        """Seconds from one frame to the next by the header, 0 where it names no rate: only for frames without a duration of their own."""
        return float(1 / self.stream.average_rate) if self.stream.average_rate else 0.0

    def promised_end(self) -> float | None:
        """When the video ends according to the header, None where the header says nothing of this stream."""
        stream = self.stream
        if self.container.format.name in CLOCK_FORMATS:
            return None  # no header: FFmpeg measures what is there
        if stream.duration is not None:
            return self.seconds(stream.duration + (stream.start_time or 0))
        if len(self.container.streams) == 1 and self.container.duration is not None:
            return self.container.duration / av.time_base
        return None

    def close(self) -> None:
        self.container.close()

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def reason(error: Exception) -> str:
    """What an exception says, in one line, without the file's name (the message has it already)."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(text.split())

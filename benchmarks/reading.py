"""Reading 300 frames at 224 x 224: processor seconds against decord and against a seek for every frame, and the memory of a long file.

The videos are made on the spot: twenty seconds of a moving texture (ten at 1080p) in H.264, whose packets are then repeated.
All readers get one file and one list of times, and must return frames of the same times.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np

from momentor_lib.video import load_video

FRAMES, SIDE, RATE = 300, 224, 25
REPEATS = 3
MEMORY_LIMIT = 1000  # MB


def write_texture(path: Path, height: int, width: int, seconds: int, key_frames_every: int, repeats: int) -> Path:
    """A coloured texture that moves under a standing frame, ``seconds * repeats`` long."""
    noise = np.random.default_rng(0).integers(0, 256, (height // 8 + 40, width // 8 + 40, 3), dtype=np.uint8)
    blocks = av.VideoFrame.from_ndarray(noise, format="rgb24")
    texture = blocks.reformat(width + 320, height + 320, interpolation="BICUBIC").to_ndarray()
    options = {"preset": "medium" if height < 720 else "veryfast", "g": str(key_frames_every), "sc_threshold": "0"}
    packets = []
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options=options)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        for number in range(seconds * RATE):
            left, top = round(160 + 150 * np.sin(number / 40)), round(160 + 150 * np.cos(number / 57))
            picture = np.ascontiguousarray(texture[top : top + height, left : left + width])
            packets += stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24"))
        packets += stream.encode()
        data = [(bytes(packet), packet.pts, packet.dts, packet.is_keyframe, packet.time_base) for packet in packets]
        for repeat in range(repeats):
            for content, pts, dts, is_keyframe, time_base in data:
                packet = av.Packet(content)
                shift = round(repeat * seconds / time_base)
                packet.stream, packet.time_base = stream, time_base
                packet.pts, packet.dts, packet.is_keyframe = pts + shift, dts + shift, is_keyframe
                container.mux(packet)
    return path


def read_ours(path: Path) -> np.ndarray:
    """The times of the frames read [T]."""
    return load_video(path, FRAMES, size=(SIDE, SIDE)).times


def read_with_decord(path: Path, threads: int) -> np.ndarray:
    """decord at its best: frames resized inside, chosen by its own timestamps."""
    import decord

    video = decord.VideoReader(str(path), width=SIDE, height=SIDE, num_threads=threads)
    stamps = video.get_frame_timestamp(np.arange(len(video)))
    chosen = np.searchsorted(stamps[:, 0], uniform_times(float(stamps[-1, 1])) + 1e-4, side="right") - 1
    video.get_batch(chosen).asnumpy()
    return stamps[chosen, 0].astype(np.float64)


def read_with_a_seek_each(path: Path, duration: float) -> np.ndarray:
    """The plain way: for each time, seek to the key frame before it and decode up to it."""
    times = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        for wanted in uniform_times(duration):
            container.seek(int(wanted / stream.time_base), stream=stream)
            shown = None
            for frame in container.decode(stream):
                if frame.time > wanted + 1e-9 and shown is not None:
                    break
                shown = frame
            shown.reformat(SIDE, SIDE, "rgb24").to_ndarray()
            times.append(shown.time)
    return np.array(times)


def uniform_times(duration: float) -> np.ndarray:
    return np.arange(FRAMES) * duration / (FRAMES - 1)


def processor_seconds(read: Callable[[], np.ndarray], repeats: int = REPEATS) -> tuple[float, np.ndarray]:
    """The least of several runs, over all threads of this process, and what it read."""
    least = float("inf")
    for _ in range(repeats):
        began = time.process_time()
        times = read()
        least = min(least, time.process_time() - began)
    return least, times


def rows_at(path: Path, key_frames_every: int) -> list[dict]:
    """Ours against both rivals on one file."""
    ours, times = processor_seconds(lambda: read_ours(path))
    duration = load_video(path, 1, size=8).duration
    rivals = {"a seek each": processor_seconds(lambda: read_with_a_seek_each(path, duration), 1)}
    try:
        import decord  # noqa: F401
    except ImportError:
        pass
    else:
        best = min(
            (processor_seconds(lambda threads=threads: read_with_decord(path, threads)) for threads in (0, 1)), key=lambda run: run[0]
        )
        rivals = {"decord": best, **rivals}
    for name, (_, read) in rivals.items():
        if not np.allclose(read, times, atol=1e-4):
            raise ValueError(f"{name} read other frames: the figures cannot be compared")
    return [
        {
            "claim": f"{FRAMES} frames, {duration:.0f} s of 640 x 360, key frame every {key_frames_every}: processor time",
            "ours": f"{ours:.2f} s",
            "rival": f"{name} {seconds:.2f} s",
            "ratio": seconds / ours,
            "target": ">= 1",
        }
        for name, (seconds, _) in rivals.items()
    ]


def memory_row(path: Path) -> dict:
    """The greatest memory of a fresh process that reads 300 frames of a ten-minute 1080p file."""
    # Linux hands the parent's greatest memory on to a child's ru_maxrss; VmHWM is the process's own.
    code = (
        "import os, resource, sys; from momentor_lib.video import load_video\n"
        f"frames = load_video(sys.argv[1], {FRAMES}, size=({SIDE}, {SIDE}))\n"
        "own = [line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')] if os.path.exists('/proc') else []\n"
        "print(frames.duration, own[0] if own else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    result = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    duration, most = result.stdout.split()
    megabytes = int(most) * (1 if sys.platform == "darwin" else 1024) / 1e6
    return {
        "claim": f"{FRAMES} frames of a {float(duration) / 60:.0f}-minute 1080p file: peak memory",
        "ours": f"{megabytes:.0f} MB",
        "rival": f"limit {MEMORY_LIMIT} MB",
        "ratio": MEMORY_LIMIT / megabytes,
        "target": "> 1",
    }


def rows() -> list[dict]:
    """Processor time at key frames every 25 and every 250 frames, and memory."""
    table = []
    with tempfile.TemporaryDirectory() as folder:
        for key_frames_every in (25, 250):
            path = write_texture(Path(folder) / f"every_{key_frames_every}.mp4", 360, 640, 20, key_frames_every, repeats=6)
            table += rows_at(path, key_frames_every)
        table.append(memory_row(write_texture(Path(folder) / "long.mp4", 1080, 1920, 10, 50, repeats=60)))
    return table


def main() -> None:
    """Prints the rows."""
    for row in rows():
        print(row)


if __name__ == "__main__":
    main()

"""Is this machine ready? Each check says what it found and, where something is missing, what mends it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from momentor_lib.paths import shipped

MINIMUM_PYTHON = (3, 10)
MEMORY_GIB = 4  # grounding with the tiny model takes about 1 GiB, a notebook server and a browser the rest
DISK_GIB = 2
INSTALL = "pip install --constraint constraints.txt --editable . (in the repository), or make demo"


@dataclass(frozen=True)
class Check:
    """What one check found.

    Attributes:
        name: what was looked at.
        status: ``OK``; ``WARN``, works but not all of it or not well; ``FAIL``, does not work.
        detail: what was found.
        fix: what to do; empty where all is well.
    """

    name: str
    status: str
    detail: str
    fix: str = ""

    def record(self) -> dict[str, str]:
        """The check as a plain dictionary."""
        return asdict(self)


def examine() -> list[Check]:
    """All checks, in the order in which a fault would show itself. None of them uses the network or raises."""
    checks: list[tuple[str, Callable[[], Check]]] = [
        ("Python", check_python),
        ("memory", check_memory),
        ("disk", check_disk),
        ("torch", check_torch),
        ("PyAV", lambda: check_reader("pyav")),
        ("decord", lambda: check_reader("decord")),
        ("notebooks", check_notebooks),
        ("tiny model", check_model),
    ]
    return [_guarded(name, check) for name, check in checks]


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    """A broken installation can fail in any way; a doctor that dies of it helps nobody."""
    try:
        return check()
    except Exception as error:
        return Check(name, "FAIL", f"{type(error).__name__}: {' '.join(str(error).split())}", INSTALL)


def check_python() -> Check:
    """The interpreter's version, 3.10 or newer."""
    detail = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info[:2] < MINIMUM_PYTHON:
        return Check("Python", "FAIL", detail, "install Python {}.{} or newer".format(*MINIMUM_PYTHON))
    return Check("Python", "OK", detail)


def check_memory() -> Check:
    """Memory that is free for use."""
    import psutil

    free = psutil.virtual_memory().available / 2**30
    if free < MEMORY_GIB:
        return Check("memory", "WARN", f"{free:.1f} GiB free", f"close other programs: {MEMORY_GIB} GiB are comfortable")
    return Check("memory", "OK", f"{free:.1f} GiB free")


def check_disk() -> Check:
    """Disk that is free in the current folder, where outputs go."""
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    if free < DISK_GIB:
        return Check("disk", "WARN", f"{free:.1f} GiB free here", f"make room: {DISK_GIB} GiB are comfortable")
    return Check("disk", "OK", f"{free:.1f} GiB free here")


def check_torch() -> Check:
    """torch computes, and what it computes on."""
    import torch

    total = torch.ones(8, 8).matmul(torch.ones(8, 8)).sum().item()
    if total != 512:
        return Check("torch", "FAIL", f"{torch.__version__} multiplied two matrices to {total}, not 512", "install torch again")
    if find_spec("torchvision") and not _imports("torchvision"):
        fix = "pip uninstall torchvision (momentor does not need it), or install the build that belongs to this torch"
        return Check("torch", "FAIL", f"{torch.__version__}, but torchvision beside it does not import, and no model loads so", fix)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {os.cpu_count()} cores"
    return Check("torch", "OK", f"{torch.__version__}, {device}")


def check_reader(reader: str) -> Check:
    """A reader decodes the first sample video to the times and pixels that it has."""
    from momentor_lib.video import load_video, probe

    name = {"pyav": "PyAV", "decord": "decord"}[reader]
    clip = sample_video()
    try:
        frames = load_video(clip, num_frames=8, reader=reader)
    except ImportError as error:
        # PyAV is what everything reads with; decord is a second opinion.
        return Check(name, "FAIL" if reader == "pyav" else "WARN", f"does not import: {error}", INSTALL)
    in_order = len(frames.times) == 8 and all(frames.times[:-1] < frames.times[1:])
    if not in_order or frames.pixels.std() == 0 or abs(frames.duration - probe(clip).duration) > 0.5:
        return Check(name, "FAIL", f"{clip.name} came out wrong", "install av and decord again, in the versions of constraints.txt")
    return Check(name, "OK", f"decodes {clip.name}, {frames.duration:.1f} s")


def check_notebooks() -> Check:
    """The packages that the notebooks need are there."""
    parts = ("jupyterlab", "ipywidgets", "matplotlib")
    missing = [part for part in parts if _version(part) is None]
    if missing:
        return Check("notebooks", "WARN", f"missing: {', '.join(missing)}", f"pip install {' '.join(missing)}")
    return Check("notebooks", "OK", ", ".join(f"{part} {_version(part)}" for part in parts))


def check_model() -> Check:
    """The shipped checkpoint loads and answers about a sample video."""
    from momentor_lib.predictor import Predictor

    try:
        folder = shipped("checkpoints/tiny")
    except FileNotFoundError as error:
        return Check("tiny model", "FAIL", str(error), "git checkout -- checkpoints/tiny, or make tiny trains it again")
    clip = sample_video()
    predictor = Predictor(str(folder)).set_video(clip)
    answer = predictor.ground("the red circle moves left")
    bad = [m for m in answer.moments if not 0 <= m.start <= m.end <= predictor.duration]
    if bad or not answer.text:
        return Check("tiny model", "FAIL", f"answered {answer.text!r} about {clip.name}", "git checkout -- checkpoints/tiny")
    return Check("tiny model", "OK", f"loads and answers about {clip.name}")


def sample_video() -> Path:
    """The first of the shipped sample videos.

    Raises:
        FileNotFoundError: none came along.
    """
    folder = shipped("data_samples/videos")
    clips = sorted(folder.glob("*.mp4"))
    if not clips:
        raise FileNotFoundError(f"{folder} holds no video: git checkout -- data_samples")
    return clips[0]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _imports(module: str) -> bool:
    try:
        __import__(module)
    except Exception:
        return False
    return True

"""Wheels by pip, one at a time: each appears in its folder whole or not at all, and those that are there are kept."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from momentor_lib.offline.pins import find_wheel, needs

LOOK_EVERY = 0.2  # seconds between two looks at a download
AGAIN = "run the same command again to go on: what is there is kept"
NO_NETWORK = re.compile(
    r"(NewConnectionError|ConnectTimeout\w*|NameResolutionError|ProxyError|ReadTimeout\w*|ConnectionReset\w*|RemoteDisconnected|"
    r"ProtocolError|IncompleteRead|SSLError|Network is unreachable|Temporary failure in name resolution)"
)
NO_WHEEL = re.compile(r"No matching distribution found|Could not find a version that satisfies")
Progress = Callable[[int, int, str], None]


@dataclass
class Gathered:
    """What became of the wheels.

    Attributes:
        downloaded, present: files, by this run and before it.
        missing: ``name==version`` of those that the index has no wheel of for this platform.
    """

    downloaded: list[Path] = field(default_factory=list)
    present: list[Path] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def gather(first: Sequence[Requirement], pins: Mapping[str, str], folder: Path, progress: Progress) -> Gathered:
    """Fetches what ``first`` names and all that it needs, in the versions of ``pins``; what lies in ``folder`` is taken from there.

    A package's needs are read from its wheel, so a torch without CUDA brings no CUDA libraries.

    Args:
        progress: is told the wheels done, those known so far, and which one is in work.

    Raises:
        ValueError: a package without a pin, no network, no space, or whatever else pip says; what was fetched before stays.
    """
    gathered, queue, seen = Gathered(), list(first), set()
    files: dict[str, Path | None] = {}
    while queue:
        requirement = queue.pop(0)
        name = canonicalize_name(requirement.name)
        if (name, *sorted(requirement.extras)) in seen:
            continue
        seen.add((name, *sorted(requirement.extras)))
        if name not in pins:
            raise ValueError(f"{name} is needed, and constraints.txt has no version of it: renew it (CONTRIBUTING.md)")
        if name not in files:
            known = len({canonicalize_name(one.name) for one in queue} | files.keys() | {name})
            files[name] = _one(name, pins[name], folder, gathered, lambda text, known=known: progress(len(files), known, text))
        if files[name] is not None:
            queue += needs(files[name], requirement.extras)
    progress(len(files), len(files), "")
    return gathered


def _one(name: str, version: str, folder: Path, gathered: Gathered, tell: Callable[[str], None]) -> Path | None:
    tell(f"{name} {version}")
    if wheel := find_wheel(folder, name, version):
        gathered.present.append(wheel)
        return wheel
    options = ["--no-deps", "--only-binary", ":all:", f"{name}=={version}"]
    with _part(folder) as part:
        said = run_pip("download", "--dest", part, *options, watched=part, tell=lambda size: tell(f"{name} {version}, {size / 1e6:.0f} MB"))
        if said is None:
            (wheel,) = move_wheels(part, folder)
            gathered.downloaded.append(wheel)
            return wheel
    if NO_WHEEL.search(said) and not NO_NETWORK.search(said):
        gathered.missing.append(f"{name}=={version}")
        return None
    raise ValueError(reason(said, f"{name}=={version}", folder))


def build_own(root: Path, folder: Path) -> Path:
    """The wheel of the repository itself, built anew; other versions of it go.

    Raises:
        ValueError: it cannot be built.
    """
    with _part(folder) as part:
        isolation = ["--no-build-isolation"] if find_spec("hatchling") else []  # else pip fetches hatchling
        said = run_pip("wheel", "--wheel-dir", part, "--no-deps", *isolation, root, watched=part)
        if said is not None:
            raise ValueError(reason(said, "momentor's own wheel", folder))
        (own,) = part.glob("*.whl")
        for old in folder.glob(f"{own.name.partition('-')[0]}-*.whl"):
            old.unlink()
        return move_wheels(part, folder)[0]


def run_pip(command: str, *arguments: object, watched: Path, tell: Callable[[int], None] | None = None) -> str | None:
    """Runs pip with its temporary files in ``watched``, and tells how many bytes lie there; None if it went well, else what it said."""
    log = watched / "pip.log"
    # Verbose: otherwise pip keeps to itself that it could not reach an index, and says only that there is no such package.
    line = [sys.executable, "-m", "pip", command, "-vv", "--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(watched))  # on the pack's own disk, not on a small /tmp
    with open(log, "wb") as file:
        process = subprocess.Popen([*line, *map(str, arguments)], stdout=file, stderr=file, env={**os.environ, **temporary})
        try:
            while process.poll() is None:
                time.sleep(LOOK_EVERY)
                if tell is not None:
                    tell(_size(watched))
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    return None if process.returncode == 0 else log.read_text(encoding="utf-8", errors="replace")


def reason(said: str, what: str, folder: Path) -> str:
    """What pip said, in one line that says what to do."""
    if "No space left on device" in said or "Errno 28" in said:
        free = shutil.disk_usage(folder).free / 1e6
        return f"no space left for {what} in {folder} ({free:.0f} MB free): make room, then {AGAIN}"
    if found := NO_NETWORK.search(said):
        return f"the package index could not be reached for {what} ({found[1]}); {AGAIN}"
    if "No module named pip" in said:
        return f"{sys.executable} has no pip: {sys.executable} -m ensurepip"
    errors = [line.strip() for line in said.splitlines() if line.lstrip().lower().startswith("error:")]
    lines = errors or said.strip().splitlines()[-1:] or ["it said nothing"]
    return f"pip failed for {what}: {lines[0]}; {AGAIN}"


def move_wheels(part: Path, folder: Path) -> list[Path]:
    """Moves whole wheels to where they belong."""
    moved = []
    for wheel in sorted(part.glob("*.whl")):
        os.replace(wheel, folder / wheel.name)
        moved.append(folder / wheel.name)
    return moved


@contextmanager
def _part(folder: Path) -> Iterator[Path]:
    """A folder for what is not whole yet, empty at first and gone afterwards; a killed run's is emptied by the next."""
    part = folder / ".part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _size(folder: Path) -> int:
    """Bytes of the files in a folder that pip is writing to: what goes away meanwhile does not count."""
    total = 0
    for place, _, names in os.walk(folder):  # which leaves out folders that are gone
        for name in names:
            with suppress(OSError):
                total += os.stat(os.path.join(place, name)).st_size
    return total

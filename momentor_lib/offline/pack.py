"""Makes an offline pack: wheels, checkpoint, notebooks, samples, and a script that sets up from them alone."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from momentor_lib.files import sha256_of, write_whole
from momentor_lib.offline import texts
from momentor_lib.offline.pins import extras_of, needs, read_pins
from momentor_lib.offline.wheels import Gathered, Progress, build_own, gather

# What is copied beside the wheels. The wheel of momentor holds checkpoint and samples too; here they can be looked at.
COPIED = ("LICENSE", "TROUBLESHOOTING.md", "constraints.txt", "checkpoints/tiny/**/*", "data_samples/**/*", "notebooks/**/*.ipynb")
LEFT_OUT = (".ipynb_checkpoints", "__pycache__")
MANIFEST = "MANIFEST"


@dataclass(frozen=True)
class Pack:
    """An offline pack.

    Attributes:
        folder: where it lies.
        platform: which Python on which machine its wheels are for, in words.
        wheels: what became of them; the library's own is not among them.
        files: how many files there are, wheels included.
        size: bytes of all.
    """

    folder: Path
    platform: str
    wheels: Gathered
    files: int
    size: int


def this_platform() -> str:
    """Which Python on which machine, in words."""
    return f"Python {sys.version_info[0]}.{sys.version_info[1]} on {platform.system()} {platform.machine()}"


def make_pack(root: Path, folder: Path, progress: Progress, extras: Sequence[str] | None = None, only: Sequence[str] = ()) -> Pack:
    """Gathers an offline pack for this Python on this platform. Run again, it keeps what is there and fetches the rest.

    Args:
        root: the repository.
        folder: of the pack; made where it is missing.
        progress: is told the wheels done, those known so far, and which one is in work.
        extras: of momentor, whose packages come along; None: all of them, which is everything in ``constraints.txt``.
        only: packages to fetch with what they need, in place of all that momentor needs.

    Raises:
        ValueError: an unknown extra or package, no network, no space; what was fetched before stays.
        OSError: the folder cannot be written to.
    """
    wheels = folder / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    pins = read_pins(root / "constraints.txt")
    asked = [_requirement(name, pins) for name in only]
    progress(0, 1, "momentor")
    own = build_own(root, wheels)
    known = extras_of(own)
    if unknown := sorted(set(extras or ()) - set(known)):
        raise ValueError(f"momentor has no extra {', '.join(unknown)}; it has {', '.join(known)}")
    gathered = gather(asked or needs(own, known if extras is None else extras), pins, wheels, progress)
    for name, content in texts.install_files(own.name, this_platform(), sys.version_info[:2], os.name == "nt").items():
        write_whole(folder / name, content)
    copied = _copy(root, folder)
    _write_manifest(folder, [*(f"wheels/{path.name}" for path in (own, *gathered.present, *gathered.downloaded)), *copied])
    every = [path for path in folder.rglob("*") if path.is_file()]
    return Pack(folder, this_platform(), gathered, len(every), sum(path.stat().st_size for path in every))


def _requirement(name: str, pins: dict[str, str]) -> Requirement:
    try:
        requirement = Requirement(name)
    except InvalidRequirement as error:
        raise ValueError(f"{name!r} is no name of a package") from error
    if requirement.name not in pins:
        raise ValueError(f"constraints.txt has no {name} for {this_platform()}")
    return requirement


def _copy(root: Path, folder: Path) -> list[str]:
    """Copies what belongs beside the wheels, where it is not there already, and returns the names."""
    names = []
    for pattern in COPIED:
        for path in sorted(root.glob(pattern)):
            if not path.is_file() or set(LEFT_OUT) & set(path.parts):
                continue
            name = path.relative_to(root).as_posix()
            names.append(name)
            target = folder / name
            if not target.is_file() or sha256_of(target) != sha256_of(path):
                write_whole(target, path.read_bytes())
    return names


def _write_manifest(folder: Path, names: Sequence[str]) -> None:
    """The SHA-256 of each file, in the form that ``sha256sum --check`` reads: a copy on another disk can be checked."""
    write_whole(folder / MANIFEST, "".join(f"{sha256_of(folder / name)}  {name}\n" for name in sorted(names)))

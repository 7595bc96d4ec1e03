"""What is to be fetched: the exact versions of ``constraints.txt`` for this platform, and what a wheel says that it needs."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from email import message_from_bytes
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.tags import sys_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename


def read_pins(constraints: Path) -> dict[str, str]:
    """Package -> version, of the lines whose marker holds for this Python on this machine. Names are canonical.

    Raises:
        ValueError: a line is no ``name==version``, with its number.
    """
    pins = {}
    for number, line in enumerate(constraints.read_text(encoding="utf-8").splitlines(), 1):
        if not (text := line.partition("#")[0].strip()):
            continue
        try:
            requirement = Requirement(text)
            (specifier,) = requirement.specifier
        except (InvalidRequirement, ValueError):
            raise ValueError(f"{constraints}, line {number}: not one name==version: {text}") from None
        if requirement.marker is None or requirement.marker.evaluate():
            pins[canonicalize_name(requirement.name)] = specifier.version
    return pins


def needs(wheel: Path, extras: Iterable[str] = ()) -> list[Requirement]:
    """What a wheel requires on this platform, with what some of its extras add.

    Raises:
        ValueError: the file is no whole wheel.
    """
    chosen = ["", *extras]
    found = [Requirement(line) for line in _metadata(wheel).get_all("Requires-Dist") or []]
    return [one for one in found if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in chosen)]


def extras_of(wheel: Path) -> list[str]:
    """The names of a wheel's extras.

    Raises:
        ValueError: the file is no whole wheel.
    """
    return list(_metadata(wheel).get_all("Provides-Extra") or [])


def find_wheel(folder: Path, name: str, version: str) -> Path | None:
    """The whole wheel of a package in a folder that this Python can install, None where there is none. Cut-off files do not count."""
    here = set(sys_tags())
    for path in sorted(folder.glob("*.whl")):
        try:
            its_name, its_version, _, tags = parse_wheel_filename(path.name)
        except InvalidWheelFilename:
            continue
        # 2.13.0 stands for 2.13.0+cpu too, as it does for pip.
        if its_name == canonicalize_name(name) and its_version.public == version and tags & here and is_whole(path):
            return path
    return None


def is_whole(wheel: Path) -> bool:
    """Whether a wheel can be opened: the list of its files stands at its end, so one that was cut off cannot."""
    try:
        _metadata(wheel)
    except ValueError:
        return False
    return True


def _metadata(wheel: Path):
    try:
        with zipfile.ZipFile(wheel) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA") and name.count("/") == 1)
            return message_from_bytes(archive.read(name))
    except (zipfile.BadZipFile, ValueError) as error:
        raise ValueError(f"{wheel} is no whole wheel: {error}") from error

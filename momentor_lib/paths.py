"""Where files lie: the shipped ones, at the top of the repository or inside the installed package, and what was fetched."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def home() -> Path:
    """The folder of what the library fetched, or was given by hand: ``$MOMENTOR_HOME``, by default ``~/.cache/momentor``. Not made here."""
    return Path(os.environ.get("MOMENTOR_HOME") or "~/.cache/momentor").expanduser()


def shipped(relative: str | Path) -> Path:
    """The path of a shipped file or folder, for instance ``shipped("checkpoints/tiny")``.

    The repository comes first, so that in a checkout the files that git shows are the ones in use.

    Args:
        relative: a path under the top of the repository, beginning with ``checkpoints`` or ``data_samples``.

    Raises:
        FileNotFoundError: neither place has it.
    """
    in_wheel = _PACKAGE / "_shipped" / relative
    top = _PACKAGE.parent
    # Beside an installed package lie other people's packages, whose "checkpoints" is not ours.
    in_repository = top / relative
    if (top / "pyproject.toml").is_file() and in_repository.exists():
        return in_repository
    if in_wheel.exists():
        return in_wheel
    raise FileNotFoundError(
        f"{relative} came along neither in the repository nor in the package: install momentor again, or clone it whole"
    )


def repository() -> Path:
    """The top of the clone that this package runs from.

    Raises:
        FileNotFoundError: it was installed from a wheel, which has no notebooks and no constraints.txt.
    """
    top = _PACKAGE.parent
    if not all((top / name).exists() for name in ("pyproject.toml", "constraints.txt", "notebooks")):
        raise FileNotFoundError("this needs a clone of the repository, and momentor was installed without one: clone it, then make demo")
    return top

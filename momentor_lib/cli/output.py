"""Where a command's words go: results to standard output, complaints and warnings, a line each, to standard error."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def complain(message: str, hint: str = "") -> None:
    line = " ".join(message.split()).rstrip(".")
    print(f"momentor: {line}{f' ({hint})' if hint else ''}", file=sys.stderr)


@contextmanager
def results_only() -> Iterator[None]:
    """Keeps what libraries print off standard output, and lets only our own warnings through, a line each."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    with redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("always", category=UserWarning, module=r"momentor_lib(\.|$)")
        told: set[str] = set()  # a file that is read several times (probed, decoded, drawn) has its say once

        def tell(message: Warning | str, *_: object) -> None:
            if str(message) not in told:
                told.add(str(message))
                warn(str(message))

        warnings.showwarning = tell
        yield


def warn(message: str) -> None:
    print(f"momentor: warning: {' '.join(message.split())}", file=sys.stderr)


def check_outputs(*paths: Path | None) -> None:
    """Complains before the work rather than after it."""
    given = [path for path in paths if path is not None]
    if len({path.resolve() for path in given}) < len(given):
        raise ValueError(f"--png and --html both name {given[0]}; give each its own file")
    for path in given:
        if path.is_dir():
            raise ValueError(f"cannot write {path}: it is a folder; name a file in it")
        folder = next(parent for parent in path.resolve().parents if parent.exists())
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            raise ValueError(f"cannot write {path}: {folder} is not a folder that you may write to")

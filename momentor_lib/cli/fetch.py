"""``momentor fetch``: all that a classroom without a network needs, in one folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from momentor_lib.cli.output import JsonOption, complain, results_only

if TYPE_CHECKING:
    from momentor_lib.offline import Pack


def fetch(
    offline_pack: Annotated[Path, typer.Option("--offline-pack", metavar="DIR", help="The folder to fill.", show_default=False)],
    extras: Annotated[str, typer.Option("--extras", metavar="NAMES", help="Of momentor: all, none, or names with commas between.")] = "all",
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help="This package and what it needs, not all; several times.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Gathers wheels, checkpoint, notebooks and samples for this Python on this platform, with a script that sets up from them alone.

    Run again, it keeps what is there and fetches the rest. pip's own settings hold (PIP_EXTRA_INDEX_URL for a torch without CUDA).
    Exit code 1 where the package index has no wheel of something.
    """
    if offline_pack.exists() and not offline_pack.is_dir():
        raise ValueError(f"{offline_pack} is a file; name a folder")
    with results_only():
        from tqdm import tqdm

        from momentor_lib.offline import make_pack
        from momentor_lib.paths import repository

        with tqdm(unit="wheel", file=sys.stderr, disable=None) as bar:

            def show(done: int, known: int, text: str) -> None:
                bar.total = known
                bar.set_postfix_str(text, refresh=False)
                bar.update(done - bar.n)
                bar.refresh()

            pack = make_pack(repository(), offline_pack, show, _extras(extras), only or ())
    for name in pack.wheels.missing:
        complain(f"{name}: the package index has no wheel of it for {pack.platform}")
    _tell(pack, as_json)
    if pack.wheels.missing:
        raise typer.Exit(1)


def _extras(names: str) -> list[str] | None:
    if names == "all":
        return None
    return [] if names == "none" else [name.strip() for name in names.split(",")]


def _tell(pack: Pack, as_json: bool) -> None:
    counts = {name: len(getattr(pack.wheels, name)) for name in ("downloaded", "present")}
    if as_json:
        document = {"offline_pack": str(pack.folder), "platform": pack.platform, **counts, "missing": pack.wheels.missing}
        print(json.dumps({**document, "files": pack.files, "bytes": pack.size}, indent=2))
        return
    print(f"{pack.folder}: {pack.size / 1e6:,.0f} MB in {pack.files} files for {pack.platform}")
    print(f"wheels: {counts['downloaded']} downloaded, {counts['present']} there already, {len(pack.wheels.missing)} not to be had")
    print(f"how to set up from it: {pack.folder / 'INSTALL.txt'}")

"""``momentor toy`` and ``momentor doctor``: samples to try things on, and whether this machine is ready."""

from __future__ import annotations

import json
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from momentor_lib.cli.output import JsonOption, results_only


class Split(str, Enum):
    """The toy world's splits; test videos hold out colour-shape pairs."""

    train = "train"
    val = "val"
    test = "test"


class ToyWorld(str, Enum):
    """The toy worlds: the one that the tiny model knows, and one of other colours and words."""

    plain = "plain"
    studio = "studio"


def toy(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write.", show_default=False)],
    videos: Annotated[int, typer.Option(metavar="N", min=1, help="How many videos.", show_default=False)],
    seed: Annotated[int, typer.Option(metavar="S", min=0, help="The same seed gives the same videos.", show_default=False)],
    split: Annotated[Split, typer.Option(help="Test videos hold out colour-shape pairs.")] = Split.train,
    world: Annotated[ToyWorld, typer.Option(help="studio has colours and words that the tiny model does not know.")] = ToyWorld.plain,
) -> None:
    """Writes toy videos with exact annotations: videos/, annotations.jsonl, moment10m.json, gesm.json, MANIFEST."""
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file; name a folder")
    with results_only():
        from tqdm import tqdm

        from momentor_lib.toy import write_toy

        with tqdm(total=videos, unit="video", file=sys.stderr, disable=None) as bar:
            write_toy(out, videos, seed, split.value, lambda done: bar.update(done - bar.n), world.value)
    print(f"{videos} {split.value} video{'' if videos == 1 else 's'} in {out}")


def doctor(as_json: JsonOption = False) -> None:
    """Is this machine ready? Exit code 1 where it is not."""
    with results_only():
        from momentor_lib.doctor import examine

        checks = examine()
    ready = all(check.status != "FAIL" for check in checks)
    if as_json:
        print(json.dumps({"ready": ready, "checks": [check.record() for check in checks]}, indent=2))
    else:
        for check in checks:
            print(f"{f'[{check.status}]':6} {check.name}: {check.detail}")
            if check.fix:
                print(f"       fix: {check.fix}")
    if not ready:
        raise typer.Exit(1)

"""``python -m benchmarks [NAME ...]``: runs benchmarks and prints one Markdown table.

A benchmark is a module of this folder with ``rows() -> list[dict]``, each row with ``claim``, ``ours``, ``rival``, ``ratio`` and
``target``. Ratios come from one run on one machine; the absolute figures are that machine's.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import import_module

NAMES = ("reading", "loss", "packing", "training", "prefix", "realtime", "convert", "engine", "evaluation")
COLUMNS = ("claim", "ours", "rival", "ratio", "target")


def run(names: Sequence[str]) -> tuple[list[Mapping[str, object]], list[str]]:
    """Runs benchmarks, one after the other.

    Returns:
        The rows of all, and a line for each benchmark that failed: one that cannot run hides none of the others.
    """
    rows: list[Mapping[str, object]] = []
    failures = []
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        began = time.perf_counter()
        try:
            found = import_module(f"benchmarks.{name}").rows()
            rows += [{column: row[column] for column in COLUMNS} for row in found]
        except Exception as error:
            failures.append(f"{name} failed: {type(error).__name__}: {' '.join(str(error).split())}")
        print(f"{name} took {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return rows, failures


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows as a Markdown table."""
    lines = [COLUMNS, ["---"] * len(COLUMNS), *([_cell(row[column]) for column in COLUMNS] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table; 1 where a benchmark failed, each with a line on standard error."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Runs benchmarks and prints one Markdown table.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these, of: {', '.join(NAMES)}")
    names = parser.parse_args(arguments).names or list(NAMES)
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}")
    rows, failures = run(names)
    print(table(rows))
    for line in failures:
        print(line, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

"""Measures what the course takes to run and writes it into ``docs/teaching/timings.md``::

    python -m notebooks.tools.timings notebooks          # each notebook, student and solution
    python -m notebooks.tools.timings start              # from a clean clone to the end of notebook 02

Both keep to two processor cores where the system allows it. Run them on a machine with nothing else to do.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from momentor_lib.files import write_whole
from notebooks import build
from notebooks.tools import course
from notebooks.tools.pages import MADE, table

PAGE = build.ROOT / "docs" / "teaching" / "timings.md"
CORES = 2
FIRST = ("00", "01", "02")  # the notebooks of the way from a clone


def measure_notebooks(names: list[str]) -> str:
    """Runs notebooks -> a table of what each took."""
    rows, totals = [], [0.0, 0.0]
    for source in build.find_sources(names):
        runs = [build.execute(build.make(source, kind)) for kind in (build.STUDENT, build.SOLUTION)]
        cells = [source.stem]
        for place, run in enumerate(runs):
            totals[place] += run.seconds
            cells.append(f"{run.seconds:.0f}")
        slowest = max(run.slowest_cell for run in runs)
        rows.append([*cells, f"{max(run.processor_seconds for run in runs):.0f}", f"{slowest:.1f}"])
        print(*rows[-1], sep="  ", file=sys.stderr, flush=True)
    rows.append(["in all", *(f"{total:.0f}" for total in totals), "", ""])
    header = ["notebook", "student (s)", "solution (s)", "processor seconds, the larger", "slowest cell (s)"]
    return f"{machine()}\n\n{table(header, rows)}"


def measure_start(pip_args: str, python: str) -> str:
    """From a clean clone of the last commit to the end of notebook 02 -> a table of the steps.

    Raises:
        subprocess.CalledProcessError: a step failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "momentor"
        make = ["make", "--silent", "demo", f"PYTHON={python}", f"PIP_ARGS={pip_args}"]
        steps = [("git clone", ["git", "clone", "--quiet", str(build.ROOT), str(clone)], Path(folder))]
        steps += [("`make demo`: installs, then the first two grounded answers", make, clone)]
        steps += [("`make demo` again: nothing to install", make, clone)]
        for source in build.find_sources(list(FIRST)):
            run = [".venv/bin/jupyter-execute", f"notebooks/{source.stem}.ipynb"]
            steps.append((f"notebook {source.stem} runs", run, clone))
        rows, total, read = [], 0.0, sum(one.read for one in course.lessons() if one.number in FIRST)
        for words, command, where in steps:
            began = time.perf_counter()
            subprocess.run(command, cwd=where, env=plain_environment(), check=True, stdout=subprocess.DEVNULL)
            seconds = time.perf_counter() - began
            if "again" not in words:  # measured beside the way, no part of it
                total += seconds
            rows.append([words, f"{seconds:.0f}", f"{total:.0f}"])
            print(*rows[-1], sep="  ", file=sys.stderr, flush=True)
    said = (
        f"First grounded answer: {rows[1][2]} s after the clone began."
        f" End of notebook 02: {rows[-1][2]} s of machine time,\n"
        f"or {total / 60 + read:.0f} minutes with the {read} that a beginner reads and solves."
    )
    return f"{machine()}\n\n{table(['step', 'seconds', 'from the start'], rows)}\n{said}\n"


def plain_environment() -> dict[str, str]:
    """The environment without what points at this copy of the repository."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_CONSTRAINT", "MAKEFLAGS", "MFLAGS", "MAKELEVEL")
    return {name: value for name, value in os.environ.items() if name not in hidden}


def keep_to_cores(count: int) -> int:
    """Keeps this process, and those that it starts, to some cores where the system can; returns how many."""
    if not hasattr(os, "sched_setaffinity"):
        return os.cpu_count() or count
    allowed = sorted(os.sched_getaffinity(0))[:count]
    os.sched_setaffinity(0, allowed)
    return len(allowed)


def machine() -> str:
    """What was measured on, a sentence."""
    name = platform.processor() or platform.machine()
    if (known := Path("/proc/cpuinfo")).exists() and (
        found := re.search(r"^model name\s*: (.+)$", known.read_text(), re.MULTILINE)
    ):
        name = found[1].strip()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    packages = f"Python {platform.python_version()}, torch {importlib.metadata.version('torch')}"
    return f"{datetime.date.today().isoformat()}, {cores} cores of {name}, {platform.system()}, {packages}."


def write_block(kind: str, body: str, path: Path = PAGE) -> None:
    """Puts a measurement into its place on the page.

    Raises:
        ValueError: the page has no such place.
    """
    text = path.read_text(encoding="utf-8")
    if kind not in [found[1] for found in MADE.findall(text)]:
        raise ValueError(f"{path} has no place <!-- made: {kind} -->")

    def put(found: re.Match) -> str:
        return f"{found[1]}\n{body}\n{found[4]}" if found[2] == kind else found[0]

    write_whole(path, MADE.sub(put, text))


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures the course and writes docs/teaching/timings.md.")
    commands = parser.add_subparsers(dest="what", required=True)
    runs = commands.add_parser("notebooks", help="run each notebook")
    runs.add_argument("names", nargs="*", help="beginnings of file names, such as 01; all without")
    start = commands.add_parser("start", help="from a clean clone to the end of notebook 02")
    start.add_argument("--pip-args", default="", help="more arguments for pip, as make's PIP_ARGS")
    start.add_argument("--python", default="python3", help="the Python that makes the environment")
    for command in (runs, start):
        command.add_argument("--print", action="store_true", help="print it and leave the page as it is")
    arguments = parser.parse_args()
    keep_to_cores(CORES)
    if arguments.what == "notebooks":
        kind, body = "runs", measure_notebooks(arguments.names)
    else:
        kind, body = "start", measure_start(arguments.pip_args, arguments.python)
    print(body) if arguments.print else write_block(kind, body)
    return 0


if __name__ == "__main__":
    sys.exit(main())

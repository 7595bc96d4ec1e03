"""Makes the notebooks: one source, a student notebook and a solution notebook, both run.

``notebooks/src/NN_title.py`` (jupytext's py:percent format) is the only place where a notebook is edited::

    python notebooks/build.py                # make and run all of them
    python notebooks/build.py 01 02          # only these
    python notebooks/build.py --check        # are they made from the sources as these are? runs nothing

Tags of a cell, ``# %% tags=["exercise"]``: ``exercise`` is what a student gets to fill in, and the cell
after it, ``solution``, takes its place in the solution notebook; ``check`` shows what the self-check
says; ``slow`` may run longer than 20 s and shows its progress; ``gpu`` gains from a GPU. The first cell
holds the title; the badge below it, ``{read}`` in it and the set-up cell after it are filled in here.

Both notebooks of a source run in kernels of their own with the network off, and are written only if both
ran to the end.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import math
import os
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from momentor_lib.files import write_whole

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "notebooks" / "src"
STUDENT, SOLUTION = "notebooks", "notebooks/solutions"

ADDRESS = re.compile(r'^Repository = "https://github\.com/([\w.-]+/[\w.-]+)"$', re.MULTILINE)
# owner/name on GitHub, for every badge and the set-up cell; notebooks/badges.py writes it everywhere else.
REPOSITORY = ADDRESS.search((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[1]
BADGE = "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/{}/blob/main/{})"
KNOWN_TAGS = {"exercise", "solution", "check", "slow", "gpu"}
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
}
MAX_BYTES = 300_000
TIMEOUT, SLOW_TIMEOUT = 120, 600  # seconds of a cell, on a machine that may be busy
WIDGET = "application/vnd.jupyter.widget-view+json"  # comes out blank where no kernel runs
WORDS_A_MINUTE, CODE_LINES_A_MINUTE, MINUTES_AN_EXERCISE = 180, 12, 5

SETUP = """\
# Set-up: does nothing where momentor_lib is installed; on Colab installs it and leaves torch and numpy alone.
import importlib.metadata
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("momentor_lib") is None:
    if "google.colab" not in sys.modules:
        raise ModuleNotFoundError("momentor_lib is not installed: start JupyterLab by `make lab` (README.md)")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-warn-conflicts"]
    subprocess.run([*pip, "--no-deps", "git+https://github.com/REPOSITORY"], check=True)
    kept = [f"{name}=={importlib.metadata.version(name)}" for name in ("torch", "numpy")]
    own = ("jupyterlab", "ipywidgets")  # Colab has its own front end, which shows nothing of ipywidgets 8
    needed = [line for line in importlib.metadata.requires("momentor") if "extra ==" not in line]
    subprocess.run([*pip, *kept, *[line for line in needed if not line.startswith(own)]], check=True)
    importlib.invalidate_caches()
""".replace("REPOSITORY", REPOSITORY)


@dataclass(frozen=True)
class Run:
    """One executed notebook, and what it took.

    Attributes:
        notebook: with its outputs.
        seconds: wall clock, the kernel's start included.
        processor_seconds: of the kernel, over all its cores, from its start.
        slowest_cell: wall-clock seconds of the slowest cell.
    """

    notebook: NotebookNode
    seconds: float
    processor_seconds: float
    slowest_cell: float


def find_sources(names: list[str] | None = None) -> list[Path]:
    """The sources whose file names begin with one of ``names``; all without names.

    Raises:
        FileNotFoundError: a name fits no source.
    """
    every = sorted(SOURCES.glob("[0-9][0-9]_*.py"))
    for name in names or []:
        if not any(source.name.startswith(name) for source in every):
            raise FileNotFoundError(
                f"no notebooks/src/{name}*.py; there are: {', '.join(source.stem for source in every)}"
            )
    return [source for source in every if not names or any(source.name.startswith(name) for name in names)]


def target(source: Path, kind: str) -> Path:
    """Where the notebook of a source is kept; ``kind`` is STUDENT or SOLUTION."""
    return ROOT / kind / f"{source.stem}.ipynb"


def make(source: Path, kind: str) -> NotebookNode:
    """Source -> the student or the solution notebook, without outputs. The same source gives the same bytes.

    Raises:
        ValueError: an unknown tag, or an exercise without a solution right behind it, or the other way round.
    """
    cells = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent").cells
    check_tags(cells, source.name)
    dropped = "solution" if kind == STUDENT else "exercise"
    kept = [cell for cell in cells if dropped not in tags_of(cell)]
    kept[0].source = fill_header(kept[0].source, f"{kind}/{source.stem}.ipynb", reading_minutes(cells))
    kept.insert(1, nbformat.v4.new_code_cell(SETUP.rstrip("\n")))
    seen: dict[str, int] = {}
    for cell in kept:
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        seen[digest] = seen.get(digest, 0) + 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        cell.metadata = NotebookNode({"tags": tags_of(cell)} if tags_of(cell) else {})
    return nbformat.v4.new_notebook(cells=kept, metadata=METADATA)


def tags_of(cell: NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))


def check_tags(cells: list[NotebookNode], name: str) -> None:
    """Every exercise is followed by its solution, and no tag is misspelt."""
    previous: list[str] = []
    for number, cell in enumerate(cells):
        tags = tags_of(cell)
        if unknown := set(tags) - KNOWN_TAGS:
            raise ValueError(
                f"{name}, cell {number}: unknown tags {sorted(unknown)}; known: {sorted(KNOWN_TAGS)}"
            )
        if ("exercise" in previous) != ("solution" in tags):
            rule = "an exercise is followed by its solution, and a solution stands nowhere else"
            raise ValueError(f"{name}, cell {number}: {rule}")
        previous = tags
    if "exercise" in previous:
        raise ValueError(f"{name}: the last exercise has no solution behind it")


def fill_header(text: str, path: str, minutes: int) -> str:
    """The first cell with the Colab badge below its title and the minutes of reading in its table."""
    title, _, rest = text.partition("\n")
    if not title.startswith("# "):
        raise ValueError(f"{path}: the first cell must begin with the title, a line '# ...'")
    return f"{title}\n\n{BADGE.format(REPOSITORY, path)}\n{rest}".replace("{read}", str(minutes))


def reading_minutes(cells: list[NotebookNode]) -> int:
    """How long a beginner takes, exercises included, rounded up to five minutes."""
    return 5 * math.ceil(raw_minutes(cells) / 5)


def raw_minutes(cells: list[NotebookNode]) -> float:
    """The same before it is rounded, of any cells of a source; a section's minutes come from it too."""
    words = sum(len(cell.source.split()) for cell in cells if cell.cell_type == "markdown")
    lines = sum(
        len(cell.source.splitlines())
        for cell in cells
        if cell.cell_type == "code" and "solution" not in tags_of(cell)
    )
    exercises = sum("exercise" in tags_of(cell) for cell in cells)
    return words / WORDS_A_MINUTE + lines / CODE_LINES_A_MINUTE + exercises * MINUTES_AN_EXERCISE


def execute(notebook: NotebookNode, home: Path | None = None) -> Run:
    """Runs a copy of a notebook in a fresh kernel, in an empty folder, with the network off.

    Args:
        home: where it keeps what other runs may find (``MOMENTOR_HOME``); two side by side need one each.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised.
    """
    notebook = nbformat.from_dict(notebook)
    notebook.cells.append(nbformat.v4.new_code_cell("import time\nprint(time.process_time())"))
    marks: list[float] = []
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout_func=lambda cell: SLOW_TIMEOUT if "slow" in tags_of(cell) else TIMEOUT,
            kernel_name="python3",
            record_timing=False,
            extra_arguments=["--log-level=ERROR"],
            resources={"metadata": {"path": folder}},
            on_cell_executed=lambda **_: marks.append(time.perf_counter()),
        )
        client.execute(env=kernel_environment(folder) | ({"MOMENTOR_HOME": str(home)} if home else {}))
        clean(notebook, folder)
    processor_seconds = float(notebook.cells.pop().outputs[0].text)
    gaps = [after - before for before, after in itertools.pairwise(marks)]
    return Run(notebook, time.perf_counter() - started, processor_seconds, max(gaps, default=0.0))


def kernel_environment(folder: str) -> dict[str, str]:
    """The environment of a kernel that finds this repository and nothing that needs a network."""
    nowhere = "http://127.0.0.1:9"  # the discard port: a request fails at once
    environment = dict(os.environ) | dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), nowhere)
    environment |= dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), nowhere)
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment |= {
        "HF_HUB_OFFLINE": "1",
        "IPYTHONDIR": os.path.join(folder, ".ipython"),
        "PYTHONPATH": os.pathsep.join(paths),
    }
    return environment


def clean(notebook: NotebookNode, folder: str) -> None:
    """Takes out of the outputs what belongs to one run on one machine: widget states, timings, folders."""
    notebook.metadata = nbformat.from_dict(METADATA)
    own = {
        os.path.realpath(folder): ".",
        folder: ".",
        str(ROOT): "momentor",
        tempfile.gettempdir(): "",
        str(Path.home()): "~",
    }
    for cell in notebook.cells:
        cell.metadata = NotebookNode({"tags": tags_of(cell)} if tags_of(cell) else {})
        if cell.cell_type == "code":
            cell.outputs = join_streams([output for output in cell.outputs if is_kept(output)])
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                output.text = without_folders(output.text, own)
            output.get("data", {}).pop(WIDGET, None)
            for kind, data in output.get("data", {}).items():
                if isinstance(data, str) and kind.startswith("text/"):
                    output.data[kind] = without_folders(data, own)


def is_kept(output: NotebookNode) -> bool:
    """A widget stays where it has something else to show, as the explorer has its timeline; a bar goes."""
    data = output.get("data", {})
    return WIDGET not in data or bool({"text/html", "image/png"} & set(data))


def join_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Text that came in several pieces, by chance of timing, as one piece."""
    joined: list[NotebookNode] = []
    for output in outputs:
        if (
            joined
            and output.output_type == "stream" == joined[-1].output_type
            and output.name == joined[-1].name
        ):
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def without_folders(text: str, own: dict[str, str]) -> str:
    for path, name in own.items():
        if len(path) > 1:
            text = re.sub(re.escape(path) + r"(?=[/\\:'\"\s)<]|$)", name, text)
    return text


def write(notebook: NotebookNode, path: Path) -> None:
    """Writes a notebook whole or not at all.

    Raises:
        ValueError: it is larger than 300 KB.
    """
    text = nbformat.writes(notebook, version=4, indent=1) + "\n"
    nbformat.validate(notebook)
    size = len(text.encode())
    if size > MAX_BYTES:
        raise ValueError(
            f"{path.name} has {size / 1000:.0f} KB, more than {MAX_BYTES / 1000:.0f}: use smaller pictures"
        )
    write_whole(path, text)


def differences(source: Path) -> list[str]:
    """What is stale in the two notebooks of a source, one line each; empty when they are as it says."""
    found = []
    for kind in (STUDENT, SOLUTION):
        path = target(source, kind)
        name = path.relative_to(ROOT).as_posix()
        if not path.exists():
            found.append(f"{name} is missing")
            continue
        old, new = nbformat.read(path, as_version=4), make(source, kind)
        if [portrait(cell) for cell in old.cells] != [
            portrait(cell) for cell in new.cells
        ] or old.metadata != new.metadata:
            found.append(f"{name} is not made from notebooks/src/{source.name} as it is now")
        elif any(cell.cell_type == "code" and cell.execution_count is None for cell in old.cells):
            found.append(f"{name} was not run")
    return found


def portrait(cell: NotebookNode) -> tuple:
    """All of a cell but what running it adds."""
    return cell.id, cell.cell_type, cell.source, dict(cell.metadata)


def build(source: Path) -> None:
    """Makes, runs and writes both notebooks of a source."""
    runs = {kind: execute(make(source, kind)) for kind in (STUDENT, SOLUTION)}
    for kind, run in runs.items():
        write(run.notebook, target(source, kind))
        size = target(source, kind).stat().st_size / 1000
        print(
            f"{kind}/{source.stem}.ipynb: {run.seconds:.0f} s, {run.processor_seconds:.0f} processor seconds,"
            f" slowest cell {run.slowest_cell:.1f} s, {size:.0f} KB"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description="Makes the notebooks from notebooks/src and runs them.")
    parser.add_argument("names", nargs="*", help="beginnings of file names, such as 01; all without")
    parser.add_argument(
        "--check",
        action="store_true",
        help="only say whether the notebooks are made from the sources as they are",
    )
    arguments = parser.parse_args()
    sources = find_sources(arguments.names)
    if arguments.check:
        stale = [line for source in sources for line in differences(source)]
        print(
            "\n".join(
                [*stale, "Run: python notebooks/build.py"]
                if stale
                else ["All notebooks are as their sources say."]
            )
        )
        return 1 if stale else 0
    for source in sources:
        build(source)
    return 0


if __name__ == "__main__":
    sys.exit(main())

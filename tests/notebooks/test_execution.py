"""Every notebook, student and solution, runs from top to bottom in a fresh kernel without a network."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import pytest

MAX_PROCESSOR_SECONDS = 60
MAX_TRAINING_SECONDS = 300  # of a notebook that trains


@pytest.fixture(scope="module")
def runs(build, tmp_path_factory):
    """Source -> kind -> its run to come. Student and solution run side by side, each in a kernel of its own: one core each.

    Each kind has a home of its own: the features that a notebook keeps there are made from nothing, and by one run at a time.
    """
    homes = {kind: tmp_path_factory.mktemp("home") for kind in (build.STUDENT, build.SOLUTION)}
    with ThreadPoolExecutor(2) as pool:
        begun: dict[str, dict[str, Future]] = {}

        def begin(source):
            if source.name not in begun:
                begun[source.name] = {kind: pool.submit(build.execute, build.make(source, kind), home) for kind, home in homes.items()}
            return begun[source.name]

        yield begin


@pytest.mark.quiet
def test_runs(build, source, kind, runs):
    run = runs(source)[kind].result()
    said = {True: [], False: []}
    for cell in run.notebook.cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error"
        if "check" in cell.metadata.get("tags", []):
            text = cell.outputs[-1].data["text/plain"]
            said[text.startswith("✓")].append(text)
    solved = kind == build.SOLUTION
    assert said[solved] and not said[not solved], f"checks say the wrong thing: {said[not solved]}"
    # Processor time, not the clock: the machine may be busy with other work.
    trains = source.name.startswith("05")
    assert run.processor_seconds < (MAX_TRAINING_SECONDS if trains else MAX_PROCESSOR_SECONDS)

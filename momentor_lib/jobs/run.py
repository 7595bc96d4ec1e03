"""The runner: which jobs are still to do, where they run, and what the ledger says of each."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from momentor_lib.jobs.attempt import Job, Plan, Work
from momentor_lib.jobs.ledger import Entry, Ledger

EXECUTORS = ("local", "ray")


@dataclass
class Outcome:
    """What became of the items of a run.

    Attributes:
        done: ids that this run did, in the order of their end.
        failed: id -> reason, on one line.
        skipped: ids that were done before.
    """

    done: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)


def run_jobs(
    work: Work,
    items: Mapping[str, Any],
    ledger: str | Path,
    *,
    workers: int = 1,
    threads: bool = False,
    retries: int = 2,
    backoff: float = 1.0,
    executor: str = "local",
    is_done: Callable[[str, Entry], bool] | None = None,
    description: str = "",
    progress: bool = True,
    sleep: Callable[[float], object] = time.sleep,
    on_interrupt: Callable[[], object] = lambda: None,
) -> Outcome:
    """Calls ``work(id, argument)`` for every item that the ledger does not call done, and writes in it how each ended.

    A run that was stopped or killed at any moment goes on where it was when it is started again: the ledger loses at most the entry that
    was being written, so ``work`` should leave whole files or none, and may find that a job's files are there already. What failed is
    tried again by the next run. A few jobs are handed out at a time, so memory does not grow with their number.

    Args:
        work: gives back facts for the ledger, a dict that JSON can hold. It raises :class:`GiveUp` where another try would not help; any
            other exception is tried again. For processes and Ray it must be a module's own function, and its arguments picklable.
        items: id -> argument.
        ledger: path of the JSONL file; made where it is missing. Two runs cannot have it at once.
        workers: how many jobs at a time; one runs in this process.
        threads: threads, for work that waits for the network, instead of processes, for work that computes.
        retries: how often a job is tried again. A job that kills its worker process is tried as often and then fails; the run goes on.
        backoff: seconds before the first retry; each further wait is twice as long.
        executor: ``local``, or ``ray`` for tasks of Ray (``pip install "momentor[ray]"``).
        is_done: looks whether what an entry promises is still there; where not, the job runs again.
        description: the progress bar's name.
        progress: a bar with an estimate on standard error, where that is a terminal.
        sleep: waits that many seconds.
        on_interrupt: called at Ctrl-C in a run of threads, whose jobs cannot be stopped from outside: tells them to stop soon.

    Raises:
        ValueError: a wrong argument, the file is no ledger, the work cannot be given to processes, or Ray is missing.
        OSError: the ledger cannot be written, or another run is writing it.
        RuntimeError: worker processes do not start.
        KeyboardInterrupt: at Ctrl-C, when the ledger has everything that is done.
    """
    if workers < 1 or retries < 0 or backoff < 0:
        raise ValueError(f"workers must be 1 or more, retries and backoff 0 or more, not {workers}, {retries} and {backoff}")
    if executor not in EXECUTORS:
        raise ValueError(f"unknown executor {executor!r}; there are {' and '.join(EXECUTORS)}")
    plan, outcome = Plan(work, retries, backoff, sleep), Outcome()
    with Ledger(ledger) as book, _bar(len(items), description, progress) as bar:

        def report(entry: Entry) -> None:
            book.append(entry)
            if entry.status == "done":
                outcome.done.append(entry.id)
            else:
                outcome.failed[entry.id] = entry.reason
                bar.set_postfix_str(f"{len(outcome.failed)} failed", refresh=False)
            bar.update()

        jobs = _pending(items, book, is_done, outcome, bar)
        if executor == "ray":
            from momentor_lib.jobs.with_ray import run_ray

            run_ray(plan, jobs, report, workers)
        else:
            from momentor_lib.jobs.local import run_here, run_processes, run_threads

            if workers == 1:
                run_here(plan, jobs, report)
            elif threads:
                run_threads(plan, jobs, report, workers, on_interrupt)
            else:
                run_processes(plan, jobs, report, workers)
    return outcome


def _pending(
    items: Mapping[str, Any], book: Ledger, is_done: Callable[[str, Entry], bool] | None, outcome: Outcome, bar: tqdm
) -> Iterator[Job]:
    for id, argument in items.items():
        entry = book.done(id)
        if entry is None or (is_done is not None and not is_done(id, entry)):
            yield Job(id, argument)
        else:
            outcome.skipped.append(id)
            if not bar.disable:
                bar.initial += 1  # not work of this run: it must not brighten the estimate
                bar.n += 1


def _bar(total: int, description: str, progress: bool) -> tqdm:
    return tqdm(total=total, desc=description or None, file=sys.stderr, disable=None if progress else True, dynamic_ncols=True)

"""Jobs as Ray tasks, on this machine or a cluster. The ledger is written by the process that started the run, and by it only."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import ModuleType

from momentor_lib.jobs.attempt import Job, Plan, attempt, failure
from momentor_lib.jobs.ledger import Entry

POLL = 1.0  # seconds


def run_ray(plan: Plan, jobs: Iterator[Job], report: Callable[[Entry], None], workers: int) -> None:
    """At most ``workers`` tasks of one processor each at a time; a task whose worker or machine dies is tried again.

    A Ray that runs already, or the cluster that ``RAY_ADDRESS`` names, is used; else one is started here and ended after.

    Raises:
        ValueError: Ray is not installed.
    """
    ray = _import_ray()
    ours = not ray.is_initialized()
    if ours:
        here = {} if os.environ.get("RAY_ADDRESS") else {"num_cpus": workers, "include_dashboard": False}
        ray.init(log_to_driver=False, logging_level="error", **here)
    task = ray.remote(num_cpus=1, max_retries=0)(attempt)
    running: dict[object, Job] = {}
    try:
        plan_there = ray.put(plan)
        again: list[Job] = []
        while True:
            while len(running) < workers and (job := again.pop() if again else next(jobs, None)):
                running[task.remote(plan_there, job)] = job
            if not running:
                return
            for reference in ray.wait(list(running), timeout=POLL)[0]:
                job = running.pop(reference)
                try:
                    entry = ray.get(reference)
                except ray.exceptions.RayTaskError:  # not the work, whose errors are caught there, but what leads to it
                    raise
                except ray.exceptions.RayError as error:
                    job = replace(job, attempts=job.attempts + 1)
                    if job.attempts <= plan.retries:
                        again.append(job)
                        continue
                    entry = failure(job.id, f"its Ray worker died: {str(error).splitlines()[0]}", job.attempts)
                report(entry)
    finally:
        for reference in running:
            ray.cancel(reference, force=True)
        if ours:
            ray.shutdown()


def _import_ray() -> ModuleType:
    try:
        import ray
    except ImportError:
        raise ValueError('the executor "ray" needs Ray: pip install "momentor[ray]"') from None
    return ray

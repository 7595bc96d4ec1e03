"""One job, tried until it is done or given up. It runs where the work runs: in this process, a thread, another process or a Ray task."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from momentor_lib.jobs.ledger import Entry

Work = Callable[[str, Any], dict[str, Any]]


class GiveUp(Exception):
    """Raised by work where another try would not help (a video that is gone, a file that is none)."""


@dataclass(frozen=True)
class Job:
    """An item of the run.

    Attributes:
        id, argument: what the work is called with.
        attempts: how often it was tried already, a worker having died of it.
    """

    id: str
    argument: Any
    attempts: int = 0


@dataclass(frozen=True)
class Plan:
    """How every job of a run is tried: see :func:`momentor_lib.jobs.run_jobs`."""

    work: Work
    retries: int
    backoff: float
    sleep: Callable[[float], object]


def attempt(plan: Plan, job: Job) -> Entry:
    """Calls the work until it succeeds, gives up, or has been tried once and ``retries`` times more."""
    attempts = job.attempts
    while True:
        attempts += 1
        try:
            return Entry("done", job.id, "", attempts, _checked(plan.work(job.id, job.argument)))
        except GiveUp as error:
            return failure(job.id, str(error), attempts)
        except (Exception, SystemExit) as error:
            if attempts > plan.retries:
                return failure(job.id, _describe(error), attempts)
        plan.sleep(plan.backoff * 2 ** (attempts - 1))


def failure(id: str, reason: str, attempts: int) -> Entry:
    """The entry of a job that failed, its reason on one line."""
    return Entry("failed", id, " ".join(reason.split()), attempts)


def _checked(facts: dict[str, Any]) -> dict[str, Any]:
    """What the ledger will give back."""
    try:
        kept = json.loads(json.dumps(facts, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise GiveUp(f"the work gave back what JSON cannot hold: {error}") from None
    if not isinstance(kept, dict):
        raise GiveUp(f"the work must give back a dict of facts, not {type(facts).__name__}")
    return kept


def _describe(error: BaseException) -> str:
    if isinstance(error, (ValueError, OSError)) and str(error):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__

"""One function over many items, with a ledger: what is done stays done, however often the run is stopped and started again.

::

    def measure(id, path):            # a module's function, so that processes can be given it
        return {"bytes": path.stat().st_size}

    outcome = run_jobs(measure, {"a": Path("a.mp4")}, "ledger.jsonl", workers=4)
    outcome.failed                    # id -> reason
"""

from momentor_lib.jobs.attempt import GiveUp
from momentor_lib.jobs.ledger import Entry, read_ledger
from momentor_lib.jobs.run import Outcome, run_jobs

__all__ = ["Entry", "GiveUp", "Outcome", "read_ledger", "run_jobs"]

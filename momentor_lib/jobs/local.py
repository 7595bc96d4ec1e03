"""Jobs in this process, in threads, or in other processes of this machine."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing.connection import Connection
from queue import Empty, SimpleQueue

from momentor_lib.jobs.attempt import Job, Plan, attempt, failure
from momentor_lib.jobs.ledger import Entry

Report = Callable[[Entry], None]
KILLED = "its worker process was killed; is there enough memory?"
POLL = 1.0  # seconds; Windows notices Ctrl-C only between two waits


def run_here(plan: Plan, jobs: Iterator[Job], report: Report) -> None:
    """One job after the other in this process."""
    for job in jobs:
        report(attempt(plan, job))


def run_threads(plan: Plan, jobs: Iterator[Job], report: Report, workers: int, on_interrupt: Callable[[], object]) -> None:
    """Jobs in threads: for work that waits for the network. Ctrl-C lets those that run come to their end."""
    ended: SimpleQueue[Entry | BaseException] = SimpleQueue()

    def perform(job: Job) -> None:
        try:
            ended.put(attempt(plan, job))
        except BaseException as error:
            ended.put(error)

    pool = ThreadPoolExecutor(workers)
    under_way = 0
    try:
        _start_threads(pool, workers)
        while True:
            while under_way < 2 * workers and (job := next(jobs, None)):
                pool.submit(perform, job)
                under_way += 1
            if not under_way:
                return
            with contextlib.suppress(Empty):
                end = ended.get(timeout=POLL)
                under_way -= 1
                if isinstance(end, BaseException):
                    raise end
                report(end)
    except KeyboardInterrupt:
        on_interrupt()
        pool.shutdown(wait=True, cancel_futures=True)
        while not ended.empty():
            _keep_done(ended.get(), report)
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start_threads(pool: ThreadPoolExecutor, workers: int) -> None:
    """Before any job: the pool forgets, and does not wait for, a thread whose start Ctrl-C falls into."""
    go = threading.Event()
    try:
        for _ in range(workers):
            pool.submit(go.wait)
    finally:
        go.set()


def run_processes(plan: Plan, jobs: Iterator[Job], report: Report, workers: int) -> None:
    """Jobs in other processes: for work that computes.

    A process that dies takes the pool with it, and nobody knows which of its jobs killed it. So the jobs that were under way are run again
    one at a time; one that kills its process then is the culprit, and fails when its attempts are used up.

    Raises:
        ValueError: other processes cannot be given the work.
        RuntimeError: processes do not start.
    """
    pool = _Processes(workers, plan)
    running: dict[Future, Job] = {}
    suspects: deque[Job] = deque()
    try:
        while True:
            alone = bool(suspects)
            while len(running) < (1 if alone else 2 * workers):
                job = suspects.popleft() if alone else next(jobs, None)
                if job is None:
                    break
                running[pool.submit(plan, job)] = job
            if not running:
                return
            killed = _collect(running, report, all_of_them=alone)
            if killed:
                pool.start()
                suspects.extend(_counted(killed, plan, report))
    except KeyboardInterrupt:
        pool.kill()
        for future in running:
            if future.done() and not future.cancelled() and future.exception() is None:
                _keep_done(future.result(), report)
        raise
    except BaseException:
        pool.kill()
        raise
    finally:
        pool.close()


def _collect(running: dict[Future, Job], report: Report, all_of_them: bool) -> list[Job]:
    """Waits and reports what has ended; gives back the jobs whose process died, once that is sure of all."""
    done = wait(running, POLL, FIRST_COMPLETED).done
    if all_of_them or any(_was_killed(future) for future in done):
        done = wait(running).done
    killed = []
    for future in done:
        job = running.pop(future)
        if _was_killed(future):
            killed.append(job)
        else:
            report(future.result())
    return killed


def _counted(killed: list[Job], plan: Plan, report: Report) -> list[Job]:
    """The jobs to run again alone. One that was alone already is the culprit: an attempt of its own is used up."""
    if len(killed) > 1:
        return killed
    [job] = killed
    job = replace(job, attempts=job.attempts + 1)
    if job.attempts <= plan.retries:
        return [job]
    report(failure(job.id, KILLED, job.attempts))
    return []


def _was_killed(future: Future) -> bool:
    return isinstance(future.exception(), BrokenProcessPool)


def _keep_done(end: Entry | BaseException, report: Report) -> None:
    """After a stop: what came to its good end counts, and what failed may have failed of the stop."""
    if isinstance(end, Entry) and end.status == "done":
        report(end)


class _Processes:
    """A pool of processes that can be started anew. They end at once when this process does, however it ends, or calls :meth:`kill`."""

    def __init__(self, workers: int, plan: Plan) -> None:
        self._workers = workers
        try:
            pickle.dumps(plan)
        except Exception as error:
            raise ValueError(f"other processes cannot be given this work, which must be a module's own function: {error}") from error
        self.start()
        try:
            self._pool.submit(_is_ready, plan).result()
        except BrokenProcessPool:
            self.close()
            raise RuntimeError(
                "the worker processes do not start: in a script, call this under `if __name__ == '__main__':`; "
                "in a notebook, import the work from a module, or use threads or one worker"
            ) from None

    def start(self) -> None:
        """Starts a pool in place of a broken one."""
        if hasattr(self, "_pool"):
            self.kill()
            self.close()
        context = multiprocessing.get_context("spawn")
        lifeline, self._held = context.Pipe(duplex=False)
        self._pool = ProcessPoolExecutor(self._workers, context, _prepare, (lifeline,))
        self._lifeline = lifeline

    def submit(self, plan: Plan, job: Job) -> Future:
        try:
            return self._pool.submit(attempt, plan, job)
        except BrokenProcessPool as error:  # an idle process was killed: as if the job had been under way
            future: Future = Future()
            future.set_exception(error)
            return future

    def kill(self) -> None:
        self._held.close()

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._held.close()
        self._lifeline.close()


def _is_ready(plan: Plan) -> bool:
    return True


def _prepare(lifeline: Connection) -> None:
    """In a worker process: Ctrl-C is the parent's business, and its end is ours."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def _end_with(lifeline: Connection) -> None:
    with contextlib.suppress(EOFError, OSError):
        lifeline.recv()
    os._exit(1)

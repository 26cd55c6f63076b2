"""One thread that does blocking work for an event loop. What waits while it is busy becomes its next batch.
``SQLiteJournal`` has one.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Iterable
from typing import Any, NamedTuple


class Job(NamedTuple):
    """Something to do, and the future of its caller."""

    what: Any
    done: asyncio.Future[Any]


class JobResult(NamedTuple):
    """The result of a job, or its error."""

    done: asyncio.Future[Any]
    value: Any
    error: Exception | None


class BatchExecutor:
    """What runs in the thread: opened, called and closed there, and nowhere else."""

    def open(self) -> None:
        """Get ready; an exception ends the thread."""
        raise NotImplementedError

    def handle(self, jobs: list[Job]) -> Iterable[list[JobResult]]:
        """Do the jobs. Each yielded list is passed on at once, with a single wake-up of the loop."""
        raise NotImplementedError

    def close(self) -> list[JobResult]:
        """Close what ``open`` opened. Return the results of jobs that had none until now."""
        raise NotImplementedError


class Abandoned(Exception):
    """The thread did not end in time. The job may yet be done."""


class Worker:
    """The thread. ``start`` and ``stop`` are called once each, on the loop that it serves."""

    def __init__(self, executor: BatchExecutor, *, name: str, max_batch: int) -> None:
        self._executor = executor
        self._name = name
        self._max_batch = max_batch
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._waiting: set[asyncio.Future[Any]] = set()
        """Callers of jobs that are not done."""
        self._loop: asyncio.AbstractEventLoop
        self._ended: asyncio.Future[None]

    async def start(self) -> None:
        """Start the thread, and wait until its executor is open."""
        self._loop = asyncio.get_running_loop()
        self._ended = self._loop.create_future()
        opened: asyncio.Future[None] = self._loop.create_future()
        # A daemon: if the loop dies without `stop`, the process may end all the same.
        threading.Thread(target=self._run, args=(opened,), name=self._name, daemon=True).start()
        await opened

    async def stop(self, within_s: float) -> None:
        """Do all jobs, then end the thread. If that takes longer, callers who still wait get ``Abandoned``.

        Raise ``TimeoutError`` then.
        """
        self._jobs.put(None)
        try:
            async with asyncio.timeout(within_s):
                await asyncio.shield(self._ended)
        finally:
            for done in self._waiting:
                if not done.done():
                    done.set_exception(Abandoned())

    async def do(self, what: Any) -> Any:
        """Have a job done, and return its result. Cancelling the caller does not stop the job."""
        done: asyncio.Future[Any] = self._loop.create_future()
        self._jobs.put(Job(what, done))
        self._waiting.add(done)
        try:
            return await done
        finally:
            self._waiting.discard(done)

    def _run(self, opened: asyncio.Future[None]) -> None:
        try:
            self._executor.open()
        except Exception as error:  # noqa: BLE001 - raised by `start`
            self._resolve([JobResult(opened, None, error)])
            return
        self._resolve([JobResult(opened, None, None)])
        while (jobs := self._next()) is not None:
            try:
                for results in self._executor.handle(jobs):
                    self._resolve(results)
            except Exception as error:  # noqa: BLE001 - a bug: raised by every `do` that still waits
                self._resolve([JobResult(job.done, None, error) for job in jobs])
        self._resolve(self._executor.close())
        self._resolve([JobResult(self._ended, None, None)])

    def _next(self) -> list[Job] | None:
        job = self._jobs.get()
        if job is None:
            return None
        jobs = [job]
        while len(jobs) < self._max_batch:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self._jobs.put(None)
                break
            jobs.append(job)
        return jobs

    def _resolve(self, results: list[JobResult]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(_set_results, results)


def _set_results(results: list[JobResult]) -> None:
    for done, value, error in results:
        if done.done():
            continue
        if error is None:
            done.set_result(value)
        else:
            done.set_exception(error)

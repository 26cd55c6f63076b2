"""What becomes one batch in the journal's thread."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable

import pytest

from openwx.store.sqlite.executor import Abandoned, BatchExecutor, Job, JobResult, Worker
from tests.patience import PATIENCE_S


class Counting(BatchExecutor):
    """Returns jobs unchanged, and notes how many came together. ``gate`` holds up the thread."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.began = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def open(self) -> None:
        pass

    def handle(self, jobs: list[Job]) -> Iterable[list[JobResult]]:
        self.batches.append(len(jobs))
        self.began.set()
        self.gate.wait()
        if any(job.what == "bug" for job in jobs):
            raise ZeroDivisionError
        yield [JobResult(job.done, job.what, None) for job in jobs]

    def close(self) -> list[JobResult]:
        return []


@pytest.fixture
def counting() -> Counting:
    return Counting()


@pytest.fixture
async def worker(counting: Counting) -> AsyncIterator[Worker]:
    made = Worker(counting, name="counting", max_batch=10)
    await made.start()
    yield made
    await made.stop(PATIENCE_S)


async def test_what_waits_meanwhile_becomes_the_next_batch(
    worker: Worker, counting: Counting
) -> None:
    counting.gate.clear()
    jobs = [asyncio.create_task(worker.do(0))]
    await asyncio.to_thread(counting.began.wait)
    jobs += [asyncio.create_task(worker.do(n)) for n in range(1, 14)]
    await asyncio.sleep(0)
    counting.gate.set()
    assert await asyncio.gather(*jobs) == list(range(14))
    assert counting.batches == [1, 10, 3]


async def test_single_callers_are_done_immediately(worker: Worker, counting: Counting) -> None:
    for n in range(5):
        assert await worker.do(n) == n
    assert counting.batches == [1] * 5


async def test_a_bug_is_raised_by_every_caller_of_its_batch(
    worker: Worker, counting: Counting
) -> None:
    counting.gate.clear()
    first = asyncio.create_task(worker.do("fine"))
    await asyncio.to_thread(counting.began.wait)
    rest = asyncio.gather(worker.do("bug"), worker.do("beside it"), return_exceptions=True)
    await asyncio.sleep(0)
    counting.gate.set()
    assert await first == "fine"
    assert [type(error) for error in await rest] == [ZeroDivisionError] * 2
    assert await worker.do("next") == "next"


async def test_who_waits_for_a_thread_that_does_not_end_is_told(counting: Counting) -> None:
    made = Worker(counting, name="counting", max_batch=10)
    await made.start()
    counting.gate.clear()
    waits = asyncio.gather(made.do(1), made.do(2), return_exceptions=True)
    await asyncio.to_thread(counting.began.wait)
    with pytest.raises(TimeoutError):
        await made.stop(0.01)
    assert [type(error) for error in await waits] == [Abandoned, Abandoned]
    counting.gate.set()
    await made._ended

"""Row ``postgres``: messages written durably by 100 callers to PostgreSQL, against SQLite on the same disk.

Each write is what an account writes for a message: its report, the session, and the end of the report before.
"""

import asyncio
import itertools
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from uuid import uuid4

from benchmarks import messages, world
from benchmarks.database import database
from benchmarks.figures import Figure
from benchmarks.rounds import Pairs, Sample, high, interleaved, low, middle
from benchmarks.rows import Scale
from openwx import store
from openwx.store.base import Journal
from openwx.store.records import DeliveryOutcome, DeliveryStatus, NodeOptions, WriteBatch

CALLERS = 100
"""Each with an account of its own."""
SESSION = bytes(1500)
"""As large as a session of the web transport."""


async def run(scale: Scale) -> list[Figure]:
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(world.folder())
        server = stack.enter_context(database(folder))
        node = NodeOptions(node="benchmark", home=uuid4())
        ours = await stack.enter_async_context(store.open(server.url, node=node))
        assert ours.ownership is not None
        await ours.ownership.claim([f"account {n}" for n in range(CALLERS)])
        theirs = await stack.enter_async_context(store.open(folder / "journal.sqlite3"))
        count = scale.of(5000, 1000)
        pairs = await interleaved(
            scale.of(10, 3), lambda: _round(ours, count), lambda: _round(theirs, count)
        )
    return [_rate(pairs), _cost(pairs)]


async def _round(journal: Journal, count: int) -> Sample:
    turns = iter(range(count))
    names = itertools.count()

    async def caller(turns: Iterator[int]) -> None:
        account = f"account {next(names)}"
        ended: list[DeliveryOutcome] = []
        for _ in turns:
            batch = WriteBatch(
                account=account,
                reports=[messages.new_report()],
                state={"session": SESSION},
                outcomes=ended,
            )
            (report,) = (await journal.write(batch)).recorded
            ended = [DeliveryOutcome(report.id, DeliveryStatus.DELIVERED, 200)]

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller(turns) for _ in range(CALLERS)))
    return Sample(count, time.perf_counter() - wall, time.process_time() - cpu)


def _rate(pairs: Pairs) -> Figure:
    return Figure(
        what="journal in PostgreSQL ÷ in SQLite, 100 callers",
        value=middle(pairs.rates),
        target=0.8,
        worst=low(pairs.rates),
        detail={
            "PostgreSQL a second": middle([sample.rate for sample in pairs.ours]),
            "SQLite a second": middle([sample.rate for sample in pairs.theirs]),
        },
    )


def _cost(pairs: Pairs) -> Figure:
    return Figure(
        what="its CPU time in this process ÷ with SQLite",
        value=middle(pairs.costs),
        target=0.5,
        at_least=False,
        worst=high(pairs.costs),
        detail={
            "PostgreSQL, CPU µs a message": middle([sample.cost_us for sample in pairs.ours]),
            "SQLite, CPU µs a message": middle([sample.cost_us for sample in pairs.theirs]),
        },
    )

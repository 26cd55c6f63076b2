"""Row ``reports``: POSTs by the reporter, in order in each of 100 chats, against POSTs in no order."""

import asyncio
import time
from contextlib import AsyncExitStack
from itertools import islice

import aiohttp
import msgspec

from benchmarks import machine, messages, world
from benchmarks.figures import Figure
from benchmarks.processes import Program
from benchmarks.rounds import Sample, interleaved, low, middle
from benchmarks.rows import Scale
from openwx import store
from openwx.cli import main
from openwx.config import ReportSettings
from openwx.reporter.answer import BackendAnswer
from openwx.reporter.reporters import Reporters
from openwx.store.base import Journal
from openwx.store.records import NewSend, Report, Send, WriteBatch

CHATS = 100
AT_ONCE = 64
"""The number of concurrent POSTs, as in the reporter."""


class NoReplies:
    """The receiver asks for none."""

    async def sends_for(self, report: Report, answer: BackendAnswer) -> list[NewSend]:
        return []

    def accept(self, sends: list[Send]) -> None:
        """Not called."""


async def run(scale: Scale) -> list[Figure]:
    """Measure both in this process in turns, with the garbage collection of ``openwx serve``.

    The receiver has a core of its own.
    """
    machine.pin(machine.cores()[0])
    main.collect_seldom()
    count = scale.of(4000, 1000)
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(world.folder())
        receiver = await stack.enter_async_context(
            Program("benchmarks.programs.receiver", core=machine.cores()[1])
        )
        url = (await receiver.answer())["url"]
        journal = await stack.enter_async_context(store.open(folder / "journal.sqlite3"))
        http = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        )
        pairs = await interleaved(
            scale.of(9, 3),
            lambda: _in_order(journal, http, receiver, url, count),
            lambda: _in_no_order(http, url, count),
        )
    return [
        Figure(
            what="reports to post_api, 100 chats in order ÷ unordered POSTs of the same client",
            value=middle(pairs.rates),
            target=0.52,
            worst=low(pairs.rates),
            by_cpu=1 / middle(pairs.costs),
            detail={
                "a second": middle([sample.rate for sample in pairs.ours]),
                "unordered": middle([sample.rate for sample in pairs.theirs]),
                "CPU µs": middle([sample.cost_us for sample in pairs.ours]),
                "unordered CPU µs": middle([sample.cost_us for sample in pairs.theirs]),
            },
        )
    ]


async def _in_order(
    journal: Journal, http: aiohttp.ClientSession, receiver: Program, url: str, count: int
) -> Sample:
    """Write reports to the journal, and measure until all are delivered and recorded as delivered."""
    before = (await receiver.ask())["count"]
    reporter = Reporters(
        "a",
        ReportSettings(post_api=url),
        journal,
        http,
        replies=NoReplies(),
    )
    run = asyncio.create_task(reporter.run())
    assert await reporter.drained(10)  # nothing is pending in the journal
    written: list[Report] = []
    new = (messages.new_report(number % CHATS) for number in range(count))
    while some := list(islice(new, 500)):
        written += (await journal.write(WriteBatch(account="a", reports=some))).recorded
    wall, cpu = time.perf_counter(), time.process_time()
    for report in written:
        reporter.on_report(report, msgspec.json.decode(report.body))
    assert await reporter.drained(120)
    sample = Sample(count, time.perf_counter() - wall, time.process_time() - cpu)
    run.cancel()
    await asyncio.wait({run})
    assert (await receiver.ask())["count"] == before + count
    return sample


async def _in_no_order(http: aiohttp.ClientSession, url: str, count: int) -> Sample:
    headers = {"Content-Type": "application/json"}
    bodies = iter([messages.new_report(number % CHATS).body for number in range(count)])

    async def caller() -> None:
        for body in bodies:
            async with http.post(url, data=body, headers=headers) as answer:
                await answer.read()

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    return Sample(count, time.perf_counter() - wall, time.process_time() - cpu)

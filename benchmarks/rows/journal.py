"""Row ``journal``: messages written durably by 100 callers, against a file of lines and aiosqlite."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import aiosqlite

from benchmarks import messages, world
from benchmarks.figures import Figure
from benchmarks.lines import Lines
from benchmarks.rounds import Sample, low, middle
from benchmarks.rows import Scale
from openwx import store
from openwx.store.base import Journal
from openwx.store.records import WriteBatch

CALLERS = 100
TABLE = "CREATE TABLE messages (id INTEGER PRIMARY KEY, uid TEXT UNIQUE, body BLOB)"

Put = Callable[[], Awaitable[object]]


async def run(scale: Scale) -> list[Figure]:
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(world.folder())
        journal = await stack.enter_async_context(store.open(folder / "journal.sqlite3"))
        lines = await stack.enter_async_context(Lines(folder / "lines"))
        db = await stack.enter_async_context(aiosqlite.connect(folder / "aiosqlite.sqlite3"))
        puts = {
            "journal": (_put_in_journal(journal), scale.of(5000, 1000)),
            "lines": (_put_in_lines(lines), scale.of(5000, 1000)),
            "aiosqlite": (await _put_with_aiosqlite(db), scale.of(400, 100)),
        }
        samples: dict[str, list[Sample]] = {name: [] for name in puts}
        for number in range(scale.of(10, 3)):
            for name in [*puts] if number % 2 else [*reversed(puts)]:
                samples[name].append(await _round(*puts[name]))
    return [
        _figure("÷ append and group fdatasync", samples["journal"], samples["lines"], 0.37),
        _figure("× aiosqlite, a transaction each", samples["journal"], samples["aiosqlite"], 10.7),
    ]


def _put_in_journal(journal: Journal) -> Put:
    return lambda: journal.write(WriteBatch(account="a", reports=[messages.new_report()]))


def _put_in_lines(lines: Lines) -> Put:
    return lambda: lines.append(messages.new_report().body + b"\n")


async def _put_with_aiosqlite(db: aiosqlite.Connection) -> Put:
    """Write with one INSERT and one commit per message, as durable as the journal."""
    await db.execute("PRAGMA journal_mode = WAL")
    await db.execute("PRAGMA synchronous = FULL")
    await db.execute(TABLE)
    one_at_a_time = asyncio.Lock()

    async def put() -> None:
        report = messages.new_report()
        async with one_at_a_time:
            await db.execute(
                "INSERT INTO messages (uid, body) VALUES (?, ?)", (report.uid, report.body)
            )
            await db.commit()

    return put


async def _round(put: Put, count: int) -> Sample:
    turns = iter(range(count))

    async def caller(turns: Iterator[int]) -> None:
        for _ in turns:
            await put()

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller(turns) for _ in range(CALLERS)))
    return Sample(count, time.perf_counter() - wall, time.process_time() - cpu)


def _figure(what: str, ours: list[Sample], theirs: list[Sample], target: float) -> Figure:
    rates = [a.rate / b.rate for a, b in zip(ours, theirs, strict=True)]
    costs = [b.cost_us / a.cost_us for a, b in zip(ours, theirs, strict=True)]
    return Figure(
        what=f"journal, 100 callers, synchronous FULL {what}",
        value=middle(rates),
        target=target,
        worst=low(rates),
        by_cpu=middle(costs),
        detail={
            "a second": middle([sample.rate for sample in ours]),
            "baseline a second": middle([sample.rate for sample in theirs]),
            "CPU µs a message": middle([sample.cost_us for sample in ours]),
            "baseline CPU µs": middle([sample.cost_us for sample in theirs]),
        },
    )

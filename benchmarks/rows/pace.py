"""Row ``pace``: the latency of durable writes at 200 messages a second, against a bare ``fdatasync``."""

import asyncio
import itertools
import os
import time
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks import messages, world
from benchmarks.figures import Figure
from benchmarks.rounds import high, middle, percentile
from benchmarks.rows import Scale
from openwx import store
from openwx.store.base import Journal
from openwx.store.records import WriteBatch

A_SECOND = 200


async def run(scale: Scale) -> list[Figure]:
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(world.folder())
        journal = await stack.enter_async_context(store.open(folder / "journal.sqlite3"))
        await _write_latencies(journal, 1.0)
        ours: list[list[float]] = []
        theirs: list[list[float]] = []
        for _ in range(scale.of(8, 2)):
            ours.append(await _write_latencies(journal, 2.0))
            theirs.append(await asyncio.to_thread(_sync_latencies, folder / "bare", 2.0))
    ratios = [middle(a) / middle(b) for a, b in zip(ours, theirs, strict=True)]
    all_ours, all_theirs = (
        sorted(itertools.chain.from_iterable(rounds)) for rounds in (ours, theirs)
    )
    return [
        Figure(
            what="journal, 200 a second: p50 ÷ raw fdatasync",
            value=middle(ratios),
            target=2.3,
            at_least=False,
            worst=high(ratios),
            detail={
                "p50 ms": middle(all_ours) * 1e3,
                "p99 ms": percentile(all_ours, 99) * 1e3,
                "fdatasync p50 ms": middle(all_theirs) * 1e3,
                "fdatasync p99 ms": percentile(all_theirs, 99) * 1e3,
            },
        )
    ]


async def _write_latencies(journal: Journal, seconds: float) -> list[float]:
    """Write at a fixed rate, without waiting for earlier writes. Returns the latency of each."""
    latencies: list[float] = []

    async def write(at: float) -> None:
        await asyncio.sleep(at - time.perf_counter())
        began = time.perf_counter()
        await journal.write(WriteBatch(account="a", reports=[messages.new_report()]))
        latencies.append(time.perf_counter() - began)

    start = time.perf_counter() + 0.05
    times = [start + number / A_SECOND for number in range(int(seconds * A_SECOND))]
    await asyncio.gather(*(write(at) for at in times))
    return latencies


def _sync_latencies(path: Path, seconds: float) -> list[float]:
    """Call ``write`` and ``fdatasync`` at the same rate. Returns the latency of each."""
    latencies: list[float] = []
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    start = time.perf_counter() + 0.05
    for number in range(int(seconds * A_SECOND)):
        time.sleep(max(0.0, start + number / A_SECOND - time.perf_counter()))
        body = messages.new_report().body
        began = time.perf_counter()
        os.write(file, body)
        os.fdatasync(file)
        latencies.append(time.perf_counter() - began)
    os.close(file)
    return latencies

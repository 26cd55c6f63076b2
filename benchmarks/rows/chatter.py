"""Row ``chatter``: 100 accounts that receive a message a second each: lost reports and latency, on each transport."""

import asyncio
import time
from contextlib import AsyncExitStack

import msgspec

from benchmarks import machine, world
from benchmarks.crowd import TRANSPORTS, accounts
from benchmarks.figures import Figure
from benchmarks.receiver import Receiver
from benchmarks.rounds import percentile
from benchmarks.rows import Scale
from openwx.simulator import Account, Simulator

ACCOUNTS = 100


class Arrivals:
    """The time at which each message was written, and its latency until its report arrived."""

    def __init__(self) -> None:
        self.written: dict[str, float] = {}
        self.latencies: dict[str, float] = {}
        self.duplicates = 0

    def record(self, body: bytes) -> None:
        now = time.perf_counter()
        id = msgspec.json.decode(body, type=_Report).id
        if id in self.latencies:
            self.duplicates += 1
        elif id in self.written:
            self.latencies[id] = now - self.written[id]


class _Report(msgspec.Struct):
    id: str = ""


async def run(scale: Scale) -> list[Figure]:
    seconds = scale.of(20, 5)
    return [
        figure for transport in TRANSPORTS for figure in await measure(ACCOUNTS, seconds, transport)
    ]


async def measure(count: int, seconds: int, transport: str = "web") -> list[Figure]:
    arrivals = Arrivals()
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(world.folder())
        receiver = await stack.enter_async_context(Receiver(arrivals.record))
        simulator = await stack.enter_async_context(Simulator(friends=20, groups=2))
        settings = accounts(simulator, count, transport) | {"REPORT__POST_API": receiver.url}
        program, _ = await stack.enter_async_context(
            world.gateway(simulator, folder / "data", settings=settings)
        )
        before, cpu = receiver.count, machine.cpu_s(program.pid)
        await _chatter(simulator, arrivals, seconds, transport)
        await receiver.until(before + count * seconds, timeout_s=30)
        share = (machine.cpu_s(program.pid) - cpu) / seconds
    latencies = list(arrivals.latencies.values())
    what = f"{count} accounts{TRANSPORTS[transport]}, a message a second each"
    return [
        Figure(
            what=f"{what}: reports lost",
            value=len(arrivals.written) - len(latencies),
            target=0,
            at_least=False,
            detail={"written": len(arrivals.written), "received twice": arrivals.duplicates},
        ),
        Figure(
            what=f"{what}: p99 latency",
            value=percentile(latencies, 99) * 1e3,
            unit="ms",
            target=250,
            at_least=False,
            detail={
                "p50 ms": percentile(latencies, 50) * 1e3,
                "max ms": max(latencies) * 1e3,
                "CPU % of a core": share * 100,
            },
        ),
    ]


async def _chatter(simulator: Simulator, arrivals: Arrivals, seconds: int, transport: str) -> None:
    """Write a message to each account once a second, spread evenly over the second."""
    start = time.perf_counter()
    for second in range(seconds):
        for number, account in enumerate(simulator.accounts):
            at = start + second + number / len(simulator.accounts)
            await asyncio.sleep(max(0.0, at - time.perf_counter()))
            arrivals.written[_says(account, second, transport)] = time.perf_counter()


def _says(account: Account, second: int, transport: str) -> str:
    """Let a friend write, or the owner to their bot. Return the MsgId."""
    if transport == "ilink":
        return account.clawbot.says("在吗？").msg_id
    return account.friends[second % len(account.friends)].says("在吗？").msg_id

"""Row ``uvloop``: requests and incoming messages a second with uvloop, against asyncio's own event loop."""

import importlib.util
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from benchmarks import load, world
from benchmarks.figures import Figure
from benchmarks.processes import Program
from benchmarks.receiver import Receiver
from benchmarks.rounds import Sample, interleaved, low, middle
from benchmarks.rows import Scale
from benchmarks.rows.burst import CHATS, burst
from openwx.simulator import Account, Simulator

CONNECTIONS = 32


async def run(scale: Scale) -> list[Figure]:
    if importlib.util.find_spec("uvloop") is None:
        return []
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(world.folder())
        receiver = await stack.enter_async_context(Receiver())
        settings = {"REPORT__POST_API": receiver.url}
        both: list[tuple[Program, str, Account]] = []
        for name, command in (("uvloop", world.FAST), ("plain", world.SERVE)):
            simulator = await stack.enter_async_context(Simulator(friends=CHATS))
            gateway = world.gateway(simulator, folder / name, command=command, settings=settings)
            program, url = await stack.enter_async_context(gateway)
            both.append((program, url, simulator.account()))

        async def requests(which: int) -> Sample:
            program, url, _ = both[which]
            port = world.port_of(url)
            repeated = [load.request(port, "/openwx/get_user_info")] * CONNECTIONS
            return await load.hammer(program, port, repeated, 0.3 if scale.quick else 0.8)

        async def messages(which: int) -> Sample:
            program, _, account = both[which]
            return await burst(program, account, receiver, scale.of(3000, 1000))

        return [
            await _gain("requests a second", scale.of(7, 3), requests),
            await _gain("messages in a second", scale.of(5, 2), messages),
        ]


async def _gain(what: str, rounds: int, measure: Callable[[int], Awaitable[Sample]]) -> Figure:
    pairs = await interleaved(rounds, lambda: measure(0), lambda: measure(1))
    return Figure(
        what=f"uvloop ÷ asyncio: {what}",
        value=middle(pairs.rates),
        worst=low(pairs.rates),
        by_cpu=1 / middle(pairs.costs),
        detail={
            "a second": middle([sample.rate for sample in pairs.ours]),
            "asyncio": middle([sample.rate for sample in pairs.theirs]),
            "CPU µs": middle([sample.cost_us for sample in pairs.ours]),
            "asyncio CPU µs": middle([sample.cost_us for sample in pairs.theirs]),
        },
    )

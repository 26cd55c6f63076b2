"""Row ``burst``: 10,000 messages of 200 chats at once, against POSTs of a bare aiohttp client."""

import time
from contextlib import AsyncExitStack

from benchmarks import machine, messages, world
from benchmarks.figures import Figure
from benchmarks.processes import Program
from benchmarks.receiver import Receiver
from benchmarks.rounds import Sample, interleaved, low, middle
from benchmarks.rows import Scale
from openwx.simulator import Account, Simulator

CHATS = 200
AT_ONCE = 64


async def run(scale: Scale) -> list[Figure]:
    count = scale.of(10_000, 2_000)
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(world.folder())
        receiver = await stack.enter_async_context(Receiver())
        simulator = await stack.enter_async_context(Simulator(friends=CHATS))
        settings = {"REPORT__POST_API": receiver.url}
        program, _ = await stack.enter_async_context(
            world.gateway(simulator, folder / "data", settings=settings)
        )
        client = await stack.enter_async_context(
            Program("benchmarks.programs.bare_client", core=machine.cores()[0])
        )
        await client.answer()
        pairs = await interleaved(
            scale.of(4, 2),
            lambda: burst(program, simulator.account(), receiver, count),
            lambda: _posts(client, receiver.url, count),
        )
    return [
        Figure(
            what=f"burst of {count:,} messages in {CHATS} chats ÷ the client's ceiling",
            value=middle(pairs.rates),
            target=0.38,
            worst=low(pairs.rates),
            by_cpu=1 / middle(pairs.costs),
            detail={
                "reports a second": middle([sample.rate for sample in pairs.ours]),
                "ceiling": middle([sample.rate for sample in pairs.theirs]),
                "CPU µs a message": middle([sample.cost_us for sample in pairs.ours]),
                "CPU µs a POST": middle([sample.cost_us for sample in pairs.theirs]),
            },
        )
    ]


async def burst(program: Program, account: Account, receiver: Receiver, count: int) -> Sample:
    """Add ``count`` messages, and measure until all are reported.

    The simulator runs in this process, so the gateway cannot fetch one before all have been added.
    """
    expected = receiver.count + count
    for number in range(count):
        account.friends[number % CHATS].says(f"这是第 {number} 条消息，周末一起爬山吗？")
    cpu, wall = machine.cpu_s(program.pid), time.perf_counter()
    await receiver.until(expected)
    return Sample(count, time.perf_counter() - wall, machine.cpu_s(program.pid) - cpu)


async def _posts(client: Program, url: str, count: int) -> Sample:
    body = messages.body(1, 1).decode()
    used = await client.ask(url=url, body=body, count=count, at_once=AT_ONCE)
    return Sample(count, used["wall_s"], used["cpu_s"])

"""Row ``sends``: texts of 16 callers that wait for the result, against 16 calls at a time of a bare aiohttp client."""

from contextlib import AsyncExitStack

import aiohttp

from benchmarks import load, machine, world
from benchmarks.figures import Figure
from benchmarks.processes import Program
from benchmarks.rounds import Sample, interleaved, low, middle
from benchmarks.rows import Scale
from openwx.simulator import Simulator

CALLERS = 16


async def run(scale: Scale) -> list[Figure]:
    seconds = 0.5 if scale.quick else 1.5
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(world.folder())
        simulator = await stack.enter_async_context(Simulator())
        program, url = await stack.enter_async_context(world.gateway(simulator, folder / "data"))
        other = simulator.add_account("bare")
        bare = await stack.enter_async_context(
            Program("benchmarks.programs.bare_wechat", simulator.url, core=machine.cores()[0])
        )
        await world.log_in(bare, other)
        port = world.port_of(url)
        requests = [load.request(port, path) for path in await _paths(url)]

        async def ours() -> Sample:
            return await load.hammer(program, port, requests, seconds)

        async def theirs() -> Sample:
            used = await bare.ask(send=CALLERS, seconds=seconds)
            return Sample(used["count"], used["wall_s"], used["cpu_s"])

        pairs = await interleaved(scale.of(9, 3), ours, theirs)
    return [
        Figure(
            what="text send, 16 callers ÷ a bare aiohttp client",
            value=middle(pairs.rates),
            target=0.315,
            worst=low(pairs.rates),
            by_cpu=1 / middle(pairs.costs),
            detail={
                "a second": middle([sample.rate for sample in pairs.ours]),
                "bare": middle([sample.rate for sample in pairs.theirs]),
                "CPU µs a text": middle([sample.cost_us for sample in pairs.ours]),
                "bare CPU µs": middle([sample.cost_us for sample in pairs.theirs]),
            },
        )
    ]


async def _paths(url: str) -> list[str]:
    """Build the path of a send for each caller, each to a friend of its own."""
    async with aiohttp.ClientSession() as http, http.get(f"{url}/openwx/get_friend_info") as listed:
        friends = [one["id"] for one in await listed.json() if one["category"] == "好友"]
    return [f"/openwx/send_friend_message?id={id}&content=hello" for id in friends[1 : CALLERS + 1]]

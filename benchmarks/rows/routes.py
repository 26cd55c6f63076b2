"""Routes against a bare aiohttp handler that answers the same bytes: 32 connections, kept alive."""

from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp

from benchmarks import load, machine, world
from benchmarks.figures import Figure
from benchmarks.processes import Program
from benchmarks.rounds import Sample, interleaved, low, middle
from benchmarks.rows import Scale
from openwx.simulator import Simulator

CONNECTIONS = 32
TOKEN = "a-token-of-some-length-4f1b"
ROUTES = {
    "get_user_info": ("get_user_info?client=default", f"Authorization: Bearer {TOKEN}\r\n", 0.8),
    "get_user_info without parameters": ("get_user_info", "", 0.9),
    "get_group_basic_info without parameters": ("get_group_basic_info", "", 0.9),
}
"""What is asked, with which headers, and the target. The first has all there can be: a token, and an account's name."""


async def run(scale: Scale) -> list[Figure]:
    return [await _measure(name, scale) for name in ROUTES]


async def _measure(name: str, scale: Scale) -> Figure:
    path, headers, target = ROUTES[name]
    settings = {"ACCESS__TOKEN": TOKEN} if headers else {}
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(world.folder())
        simulator = await stack.enter_async_context(Simulator())
        ours, url = await stack.enter_async_context(
            world.gateway(simulator, folder / "data", settings=settings)
        )
        body = folder / "body.json"
        size = await _fetch(f"{url}/openwx/{path}", headers, body)
        theirs = await stack.enter_async_context(
            Program("benchmarks.programs.bare_server", str(body), core=machine.cores()[0])
        )
        bare_port = (await theirs.answer())["port"]
        pairs = await interleaved(
            scale.of(9, 3),
            lambda: _round(ours, world.port_of(url), f"/openwx/{path}", headers, scale),
            lambda: _round(theirs, bare_port, "/bare", headers, scale),
        )
    return Figure(
        what=f"{name} ÷ bare aiohttp handler",
        value=middle(pairs.rates),
        target=target,
        worst=low(pairs.rates),
        by_cpu=1 / middle(pairs.costs),
        detail={
            "a second": middle([sample.rate for sample in pairs.ours]),
            "bare": middle([sample.rate for sample in pairs.theirs]),
            "CPU µs a request": middle([sample.cost_us for sample in pairs.ours]),
            "bare CPU µs": middle([sample.cost_us for sample in pairs.theirs]),
            "bytes": size,
        },
    )


async def _fetch(url: str, headers: str, body: Path) -> int:
    """The answer, into a file; its bytes."""
    given = dict(line.split(": ", 1) for line in headers.splitlines())
    async with aiohttp.ClientSession() as http, http.get(url, headers=given) as answer:
        answer.raise_for_status()
        return body.write_bytes(await answer.read())


async def _round(program: Program, port: int, path: str, headers: str, scale: Scale) -> Sample:
    asked = [load.request(port, path, headers)] * CONNECTIONS
    return await load.hammer(program, port, asked, 0.3 if scale.quick else 0.6)

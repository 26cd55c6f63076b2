"""Row ``routes``: requests a second on 32 connections, against a bare aiohttp handler with the same answer."""

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
    "get_user_info": ("get_user_info?client=default", f"Authorization: Bearer {TOKEN}\r\n", 0.65),
    "get_user_info without parameters": ("get_user_info", "", 0.86),
    "get_group_basic_info without parameters": ("get_group_basic_info", "", 0.81),
}
"""Path, headers and target of each request. The first has a token and the name of an account."""


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
    """Save the answer to a file, and return its size in bytes."""
    fields = dict(line.split(": ", 1) for line in headers.splitlines())
    async with aiohttp.ClientSession() as http, http.get(url, headers=fields) as answer:
        answer.raise_for_status()
        return body.write_bytes(await answer.read())


async def _round(program: Program, port: int, path: str, headers: str, scale: Scale) -> Sample:
    requests = [load.request(port, path, headers)] * CONNECTIONS
    return await load.hammer(program, port, requests, 0.3 if scale.quick else 0.6)

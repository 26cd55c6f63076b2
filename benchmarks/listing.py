"""Measures how long a list blocks the event loop, for the rows ``friends`` and ``groups``."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp

from benchmarks import load, world
from benchmarks.figures import Figure
from benchmarks.rounds import high, middle, percentile
from benchmarks.rows import Scale
from openwx.simulator import Account, Simulator


async def blocking(
    route: str, size: str, scale: Scale, *, target: float, populate: Callable[[Account], None]
) -> list[Figure]:
    """Measure the longest time the loop is blocked by one list, and the p99 of other requests meanwhile.

    ``populate`` adds the friends or groups to the account. The baseline is ``json.dumps`` of the same data.
    """
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(world.folder())
        simulator = await stack.enter_async_context(Simulator(friends=50, groups=0))
        populate(simulator.account())
        program, url = await stack.enter_async_context(
            world.gateway(simulator, folder / "data", command=world.WATCHED)
        )
        http = await stack.enter_async_context(aiohttp.ClientSession())
        address = f"{url}/openwx/{route}"
        listed = json.loads(await _get(http, address))
        longest, longest_cpu, total_cpu, stdlib, stdlib_cpu = [], [], [], [], []
        for _ in range(scale.of(25, 5)):
            await program.ask()
            await _get(http, address)
            blocked = await program.ask()
            longest.append(blocked["longest_s"] * 1e3)
            longest_cpu.append(blocked["longest_cpu_s"] * 1e3)
            total_cpu.append(blocked["total_cpu_s"] * 1e3)
            wall, cpu = _time_dumps(listed)
            stdlib.append(wall * 1e3)
            stdlib_cpu.append(cpu * 1e3)
        ratios = [ours / theirs for ours, theirs in zip(longest, stdlib, strict=True)]
        figure = Figure(
            what=f"{route}, {size}: event loop blocked ÷ stdlib json",
            value=middle(ratios),
            target=target,
            at_least=False,
            worst=high(ratios),
            by_cpu=middle(longest_cpu) / middle(stdlib_cpu),
            detail={
                "longest stretch ms": middle(longest),
                "its CPU ms": middle(longest_cpu),
                "all CPU of the loop ms": middle(total_cpu),
                "json.dumps ms": middle(stdlib),
                "MB": len(await _get(http, address)) / 1e6,
            },
        )
        return [figure, await _latency_meanwhile(url, address, f"{route}, {size}", scale)]


async def _get(http: aiohttp.ClientSession, address: str) -> bytes:
    async with http.get(address) as answer:
        answer.raise_for_status()
        return await answer.read()


def _time_dumps(listed: Any) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.thread_time()
    json.dumps(listed, ensure_ascii=False).encode()
    return time.perf_counter() - wall, time.thread_time() - cpu


async def _latency_meanwhile(url: str, address: str, what: str, scale: Scale) -> Figure:
    """Measure small requests on one connection: alone, and while another connection requests lists without a pause."""
    port = world.port_of(url)
    small = load.request(port, "/openwx/get_user_info")
    big = load.request(port, address.removeprefix(url))
    alone: list[float] = []
    beside: list[float] = []
    lists = 0
    for _ in range(scale.of(5, 2)):
        alone += await _latencies(port, small, 1.0)
        loop = asyncio.get_running_loop()
        _, drain = await loop.create_connection(lambda: load.Drain(big), "127.0.0.1", port)
        beside += await _latencies(port, small, 2.0)
        drain.close()
        lists += drain.count
    return Figure(
        what=f"{what}: p99 of other requests while it streams",
        value=percentile(beside, 99) * 1e3,
        unit="ms",
        target=20,
        at_least=False,
        detail={
            "p50 ms": percentile(beside, 50) * 1e3,
            "p99 ms without it": percentile(alone, 99) * 1e3,
            "requests": len(beside),
            "lists": lists,
        },
    )


async def _latencies(port: int, request: bytes, seconds: float) -> list[float]:
    made = await load.callers(port, [request])
    await asyncio.sleep(seconds)
    await load.stop(made)
    return [latency for caller in made for latency in caller.latencies]

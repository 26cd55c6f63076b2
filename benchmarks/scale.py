"""The chart of cost by size: ``python -m benchmarks.scale docs/scale.svg`` measures, prints the figures and draws them.

It measures 1, 10 and 100 accounts, and 100, 1,000 and 10,000 friends.
"""

import asyncio
import json
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp

from benchmarks import machine, world
from benchmarks.rows import chatter, idle
from openwx.simulator import Simulator

ACCOUNTS = (1, 10, 100)
FRIENDS = (100, 1_000, 10_000)
Points = dict[str, list[float]]


async def by_accounts() -> Points:
    points: Points = {
        "memory, MiB": [],
        "p50 of a message, ms": [],
        "p99 of a message, ms": [],
        "CPU of a message, ms": [],
    }
    for count in ACCOUNTS:
        memory_kb, _ = await idle.measure(count, 1, 25)
        _, latency = await chatter.measure(count, 10)
        points["memory, MiB"].append(memory_kb / 1024)
        points["p50 of a message, ms"].append(float(latency.detail["p50 ms"]))
        points["p99 of a message, ms"].append(latency.value)
        points["CPU of a message, ms"].append(float(latency.detail["CPU % of a core"]) * 10 / count)
    return points


async def by_friends() -> Points:
    points: Points = {}
    for count in FRIENDS:
        for name, value in (await _with_friends(count)).items():
            points.setdefault(name, []).append(value)
    return points


async def _with_friends(count: int) -> dict[str, float]:
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(world.folder())
        simulator = await stack.enter_async_context(Simulator(friends=count, groups=0))
        gateway = world.gateway(simulator, folder / "data", command=world.WATCHED)
        began = time.perf_counter()
        program, url = await stack.enter_async_context(gateway)
        started_s = time.perf_counter() - began
        http = await stack.enter_async_context(aiohttp.ClientSession())
        memory_kb = machine.memory_kb(program.pid)
        lists, searches, longest = [], [], []
        for _ in range(15):
            await program.ask()
            lists.append(await _timed_get(http, f"{url}/openwx/get_friend_info"))
            longest.append((await program.ask())["longest_cpu_s"])
            searches.append(await _timed_get(http, f"{url}/openwx/search_friend?displayname=momo"))
        return {
            "memory, MiB": memory_kb / 1024,
            "start and login, ms": started_s * 1e3,
            "get_friend_info, ms": median(lists) * 1e3,
            "its longest hold of the loop, ms": median(longest) * 1e3,
            "search_friend, ms": median(searches) * 1e3,
        }


async def _timed_get(http: aiohttp.ClientSession, address: str) -> float:
    began = time.perf_counter()
    async with http.get(address) as answer:
        await answer.read()
    return time.perf_counter() - began


def draw(accounts: Points, friends: Points, file: Path) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "openwx"  # equal figures make equal files
    mpl.rcParams["svg.fonttype"] = "none"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 2, figsize=(9.5, 6.5), layout="constrained")
    for row, (what, sizes, points) in enumerate(
        (("accounts", ACCOUNTS, accounts), ("friends", FRIENDS, friends))
    ):
        for column, unit in enumerate(("MiB", "ms")):
            panel = axes[row][column]
            for name, values in points.items():
                if name.endswith(unit):
                    label = name.removesuffix(f", {unit}")
                    panel.plot(sizes, values, marker="o", label=label)
                    panel.annotate(
                        f"{values[-1]:,.0f}" if values[-1] >= 100 else f"{values[-1]:.3g}",
                        (sizes[-1], values[-1]),
                        xytext=(5, 0),
                        textcoords="offset points",
                        va="center",
                        fontsize=8,
                    )
            panel.set_xscale("log")
            panel.set_xticks(sizes, [f"{size:,}" for size in sizes])
            panel.minorticks_off()
            panel.set_xlim(sizes[0] / 1.5, sizes[-1] * 2.5)
            panel.margins(y=0.15)
            if unit == "ms":
                panel.set_yscale("log")
            else:
                panel.set_ylim(bottom=0)
            panel.set_xlabel(what)
            panel.set_ylabel(unit)
            panel.grid(visible=True, alpha=0.3)
            panel.legend(fontsize=8)
    figure.savefig(file, metadata={"Date": None})


async def main(file: Path) -> None:
    machine.pin(machine.cores()[1])
    accounts, friends = await by_accounts(), await by_friends()
    measured: dict[str, Any] = {
        "machine": machine.description(),
        "accounts": accounts,
        "friends": friends,
    }
    print(json.dumps(measured, indent=2))
    await asyncio.to_thread(draw, accounts, friends, file)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))

"""Row ``hop``: a call at the node that runs its account, against the same call at another one, which forwards it.

Both nodes use any core: a call goes to and fro between them.
"""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass

from benchmarks import load, machine, world
from benchmarks.database import database
from benchmarks.figures import Figure
from benchmarks.nodes import Cluster, Node
from benchmarks.rounds import high, low, middle, percentile
from benchmarks.rows import Scale
from openwx import store
from openwx.simulator import Simulator
from openwx.store.records import AccountRecord

CALLERS = 16
OTHERS = 1000
"""Accounts that are stopped: no node has to do anything for them."""
TOKEN = "a-token-of-some-length-4f1b"
PATH = "/openwx/get_user_info?client=default"


@dataclass(frozen=True, slots=True)
class Round:
    """The calls of one round at one node, and what both nodes took for each."""

    rate: float
    p50_ms: float
    called_us: float
    """CPU time of the node that was called, for each call, in microseconds."""
    other_us: float

    @property
    def cost_us(self) -> float:
        return self.called_us + self.other_us


async def run(scale: Scale) -> list[Figure]:
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(world.folder())
        server = stack.enter_context(database(folder))
        simulator = await stack.enter_async_context(Simulator())
        settings = {
            "ACCESS__TOKEN": TOKEN,
            "ACCOUNTS__DEFAULT__BASE_URL": simulator.url,
        }
        cluster = await stack.enter_async_context(
            Cluster(simulator, folder, server.url, settings, token=TOKEN)
        )
        everywhere = set.union(*machine.cores())
        owner = await cluster.start("owner", everywhere)
        await cluster.log_in()
        other = await cluster.start("other", everywhere)
        pairs = {
            callers: await _pairs(owner, other, callers, scale.of(11, 3))
            for callers in (1, CALLERS)
        }
        await _add_stopped(server.url)
        with_others = await _pairs(owner, other, CALLERS, scale.of(11, 3))
    return [_added(pairs[1]), _throughput(pairs[CALLERS]), _beside(pairs[CALLERS], with_others)]


async def _add_stopped(url: str) -> None:
    async with store.open(url) as journal:
        for number in range(OTHERS):
            name = f"other{number}"
            await journal.save_account(
                AccountRecord(account=name, wanted=False, settings=b"{}", origin="api")
            )


async def _pairs(owner: Node, other: Node, callers: int, rounds: int) -> list[tuple[Round, Round]]:
    """Measure rounds in alternating order. Returns each with a hop, and without."""
    pairs = []
    for number in range(rounds + 1):
        if number % 2:
            hop = await _round(other, owner, callers)
            direct = await _round(owner, other, callers)
        else:
            direct = await _round(owner, other, callers)
            hop = await _round(other, owner, callers)
        pairs.append((hop, direct))
    return pairs[1:]  # the first one warms up


async def _round(called: Node, other: Node, callers: int, seconds: float = 0.8) -> Round:
    request = load.request(called.port, PATH, f"Authorization: Bearer {TOKEN}\r\n")
    pids = called.program.pid, other.program.pid
    before = [machine.cpu_s(pid) for pid in pids]
    began = time.perf_counter()
    made = await load.callers(called.port, [request] * callers)
    await asyncio.sleep(seconds)
    await load.stop(made)
    took_s = time.perf_counter() - began
    used_s = [machine.cpu_s(pid) - cpu for pid, cpu in zip(pids, before, strict=True)]
    latencies = [one for caller in made for one in caller.latencies]
    called_us, other_us = (used / len(latencies) * 1e6 for used in used_s)
    return Round(len(latencies) / took_s, percentile(latencies, 50) * 1e3, called_us, other_us)


def _added(pairs: list[tuple[Round, Round]]) -> Figure:
    added = [hop.p50_ms - direct.p50_ms for hop, direct in pairs]
    return Figure(
        what="a call that another node forwards: p50 above a direct one",
        value=middle(added),
        unit="ms",
        target=1.5,
        at_least=False,
        worst=high(added),
        detail=_detail(pairs),
    )


def _throughput(pairs: list[tuple[Round, Round]]) -> Figure:
    rates = [hop.rate / direct.rate for hop, direct in pairs]
    return Figure(
        what=f"calls that another node forwards, {CALLERS} callers ÷ direct ones",
        value=middle(rates),
        worst=low(rates),
        by_cpu=middle([direct.cost_us / hop.cost_us for hop, direct in pairs]),
        detail=_detail(pairs),
    )


def _beside(alone: list[tuple[Round, Round]], with_others: list[tuple[Round, Round]]) -> Figure:
    without_us = middle([hop.called_us for hop, _ in alone])
    return Figure(
        what=f"CPU of a forwarded call with {OTHERS:,} more accounts ÷ without, where it is called",
        value=middle([hop.called_us for hop, _ in with_others]) / without_us,
        target=1.5,
        at_least=False,
        worst=high([hop.called_us for hop, _ in with_others]) / without_us,
        detail=_detail(with_others),
    )


def _detail(pairs: list[tuple[Round, Round]]) -> dict[str, float | str]:
    hops, directs = zip(*pairs, strict=True)
    more_us = middle([hop.cost_us - direct.cost_us for hop, direct in pairs])
    return {
        "CPU ms above a direct one": more_us / 1e3,
        "p50 ms": middle([one.p50_ms for one in hops]),
        "direct p50 ms": middle([one.p50_ms for one in directs]),
        "a second": middle([one.rate for one in hops]),
        "direct a second": middle([one.rate for one in directs]),
        "CPU µs where it is called": middle([one.called_us for one in hops]),
        "CPU µs where the account is": middle([one.other_us for one in hops]),
        "direct CPU µs": middle([one.called_us for one in directs]),
    }

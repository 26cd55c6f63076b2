"""Row ``takeover``: how long the accounts of a node that ends are called by nobody.

Three nodes share the accounts. One is killed, or stopped in order; the time ends when another one calls WeChat for the
last of its accounts. Then it starts again.
"""

import asyncio
import os
import signal
import time
from contextlib import AsyncExitStack

from benchmarks import crowd, machine, world
from benchmarks.database import database
from benchmarks.figures import Figure
from benchmarks.nodes import Cluster, busiest
from benchmarks.rounds import high, middle
from benchmarks.rows import Scale
from openwx.simulator import Simulator

NODES = ("one", "two", "three")
ACCOUNTS = 6
LEASE_S = 15
HOLD_S = 25.0
"""How long WeChat holds a poll."""
FIRST_CALL = "webwxinit"
"""With it a node begins to go on with a session. While an account runs it is not made."""
JOIN_PAUSE_S = 3.0
SETTLES_S = JOIN_PAUSE_S + LEASE_S / 5 + 1
"""Time after which a node that has joined takes accounts, in seconds."""
TARGETS_S = {signal.SIGKILL: 30.0, signal.SIGTERM: 1.0}
WHAT = {
    signal.SIGKILL: f"a node is killed, lease {LEASE_S} s: until others have called WeChat for all of its accounts",
    signal.SIGTERM: "a node is stopped by SIGTERM: the same",
}


class Takeovers:
    """Ends nodes, and measures how long it takes until others have their accounts."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._uins: dict[str, str] = {}

    async def begin(self) -> None:
        await asyncio.gather(*(self._start(name) for name in NODES))
        await self._cluster.log_in()
        self._uins = await self._cluster.uins([*await self._cluster.until_running()])

    async def measure(self, how: signal.Signals) -> tuple[list[float], float]:
        """End the node that has most accounts.

        Returns the seconds until each of them was called for elsewhere, and until its process had ended.
        """
        owners = await self._cluster.until_running()
        name = busiest(owners)
        lost = [self._uins[account] for account, node in owners.items() if node == name]
        program = self._cluster.nodes.pop(name).program
        began = time.time()
        os.kill(program.pid, how)
        await program.ends()
        ended_s = time.time() - began
        calls = await asyncio.gather(*(self._call(uin, began) for uin in lost))
        after = await self._cluster.until_running()
        assert name not in after.values()
        await self._start(name)
        await asyncio.sleep(SETTLES_S)
        return [at - began for at in calls], ended_s

    async def _start(self, name: str) -> None:
        await self._cluster.start(name, machine.cores()[0], join_pause_s=JOIN_PAUSE_S)

    async def _call(self, uin: str, since: float) -> float:
        """Wait for the first call for an account, and return its time."""
        async with asyncio.timeout(4 * LEASE_S):
            while True:
                found = [
                    call.time
                    for call in self._cluster.simulator.calls_of(FIRST_CALL)
                    if call.time > since and call.cookies.get("wxuin") == uin
                ]
                if found:
                    return found[0]
                await asyncio.sleep(0.02)


async def run(scale: Scale) -> list[Figure]:
    seconds: dict[signal.Signals, list[float]] = {how: [] for how in WHAT}
    firsts: dict[signal.Signals, list[float]] = {how: [] for how in WHAT}
    ends: dict[signal.Signals, list[float]] = {how: [] for how in WHAT}
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(world.folder())
        server = stack.enter_context(database(folder))
        simulator = await stack.enter_async_context(Simulator(hold_s=HOLD_S))
        settings = crowd.accounts(simulator, ACCOUNTS) | {"CLUSTER__LEASE": str(LEASE_S)}
        takeovers = Takeovers(
            await stack.enter_async_context(Cluster(simulator, folder, server.url, settings))
        )
        await takeovers.begin()
        for _ in range(scale.of(5, 1)):
            for how in WHAT:
                calls, ended_s = await takeovers.measure(how)
                seconds[how].append(max(calls))
                firsts[how].append(min(calls))
                ends[how].append(ended_s)
    return [
        Figure(
            what=what,
            value=middle(seconds[how]),
            unit="s",
            target=TARGETS_S[how],
            at_least=False,
            worst=high(seconds[how]),
            detail={
                "rounds": len(seconds[how]),
                "first account s": middle(firsts[how]),
                "longest s": max(seconds[how]),
                "until its process ended s": middle(ends[how]),
            },
        )
        for how, what in WHAT.items()
    ]

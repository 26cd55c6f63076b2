"""Row ``thousand``: what an account and a message take of one node with PostgreSQL, for ``benchmarks.thousand``.

It measures a node with one account and one with 100: idle, with messages, and started again with their sessions.
"""

import asyncio
import ssl
import time
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import trustme

from benchmarks import crowd, machine, world
from benchmarks.database import Server, Used, database, used
from benchmarks.figures import Figure
from benchmarks.nodes import Cluster, Node
from benchmarks.receiver import Receiver
from benchmarks.rows import Scale
from benchmarks.rows.idle import FRIENDS, GROUPS, MEMBERS
from openwx.simulator import Simulator

ACCOUNTS = 100
PAUSE_S = 3.0
"""Seconds between two messages of an account: 33 messages a second, as each of three nodes has for 1,000 accounts that
get a message every ten seconds."""
HOLD_S = 25.0
"""How long WeChat holds a poll."""


@dataclass(frozen=True, slots=True)
class Span:
    """What was used in a span of time."""

    seconds: float
    cpu_s: float
    server: Used


@dataclass(frozen=True, slots=True)
class Measured:
    """What a node with some accounts took."""

    idle: Span
    memory_kb: int
    open_files: int
    busy: Span
    messages: int
    started_cpu_s: float
    """CPU time of a new process of the node until its accounts ran."""


async def run(scale: Scale) -> list[Figure]:
    one = await measure(1, scale)
    many = await measure(ACCOUNTS, scale)
    return [_idle(one, many), _message(many), _take(one, many)]


async def measure(count: int, scale: Scale) -> Measured:
    """Measure a node with ``count`` accounts."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(world.folder())
        server = stack.enter_context(database(folder))
        receiver = await stack.enter_async_context(Receiver())
        authority = trustme.CA()
        trusted = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(trusted))
        simulator = await stack.enter_async_context(_simulator(authority))
        settings = crowd.accounts(simulator, count) | {"REPORT__POST_API": receiver.url}
        cluster = await stack.enter_async_context(Cluster(simulator, folder, server.url, settings))
        node = await _start(cluster, trusted)
        await cluster.log_in()
        await asyncio.sleep(5)  # the work after a login ends
        seconds = scale.of(30, 10)
        idle = await _span(node, server, asyncio.sleep(seconds))
        memory_kb = machine.memory_kb(node.program.pid)
        open_files = machine.open_files(node.program.pid)
        messages = count * int(seconds / PAUSE_S)
        busy = await _span(node, server, _chatter(simulator, receiver, seconds))
        await node.program.kill()
        node = await _start(cluster, trusted)
        await cluster.until_running()
        started_cpu_s = machine.cpu_s(node.program.pid)
    return Measured(idle, memory_kb, open_files, busy, messages, started_cpu_s)


def _simulator(authority: trustme.CA) -> Simulator:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    return Simulator(
        friends=FRIENDS,
        groups=GROUPS,
        biggest_group=MEMBERS,
        group_members=MEMBERS,
        tls=tls,
        hold_s=HOLD_S,
    )


async def _start(cluster: Cluster, trusted: Path) -> Node:
    return await cluster.start(
        "one", machine.cores()[0], environment={"SSL_CERT_FILE": str(trusted)}
    )


async def _span(node: Node, server: Server, what: Awaitable[None]) -> Span:
    before, cpu, began = await used(server), machine.cpu_s(node.program.pid), time.perf_counter()
    await what
    seconds = time.perf_counter() - began
    return Span(seconds, machine.cpu_s(node.program.pid) - cpu, await used(server) - before)


async def _chatter(simulator: Simulator, receiver: Receiver, seconds: float) -> None:
    """Write to each account once in ``PAUSE_S``, spread evenly, and wait for all reports."""
    accounts = simulator.accounts
    count, began = receiver.count, time.perf_counter()
    for turn in range(int(seconds / PAUSE_S)):
        for number, account in enumerate(accounts):
            at = began + (turn + number / len(accounts)) * PAUSE_S
            await asyncio.sleep(max(0.0, at - time.perf_counter()))
            account.friends[turn % len(account.friends)].says("在吗？周末一起爬山吗？")
            count += 1
    await receiver.until(count, timeout_s=30)


def _idle(one: Measured, many: Measured) -> Figure:
    a, b = one.idle, many.idle
    more = ACCOUNTS - 1

    def each(first: float, all_: float) -> float:
        """Return what each further account takes, of what one and all of them took for each second."""
        return max(0.0, (all_ / b.seconds - first / a.seconds) / more)

    cpu_s = each(a.cpu_s, b.cpu_s) * 1e3
    return Figure(
        what="one node with PostgreSQL: CPU of each idle account",
        value=cpu_s / 10,
        unit="%",
        detail={
            "node_cpu_s": a.cpu_s / a.seconds * 1e3,
            "node_server_cpu_s": a.server.cpu_s / a.seconds * 1e3,
            "node_wal_bytes_s": a.server.wal_bytes / a.seconds,
            "node_flushes_s": a.server.flushes / a.seconds,
            "node_memory_kb": one.memory_kb,
            "account_cpu_s": cpu_s,
            "account_server_cpu_s": each(a.server.cpu_s, b.server.cpu_s) * 1e3,
            "account_wal_bytes_s": each(a.server.wal_bytes, b.server.wal_bytes),
            "account_flushes_s": each(a.server.flushes, b.server.flushes),
            "account_memory_kb": (many.memory_kb - one.memory_kb) / more,
            "account_open_files": (many.open_files - one.open_files) / more,
        },
    )


def _message(many: Measured) -> Figure:
    """Calculate what a message takes above what idle accounts take."""
    idle, busy = many.idle, many.busy
    share = busy.seconds / idle.seconds

    def each(quiet: float, all_: float) -> float:
        return (all_ - quiet * share) / many.messages

    cpu = each(idle.cpu_s, busy.cpu_s) * 1e3
    return Figure(
        what="one node with PostgreSQL: CPU of a message",
        value=cpu,
        unit="ms",
        detail={
            "message_cpu": cpu,
            "message_server_cpu": each(idle.server.cpu_s, busy.server.cpu_s) * 1e3,
            "message_wal_bytes": each(idle.server.wal_bytes, busy.server.wal_bytes),
            "message_flushes": each(idle.server.flushes, busy.server.flushes),
        },
    )


def _take(one: Measured, many: Measured) -> Figure:
    cpu = (many.started_cpu_s - one.started_cpu_s) / (ACCOUNTS - 1) * 1e3
    return Figure(
        what="one node with PostgreSQL: CPU of an account's start with its session",
        value=cpu,
        unit="ms",
        detail={"take_cpu": cpu},
    )

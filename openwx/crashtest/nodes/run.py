"""Runs the crash test of several nodes: rounds of a fault and calm, then the verdict.
The package calls it.
"""

import asyncio
import itertools
import math
import random
import shutil
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
from yarl import URL

from openwx.crashtest import postgres
from openwx.crashtest.process import Failed, reasons
from openwx.crashtest.receiver import Mood
from openwx.crashtest.run import CALLER_TIMEOUT, TRANSPORTS
from openwx.crashtest.services import Receiver
from openwx.crashtest.settling import Settling
from openwx.crashtest.traffic import Traffic
from openwx.crashtest.verdict import Records, emptiness, figures
from openwx.crashtest.wechat import WeChat

from . import terms
from .callbook import DOMAIN, CallBook, NotedCall
from .faults import Chosen, Drawn, Fault, ServerKilled
from .listener import Listener
from .network import Loopback, Namespace, Namespaces, Place
from .node import AnyNode, Node
from .wire import Wire

SCHEMA = "openwx"
TRACEBACKS = "tracebacks in the log of"
"""A part of the complaint about those."""
_EXCUSED = 0
STREAMED_WITHIN_S = 30.0
OCCURS_WITHIN_S = 60.0
BURST_S = 0.4


@dataclass(frozen=True, slots=True)
class NodesPlan:
    """What to run. ``seed`` repeats the people and the faults, but not the timing of the machine."""

    seed: int
    faults: int
    nodes: int = 3
    accounts: int = 3
    lease_s: float = 2.0
    transport: str = "web"
    namespaces: bool = False
    """Whether each node is in a network namespace of its own, where a partition is a real one."""
    chosen: Sequence[Sequence[Chosen]] = ()
    """The faults one after the other, or several at a time, without a pause between them; else they are drawn."""
    program: Sequence[str] = ("openwx.crashtest.nodes.program",)
    """The module that is a node, with its first arguments."""
    folder: Path | None = None
    """The folder of data, logs and complaints; None for a temporary one, which stays after a failure."""

    @property
    def promise_s(self) -> float:
        """Within that time after a fault all accounts are called again, in seconds: two leases, and the time of a busy
        machine for starts and logins."""
        return 2 * self.lease_s + 20.0


class Line:
    """One account: its WeChat, its backend, and the people and callers who use it."""

    def __init__(
        self, account: str, wechat: WeChat, receiver: Receiver, door: AnyNode, plan: NodesPlan
    ) -> None:
        self.account = account
        self.wechat = wechat
        self.receiver = receiver
        self._door = door
        self._plan = plan
        self.traffic: Traffic
        self.listener: Listener

    @property
    def arrived(self) -> list[str]:
        """The uids of the messages that arrived at the backend."""
        payloads = (one.payload for one in self.receiver.arrivals)
        return [one["uid"] for one in payloads if one["post_type"] == "receive_message"]

    async def prepare(self, nodes: Sequence[Node], http: aiohttp.ClientSession) -> None:
        await self.wechat.prepare()
        chats = [
            replace(chat, selector={**chat.selector, "client": self.account})
            for chat in await self.wechat.chats()
        ]
        seed = f"{self._plan.seed}:{self.account}"
        self.traffic = Traffic(self.wechat, self._door, chats, seed, http)
        self.listener = Listener(self.account, nodes, f"{seed}:listener")

    async def emptiness(self) -> list[str]:
        """List what has not occurred yet."""
        told, traffic = await self.wechat.told(), self.traffic
        of = (traffic.written, told, self.receiver.arrivals, traffic.sent)
        return emptiness(Records(*of, drops_repeats=self.wechat.drops_repeats))

    def excuse(self, nodes: Sequence[Node]) -> int:
        """Excuse sends whose outcome was told while it was in memory alone, and was lost with the account.

        Return how many there are.
        """
        lost = {id_ for node in nodes for id_ in node.lost_outcomes}
        sent = self.traffic.sent
        excused = [text for text, id_ in sent.msg_ids.items() if id_ in lost]
        sent.without_room |= dict.fromkeys(excused, _EXCUSED)
        return len(excused)


def main(plan: NodesPlan) -> int:
    """Run the test and print the result. Return the exit code: 0 if all checks passed."""
    folder = (plan.folder or Path(tempfile.mkdtemp(prefix="openwx-crash-"))).resolve()
    wrong = run(replace(plan, folder=folder))
    if wrong:
        (folder / "complaints.txt").write_text("\n".join(wrong), encoding="utf-8")
        shown = "\n".join(wrong[:20])
        print(f"FAILED with {len(wrong)} complaints (seed {plan.seed}, {folder}):\n{shown}")
        return 1
    print(
        "Nothing was lost, duplicated, reordered or reported wrongly, and no account had two owners."
    )
    if plan.folder is None:
        shutil.rmtree(folder)
    return 0


def run(plan: NodesPlan) -> list[str]:
    """Run the test in the plan's folder, and return the complaints."""
    folder = plan.folder
    assert folder is not None
    folder.mkdir(parents=True, exist_ok=True)
    print(
        f"{plan.nodes} nodes, {plan.accounts} accounts, {plan.transport}, a lease of {plan.lease_s:g} s, seed"
        f" {plan.seed}, {plan.faults} faults; logs in {folder}",
        flush=True,
    )
    try:
        with postgres.server() as server:
            server.create()
            server.start()
            return asyncio.run(_run(plan, folder, server))
    except* postgres.NoServer as errors:
        wrong = reasons(errors)
    except* Failed as failures:
        wrong = reasons(failures)
    return wrong


async def _run(plan: NodesPlan, folder: Path, server: postgres.Server) -> list[str]:
    calls: list[NotedCall] = []
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession(timeout=CALLER_TIMEOUT))
        onward = await stack.enter_async_context(
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None), auto_decompress=False)
        )
        nodes: list[Node] = []
        door = AnyNode(nodes, f"{plan.seed}:callers")
        lines = [
            await _line(plan, f"a{n + 1}", folder, http, door, stack) for n in range(plan.accounts)
        ]
        if plan.namespaces:
            await stack.enter_async_context(Namespaces())
        settings = {line.account: await _settings(plan, line, stack) for line in lines}
        nodes += [
            await _node(plan, f"n{number + 1}", folder, server, calls, onward, settings, stack)
            for number in range(plan.nodes)
        ]
        for line in lines:
            await line.prepare(nodes, http)
        await nodes[0].start_until_it_listens()
        await terms.note(server.url, SCHEMA)
        for node in nodes[1:]:
            await node.start_until_it_listens()
        rounds = _Rounds(plan, nodes, server, lines, calls)
        await rounds.until_called(time.time() - plan.promise_s)
        door.runs.set()
        async with _listening(lines):
            async with _traffic(lines):
                await rounds.run()
                await rounds.until_all_occurred()
            for line in lines:
                line.excuse(nodes)
            records, wrong = await _settled(lines, nodes, http)
            wrong += await _streamed(lines)
        wrong += rounds.wrong
        for node in nodes:
            await node.terminate_in_order()
            if node.tracebacks:
                wrong.append(f"{node.tracebacks} {TRACEBACKS} {node.name}")
        claims = await terms.noted(server.url, SCHEMA)
        wrong += terms.complaints(claims, calls, {node.name: node.continued for node in nodes})
        wrong += await terms.strange_writes(server.url, SCHEMA)
        for line, one in records.items():
            wrong += [f"{line.account}: {each}" for each in emptiness(one)]
        print(rounds.summary())
        print(
            f"{len(calls)} calls to WeChat in {len(claims)} terms,"
            f" {terms.late_calls(claims, calls)} of them after the claim of the next owner"
        )
        for line, one in records.items():
            excused = line.excuse(nodes)
            print(
                f"{line.account}: {figures(one)}; {excused} outcomes lost in an outage of the node"
            )
        return wrong


async def _line(
    plan: NodesPlan,
    account: str,
    folder: Path,
    http: aiohttp.ClientSession,
    door: AnyNode,
    stack: AsyncExitStack,
) -> Line:
    own = folder / account
    own.mkdir(exist_ok=True)
    seed = plan.seed + int(account[1:])
    wechat = TRANSPORTS[plan.transport](seed, folder=own, http=http)
    receiver = Receiver("post_api", seed, folder=own, http=http)
    for service in (wechat, receiver):
        stack.push_async_callback(service.close)
        await service.start()
    return Line(account, wechat, receiver, door, plan)


async def _settings(
    plan: NodesPlan, line: Line, stack: AsyncExitStack
) -> Mapping[str, str | float]:
    backend = URL(line.receiver.url)
    if plan.namespaces:  # it listens on loopback
        assert backend.port is not None
        relay = Wire(backend.port)
        stack.push_async_callback(relay.close)
        await relay.start(Namespaces.here)
        host, port = relay.address
        backend = backend.with_host(host).with_port(port)
    return {
        "transport": line.wechat.transport,
        "base_url": str(URL(line.wechat.url).with_host(f"{line.account}{DOMAIN}")),
        "post_api": str(backend),
        "send_interval": 0,
    }


async def _node(
    plan: NodesPlan,
    name: str,
    folder: Path,
    server: postgres.Server,
    calls: list[NotedCall],
    onward: aiohttp.ClientSession,
    accounts: Mapping[str, Mapping[str, str | float]],
    stack: AsyncExitStack,
) -> Node:
    number = int(name[1:])
    place: Place = Namespace(number, server.port) if plan.namespaces else Loopback(server.port)
    stack.push_async_callback(place.close)
    await place.start()
    book = CallBook(name, calls, onward)
    stack.push_async_callback(book.close)
    await book.start(place.here)
    node = Node(
        name,
        program=plan.program,
        folder=folder,
        lease_s=plan.lease_s,
        place=place,
        book=book,
        accounts=accounts,
    )
    stack.push_async_callback(node.close)
    return node


@asynccontextmanager
async def _traffic(lines: Sequence[Line]) -> AsyncIterator[None]:
    """Let friends write and callers send during the rounds."""
    async with asyncio.TaskGroup() as tasks:
        callers: list[asyncio.Task[None]] = []
        for line in lines:
            tasks.create_task(line.traffic.write(0.1))
            callers += [
                tasks.create_task(line.traffic.send(later=True, pause_s=0.4)),
                *(tasks.create_task(line.traffic.send(later=False, pause_s=0.2)) for _ in range(2)),
            ]
        yield
        for line in lines:
            line.traffic.stop_writing()
        for task in callers:
            task.cancel()


@asynccontextmanager
async def _listening(lines: Sequence[Line]) -> AsyncIterator[None]:
    """Let a program follow each account."""
    async with asyncio.TaskGroup() as tasks:
        listeners = [tasks.create_task(line.listener.run()) for line in lines]
        yield
        for task in listeners:
            task.cancel()


async def _streamed(lines: Sequence[Line]) -> list[str]:
    """Wait until the streams have given what arrived, and list what is wrong with them."""
    deadline = time.monotonic() + STREAMED_WITHIN_S
    while any(line.listener.lacks(line.arrived) for line in lines):
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(0.05)
    return [
        f"{line.account}: {one}" for line in lines for one in line.listener.complaints(line.arrived)
    ]


class _Rounds:
    def __init__(
        self,
        plan: NodesPlan,
        nodes: Sequence[Node],
        server: postgres.Server,
        lines: Sequence[Line],
        calls: Sequence[NotedCall],
    ) -> None:
        self.wrong: list[str] = []
        self._plan = plan
        self._calls = calls
        self._lines = lines
        self._server = server
        self._draw = random.Random(f"{plan.seed}:rounds")
        self._nodes = nodes
        self._drawn = Drawn(f"{plan.seed}:faults", nodes, server, plan.lease_s)
        self._count: Counter[str] = Counter()
        self._took: defaultdict[str, list[float]] = defaultdict(list)

    async def run(self) -> None:
        """Run all rounds."""
        done = 0
        for number in itertools.count():
            await self._begin_round(number)
            faults = await self._next(number, done)
            if not faults:
                break
            is_outage = len(faults) == 1 and isinstance(faults[0], ServerKilled)
            owned = await self._owned()
            began = time.time()
            async with self._burst(faults):
                await asyncio.gather(*(fault.run() for fault in faults))
            took_s = await self.until_called(time.time())
            if is_outage:
                self.wrong += [
                    f"{one}, although it was {faults[0]} alone"
                    for one in terms.moved(owned, await self._owned())
                ]
            done += len(faults)
            shown = " and ".join(map(str, faults))
            self._count.update(fault.name for fault in faults)
            if len(faults) == 1 and not is_outage:
                self._note_takeover(faults[0], began)
            print(f"  {done}: {shown}: all called again after {took_s:.1f} s", flush=True)
            if math.isinf(took_s):
                self.wrong.append(
                    f"after {shown} not every account was called within {self._plan.promise_s:g} s"
                )

    async def _next(self, number: int, done: int) -> Sequence[Fault]:
        """Return what happens in a round; nothing where all is done."""
        if chosen := self._plan.chosen:
            return [one.of(self._nodes, self._server) for one in [*chosen, ()][number]]
        if done >= self._plan.faults:
            return []
        await asyncio.sleep(self._drawn.pause_s())
        return self._drawn.next([node for _, node in (await self._owned()).values()])

    @asynccontextmanager
    async def _burst(self, faults: Sequence[Fault]) -> AsyncIterator[None]:
        """Have many sends be accepted just when answers of PostgreSQL are lost: what is told of them must be true."""
        async with asyncio.TaskGroup() as tasks:
            if any(fault.loses_answers for fault in faults):
                for line in self._lines:
                    tasks.create_task(line.traffic.burst(3, BURST_S))
                await asyncio.sleep(BURST_S / 2)
            yield

    async def _owned(self) -> dict[str, tuple[int, str]]:
        return await terms.owned(self._server.url, SCHEMA)

    async def _begin_round(self, number: int) -> None:
        for line in self._lines:
            await line.wechat.begin_round(number, self._draw)

    async def until_all_occurred(self) -> None:
        """Let the traffic go on until the verdict is on all that it should be on, or for too long."""
        await self._begin_round(0)
        deadline = time.monotonic() + OCCURS_WITHIN_S
        while time.monotonic() < deadline:
            if not any([await line.emptiness() for line in self._lines]):
                break
            await asyncio.sleep(0.5)

    async def until_called(self, since: float) -> float:
        """Wait until each account was called after a moment. Return the seconds; infinite where that was too long."""
        waiting = {line.account for line in self._lines}
        while waiting:
            for call in reversed(self._calls):
                if call.at < since:
                    break
                waiting.discard(call.account)
            if time.time() - since > self._plan.promise_s:
                return math.inf
            await asyncio.sleep(0.05)
        return time.time() - since

    def _note_takeover(self, fault: Fault, began: float) -> None:
        """Note how long an account of the hit node was called by nobody, if another node took it."""
        [hit] = fault.hit
        last: dict[str, NotedCall] = {}
        for call in self._calls:
            former = last.get(call.account)
            if former and call.at > began and former.node == hit.name != call.node:
                self._took[fault.name].append(call.at - max(began, former.at))
            last[call.account] = call

    def summary(self) -> str:
        counts = ", ".join(f"{n} × {what}" for what, n in sorted(self._count.items()))
        moves = "; ".join(
            f"{name}: {len(took)} accounts called elsewhere after {min(took):.1f} to {max(took):.1f} s"
            for name, took in sorted(self._took.items())
        )
        return f"{counts}\n{moves}" if moves else counts


async def _settled(
    lines: Sequence[Line], nodes: Sequence[Node], http: aiohttp.ClientSession
) -> tuple[dict[Line, Records], list[str]]:
    """Wait for the rest of all traffic."""
    for line in lines:
        await line.wechat.calm_down()
        await line.receiver.set_mood(Mood.CALM)
    ends = await asyncio.gather(
        *(
            Settling(
                line.wechat, line.receiver, line.traffic, retry=_Retry(line.account, nodes, http)
            ).run({_EXCUSED})
            for line in lines
        )
    )
    wrong = [
        f"{line.account}: {one}"
        for line, (_, complaints) in zip(lines, ends, strict=True)
        for one in complaints
    ]
    return {line: records for line, (records, _) in zip(lines, ends, strict=True)}, wrong


class _Retry:
    """Has the waiting deliveries of an account tried now, by whichever node owns it."""

    def __init__(self, account: str, nodes: Sequence[Node], http: aiohttp.ClientSession) -> None:
        self._account = account
        self._nodes = nodes
        self._http = http

    async def __call__(self) -> None:
        of = {"client": self._account}
        for node in self._nodes:
            url = f"{node.url}/openwx"
            params = {"state": "waiting", "limit": "1000", **of}
            async with self._http.get(f"{url}/outbox", params=params) as answer:
                waiting = (await answer.json()).get("deliveries", [])
            for one in waiting:
                if one["next_try"]:
                    named = {"id": str(one["id"]), "target": one["target"], **of}
                    async with self._http.post(f"{url}/outbox_retry", data=named):
                        continue

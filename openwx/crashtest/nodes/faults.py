"""What happens to the nodes and to PostgreSQL: each fault begins, lasts, and is over.
``run`` draws them.
"""

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from openwx.crashtest.postgres import Server

from .node import Node
from .wire import Way

OF_OWNERS = 0.75
"""The share of the faults that hit a node which owns an account, where they are not drawn so by chance."""
LONGEST_LEASES = 4.0
"""How long a fault lasts at most, in leases."""


class Fault(ABC):
    """``hit``: the nodes that it hits. ``lasts_s``: how long, in seconds."""

    name: str
    least_leases = 0.5
    """How long it lasts at least, in leases."""
    is_outage = True
    """Whether the nodes go on, but can write nothing."""
    loses_answers = False
    """Whether PostgreSQL does what its clients are never told."""

    def __init__(self, hit: Sequence[Node], lasts_s: float) -> None:
        self.hit = hit
        self.lasts_s = lasts_s

    def __str__(self) -> str:
        where = f" of {self.hit[0].name}" if len(self.hit) == 1 else ""
        return f"{self.name}{where} ({self.lasts_s:.1f} s)"

    async def run(self) -> None:
        """Begin, last, and be over."""
        outages = [node.outages for node in self.hit] if self.is_outage else []
        for one in outages:
            one.begin()
        await self.begin()
        await asyncio.sleep(self.lasts_s)
        await self.end()
        for one in outages:
            one.end()

    @abstractmethod
    async def begin(self) -> None: ...
    @abstractmethod
    async def end(self) -> None: ...


class _OfNode(Fault):
    def __init__(self, node: Node, lasts_s: float) -> None:
        super().__init__([node], lasts_s)
        self.node = node


class Killed(_OfNode):
    """SIGKILL, and a new start."""

    name = "SIGKILL"
    is_outage = False

    async def begin(self) -> None:
        await self.node.kill()

    async def end(self) -> None:
        await self.node.start_until_it_listens()


class KilledAmidSends(Killed):
    """SIGKILL when WeChat has taken sends of which the node does not know yet, and a new start."""

    name = "SIGKILL amid sends"

    async def begin(self) -> None:
        async with self.node.book.amid_sends(within_s=2.0):
            await asyncio.sleep(0.3)  # for those of other callers
            await self.node.kill()


class Stopped(Killed):
    """SIGTERM, and a new start."""

    name = "SIGTERM"

    async def begin(self) -> None:
        await self.node.terminate_in_order()


class Paused(_OfNode):
    """SIGSTOP, and SIGCONT."""

    name = "SIGSTOP"

    async def begin(self) -> None:
        self.node.pause()

    async def end(self) -> None:
        self.node.go_on()


class _Cut(_OfNode):
    way: Way

    async def begin(self) -> None:
        await self.node.place.cut(self.way)

    async def end(self) -> None:
        await self.node.place.cut(Way.OPEN)


class Refused(_Cut):
    name = "PostgreSQL refused"
    way = Way.CLOSED


class Stalled(_Cut):
    name = "path to PostgreSQL stalled"
    way = Way.STALLED


class Unanswered(_Cut):
    name = "answers of PostgreSQL held up"
    loses_answers = True
    way = Way.NO_ANSWERS


class Late(_Cut):
    """What a node says to PostgreSQL arrives when others have taken its accounts, on connections that it gave up."""

    name = "statements arrive late"
    way = Way.LATE
    least_leases = 1.5


class ServerKilled(Fault):
    """PostgreSQL and all of its processes are killed, and start again."""

    name = "PostgreSQL killed"
    loses_answers = True

    def __init__(self, server: Server, nodes: Sequence[Node], lasts_s: float) -> None:
        super().__init__(nodes, lasts_s)
        self._server = server

    async def begin(self) -> None:
        await asyncio.to_thread(self._server.kill)

    async def end(self) -> None:
        await asyncio.to_thread(self._server.start)


OF_NODE: tuple[type[_OfNode], ...] = (
    *(Killed, KilledAmidSends, Stopped, Paused),
    *(Refused, Stalled, Unanswered, Late),
)
KINDS = (*(one.name for one in OF_NODE), ServerKilled.name)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A fault that was chosen, not drawn. ``name`` is one of ``KINDS``; ``node`` is empty where it hits all of them."""

    name: str
    lasts_s: float
    node: str = ""

    def of(self, nodes: Sequence[Node], server: Server) -> Fault:
        """Return the fault."""
        if self.name == ServerKilled.name:
            return ServerKilled(server, nodes, self.lasts_s)
        return _kind(self.name)(_named(nodes, self.node), self.lasts_s)


class Drawn:
    """Draws faults. The kinds come in turn, so that a short run has them all."""

    def __init__(self, seed: str, nodes: Sequence[Node], server: Server, lease_s: float) -> None:
        self._draw = random.Random(seed)
        self._nodes = nodes
        self._server = server
        self._lease_s = lease_s
        self._turn: list[str] = []

    def next(self, owners: Sequence[str]) -> list[Fault]:
        """Return one fault, or two at a time: of two nodes, or of a node and PostgreSQL.

        ``owners``: the nodes that own an account now, one for each. Most faults hit such a node.
        """
        nodes = self._draw.sample([*self._nodes], 2)
        if owners and self._draw.random() < OF_OWNERS:
            owner = _named(self._nodes, self._draw.choice(owners))
            nodes = [owner, next(one for one in nodes if one is not owner)]
        faults = [self._one(nodes[0])]
        if self._draw.random() < 0.25:
            faults.append(self._of_node(self._draw.choice(OF_NODE), nodes[1]))
        return faults

    def pause_s(self) -> float:
        """Return how long all is well before the next one, in seconds."""
        return self._draw.uniform(0, 0.5 * self._lease_s)

    def _one(self, node: Node) -> Fault:
        if not self._turn:
            self._turn = self._draw.sample(KINDS, len(KINDS))
        name = self._turn.pop()
        if name == ServerKilled.name:
            return ServerKilled(self._server, self._nodes, self._lasts_s(ServerKilled.least_leases))
        return self._of_node(_kind(name), node)

    def _of_node(self, kind: type[_OfNode], node: Node) -> Fault:
        return kind(node, self._lasts_s(kind.least_leases))

    def _lasts_s(self, least_leases: float) -> float:
        return self._lease_s * self._draw.uniform(least_leases, LONGEST_LEASES)


def _named(nodes: Sequence[Node], name: str) -> Node:
    return next(one for one in nodes if one.name == name)


def _kind(name: str) -> type[_OfNode]:
    return next(one for one in OF_NODE if one.name == name)

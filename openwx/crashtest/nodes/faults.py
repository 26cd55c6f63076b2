"""What happens to the nodes and to PostgreSQL: each fault begins, lasts, and is over."""

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Sequence

from openwx.crashtest.postgres import Server

from .node import Node
from .wire import Way

LONGEST_LEASES = 4.0
"""How long a fault lasts at most, in leases; half of one at least."""


class Fault(ABC):
    """``node``: the node that it hits; None where it hits all of them. ``lasts_s``: how long, in seconds."""

    name: str

    def __init__(self, node: Node | None, lasts_s: float) -> None:
        self.node = node
        self.lasts_s = lasts_s

    def __str__(self) -> str:
        where = "" if self.node is None else f" of {self.node.name}"
        return f"{self.name}{where} ({self.lasts_s:.1f} s)"

    async def run(self) -> None:
        """Begin, last, and be over."""
        await self.begin()
        await asyncio.sleep(self.lasts_s)
        await self.end()

    @abstractmethod
    async def begin(self) -> None: ...
    @abstractmethod
    async def end(self) -> None: ...


class _OfNode(Fault):
    node: Node

    def __init__(self, node: Node, lasts_s: float) -> None:
        super().__init__(node, lasts_s)


class Killed(_OfNode):
    """SIGKILL, and a new start."""

    name = "SIGKILL"

    async def begin(self) -> None:
        await self.node.kill()

    async def end(self) -> None:
        await self.node.start_until_it_listens()


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
    way = Way.NO_ANSWERS


class ServerKilled(Fault):
    """PostgreSQL and all of its processes are killed, and start again."""

    name = "PostgreSQL killed"

    def __init__(self, server: Server, lasts_s: float) -> None:
        super().__init__(None, lasts_s)
        self._server = server

    async def begin(self) -> None:
        await asyncio.to_thread(self._server.kill)

    async def end(self) -> None:
        await asyncio.to_thread(self._server.start)


OF_NODE: tuple[type[_OfNode], ...] = (Killed, Paused, Refused, Stalled, Unanswered, Stopped)
KINDS = (*(one.name for one in OF_NODE), ServerKilled.name)


class Drawn:
    """Draws faults. The kinds come in turn, so that a short run has them all."""

    def __init__(self, seed: str, nodes: Sequence[Node], server: Server, lease_s: float) -> None:
        self._draw = random.Random(seed)
        self._nodes = nodes
        self._server = server
        self._lease_s = lease_s
        self._turn: list[str] = []

    def next(self) -> list[Fault]:
        """Return one fault, or two at a time: of two nodes, or of a node and PostgreSQL."""
        nodes = self._draw.sample([*self._nodes], 2)
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
            return ServerKilled(self._server, self._lasts_s())
        return self._of_node(next(one for one in OF_NODE if one.name == name), node)

    def _of_node(self, kind: type[_OfNode], node: Node) -> Fault:
        return kind(node, self._lasts_s())

    def _lasts_s(self) -> float:
        return self._lease_s * self._draw.uniform(0.5, LONGEST_LEASES)

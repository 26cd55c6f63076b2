"""The faults of the crash test of nodes: which are drawn, and what a wire does to what is said."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from openwx.crashtest.nodes.faults import KINDS, Chosen, Drawn
from openwx.crashtest.nodes.wire import Way, Wire
from tests.patience import PATIENCE_S, until

NODES = cast("Any", [SimpleNamespace(name=f"n{n}") for n in (1, 2, 3)])
SERVER = cast("Any", None)


def drawn() -> Drawn:
    return Drawn("seed", NODES, SERVER, lease_s=2)


def test_each_kind_comes_in_turn() -> None:
    draw = drawn()
    firsts = [draw.next(["n1"])[0].name for _ in KINDS]
    assert sorted(firsts) == sorted(KINDS)


def test_most_faults_hit_an_owner() -> None:
    draw = drawn()
    first = [draw.next(["n2", "n2"])[0] for _ in range(300)]
    hit = Counter(one.hit[0].name for one in first if len(one.hit) == 1)
    assert hit["n2"] > 2 * (hit["n1"] + hit["n3"])
    assert hit["n1"]
    assert hit["n3"]


def test_two_at_a_time_hit_two_nodes() -> None:
    draw = drawn()
    pairs = [pair for pair in (draw.next(["n1"]) for _ in range(100)) if len(pair) == 2]
    assert pairs
    for one, other in pairs:
        assert other.hit[0] is not one.hit[0] or len(one.hit) == len(NODES)


@pytest.mark.parametrize("name", KINDS)
def test_a_fault_can_be_chosen(name: str) -> None:
    fault = Chosen(name, 3.0, "n2").of(NODES, SERVER)
    where = "" if len(fault.hit) == 3 else " of n2"
    assert str(fault) == f"{name}{where} (3.0 s)"


class Server:
    """Keeps what it hears, and answers each piece."""

    def __init__(self) -> None:
        self.heard = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            self.heard += data
            writer.write(b"yes")
        writer.close()


@pytest.fixture
async def server() -> Server:
    return Server()


@pytest.fixture
async def wire(server: Server) -> AsyncIterator[Wire]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    one = Wire(listening.sockets[0].getsockname()[1])
    await one.start("127.0.0.1")
    yield one
    await one.close()
    listening.close()


async def said(wire: Wire, words: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(*wire.address)
    writer.write(b"hello")
    async with asyncio.timeout(PATIENCE_S):
        assert await reader.read(100) == b"yes"
    wire.be(Way.LATE)
    writer.write(words)
    await writer.drain()
    return reader, writer


async def test_what_is_said_late_arrives_late_on_a_connection_that_was_given_up(
    wire: Wire, server: Server
) -> None:
    _, writer = await said(wire, b" and more")
    writer.transport.abort()
    _, later = await asyncio.open_connection(*wire.address)
    later.write(b"!")
    await later.drain()
    assert server.heard == b"hello"
    wire.be(Way.OPEN)
    await until(lambda: b" and more" in server.heard and b"!" in server.heard)
    later.close()

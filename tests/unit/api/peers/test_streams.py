"""Streams of other nodes: what is cut off in the middle is no event, and the reader is told where to go on."""

import asyncio

import pytest
from aiohttp import WSMsgType

from openwx.accounts.streams import Slots
from openwx.api.peers import answer
from tests.patience import PATIENCE_S, until

from .liars import Liar
from .nodes import Nodes, OneNode

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n"
BEGUN = b"retry: 3000\nid: 4\n\n"
ONE = b'event: login\ndata: {"a":1}\nid: 5\n\n'


async def read(node: OneNode) -> bytes:
    """Read the stream of bob to its end."""
    async with node.session.get(f"{node.url}/openwx/events?client=bob") as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        pieces = b""
        try:
            async for piece in response.content.iter_any():
                pieces += piece
        except Exception:
            return pieces
        return pieces


async def test_it_ends_with_the_last_id(a: OneNode, b: OneNode, nodes: Nodes) -> None:
    async with Liar.started(HEAD + BEGUN + ONE) as liar:
        nodes.table.moves("b", liar.url)
        sent = await asyncio.wait_for(read(a), PATIENCE_S)
    assert sent.startswith(BEGUN + ONE)
    words = b"the node that ran the account does not answer any more"
    end = b'event: end\ndata: {"reason":"%s","after":5}\n\n' % words
    assert sent == BEGUN + ONE + end


async def test_half_an_event_is_none(a: OneNode, b: OneNode, nodes: Nodes) -> None:
    """A blank line after it would make it one."""
    async with Liar.started(HEAD + BEGUN + ONE[:20]) as liar:
        nodes.table.moves("b", liar.url)
        sent = await asyncio.wait_for(read(a), PATIENCE_S)
    assert sent == BEGUN + ONE[:20]


async def test_what_the_owner_says_at_the_end_is_enough(
    a: OneNode, b: OneNode, nodes: Nodes
) -> None:
    end = b'event: end\ndata: {"reason":"moved","after":5}\n\n'
    async with Liar.started(HEAD + BEGUN + ONE + end) as liar:
        nodes.table.moves("b", liar.url)
        sent = await asyncio.wait_for(read(a), PATIENCE_S)
    assert sent == BEGUN + ONE + end


async def test_a_silent_owner(
    a: OneNode, b: OneNode, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer, "SILENT_S", 0.2)
    async with Liar.started(HEAD + BEGUN) as liar:
        liar.stays = True
        nodes.table.moves("b", liar.url)
        sent = await asyncio.wait_for(read(a), PATIENCE_S)
    assert b"event: end" in sent


async def test_a_reader_who_leaves_frees_the_owner(a: OneNode, b: OneNode, nodes: Nodes) -> None:
    async with Liar.started(HEAD + BEGUN) as liar:
        liar.stays = True
        nodes.table.moves("b", liar.url)
        async with a.session.get(f"{a.url}/openwx/events?client=bob") as response:
            await response.content.readuntil(b"\n\n")
        response.close()
        await until(lambda: liar.left)


async def refused(node: OneNode, **params: str) -> dict[str, object]:
    """Open a WebSocket to bob, and return the last message."""
    url = f"{node.url}/openwx/ws"
    async with node.session.ws_connect(url, params={"client": "bob", **params}) as socket:
        async with asyncio.timeout(PATIENCE_S):
            message = await socket.receive_json()
            assert (await socket.receive()).type is WSMsgType.CLOSE
    return message  # type: ignore[no-any-return]


async def test_a_socket_that_the_owner_refuses_says_why(a: OneNode, b: OneNode) -> None:
    b.gateway.streams = Slots(0)
    end = await refused(a)
    words = "there are 0 streams already, which is the most; close one first"
    assert (end["type"], end["code"], end["reason"]) == ("end", 1013, words)
    end = await refused(a, after="x")
    assert end["code"] == 1008
    assert str(end["reason"]).startswith("after must be ")


@pytest.mark.parametrize(
    "header", [b"", b"Openwx-Hop-Refusal: e30=\r\n", b"Openwx-Hop-Refusal: ?\r\n"]
)
async def test_a_socket_that_the_owner_refuses_without_words(
    header: bytes, a: OneNode, b: OneNode, nodes: Nodes
) -> None:
    async with Liar.started(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n%s\r\n" % header) as liar:
        nodes.table.moves("b", liar.url)
        end = await refused(a)
    words = "the node that runs the account opens no stream now (HTTP 500)"
    assert (end["code"], end["reason"]) == (1013, words)

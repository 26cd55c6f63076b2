"""Bodies reach the owner as they came, whether they are read first or forwarded as they come, up to the same limits."""

import asyncio
import gzip
import io
import json
from typing import Any

import aiohttp
import pytest

from openwx.api.parameters import MAX_BODY
from openwx.api.peers.spool import IN_MEMORY
from tests.patience import PATIENCE_S
from tests.reply import Reply

from ..facade import MAX_MEDIA
from .nodes import FORM, Nodes, OneNode

JSON = "application/json"
TEXT = "早上好" * 1000
LONG = "x" * (2 * IN_MEMORY)
"""A text that is too long for a body that is read before it is forwarded."""
EACH_WAY = pytest.mark.parametrize("way", ["query", "header", "body"])


async def send(node: OneNode, way: str, body: Any, content_type: str, **headers: str) -> Reply:
    """Send a friend message for bob, whose name stands where ``way`` says."""
    params = {"client": "bob"} if way == "query" else {}
    if way == "header":
        headers["Openwx-Client"] = "bob"
    return await node.post(
        "send_friend_message", body, content_type, headers=headers, params=params
    )


def fields(way: str, **texts: str) -> dict[str, str]:
    return texts | ({"client": "bob"} if way == "body" else {})


@EACH_WAY
@pytest.mark.parametrize("text", [TEXT, "y" * (IN_MEMORY * 3)], ids=["short", "long"])
async def test_each_type(way: str, text: str, a: OneNode, b: OneNode) -> None:
    texts = fields(way, id="@a", content=text)
    form = aiohttp.FormData(texts)()
    multipart = aiohttp.FormData(default_to_multipart=True)
    for name, value in texts.items():
        multipart.add_field(name, value)
    body = multipart()
    encoded = json.dumps(texts).encode()
    replies = [
        await send(a, way, form._value, FORM),
        await send(a, way, encoded, JSON),
        await send(a, way, gzip.compress(encoded), JSON, **{"Content-Encoding": "gzip"}),
        await send(a, way, body, body.content_type),
    ]
    assert [reply.status for reply in replies] == [400 if len(text) > 16384 else 200] * 4
    assert {reply.body for reply in replies} == {
        (await b.post("send_friend_message", encoded, JSON, params={"client": "bob"})).body
    }


@EACH_WAY
async def test_a_file(way: str, a: OneNode, b: OneNode) -> None:
    for size in (1000, MAX_MEDIA, MAX_MEDIA + 1):
        form = aiohttp.FormData()
        for name, value in fields(way, id="@a").items():
            form.add_field(name, value)
        form.add_field("media", b"\xff" * size, filename="a.bin")
        body = form()
        reply = await send(a, way, body, body.content_type)
        assert reply.code == (-3 if size > MAX_MEDIA else 0)
    assert b.gateway.accounts["bob"].outgoing.sent == [("@a", "a medium")] * 2
    assert not list(a.gateway.folder.path.glob("*"))


@pytest.mark.parametrize("way", ["query", "body"])
async def test_the_limit_of_a_body(way: str, a: OneNode, b: OneNode) -> None:
    """The call takes no media, so its body may be as long as any other's."""
    for size, status in ((MAX_BODY, 200), (MAX_BODY + 1, 413)):
        head = b"limit=1&client=bob&unknown=" if way == "body" else b"limit=1&unknown="
        reply = await a.post(
            "get_history",
            io.BytesIO(head + b"x" * (size - len(head))),
            params={"client": "bob"} if way == "query" else {},
        )
        assert reply.status == status


async def test_a_body_of_unknown_length(a: OneNode, b: OneNode) -> None:
    async def pieces(text: bytes) -> Any:
        for n in range(0, len(text), 100):
            yield text[n : n + 100]

    body = b"id=@a&content=hello"
    for params in ({"client": "bob"}, {}):
        whole = body if params else body + b"&client=bob"
        reply = await a.post("send_friend_message", pieces(whole), params=params)
        assert reply.code == 0
    assert b.gateway.accounts["bob"].outgoing.sent == [("@a", "hello")] * 2


async def test_a_body_that_breaks_off(a: OneNode, b: OneNode) -> None:
    """Nothing is sent, and nobody waits for the rest."""
    head = (
        f"POST /openwx/send_friend_message?client=bob HTTP/1.1\r\nHost: 127.0.0.1:{a.port}\r\n"
        f"Content-Type: {FORM}\r\nContent-Length: {2 * IN_MEMORY}\r\n\r\nid=@a&content="
    )
    _, writer = await asyncio.open_connection("127.0.0.1", a.port)
    writer.write(head.encode() + b"x" * 1000)
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await a.get("get_user_info", client="bob")).status == 200
    assert not b.gateway.accounts["bob"].outgoing.sent


async def test_a_body_that_does_not_end(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openwx.api.parameters.BODY_TIMEOUT_S", 0.2)
    a, b = await nodes.start("a"), await nodes.start("b")
    b.takes("bob")
    for query in ("?client=bob", ""):
        head = (
            f"POST /openwx/get_history{query} HTTP/1.1\r\nHost: 127.0.0.1:{a.port}\r\n"
            f"Content-Type: {FORM}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\na=\r\n"
        )
        reader, writer = await asyncio.open_connection("127.0.0.1", a.port)
        writer.write(head.encode())
        answer = await asyncio.wait_for(reader.readline(), PATIENCE_S)
        writer.close()
        await writer.wait_closed()
        assert answer.startswith(b"HTTP/1.1 408 ")


async def test_the_account_is_named_once(a: OneNode, b: OneNode) -> None:
    """What stands in the head decides where a body goes, so the body cannot name another account."""
    a.takes("alice")
    for body in (b"client=alice", b"client=alice&content=" + LONG.encode()):
        reply = await a.post("get_history", body, params={"client": "bob"})
        assert (reply.status, reply.code) == (400, -2)
        assert reply.words.startswith("client must be given once")
    both = await a.get("get_history", client="bob", content="x")
    assert both.status == 200
    wrong = await a.call(
        "get_history", params={"client": "bob"}, headers={"Openwx-Client": "alice"}
    )
    assert (wrong.status, wrong.code) == (400, -2)


async def test_the_only_account_needs_no_name(a: OneNode, b: OneNode) -> None:
    assert (await a.get("get_user_info")).status == 200
    a.takes("alice")
    several = await a.get("get_user_info")
    assert several.code == -2
    assert "alice, bob" in several.words


async def test_a_disk_that_is_full(a: OneNode, b: OneNode, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("openwx.api.peers.spool._write", full)
    for params in ({"client": "bob"}, {}):
        reply = await a.post(
            "send_friend_message", b"id=@a&content=" + LONG.encode(), params=params
        )
        assert reply.code == -3
        assert "No space left on device" in reply.words
    assert not b.gateway.accounts["bob"].outgoing.sent

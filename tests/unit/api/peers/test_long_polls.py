"""Nothing is taken for a caller who has left, though it is another node that takes it."""

import asyncio

import pytest

from openwx.api import disconnect
from tests.patience import until

from .nodes import OneNode

CALL = "GET /openwx/check_event?client=bob&timeout=60 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


async def test_events_of_a_caller_who_left_are_given_back(
    a: OneNode, b: OneNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the node that was called looks whether its caller is still there, an event comes."""
    monkeypatch.setattr(disconnect, "LOOK_S", 3600.0)
    buffer = b.gateway.accounts["bob"].buffer
    _, writer = await asyncio.open_connection("127.0.0.1", a.port)
    writer.write(CALL.encode())
    await buffer.waiting.wait()
    writer.transport.abort()
    server = a.runner.server
    assert server is not None
    await until(lambda: all(one.transport is None for one in server.connections))
    buffer.put_json(b'{"event":1}')
    await until(lambda: not buffer.waiting.is_set())
    reply = await a.get("check_event", client="bob", timeout="30")
    assert reply.json == [{"event": 1}]
    assert not any(name.startswith("Openwx-Hop") for name in reply.headers)
    assert (await a.get("check_event", client="bob", timeout="0")).json == []


async def test_a_caller_who_leaves_ends_the_poll(a: OneNode, b: OneNode) -> None:
    buffer = b.gateway.accounts["bob"].buffer
    _, writer = await asyncio.open_connection("127.0.0.1", a.port)
    writer.write(CALL.encode())
    await buffer.waiting.wait()
    writer.transport.abort()
    await until(lambda: not buffer.waiting.is_set())
    buffer.put_json(b'{"event":1}')
    assert (await b.get("check_event", client="bob", timeout="0")).json == [{"event": 1}]

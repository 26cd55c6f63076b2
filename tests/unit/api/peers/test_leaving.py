"""A caller who leaves a call that is forwarded is no failure of either node."""

import asyncio
import logging

import pytest

from openwx.api.peers.answer import AT_ONCE
from tests.patience import until

from ..leaving import all_leave, until_left
from .liars import Liar
from .nodes import Nodes, OneNode

CALL = b"GET /openwx/%s?client=bob HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
LONG = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 9000000\r\n\r\n"


@pytest.mark.parametrize(
    ("route", "answer", "repeats"),
    [("events", STREAM, b": \n\n"), ("get_avatar", LONG, b"x" * AT_ONCE)],
)
async def test_before_the_answer_begins(
    route: str,
    answer: bytes,
    repeats: bytes,
    a: OneNode,
    b: OneNode,
    nodes: Nodes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, logger="openwx")
    async with Liar.started(answer) as liar:
        liar.repeats = repeats
        liar.then = lambda: all_leave(a.runner)
        nodes.table.moves("b", liar.url)
        _, writer = await asyncio.open_connection("127.0.0.1", a.port)
        writer.write(CALL % route.encode())
        await until_left(caplog)
        writer.close()


async def test_in_the_middle_of_the_answer(
    a: OneNode, b: OneNode, nodes: Nodes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="openwx")
    async with Liar.started(LONG) as liar:
        liar.repeats = b"x" * AT_ONCE
        nodes.table.moves("b", liar.url)
        reader, writer = await asyncio.open_connection("127.0.0.1", a.port)
        writer.write(CALL % b"get_avatar")
        await reader.readuntil(b"\r\n\r\n")
        all_leave(a.runner)
        await until_left(caplog)
        writer.close()


async def test_in_the_middle_of_the_body(
    a: OneNode, b: OneNode, nodes: Nodes, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not the owner who does not answer."""
    head = CALL.replace(b"GET", b"POST") % b"send_friend_message"
    head = head.replace(b"\r\n\r\n", b"\r\nContent-Length: 9000000\r\n\r\n")
    async with Liar.started(b"") as liar:
        nodes.table.moves("b", liar.url)
        _, writer = await asyncio.open_connection("127.0.0.1", a.port)
        writer.write(head + b"id=@a&content=" + b"x" * AT_ONCE)
        await until(lambda: liar.heads)
        all_leave(a.runner)
        await until(lambda: liar.left)
        writer.close()
    assert [one.getMessage() for one in caplog.records if one.levelno > logging.INFO] == []

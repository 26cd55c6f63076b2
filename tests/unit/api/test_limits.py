"""How much strangers may ask of the server: connections, time for a head, bodies before the token is known."""

import asyncio
import io
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from openwx.api import connection
from tests.patience import PATIENCE_S

from .serving import Api, Serve

REQUEST = b"GET /openwx/get_user_info HTTP/1.1\r\nHost: localhost\r\n\r\n"
POLL = b"GET /openwx/check_event?timeout=60 HTTP/1.1\r\nHost: localhost\r\n\r\n"
SEND = "send_friend_message"


class Caller:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, api: Api) -> "Caller":
        return cls(*await asyncio.open_connection(api.host, api.port))

    async def asks(self, request: bytes) -> int:
        """Return the status of the answer; 0 where the connection is closed instead."""
        try:
            self._writer.write(request)
            await self._writer.drain()
            async with asyncio.timeout(PATIENCE_S):
                head = await self._reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                await self._reader.readexactly(length)
        except (ConnectionError, asyncio.IncompleteReadError):
            return 0
        return int(head.split()[1])

    async def waits(self, api: Api) -> None:
        """Begin a long poll."""
        self._writer.write(POLL)
        await self._writer.drain()
        async with asyncio.timeout(PATIENCE_S):
            await api.account.buffer.waiting.wait()

    async def says(self, some: bytes) -> None:
        self._writer.write(some)
        await self._writer.drain()

    async def is_closed(self) -> None:
        """Wait until the server closes it, without an answer."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                assert await self._reader.read() == b""
            except ConnectionError:
                return

    async def leave(self) -> None:
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return


class Callers:
    def __init__(self) -> None:
        self._all: list[Caller] = []

    async def __call__(self, api: Api) -> Caller:
        caller = await Caller.connect(api)
        self._all.append(caller)
        return caller

    async def leave(self) -> None:
        for caller in self._all:
            await caller.leave()


@pytest.fixture
async def connect() -> AsyncIterator[Callers]:
    callers = Callers()
    yield callers
    await callers.leave()


async def test_who_asks_nothing_makes_room(serve: Serve, connect: Callers) -> None:
    api = await serve(max_connections=10)
    first = await connect(api)
    assert await first.asks(REQUEST) == 200
    for _ in range(9):
        assert await (await connect(api)).asks(REQUEST) == 200
    assert await (await connect(api)).asks(REQUEST) == 200
    await first.is_closed()


async def test_where_all_are_busy_others_are_refused(serve: Serve, connect: Callers) -> None:
    api = await serve(max_connections=10)
    for _ in range(10):
        await (await connect(api)).waits(api)
    late = await connect(api)
    assert await late.asks(REQUEST) == 429
    reply = await api.get("get_user_info")
    assert (reply.status, reply.code) == (429, -7)
    assert "access.max_connections" in reply.words
    assert reply.headers["Retry-After"]


async def test_a_flood_is_closed_at_once(
    serve: Serve, connect: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "REFUSED_AT_ONCE", 0)
    api = await serve(max_connections=10)
    for _ in range(10):
        await (await connect(api)).waits(api)
    await (await connect(api)).is_closed()


@pytest.mark.parametrize("answered", [0, 1])
async def test_a_head_that_never_ends(
    serve: Serve, connect: Callers, monkeypatch: pytest.MonkeyPatch, answered: int
) -> None:
    monkeypatch.setattr(connection, "HEAD_S", 0.1)
    api = await serve()
    slow = await connect(api)
    for _ in range(answered):
        assert await slow.asks(REQUEST) == 200
    await slow.says(REQUEST[:30])
    await slow.is_closed()


async def test_who_says_nothing_at_all(
    serve: Serve, connect: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEAD_S", 0.1)
    await (await connect(await serve())).is_closed()


async def test_who_rests_between_requests_stays(
    serve: Serve, connect: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time for a head is not the time between requests, nor that of an answer."""
    monkeypatch.setattr(connection, "HEAD_S", 0.1)
    api = await serve()
    resting, waiting = await connect(api), await connect(api)
    assert await resting.asks(REQUEST) == 200
    await waiting.waits(api)
    silent = await connect(api)
    await silent.is_closed()  # its time is over, which began last
    assert await resting.asks(REQUEST) == 200
    api.account.buffer.put_json(b"{}")
    assert await waiting.asks(b"") == 200


def form(token: str, size: int) -> aiohttp.FormData:
    data = aiohttp.FormData({"id": "@a"})
    data.add_field("media", io.BytesIO(b"x" * size), filename="a.bin")
    data.add_field("token", token)
    return data


def files(api: Api) -> list[Path]:
    return list(api.gateway.folder.path.iterdir())


async def test_a_strangers_file_is_not_kept(serve: Serve) -> None:
    api = await serve(token="s3cret")
    for token in ("", "wrong"):
        reply = await api.call(SEND, method="POST", data=form(token, 1000))
        assert (reply.status, reply.code) == (401, -6)
    assert files(api) == []
    reply = await api.call(SEND, method="POST", data=form("s3cret", 1000))
    assert reply.code == 0
    assert len(files(api)) == 1


@pytest.mark.parametrize("size", [90_000, 1_200_000])
async def test_a_big_body_wants_the_token_first(serve: Serve, size: int) -> None:
    api = await serve(token="s3cret")
    api.gateway.folder.max_size = 2_000_000
    reply = await api.call(SEND, method="POST", data=form("s3cret", size))
    if size < 1_000_000:
        assert reply.code == 0
        return
    assert (reply.status, reply.code) == (401, -6)
    assert "1 MiB" in reply.words
    assert files(api) == []


async def test_with_the_token_first_a_big_body_is_read(serve: Serve) -> None:
    api = await serve(token="s3cret")
    api.gateway.folder.max_size = 1_200_000
    for how in (
        {"headers": {"Authorization": "Bearer s3cret"}},
        {"params": {"token": "s3cret"}},
    ):
        reply = await api.call(SEND, method="POST", data=form("s3cret", 1_200_000), **how)
        assert reply.code == 0, reply.words


@pytest.mark.parametrize(
    "more", [{"client": "nobody"}, {"async": "maybe"}, {"idempotency_key": "a b"}]
)
async def test_the_file_of_a_wrong_call_is_not_kept(api: Api, more: dict[str, str]) -> None:
    data = aiohttp.FormData(more)
    data.add_field("media", b"x" * 1000, filename="a.bin")
    reply = await api.call(SEND, method="POST", data=data)
    assert reply.status == 400
    assert files(api) == []


async def test_a_token_in_a_request_that_is_none_is_not_logged(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for line in (
        b"GET /openwx/x?token=s3cret HTTP/9.9",
        b"GET /openwx/x?token=s3cret\x01 x HTTP/1.1",
        b"G\x00T /?token=s3cret HTTP/1.1",
    ):
        head, _ = await api.raw(line + b"\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert b" 400 " in head
    for header in (b"Authorization : Bearer s3cret", b"Authorization Bearer s3cret\x00"):
        await api.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + header + b"\r\n\r\n")
    assert "s3cret" not in caplog.text

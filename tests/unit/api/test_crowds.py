"""Idle connections of strangers make room for others, and their cost is bounded."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable

import pytest

from openwx.api import connection, server
from openwx.api.connection import Connection
from openwx.api.server import Server
from tests.patience import PATIENCE_S

from .serving import Api, Serve

TOKEN = "s3cret-enough-token"
MOST = 10
HOST = b" HTTP/1.1\r\nHost: localhost\r\n"
BIG = b"GET /docs/swagger-ui-bundle.js" + HOST + b"\r\n"
ASK = b"GET /openwx/get_user_info" + HOST
POLL = b"GET /openwx/check_event?timeout=60" + HOST
BODY = b"POST /openwx/send_friend_message" + HOST + b"Content-Type: application/json\r\n"
SHOWN = b"Authorization: Bearer " + TOKEN.encode() + b"\r\n"

ATTACKS = {
    "nothing": b"",
    "half a head": ASK,
    "half a first line": b"GET /openwx/get_us",
    "half a head without Host": b"GET /openwx/get_user_info HTTP/1.1\r\nAccept: */*\r\n",
    "unread, pipelined": 4 * BIG,
    "unread, HTTP/1.0": b"GET /docs/swagger-ui-bundle.js HTTP/1.0\r\n\r\n",
    "unread, the last": BIG.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
    "half a body": BODY + b"Content-Length: 1000\r\n\r\n{",
    "half a body in chunks": BODY + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
    "half a body of HTTP/1.0": BODY.replace(b"1.1", b"1.0") + b"Content-Length: 1000\r\n\r\n{",
    "a body that was promised": BODY + b"Content-Length: 9\r\nExpect: 100-continue\r\n\r\n",
    "a body that nobody wants": b"GET /docs" + HOST + b"Content-Length: 1000\r\n\r\n{",
    "idle after an answer": b"GET /healthz" + HOST + b"\r\n",
}


class Crowd:
    """Connections that do not read what they are sent."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.sockets: list[socket.socket] = []

    async def sends(self, data: bytes, count: int = 1) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(count):
            one = socket.socket()
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.setblocking(False)
            self.sockets.append(one)
            await loop.sock_connect(one, (self._api.host, self._api.port))
            await loop.sock_sendall(one, data)

    async def more(self, data: bytes) -> None:
        """From the last one."""
        await asyncio.get_running_loop().sock_sendall(self.sockets[-1], data)

    async def is_closed(self, which: int) -> None:
        """Wait until the server has closed this one."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE_S):
            try:
                while await loop.sock_recv(self.sockets[which], 65536):
                    pass
            except ConnectionError:
                return

    async def reads(self, which: int, until: bytes) -> bytes:
        """Read until these bytes have come: the end of what was read."""
        loop = asyncio.get_running_loop()
        got = b""
        async with asyncio.timeout(PATIENCE_S):
            while until not in got and (data := await loop.sock_recv(self.sockets[which], 65536)):
                got = got[-1000:] + data
        assert until in got
        return got

    def leave(self) -> None:
        for one in self.sockets:
            one.close()


MakeCrowd = Callable[[Api], Crowd]


@pytest.fixture
async def crowd_at() -> AsyncIterator[MakeCrowd]:
    crowds: list[Crowd] = []

    def make(api: Api) -> Crowd:
        crowds.append(Crowd(api))
        return crowds[-1]

    yield make
    for crowd in crowds:
        crowd.leave()


def served(api: Api) -> Server:
    assert isinstance(api.runner.server, Server)
    return api.runner.server


def connections(api: Api) -> list[Connection]:
    return [one for one in served(api).connections if isinstance(one, Connection)]


async def until(condition: Callable[[], bool], what: str) -> None:
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # nothing tells
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(what) from None


async def knows(api: Api, count: int) -> None:
    """Wait until so many have shown the token."""
    await until(lambda: sum(one.has_token for one in connections(api)) == count, "known")


async def asks(api: Api, more: bytes = b"", first: bytes = ASK) -> int:
    """Return the status of an answer over its own connection; 0 where it is closed instead."""
    head, _ = await api.raw(first + more + b"Connection: close\r\n\r\n")
    return int(head.split()[1]) if head else 0


@pytest.fixture(params=[TOKEN, None], ids=["token", "no token"])
def token(request: pytest.FixtureRequest) -> str | None:
    given: str | None = request.param
    return given


@pytest.mark.parametrize("attack", ATTACKS)
async def test_strangers_make_room(
    serve: Serve, crowd_at: MakeCrowd, token: str | None, attack: str
) -> None:
    api = await serve(max_connections=MOST, token=token)
    crowd = crowd_at(api)
    await crowd.sends(ATTACKS[attack], MOST + 3)
    for _ in range(5):
        assert await asks(api, SHOWN) == 200
        await crowd.sends(ATTACKS[attack])
    await crowd.is_closed(0)
    await until(lambda: len(connections(api)) <= MOST, "those who are closed are not kept")


async def test_what_nobody_reads_is_bounded(serve: Serve, crowd_at: MakeCrowd) -> None:
    api = await serve(max_connections=MOST)
    crowd = crowd_at(api)
    wires: list[asyncio.Transport] = []
    for _ in range(MOST):
        await crowd.sends(4 * BIG)
        await until(lambda: all(one.writing_paused for one in connections(api)), "all is read")
        wires = [one.transport for one in connections(api) if one.transport is not None]
    assert len(wires) == MOST
    assert max(wire.get_write_buffer_size() for wire in wires) < 256 * 1024


async def test_what_follows_waits_until_the_answer_before_is_read(
    serve: Serve, crowd_at: MakeCrowd
) -> None:
    api = await serve()
    crowd = crowd_at(api)
    body = b'{"id": "@a", "content": "hello"}'
    send = BODY + b"Content-Length: %d\r\n\r\n" % len(body) + body
    await crowd.sends(8 * BIG + send)  # the kernel takes some of it
    await until(lambda: any(one.writing_paused for one in connections(api)), "it is read")
    assert await asks(api) == 200
    assert api.account.outgoing.sent == []
    await crowd.reads(0, b'"msg_id"')
    assert api.account.outgoing.sent == [("@a", "hello")]


async def test_an_answer_that_is_read_slowly_comes_whole(serve: Serve, crowd_at: MakeCrowd) -> None:
    api = await serve()
    crowd = crowd_at(api)
    length = 0
    for version, end in ((b"1.1", b"Connection: close\r\n\r\n"), (b"1.0", b"\r\n")):
        await crowd.sends(BIG.replace(b"1.1", version)[:-2] + end)
        loop, got = asyncio.get_running_loop(), b""
        while data := await loop.sock_recv(crowd.sockets[-1], 8192):
            got += data
            await asyncio.sleep(0)
        head, _, rest = got.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        assert b"Transfer-Encoding" not in head
        assert len(rest) == length > 1_000_000
    head, rest = await api.raw(
        BIG.replace(b"GET", b"HEAD").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    )
    assert b"Content-Length: %d" % length in head
    assert rest == b""


async def test_who_reads_nothing_is_not_waited_for(
    serve: Serve, crowd_at: MakeCrowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "UNREAD_S", 0.1)
    api = await serve()
    await crowd_at(api).sends(4 * BIG, 3)
    await until(lambda: served(api).requests_count >= 3, "they came")
    await until(lambda: not connections(api), "they are closed")


async def test_nor_where_its_connection_ends(
    serve: Serve, crowd_at: MakeCrowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last bytes of an answer, which nothing waits for any more."""
    monkeypatch.setattr(connection, "CHUNK", 2**30)  # so that all of it is the last bytes
    monkeypatch.setattr(connection, "FLUSH_S", 0.1)
    api = await serve()
    await crowd_at(api).sends(ATTACKS["unread, the last"], 3)
    await until(lambda: served(api).requests_count >= 3, "they came")
    await until(lambda: not connections(api), "they are closed")


async def test_known_callers_are_the_last_to_be_closed(serve: Serve, crowd_at: MakeCrowd) -> None:
    api = await serve(max_connections=MOST, token=TOKEN)
    known, strangers = crowd_at(api), crowd_at(api)
    await known.sends(ASK + SHOWN + b"\r\n")  # the oldest of all, and idle
    await known.reads(0, b"signature")
    await strangers.sends(b"", 3 * MOST)
    await strangers.is_closed(0)
    await known.more(ASK + b"token: none\r\n\r\n")
    assert b" 401 " in await known.reads(0, b"token")


async def test_known_callers_who_ask_nothing_make_room_for_each_other(
    serve: Serve, crowd_at: MakeCrowd
) -> None:
    api = await serve(max_connections=MOST, token=TOKEN)
    known = crowd_at(api)
    for n in range(MOST):
        await known.sends(ASK + SHOWN + b"\r\n")
        await known.reads(n, b"signature")
    assert await asks(api, SHOWN) == 200
    await known.is_closed(0)


async def test_known_callers_who_wait_for_us_are_never_closed(
    serve: Serve, crowd_at: MakeCrowd
) -> None:
    api = await serve(max_connections=MOST, token=TOKEN)
    known, strangers = crowd_at(api), crowd_at(api)
    for n in range(MOST - 1):
        await known.sends(POLL + SHOWN + b"\r\n")
        await knows(api, n + 1)
    await strangers.sends(b"", MOST)
    assert await asks(api, SHOWN) == 200
    await known.sends(POLL + SHOWN + b"\r\n")
    await knows(api, MOST)
    assert await asks(api, SHOWN) == 429
    assert sum(one.has_token for one in connections(api)) == MOST


async def test_a_body_that_comes_is_not_the_first_to_go(serve: Serve, crowd_at: MakeCrowd) -> None:
    api = await serve(max_connections=MOST)
    sender, others = crowd_at(api), crowd_at(api)
    await sender.sends(BODY + b"Content-Length: 900000\r\n\r\n{" + b" " * 100_000)
    await others.sends(b"", MOST - 1)
    for _ in range(4):
        await sender.more(b" " * 150_000)
        await until(lambda: all(one.buffered % 50_000 < 10_000 for one in connections(api)), "read")
        assert await asks(api) == 200
        await others.sends(b"")
    await others.is_closed(0)
    rest = b'"id": "@a", "content": "x"}'
    await sender.more(b" " * (900_000 - 1 - 700_000 - len(rest)) + rest)
    assert b" 200 " in await sender.reads(0, b"\r\n\r\n")


async def test_a_head_is_bounded(serve: Serve, crowd_at: MakeCrowd) -> None:
    """Also where each of its lines may be as long as it is."""
    api = await serve()
    crowd = crowd_at(api)
    with contextlib.suppress(ConnectionError):
        await crowd.sends(ASK + b"".join(b"X%d: %s\r\n" % (n, b"x" * 8000) for n in range(60)))
    await crowd.is_closed(0)
    assert await asks(api) == 200


@pytest.mark.parametrize("first", [BIG, POLL + b"\r\n"], ids=["unread", "waiting"])
async def test_requests_ahead_are_bounded(serve: Serve, crowd_at: MakeCrowd, first: bytes) -> None:
    """What is beyond that stays with its sender: nothing more is read here."""
    api = await serve()
    crowd = crowd_at(api)
    more = ASK + b"X: " + b"x" * 4000 + b"\r\n\r\n"
    sending = asyncio.create_task(crowd.sends(first + 5000 * more))
    await until(lambda: any(not is_read(one) for one in connections(api)), "nothing more is read")
    (one,) = connections(api)
    assert one.buffered < 2 * 2**20
    assert await asks(api) == 200
    assert not sending.done()
    sending.cancel()


def is_read(one: Connection) -> bool:
    return one.transport is not None and one.transport.is_reading()


async def test_unfinished_bodies_are_bounded_together(
    serve: Serve, crowd_at: MakeCrowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MAX_BUFFERED", 2_000_000)
    api = await serve(token=TOKEN)
    crowd = crowd_at(api)
    begun = BODY + b"Content-Length: 1000000\r\n\r\n{" + b" " * 600_000
    await crowd.sends(begun, 6)
    await crowd.is_closed(0)
    await crowd.is_closed(1)
    assert await asks(api, SHOWN) == 200
    held = sum(one.buffered for one in connections(api))
    assert 0 < held <= 2_000_000
    crowd.leave()
    await until(lambda: not connections(api), "they left")
    assert served(api)._buffered == 0


async def test_who_shows_the_token_first_is_no_stranger(
    serve: Serve, crowd_at: MakeCrowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MAX_BUFFERED", 200_000)
    api = await serve(token=TOKEN)
    known = crowd_at(api)
    body = b'{"id": "@a", "content": "x"' + b" " * 500_000 + b"}"
    await known.sends(BODY + SHOWN + b"Content-Length: %d\r\n\r\n" % len(body) + body[:1000])
    await until(lambda: any(one.has_token for one in connections(api)), "known")
    await known.more(body[1000:])
    assert b" 200 " in await known.reads(0, b"\r\n\r\n")

"""Every call of either transport passes the account's gate, right before it leaves."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web
from aiohttp.client_reqrep import ClientRequest
from yarl import URL

from openwx.errors import LeaseLost, NeverReached
from openwx.lease import Gate, Lease
from openwx.transports.ilink import http as ilink
from openwx.transports.ilink import wire as ilink_wire
from openwx.transports.network import Way
from openwx.transports.web import http as web_http
from openwx.transports.web import wire
from tests.served import ALL, served

Door = web_http.Http | ilink.Http
Calls = Callable[[], Awaitable[object]]


class SlowConnector(aiohttp.TCPConnector):
    """Makes a connection when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.may_connect = asyncio.Event(), asyncio.Event()

    async def connect(
        self,
        req: ClientRequest,
        traces: list[aiohttp.tracing.Trace],
        timeout: aiohttp.ClientTimeout,
    ) -> aiohttp.connector.Connection:
        self.asked.set()
        await self.may_connect.wait()
        return await super().connect(req, traces, timeout)


class Peer:
    """A service that notes what reaches it."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        await request.read()
        self.requests.append(request.path)
        return web.Response(text='{"BaseResponse":{"Ret":0}}', headers={"x-encrypted-param": "p"})


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    made = Peer()
    async with served({ALL: made.answer}) as made.url:
        yield made


@pytest.fixture
async def connector() -> AsyncIterator[SlowConnector]:
    connector = SlowConnector()
    async with connector:
        yield connector


async def ignore(_: bytes) -> None:
    """Take bytes of a download."""


async def body() -> AsyncIterator[bytes]:
    yield b"x"


WAYS = ("web send", "web download", "ilink send", "ilink download", "ilink upload")


@pytest.fixture(params=WAYS)
async def calls(
    request: pytest.FixtureRequest, peer: Peer, connector: SlowConnector, gate: Gate
) -> AsyncIterator[Calls]:
    """Make one call, in each way there is."""
    url = URL(peer.url)
    of_web = web_http.Http(Way(connector, base_url=peer.url, timeout_s=0.5, gate=gate))
    of_ilink = ilink.Http(Way(connector, base_url=peer.url, timeout_s=0.5, gate=gate))
    call = web_http.Call(name="webwxtest", path="/call", reply=wire.Reply)
    piece = web_http.Call(name="webwxtest", path="/call", reply=bytes)
    ask = ilink.Call(name="getupdates", path="x", reply=ilink_wire.Reply, origin=url)
    made: dict[str, Calls] = {
        "web send": lambda: of_web.send(call),
        "web download": lambda: of_web.download(piece, ignore),
        "ilink send": lambda: of_ilink.send(ask),
        "ilink download": lambda: of_ilink.download(url, ignore, longest_s=0.5),
        "ilink upload": lambda: of_ilink.upload(url, body(), 1, longest_s=0.5),
    }
    yield made[request.param]
    await of_web.close()
    await of_ilink.close()


@pytest.fixture
def lease() -> Lease:
    return Lease()


@pytest.fixture
def gate(lease: Lease) -> Gate:
    return Gate(lease)


async def test_a_call_waits_for_the_lease(
    calls: Calls, connector: SlowConnector, peer: Peer, lease: Lease
) -> None:
    connector.may_connect.set()
    lease.renew(0.0)
    calling = asyncio.ensure_future(calls())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not connector.asked.is_set()
    lease.renew(math.inf)
    await calling
    assert len(peer.requests) == 1


async def test_a_call_that_waits_for_too_long_never_reached_wechat(
    calls: Calls, connector: SlowConnector, peer: Peer, lease: Lease
) -> None:
    connector.may_connect.set()
    lease.renew(0.0)
    with pytest.raises(NeverReached, match="no lease"):
        await calls()
    assert not peer.requests


async def test_nothing_leaves_when_the_lease_ends_while_it_connects(
    calls: Calls, connector: SlowConnector, peer: Peer, lease: Lease
) -> None:
    calling = asyncio.ensure_future(calls())
    await connector.asked.wait()
    lease.renew(0.0)
    connector.may_connect.set()
    with pytest.raises(NeverReached, match="lease"):
        await calling
    assert not peer.requests


@pytest.mark.parametrize("connects", [False, True])
async def test_nothing_leaves_once_the_account_is_lost(
    calls: Calls, connector: SlowConnector, peer: Peer, gate: Gate, connects: bool
) -> None:
    if connects:
        calling = asyncio.ensure_future(calls())
        await connector.asked.wait()
        gate.close()
    else:
        gate.close()
        calling = asyncio.ensure_future(calls())
    connector.may_connect.set()
    with pytest.raises(LeaseLost):
        await calling
    assert not peer.requests

"""Accounts behind a proxy that lies, or never ends: they say so within the time for a connection."""

import asyncio
import logging

import aiohttp
import pytest

from openwx.config.proxies import Proxy
from openwx.transports.proxytrouble import ProxyTroubleError
from openwx.transports.socks import SocksConnector
from tests.patience import PATIENCE_S
from tests.populations import FEW
from tests.proxies import SHOWN_PASSWORD, USER, HttpProxy, SmallProxy, SocksProxy, listening

from .lying import Answer, endless, says
from .test_proxy import NAME, QUICK, SECRETS
from .world import World

POPULATION = FEW

pytestmark = pytest.mark.usefixtures("account")

REPLY = b"\x05\x00"
"""No user and password are wanted."""


class Liar(SmallProxy):
    """A proxy that reads once, and answers as it is told; then it holds the connection."""

    def __init__(self, kind: type[SmallProxy], answer: Answer) -> None:
        super().__init__()
        self.scheme = kind.scheme
        self._answer = answer

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        self.asked.append("")
        await self._answer(writer)
        while await reader.read(1000):
            pass


def in_turn(*parts: bytes) -> Answer:
    """Answer these parts with pauses between them, so that each is the answer to a question."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.05)

    return answer


SOCKS = {
    "half a choice": says(b"\x05"),
    "another version": says(b"\x04\x00"),
    "a method that was not offered": says(b"\x05\x01"),
    "a user is wanted": says(b"\x05\x02"),
    "half a reply": in_turn(REPLY, b"\x05\x00\x00"),
    "a reply of another version": in_turn(REPLY, b"\x04\x00\x00\x01\x00\x00\x00\x00\x00\x00"),
    "a kind of address that there is not": in_turn(REPLY, b"\x05\x00\x00\x09\x00\x00"),
    "half a name": in_turn(REPLY, b"\x05\x00\x00\x03\xffaaa"),
    "a code that there is not": in_turn(REPLY, b"\x05\xfe\x00\x01\x00\x00\x00\x00\x00\x00"),
    "a name that drips": endless(REPLY + b"\x05\x00\x00\x03\xff", b"\x1b", 0.05),
    "no TLS": in_turn(REPLY, b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00", b"HTTP/1.1 200 OK\r\n\r\n"),
    "silence for TLS": in_turn(REPLY, b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"),
}  # fmt: skip
OK = b"HTTP/1.1 200 OK\r\n"
CONNECT = {
    "half a line": says(b"HTTP/1.1 20"),
    "another protocol": says(b"ICY 200 OK\r\n\r\n"),
    "a line without an end": endless(b"HTTP/1.1 200 ", b"\x1b" * 1000),
    "a head that drips": endless(OK, b"X-A: b\r\n", 0.05),
    "a head without an end": endless(OK, b"X-A: " + b"b" * 4000 + b"\r\n"),
    "a line of a head without an end": endless(OK + b"X-A: ", b"b" * 4000),
    "go on without an end": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "407 without an end": endless(
        b"", b"HTTP/1.1 407 \x1b[2J\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
    ),
    "elsewhere": says(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n"),
    "200 and no TLS": says(OK + b"\r\n<html>log in</html>"),
    "200 with a length": says(OK + b"Content-Length: 5\r\n\r\n<html"),
    "200 and silence for TLS": says(OK + b"\r\n"),
}


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        *(pytest.param(SocksProxy, answer, id=f"socks {name}") for name, answer in SOCKS.items()),
        *(pytest.param(HttpProxy, answer, id=f"http {name}") for name, answer in CONNECT.items()),
    ],
)
async def test_a_proxy_that_lies(
    world: World, caplog: pytest.LogCaptureFixture, kind: type[SmallProxy], answer: Answer
) -> None:
    """The reason names the proxy, without its secrets and without what it said."""
    caplog.set_level(logging.DEBUG)
    async with listening(Liar(kind, answer)) as liar:
        url = liar.url.replace("://", f"://{USER}:{SHOWN_PASSWORD}@")
        gateway = await world.start(proxy=url, pace=QUICK, base_url=f"https://{NAME}")
        async with asyncio.timeout(PATIENCE_S):
            while not (client := await gateway.client())["reason_code"].startswith("proxy_"):
                await gateway.get("check_event", timeout="0.05")
        assert liar.asked
        assert f"the proxy {liar.url}" in client["state_reason"]
        logged = caplog.text + str(client)
        assert not [one for one in SECRETS if one in logged]
        assert "\x1b" not in client["state_reason"]
        assert "log in" not in client["state_reason"]


async def test_many_at_once_are_told_in_the_time_for_a_connection() -> None:
    """A connection that broke off within TLS has no end of which anybody is told."""
    liar = Liar(SocksProxy, SOCKS["silence for TLS"])
    limits = aiohttp.ClientTimeout(total=PATIENCE_S, sock_connect=0.2)
    async with listening(liar) as proxy:
        connector = SocksConnector(Proxy("socks5", "127.0.0.1", proxy.port))
        async with aiohttp.ClientSession(connector=connector, timeout=limits) as http:
            calls = [http.get(f"https://{NAME}") for _ in range(20)]
            answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(one) for one in answers] == [ProxyTroubleError] * 20

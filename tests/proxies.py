"""Small real proxies for tests: HTTP (CONNECT, and whole addresses) and SOCKS5, with or without user and password."""

import asyncio
import base64
import contextlib
import gc
import socket
import warnings
from collections.abc import AsyncIterator, Mapping
from typing import Literal, TypeVar
from urllib.parse import urlsplit

Mood = Literal["works", "hangs", "garbage", "hangs up", "refuses"]
"""What it does: its duty, stay silent, answer no protocol, close, or say that it does not reach the target."""

ProxyT = TypeVar("ProxyT", bound="SmallProxy")
USER, PASSWORD = "wei", "s3cr3t:@/?#%"
SHOWN_PASSWORD = "s3cr3t%3A%40%2F%3F%23%25"


class SmallProxy:
    """A proxy at a port of its own. ``names`` are host names that it resolves itself."""

    scheme = ""

    def __init__(
        self, *, secret: tuple[str, str] | None = None, names: Mapping[str, int] | None = None
    ) -> None:
        self.secret = secret
        self.names = dict(names or {})
        """Names that it leads to these ports of this machine."""
        self.mood: Mood = "works"
        self.port = 0
        self.asked: list[str] = []
        """The targets of connections and of requests with whole addresses, as ``host:port``."""
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.address}"

    @property
    def secret_url(self) -> str:
        return f"{self.scheme}://{USER}:{SHOWN_PASSWORD}@{self.address}"

    async def start(self) -> None:
        """Listen, where it listened before if it did."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Break all connections, and refuse new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
            await _free_dropped()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._meet(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        match self.mood:
            case "hangs":
                await reader.read(-1)
            case "garbage":
                await reader.read(1)
                writer.write(b"\x00\xff what? \x7f\r\n" * 20)
                await reader.read(-1)
            case "hangs up":
                await reader.read(1)
            case _:
                await self._serve(reader, writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError

    async def _connect(
        self, host: str, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """Connect to a target; None where that cannot be."""
        self.asked.append(f"{host}:{port}")
        if self.mood == "refuses":
            return None
        try:
            if host in self.names:
                return await asyncio.open_connection("127.0.0.1", self.names[host])
            return await asyncio.open_connection(host, port)
        except OSError:
            return None


async def _free_dropped() -> None:
    """Free what asyncio accepted in the moment of a close: it drops such a connection unclosed (python/cpython#109564),
    and a later test would be blamed."""
    await asyncio.sleep(0)
    with warnings.catch_warnings():
        plain = r"unclosed (transport <_SelectorSocketTransport|<socket\.socket)"
        warnings.filterwarnings("ignore", plain, ResourceWarning)
        gc.collect()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def _join(
    left: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    right: tuple[asyncio.StreamReader, asyncio.StreamWriter],
) -> None:
    try:
        await asyncio.gather(_pump(left[0], right[1]), _pump(right[0], left[1]))
    finally:
        right[1].transport.abort()


class HttpProxy(SmallProxy):
    scheme = "http"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *lines = head.rstrip("\r\n").split("\r\n")
        method, target, _ = line.split(" ", 2)
        headers = {
            name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)
        }
        if not self._knows(headers.get("proxy-authorization", "")):
            await self._say(writer, "407 Who are you?")
            return
        parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
        joined = await self._connect(parts.hostname or "", parts.port or 80)
        if joined is None:
            await self._say(writer, "502 No way")
            return
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        else:  # one exchange a connection: the server is asked to close it, and this one ends with it
            path = f"{parts.path}?{parts.query}" if parts.query else parts.path
            kept = [one for one in lines if not one.lower().startswith(("proxy-", "connection:"))]
            request = [f"{method} {path} HTTP/1.1", *kept, "Connection: close", "", ""]
            joined[1].write("\r\n".join(request).encode("latin-1"))
        await _join((reader, writer), joined)

    def _knows(self, authorization: str) -> bool:
        if self.secret is None:
            return True
        wanted = base64.b64encode(":".join(self.secret).encode()).decode()
        return authorization == f"Basic {wanted}"

    async def _say(self, writer: asyncio.StreamWriter, status: str) -> None:
        writer.write(
            f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
        )
        await writer.drain()


class SocksProxy(SmallProxy):
    scheme = "socks5"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        version, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        wanted = 0 if self.secret is None else 2
        if version != 5 or wanted not in methods:
            writer.write(b"\x05\xff")
            await writer.drain()
            return
        writer.write(bytes([5, wanted]))
        if self.secret is not None:
            await reader.readexactly(1)
            user = await reader.readexactly((await reader.readexactly(1))[0])
            password = await reader.readexactly((await reader.readexactly(1))[0])
            is_right = (user.decode(), password.decode()) == self.secret
            writer.write(b"\x01\x00" if is_right else b"\x01\x01")
            if not is_right:
                await writer.drain()
                return
        _, _, _, kind = await reader.readexactly(4)
        match kind:
            case 1:
                host = socket.inet_ntop(socket.AF_INET, await reader.readexactly(4))
            case 4:
                host = socket.inet_ntop(socket.AF_INET6, await reader.readexactly(16))
            case _:
                host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        port = int.from_bytes(await reader.readexactly(2), "big")
        joined = await self._connect(host, port)
        writer.write(bytes([5, 0 if joined else 4, 0, 1, 0, 0, 0, 0, 0, 0]))
        if joined is None:
            await writer.drain()
            return
        await _join((reader, writer), joined)


@contextlib.asynccontextmanager
async def listening(proxy: ProxyT) -> AsyncIterator[ProxyT]:
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()

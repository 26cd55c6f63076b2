"""Calls as bytes on a socket, as programs in any language write them, to one gateway for a whole module of tests."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from openwx.simulator import Account
from openwx.testing import LoopThread, World
from tests.patience import PATIENCE_S


@dataclass
class Answer:
    """What came back until the server closed the connection."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def code(self) -> int:
        return int(self.json["code"])

    @property
    def words(self) -> str:
        return str(self.json["status"])


@dataclass
class Bench:
    """A gateway that runs in another thread, logged in to the simulator."""

    thread: LoopThread
    world: World
    port: int
    heard: int = field(default=0)
    """So many messages were sent before."""

    @property
    def account(self) -> Account:
        return self.world.account

    def asks(self, request: bytes) -> Answer:
        """Send these bytes, and read all that comes back. The request says that the connection ends with it."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S) as connection:
            with suppress(ConnectionError):  # refused before its end
                connection.sendall(request)
            answer = b""
            deadline = time.monotonic() + PATIENCE_S
            while time.monotonic() < deadline:
                try:
                    more = connection.recv(65536)
                except ConnectionError:
                    break
                if not more:
                    break
                answer += more
            else:
                raise AssertionError(f"no end of the answer to {request[:200]!r}: {answer[:200]!r}")
        head, _, body = answer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        if headers.get("Transfer-Encoding") == "chunked":
            body = _unchunked(body)
        return Answer(int(first.split()[1]), headers, body)

    def gets(self, target: str | bytes, *lines: str, method: str = "GET") -> Answer:
        return self.asks(head(method, target, *lines) + b"\r\n")

    def posts(self, target: str | bytes, body: bytes, *lines: str, method: str = "POST") -> Answer:
        length = f"Content-Length: {len(body)}"
        return self.asks(head(method, target, length, *lines) + b"\r\n" + body)

    def sent(self) -> list[str]:
        """Return the texts that reached WeChat since the last call of this."""
        sent = self.thread.do(lambda: list(self.account.sent))
        fresh = [message.text for message in sent[self.heard :]]
        self.heard = len(sent)
        return fresh


def head(method: str, target: str | bytes, *lines: str) -> bytes:
    """Build the head of a request, without its last empty line."""
    path = target.encode() if isinstance(target, str) else target
    usual = ("Host: 127.0.0.1", "Connection: close", *lines)
    return (
        method.encode()
        + b" "
        + path
        + b" HTTP/1.1\r\n"
        + "".join(f"{line}\r\n" for line in usual).encode()
    )


def _unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        whole += body[:length]
        body = body[length + 2 :]
    return whole


@contextmanager
def benched(folder: Path, **how: Any) -> Iterator[Bench]:
    """Run a gateway for the context; ``how`` is as for ``World.start_gateway``."""
    with LoopThread() as thread:
        world = thread.do(lambda: World(folder))
        thread.run(world.__aenter__())
        try:
            gateway = thread.run(world.start_gateway(**how))
            yield Bench(thread, world, int(gateway.url.rpartition(":")[2]))
        finally:
            thread.run(world.__aexit__(None, None, None))

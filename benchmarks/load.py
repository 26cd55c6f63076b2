"""HTTP load generators on bare ``asyncio.Protocol``s, so that they use less CPU than the server under test."""

import asyncio
import functools
import time

from benchmarks import machine
from benchmarks.processes import Program
from benchmarks.rounds import Sample

REQUEST = "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: */*\r\n{headers}\r\n"


def request(port: int, path: str, headers: str = "") -> bytes:
    """Build a GET request. ``headers`` are lines that end with CRLF."""
    return REQUEST.format(path=path, port=port, headers=headers).encode()


class Caller(asyncio.Protocol):
    """A connection that repeats its request after each answer until it is stopped. Answers need a Content-Length."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._transport: asyncio.Transport
        self._got = bytearray()
        self._wanted = 0
        self._sent_at = 0.0
        self.count = 0
        self.stopping = False
        self.latencies: list[float] = []
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._got += data
        if not self._wanted:
            end = self._got.find(b"\r\n\r\n")
            if end < 0:
                return
            self._wanted = end + 4 + _length(bytes(self._got[:end]))
        if len(self._got) < self._wanted:
            return
        self.latencies.append(time.perf_counter() - self._sent_at)
        self._got.clear()
        self._wanted = 0
        self.count += 1
        if self.stopping:
            self._transport.close()
        else:
            self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        if self.ended.done():
            return
        if self.stopping and error is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error or ConnectionError("the server closed the connection"))


def _length(head: bytes) -> int:
    if not head.startswith(b"HTTP/1.1 200"):
        raise ValueError(f"not answered with 200 but {head[:300]!r}")
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise ValueError(f"no Content-Length in {head[:300]!r}")


class Drain(asyncio.Protocol):
    """A connection that repeats a request and discards the answers, which are chunked or have a Content-Length."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._transport: asyncio.Transport
        self._left: int | None = None
        self._tail = b""
        self.count = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self._tail:
            head, _, body = data.partition(b"\r\n\r\n")
            chunked = b"chunked" in head.lower()
            self._left = None if chunked else _length(head) - len(body)
        elif self._left is not None:
            self._left -= len(data)
        self._tail = (self._tail + data)[-7:]
        if self._left == 0 or (self._left is None and self._tail == b"\r\n0\r\n\r\n"):
            self.count += 1
            self._tail = b""
            self._transport.write(self._request)

    def close(self) -> None:
        self._transport.close()


async def callers(port: int, requests: list[bytes]) -> list[Caller]:
    """Connect a caller for each request, and start it. End them with ``stop``."""
    loop = asyncio.get_running_loop()
    made = []
    for request in requests:
        make = functools.partial(Caller, request)
        _, caller = await loop.create_connection(make, "127.0.0.1", port)
        made.append(caller)
    return made


async def stop(made: list[Caller]) -> None:
    """Wait for the last answers and close the connections. Raises the first error of a caller."""
    for caller in made:
        caller.stopping = True
    await asyncio.gather(*(caller.ended for caller in made))


async def hammer(program: Program, port: int, requests: list[bytes], seconds: float) -> Sample:
    """Count the answers of a program within ``seconds``, with one connection for each request."""
    made = await callers(port, requests)
    await asyncio.sleep(0.05)
    before, cpu, began = _answers(made), machine.cpu_s(program.pid), time.perf_counter()
    await asyncio.sleep(seconds)
    wall_s = time.perf_counter() - began
    sample = Sample(_answers(made) - before, wall_s, machine.cpu_s(program.pid) - cpu)
    await stop(made)
    return sample


def _answers(made: list[Caller]) -> int:
    return sum(caller.count for caller in made)

"""Answers of servers that lie: bytes as they are, nonsense, and what has no end."""

import asyncio
from collections.abc import Awaitable, Callable

Writer = asyncio.StreamWriter
Answer = Callable[[Writer], Awaitable[None]]


def says(text: bytes) -> Answer:
    """Answer these bytes, and no more."""

    async def answer(writer: Writer) -> None:
        writer.write(text)
        await writer.drain()

    return answer


def endless(beginning: bytes, again: bytes, pause_s: float = 0.0) -> Answer:
    """Answer without an end."""

    async def answer(writer: Writer) -> None:
        writer.write(beginning)
        while True:
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return answer


def http(
    body: bytes, kind: str = "application/json", status: str = "200 OK", headers: str = ""
) -> Answer:
    """Answer by HTTP."""
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    )
    return says(head.encode("latin-1") + body)


def events(*frames: bytes) -> Answer:
    """Answer a stream that ends after these frames."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    return says(head + b"".join(frame + b"\n\n" for frame in frames))

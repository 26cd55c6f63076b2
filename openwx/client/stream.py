"""What happens, as Server-Sent Events, read from wherever one was: ``Client.events`` is this."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Self

import aiohttp
import msgspec

from openwx.client import errors, uploads
from openwx.client.calls import FIRST_PAUSE_S, MOST_PAUSE_S
from openwx.client.uploads import Upload

log = logging.getLogger("openwx.client")

MOST_BYTES = 256 * 2**20
"""Of one event: a medium in base64 may be in it."""

Open = Callable[[str], AbstractAsyncContextManager[aiohttp.StreamReader]]


class Frame(msgspec.Struct):
    """One event of the stream: an upload, or by its ``name`` something about the stream itself."""

    name: str = ""
    data: bytes = b""
    id: int | None = None


class _Missed(msgspec.Struct):
    after: int
    upto: int
    reason: str


class Events:
    """Messages and events without end: ``async for happened in wx.events(after=…)``.

    ``last_id`` is the id of the newest that was told, also while it is being handled; a program that keeps it goes on
    there with ``after=`` when it starts again. A connection that is lost is made again, and nothing is told twice.
    ``missed`` counts the gaps: that the gateway keeps something no longer is also said in the log.
    """

    def __init__(self, open_after: Open, after: str) -> None:
        self.last_id: int | None = None
        self.missed = 0
        self._open = open_after
        self._after = after
        self._told = self._tell()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Upload:
        """Raises ``CallFailed`` for what another try would not mend, such as a wrong token."""
        return await anext(self._told)

    async def aclose(self) -> None:
        """Let go of the connection."""
        await self._told.aclose()

    async def _tell(self) -> AsyncGenerator[Upload, None]:
        pause_s = FIRST_PAUSE_S
        while True:
            words = "the stream ended"
            try:
                after = self._after if self.last_id is None else str(self.last_id)
                async with self._open(after) as content:
                    async for frame in frames(content):
                        if frame.id is not None:
                            self.last_id = frame.id
                        if frame.name == "end":
                            words = frame.data.decode("utf-8", "replace")
                        elif frame.name == "missed":
                            self._miss(frame.data)
                        elif frame.data:
                            pause_s = FIRST_PAUSE_S
                            yield uploads.decode(frame.data)
            except (
                errors.NotConnected,
                errors.OutcomeUnknown,
                errors.NotRunning,
                errors.QueueFull,
            ) as error:
                words = str(error)
            log.info("events: %s; connecting again in %.1f s", words, pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, MOST_PAUSE_S)

    def _miss(self, data: bytes) -> None:
        missed = msgspec.json.decode(data, type=_Missed)
        self.missed += 1
        log.warning(
            "events after %d up to %d are not told: %s", missed.after, missed.upto, missed.reason
        )


async def frames(content: aiohttp.StreamReader) -> AsyncIterator[Frame]:
    """The events of a stream, as the gateway writes them: one line of data each, a blank line behind it."""
    held = bytearray()
    looked = 0
    async for chunk in content.iter_any():
        held += chunk
        while (end := held.find(b"\n\n", max(0, looked - 1))) >= 0:
            yield _frame(bytes(held[:end]))
            del held[: end + 2]
            looked = 0
        looked = len(held)
        if looked > MOST_BYTES:
            raise errors.NotOpenwx("events", f"an event of more than {MOST_BYTES} bytes")


def _frame(text: bytes) -> Frame:
    frame = Frame()
    for line in text.split(b"\n"):
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"event":
                frame.name = value.decode()
            case b"data":
                frame.data = value
            case b"id" if value.isdigit():
                frame.id = int(value)
    return frame

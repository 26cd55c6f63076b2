"""Reads events as Server-Sent Events, and reconnects where it was: the iterator of ``Client.events``.
``following`` makes it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Self

import aiohttp
import msgspec

from openwx.client import errors, uploads
from openwx.client.calls import FIRST_PAUSE_S, MOST_PAUSE_S, failing
from openwx.client.uploads import Upload

log = logging.getLogger("openwx.client")

MOST_BYTES = 256 * 2**20
"""Size of one event, which may contain media in base64."""

Open = Callable[[str], Awaitable[aiohttp.ClientResponse]]


class Frame(msgspec.Struct):
    """One event of the stream: the JSON of a report, or by its ``name`` something about the stream itself.

    ``missed`` is a gap, ``end`` says why the stream ends; the ``data`` of both is JSON with a ``reason``. ``id`` is
    where to go on after this; it may come without a report.
    """

    name: str = ""
    data: bytes = b""
    id: int | None = None


class _Missed(msgspec.Struct):
    after: int
    upto: int
    reason: str


class Events:
    """Messages and events without end: ``async for happened in wx.events(after=…)``.

    ``last_id`` is the id of the newest event, also while it is being handled; a program that stores it continues there
    with ``after=`` when it is restarted. A lost connection is reestablished, and no event comes twice. ``missed``
    counts gaps, where the gateway no longer has some events; they are also logged.

    It may be left at any time: its connection is closed with it, or with the client. It can be used again after a
    time-out. If several tasks iterate, each event goes to one of them.
    """

    def __init__(self, open_after: Open, after: str) -> None:
        self.last_id: int | None = None
        self.missed = 0
        self._open = open_after
        self._after = after
        self._pause_s = FIRST_PAUSE_S
        self._connection: Connection | None = None
        self._turn = asyncio.Lock()
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Upload:
        """Wait for the next one. Raises ``CallFailed`` for permanent errors, such as a wrong token."""
        async with self._turn:
            try:
                while not self._ended:
                    upload = await self._next()
                    if upload is not None:
                        return upload
            except asyncio.CancelledError:
                raise
            except BaseException:
                await self.aclose()
                raise
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Close the connection; there are no more events then."""
        self._ended = True
        self._disconnect()

    def __del__(self) -> None:
        if self._connection is not None:
            self._connection.close_from_anywhere()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _next(self) -> Upload | None:
        """Return the next one; None if the connection has ended, after a pause."""
        words = "the stream ended"
        try:
            if self._connection is None:
                after = self._after if self.last_id is None else str(self.last_id)
                self._connection = Connection(await self._open(after))
            connection = self._connection
            if self._ended:  # by another task, meanwhile
                self._disconnect()
                return None
            while (frame := await connection.frame()) is not None:
                if frame.id is not None:
                    self.last_id = frame.id
                if frame.name == "end":
                    words = frame.data.decode("utf-8", "replace")
                elif frame.name == "missed":
                    self._miss(frame.data)
                elif frame.data:
                    self._pause_s = FIRST_PAUSE_S
                    return uploads.of_answer("events", frame.data)
        except (
            errors.NotConnected,
            errors.OutcomeUnknown,
            errors.NotRunning,
            errors.QueueFull,
        ) as error:
            words = str(error)
        self._disconnect()
        if not self._ended:
            log.info("events: %s; connecting again in %.1f s", words, self._pause_s)
            pause_s, self._pause_s = self._pause_s, min(2 * self._pause_s, MOST_PAUSE_S)
            await asyncio.sleep(pause_s)
        return None

    def _miss(self, data: bytes) -> None:
        self.missed += 1
        try:
            missed = msgspec.json.decode(data, type=_Missed)
        except errors.UNREADABLE as error:
            raise errors.NotOpenwx("events", f"a gap that cannot be understood: {error}") from error
        log.warning(
            "events after %d up to %d are missing: %s", missed.after, missed.upto, missed.reason
        )


class Connection:
    """One answer of the gateway: events with one line of data each."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self._loop = asyncio.get_running_loop()
        self._held = bytearray()
        self._looked = 0

    async def frame(self) -> Frame | None:
        """Return the next event; None at the end. Raises ``CallFailed``."""
        while (end := self._held.find(b"\n\n", max(0, self._looked - 1))) < 0:
            self._looked = len(self._held)
            if self._looked > MOST_BYTES:
                raise errors.NotOpenwx("events", f"an event of more than {MOST_BYTES} bytes")
            with failing("events"):
                chunk = await self._response.content.readany()
            if not chunk:
                return None
            self._held += chunk
        frame = _frame(bytes(self._held[:end]))
        del self._held[: end + 2]
        self._looked = 0
        return frame

    def close(self) -> None:
        self._response.close()

    def close_from_anywhere(self) -> None:
        """Close it from another thread, or after the event loop has ended."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._response.close)


def _frame(text: bytes) -> Frame:
    frame = Frame()
    for line in text.split(b"\n"):
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"event":
                frame.name = value.decode(errors="replace")
            case b"data":
                frame.data = value
            case b"id" if is_id(value):
                frame.id = int(value)
    return frame


def is_id(text: str | bytes) -> bool:
    """Return whether it is the number of a report: up to 18 digits."""
    return text.isascii() and text.isdigit() and len(text) <= 18

"""Calls that receive messages and events as they happen. ``Client`` inherits them."""

from collections.abc import AsyncGenerator
from typing import Literal, NamedTuple

import aiohttp
import msgspec

from openwx.client import errors, uploads
from openwx.client.calls import CONNECT_S, Calls
from openwx.client.stream import Connection, Events, Frame, is_id
from openwx.client.uploads import Upload


class Happened(NamedTuple):
    """Messages and events after an id."""

    uploads: list[Upload]
    last_id: int
    """The ``after`` of the next call."""
    missed: bool
    """Whether some are no longer available."""


class Following(Calls):
    """Calls that wait for messages and events."""

    async def check_event(self, *, timeout: float = 30.0) -> list[Upload]:
        """Wait up to ``timeout`` seconds for the messages and events since the last call.

        They are removed: several callers share them. The gateway keeps the newest 20 between two calls.
        """
        found = await self._call(
            "check_event", list[msgspec.Raw], {"timeout": timeout}, wait_s=timeout + CONNECT_S
        )
        return [uploads.of_answer("check_event", bytes(one)) for one in found]

    async def check_event_after(
        self,
        after: int | Literal["now"],
        *,
        timeout: float = 30.0,
        type: str | None = None,  # noqa: A002 - the API's name
        chat: str | None = None,
        format: str | None = None,
    ) -> Happened:
        """Wait for messages and events after an id (0: all that are stored); returns the newest id, too.

        Nothing is removed: any number of programs can call it, each with its own ids. ``type`` and ``format`` are
        lists joined by commas; ``chat`` is the id, uid or name of a friend or group.
        """
        parameters = {
            "after": str(after), "timeout": timeout, "type": type, "chat": chat, "format": format,
        }  # fmt: skip
        found, headers = await self._list("check_event", parameters, wait_s=timeout + CONNECT_S)
        last_id = headers.get("X-Openwx-Last-Id")
        if last_id is None:
            raise errors.NotOpenwx("check_event", "this gateway is older, and does not know after")
        if not is_id(last_id):
            raise errors.NotOpenwx("check_event", f"X-Openwx-Last-Id is no id: {last_id[:50]!r}")
        decoded = [uploads.of_answer("check_event", bytes(one)) for one in found]
        return Happened(decoded, int(last_id), "X-Openwx-Missed" in headers)

    def events(
        self,
        after: int | str = "now",
        *,
        type: str | None = None,  # noqa: A002 - the API's name
        chat: str | None = None,
        format: str | None = None,
        media_data: bool = False,
    ) -> Events:
        """Follow messages and events: those from now on, or after an id (0: all that are stored).

        ``type``, ``chat`` and ``format`` as in ``check_event_after``; with ``media_data``, media have their bytes, too.
        """
        options = {"type": type, "chat": chat, "format": format, "media_data": media_data}

        async def open_after(at: str) -> aiohttp.ClientResponse:
            return await self._stream("events", {"after": at, **options})

        return Events(open_after, str(after))

    async def frames(
        self,
        after: int | Literal["now"] = "now",
        *,
        type: str | None = None,  # noqa: A002 - the API's name
        chat: str | None = None,
        format: str | None = None,
    ) -> AsyncGenerator[Frame]:
        """Follow as ``events`` does, over one connection, and yield what comes as it comes, JSON undecoded.

        It ends with the connection, or raises ``CallFailed``: a program that finds its gateway anew connects again.
        """
        options = {"after": str(after), "type": type, "chat": chat, "format": format}
        connection = Connection(await self._stream("events", options))
        try:
            while (frame := await connection.frame()) is not None:
                yield frame
        finally:
            connection.close()

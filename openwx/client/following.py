"""What happens, as it happens."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Literal, NamedTuple

import msgspec

from openwx.client import errors, uploads
from openwx.client.calls import CONNECT_S, FIRST_PAUSE_S, MOST_PAUSE_S, Calls
from openwx.client.uploads import Upload

log = logging.getLogger("openwx.client")

POLL_S = 60.0


class Happened(NamedTuple):
    """What happened after some id."""

    uploads: list[Upload]
    last_id: int
    """What to give as ``after`` the next time."""
    missed: bool
    """Whether some of what happened is not kept any more."""


class Following(Calls):
    """Calls that wait for messages and events."""

    async def check_event(self, *, timeout: float = 30.0) -> list[Upload]:
        """The messages and events since the last call, as soon as there are any; none after ``timeout`` seconds.

        Whoever asks takes them: two who ask share them. The gateway keeps the newest 20 between two calls.
        """
        found = await self._call(
            "check_event", list[msgspec.Raw], {"timeout": timeout}, wait_s=timeout + CONNECT_S
        )
        return [uploads.decode(bytes(one)) for one in found]

    async def check_event_after(
        self,
        after: int | Literal["now"],
        *,
        timeout: float = 30.0,
        type: str | None = None,  # noqa: A002 - the API's name
        chat: str | None = None,
        format: str | None = None,
    ) -> Happened:
        """The messages and events after an id (0: all that are kept), as soon as there are any, and the newest id.

        Nothing is taken by that: any number of programs can ask, each with the ids that it heard. ``type`` and
        ``format`` name several with commas between them; ``chat`` is the id, uid or name of a friend or group.
        """
        parameters = {
            "after": str(after), "timeout": timeout, "type": type, "chat": chat, "format": format,
        }  # fmt: skip
        found, headers = await self._list("check_event", parameters, wait_s=timeout + CONNECT_S)
        if "X-Openwx-Last-Id" not in headers:
            raise errors.NotOpenwx("check_event", "this gateway is older, and does not know after")
        told = [uploads.decode(bytes(one)) for one in found]
        return Happened(told, int(headers["X-Openwx-Last-Id"]), "X-Openwx-Missed" in headers)

    async def events(self, after: int | Literal["now"] | None = None) -> AsyncIterator[Upload]:
        """Messages and events without end, by ``check_event``; over restarts of the gateway, too.

        What happens while nobody is connected is kept as ``check_event`` keeps it; with ``after`` an id, everything
        comes that the gateway still keeps, whoever else asks. Raises ``CallFailed`` only for what another try would
        not mend, such as a wrong token.
        """
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                if after is None:
                    happened = await self.check_event(timeout=POLL_S)
                else:
                    happened, after, _ = await self.check_event_after(after, timeout=POLL_S)
            except (errors.NotConnected, errors.OutcomeUnknown, errors.NotRunning) as error:
                log.warning("%s; trying again in %.1f s", error, pause_s)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, MOST_PAUSE_S)
                continue
            pause_s = FIRST_PAUSE_S
            for upload in happened:
                yield upload

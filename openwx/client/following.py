"""What happens, as it happens."""

import asyncio
import logging
from collections.abc import AsyncIterator

import msgspec

from openwx.client import errors, uploads
from openwx.client.calls import CONNECT_S, FIRST_PAUSE_S, MOST_PAUSE_S, Calls
from openwx.client.uploads import Upload

log = logging.getLogger("openwx.client")

POLL_S = 60.0


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

    async def events(self) -> AsyncIterator[Upload]:
        """Messages and events without end, by ``check_event``; over restarts of the gateway, too.

        What happens while nobody is connected is kept as ``check_event`` keeps it. Raises ``CallFailed`` only for
        what another try would not mend, such as a wrong token.
        """
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                happened = await self.check_event(timeout=POLL_S)
            except (errors.NotConnected, errors.OutcomeUnknown, errors.NotRunning) as error:
                log.warning("%s; trying again in %.1f s", error, pause_s)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, MOST_PAUSE_S)
                continue
            pause_s = FIRST_PAUSE_S
            for upload in happened:
                yield upload

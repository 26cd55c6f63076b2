"""How long is waited for somebody who reads a stream slowly, or not at all."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

SLOW_S = 60.0
"""Who takes nothing for so long is let go."""
GRACE_S = 10.0
"""So long he may then still take up reading, and be told why."""


class SlowReader(Exception):
    """He took nothing for very long, and takes something now: he is to be told that it ends here."""


class Patience:
    """For one connection.

    A write that waits is never cancelled (aiohttp's writers wait for one future together), but the connection is cut,
    which ends them all.
    """

    def __init__(self, request: web.BaseRequest) -> None:
        self._request = request
        self.is_over = False
        self._cut: asyncio.TimerHandle | None = None

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Around a write: ``check`` after it whether it took too long."""
        timer = asyncio.get_running_loop().call_later(SLOW_S, self.end)
        try:
            yield
        finally:
            timer.cancel()

    def check(self) -> None:
        """Raise ``SlowReader`` where it is time to come to an end."""
        if self.is_over:
            raise SlowReader(f"nothing was read for {SLOW_S:g} seconds")

    def is_gone(self) -> bool:
        """Whether the connection is closed."""
        transport = self._request.transport
        return transport is None or transport.is_closing()

    def end(self) -> None:
        """The connection comes to its end: it is cut where that takes too long."""
        self.is_over = True
        if self._cut is None:
            self._cut = asyncio.get_running_loop().call_later(GRACE_S, self._cut_off)

    def _cut_off(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()

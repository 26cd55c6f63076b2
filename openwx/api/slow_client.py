"""Ends streams whose client reads slowly, or not at all. ``sse``, ``websocket`` and ``peers`` call it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

SLOW_S = 60.0
"""Time for which a client may read nothing, in seconds."""
GRACE_S = 10.0
"""Time in which it may still read why the stream ends, in seconds."""


class SlowClientError(Exception):
    """The client read nothing for ``SLOW_S`` and reads again now: the stream ends here, and says so."""


class SlowClient:
    """Watches the writes of one connection.

    A write that waits is never cancelled (aiohttp's writers wait for one future together): the connection is aborted,
    which ends them all.
    """

    def __init__(self, request: web.BaseRequest) -> None:
        self._request = request
        self.is_over = False
        self._abort_timer: asyncio.TimerHandle | None = None

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Time a write. ``check`` after it."""
        timer = asyncio.get_running_loop().call_later(SLOW_S, self.end)
        try:
            yield
        finally:
            timer.cancel()

    def check(self) -> None:
        """Raise ``SlowClientError`` if a write took too long."""
        if self.is_over:
            raise SlowClientError(f"nothing was read for {SLOW_S:g} seconds")

    def is_gone(self) -> bool:
        """Return whether the connection is closed."""
        transport = self._request.transport
        return transport is None or transport.is_closing()

    def end(self) -> None:
        """Abort the connection after ``GRACE_S``."""
        self.is_over = True
        if self._abort_timer is None:
            self._abort_timer = asyncio.get_running_loop().call_later(GRACE_S, self._abort)

    def _abort(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()

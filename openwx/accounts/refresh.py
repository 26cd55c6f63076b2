"""Refreshes of all contacts: at most one a minute, which all who ask meanwhile share.
Routes and the console call it, by ``Account``.
"""

import asyncio
import math

from openwx.accounts.status import AccountStatus
from openwx.errors import CallerError, Code
from openwx.timing import Timing
from openwx.transports.base import Transport


class Refreshes:
    """The refreshes of one account's contacts. It owns the one that is under way, until ``close``."""

    def __init__(
        self, account: str, transport: Transport, status: AccountStatus, timing: Timing
    ) -> None:
        self._account = account
        self._transport = transport
        self._status = status
        self._every_s = timing.refresh_every_s
        self._wait_s = timing.send_wait_s
        self._task: asyncio.Task[int] | None = None
        self._next_at = -math.inf

    async def all(self) -> int:
        """Fetch all contacts anew, or wait for the refresh that is under way. Return the number of differences.

        Raises ``CallerError`` (-7 where the last one was less than a minute ago, 504 where it takes too long) and
        ``WeChatError``.
        """
        task = self._task
        if task is None or task.done():
            task = self._task = self._begin()
        await asyncio.wait({task}, timeout=self._wait_s)
        if not task.done():
            words = f"not done after {self._wait_s:.0f} s; it goes on, and differences are told as events"
            raise CallerError(Code.UNREACHABLE, words, http_status=504)
        if task.cancelled():
            raise self._status.not_running()
        return task.result()

    def _begin(self) -> asyncio.Task[int]:
        now = asyncio.get_running_loop().time()
        if (left_s := self._next_at - now) > 0:
            words = (
                "all contacts were fetched just now: try again later, or name a friend or a group"
            )
            raise CallerError(Code.QUEUE_FULL, words, retry_after=math.ceil(left_s))
        self._next_at = now + self._every_s
        name = f"{self._account}: refresh"
        task = asyncio.create_task(self._transport.actions.refresh_all(), name=name)
        # Its callers may have left; then nobody else looks at its error, which the log of the transport has.
        task.add_done_callback(lambda task: task.cancelled() or task.exception())
        return task

    async def close(self) -> None:
        """End what is under way: the account has ended."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

"""The connection for what concerns ownership: one statement at a time, and hints from others.
``Membership`` and ``Owning`` use it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from openwx.store.postgres.connections import Address

T = TypeVar("T")


class LeaseConnection:
    """Connects when it is needed. ``within_s``: how long an answer may take, in seconds."""

    def __init__(self, address: Address, *, within_s: float) -> None:
        self.hint = asyncio.Event()
        """Set when a member says that something has changed, and when there is a new connection."""
        self.made = 0
        """How many connections there were so far: each one but the last was lost."""
        self._within_s = within_s
        self._address = address
        self._connection: asyncpg.Connection | None = None
        self._one_at_a_time = asyncio.Lock()

    async def do(
        self,
        work: Callable[[asyncpg.Connection], Awaitable[T]],
        *,
        within_s: float | None = None,
    ) -> T:
        """Do something by the connection. Raise one of ``Unreachable``: whether it was done is not known then.

        The time in which others use the connection counts, so that many who wait for no answer do not wait in turn.
        """
        async with asyncio.timeout(within_s or self._within_s), self._one_at_a_time:
            try:
                return await work(await self._connected())
            except BaseException:  # also a time-out or a cancellation: it is not used again
                self.drop()
                raise

    def drop(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._address.connect_to_own()
            self.made += 1
            await self._connection.add_listener(self._address.schema, self._note)
            self.hint.set()
        return self._connection

    def _note(self, *_: object) -> None:
        self.hint.set()

"""This process as a member: its connection for ownership, and its beat."""

import asyncio
import logging
from collections.abc import Callable, Sequence

import asyncpg

from openwx.store.base import JournalError
from openwx.store.postgres import ownership
from openwx.store.postgres.connections import Address, Unreachable
from openwx.store.postgres.errors import worded
from openwx.store.postgres.ownership import Node
from openwx.store.postgres.terms import Terms

LEASE_S = 15.0
"""How long a member may be silent, in seconds."""
BEATS_PER_LEASE = 5
LEAVE_S = 5.0
"""How long leaving may take, in seconds: without it, another start of the same home is as good."""

log = logging.getLogger("openwx.report")


class Membership:
    """Joins, beats, claims and leaves. ``write_waits_s`` says how long the oldest write has waited."""

    def __init__(
        self,
        address: Address,
        node: Node,
        terms: Terms,
        write_waits_s: Callable[[], float],
        *,
        lease_s: float = LEASE_S,
    ) -> None:
        self._address = address
        self._node = node
        self._terms = terms
        self._write_waits_s = write_waits_s
        self._lease_s = lease_s
        self._connection: asyncpg.Connection | None = None
        self._one_at_a_time = asyncio.Lock()
        self._beating: asyncio.Task[None] | None = None

    async def join(self) -> None:
        """Become a member, and begin to beat. Raise one of ``Unreachable``, or ``JournalError`` for a taken name."""
        connection = await self._connected()
        await self._require_name(connection)
        await ownership.join(connection, self._terms.incarnation, self._node)
        self._beating = asyncio.create_task(self._beat_for_ever(), name="journal: beat")

    async def leave(self) -> None:
        """End the membership, if there is one and PostgreSQL can be reached."""
        if self._beating is None:
            self._drop()
            return
        self._beating.cancel()
        await asyncio.gather(self._beating, return_exceptions=True)
        try:
            async with asyncio.timeout(LEAVE_S):
                await ownership.leave(await self._connected(), self._terms.incarnation)
        except Unreachable as error:
            log.warning("PostgreSQL was not told that this node stops: %s", worded(error))
        finally:
            self._drop()

    async def claim(self, accounts: Sequence[str]) -> None:
        """Begin terms of accounts; those that another node owns are noted as lost. Raise ``JournalError``."""
        async with self._one_at_a_time:
            try:
                async with asyncio.timeout(self._lease_s / 3):
                    found = await ownership.claim(
                        await self._connected(), self._terms.incarnation, accounts
                    )
            except Unreachable as error:
                self._drop()
                raise JournalError(f"the journal failed: {worded(error)}") from error
        for account, term in found.items():
            self._terms.begin(account, term)
        if others := sorted(set(accounts) - set(found)):
            log.error("%s: owned by another node: nothing is written here", ", ".join(others))
            self._terms.lose(others)

    async def release(self, account: str) -> None:
        """End the term of an account whose writes have all returned. Raise ``JournalError``."""
        term = self._terms[account]
        async with self._one_at_a_time:
            try:
                async with asyncio.timeout(self._lease_s / 3):
                    await ownership.release(
                        await self._connected(), self._terms.incarnation, account, term
                    )
            except Unreachable as error:
                self._drop()
                raise JournalError(f"the journal failed: {worded(error)}") from error
        self._terms.end([account])

    async def _require_name(self, connection: asyncpg.Connection) -> None:
        """Wait for a lease where another process has this node's name: it is gone if its beat stands still."""
        former = await ownership.rivals(connection, self._node)
        if not former:
            return
        log.warning("waiting for %.0f s: the node %s may still run", self._lease_s, self._node.node)
        await asyncio.sleep(self._lease_s)
        now = await ownership.rivals(connection, self._node)
        for incarnation, number in now.items():
            still = ownership.Beat(incarnation, self._node.node, number)
            if former.get(incarnation) != number or not await ownership.declare_dead(
                connection, still
            ):
                raise JournalError(
                    f"another node is called {self._node.node}, and it runs: give this one another name, and a"
                    " data_dir of its own"
                )

    async def _beat_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._lease_s / BEATS_PER_LEASE)
            if self._write_waits_s() > self._lease_s:
                continue  # a node that cannot write must not own
            async with self._one_at_a_time:
                try:
                    async with asyncio.timeout(self._lease_s / 3):
                        is_member = await ownership.beat(
                            await self._connected(), self._terms.incarnation
                        )
                except Unreachable as error:
                    log.debug("no beat: %s", worded(error))
                    self._drop()
                    continue
            if not is_member:
                log.error(
                    "other nodes have declared this one dead: it does nothing for its accounts any more"
                )
                self._terms.lose(self._terms.accounts)
                return

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._address.connect_to_own()
        return self._connection

    def _drop(self) -> None:
        """End the connection: after an error or a time-out it is not used again."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

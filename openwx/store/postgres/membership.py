"""This process as a member: it joins, beats, finds out who is dead, and leaves. ``PostgresJournal`` runs it."""

import asyncio
import logging
import math
from collections.abc import Callable
from uuid import UUID, uuid4

import asyncpg
import msgspec

from openwx.lease import Lease
from openwx.steady import steady
from openwx.store.base import JournalError
from openwx.store.postgres import ownership
from openwx.store.postgres.connections import Unreachable
from openwx.store.postgres.errors import worded
from openwx.store.postgres.lease_connection import LeaseConnection
from openwx.store.postgres.ownership import Beat
from openwx.store.postgres.terms import Terms
from openwx.store.postgres.watching import BEATS_PER_LEASE, Watch
from openwx.store.records import NodeOptions

OWN_SHARE = 0.8
"""The share of a lease in which a process may act after a beat: it stops before others may take its accounts."""
TRIES_PER_LEASE = 20
"""A beat without an answer is tried again that soon."""
JOIN_S = 10.0
"""How long an answer may take while there is nothing to lose by waiting, in seconds."""
LEAVE_S = 5.0
"""How long leaving may take, in seconds: without it, another start of the same home is as good."""

log = logging.getLogger("openwx.report")


class Membership:
    """Keeps ``lease`` and ``terms`` true. ``write_waits_s`` says how long the oldest write has waited."""

    def __init__(
        self,
        node: NodeOptions,
        connection: LeaseConnection,
        terms: Terms,
        lease: Lease,
        write_waits_s: Callable[[], float],
        clock: Callable[[], float] = steady,
    ) -> None:
        self.former: frozenset[str] = frozenset()
        """The accounts of the former process of the same home."""
        self.unreleased: dict[tuple[str, int], str] = {}
        """Accounts and terms of which it is not known whether they are released, and the nodes that shall take them."""
        self._node = node
        self._connection = connection
        self._terms = terms
        self._lease = lease
        self._write_waits_s = write_waits_s
        self._clock = clock
        self._watch = Watch(node.lease_s)
        self._mine: set[UUID] = set()
        self._is_draining = node.is_draining
        lease.renew(-math.inf)

    @property
    def own_account(self) -> str:
        """The account of what this process keeps of itself."""
        return f"clock {self._node.node}"

    # -- joining and leaving -----------------------------------------------------------------------

    async def join(self) -> None:
        """Become a member. Raise one of ``Unreachable``, or ``JournalError`` for a name that another member has."""
        gone = await self._gone()
        me, asked_at = uuid4(), self._clock()
        self._mine.add(me)
        node = msgspec.structs.replace(self._node, is_draining=self._is_draining)
        former = await self._connection.do(
            lambda connection: ownership.join(connection, me, node, in_place_of=gone),
            within_s=JOIN_S,
        )
        if former is None:
            raise self._taken()
        self._terms.renew(me)
        self._watch.begin_anew()
        self.unreleased.clear()
        self.former = frozenset(former) - {self.own_account}
        await self._claim_own(within_s=JOIN_S)
        self._renew(asked_at)

    async def _claim_own(self, *, within_s: float | None = None) -> None:
        """Own the account of this process itself, unless its row is locked at this moment."""
        me, own = self._terms.incarnation, self.own_account
        found, _ = await self._connection.do(
            lambda connection: ownership.claim(connection, me, [own]), within_s=within_s
        )
        for account, term in found.items():
            self._terms.begin(account, term)

    async def _gone(self) -> set[UUID]:
        """Return the members with this node's name or home whose processes are gone.

        The lock of the home proves it of its former process; of others their beat, which stands still for a lease.
        """
        before = await self._namesakes()
        gone = set(before) & self._mine
        if not self._mine:  # else it would be a copy's, as this process is the only one of its home
            gone |= {one.incarnation for one in before.values() if one.is_former}
        others = [one for one in before.values() if one.incarnation not in gone]
        if not others:
            return gone
        wait_s = max(self._node.lease_s, *(one.lease_s for one in others))
        log.warning(
            "waiting for %.0f s: the node %s, or one with a copy of its data_dir, may still run",
            *(wait_s, self._node.node),
        )
        await asyncio.sleep(wait_s)
        for one in (await self._namesakes()).values():
            if one.incarnation in gone:
                continue
            if one not in others:
                raise self._taken()
            await self._declare_dead(one)
        return gone

    async def _namesakes(self) -> dict[UUID, ownership.Namesake]:
        found = await self._connection.do(
            lambda connection: ownership.namesakes(connection, self._node), within_s=JOIN_S
        )
        return {one.incarnation: one for one in found}

    def _taken(self) -> JournalError:
        return JournalError(
            f"another node is called {self._node.node} or has a copy of this data_dir, and it runs: give this one"
            " another name, and a data_dir of its own"
        )

    async def begin_to_leave(self) -> None:
        """Take no accounts any more, and have all know. Raise one of ``Unreachable`` where they do not."""
        self._is_draining = True
        me = self._terms.incarnation
        await self._connection.do(lambda connection: ownership.begin_to_leave(connection, me))

    async def leave(self) -> None:
        """End the membership, if PostgreSQL can be reached."""
        self._stop()
        try:
            async with asyncio.timeout(LEAVE_S):
                await self._connection.do(
                    lambda connection: ownership.leave(connection, self._terms.incarnation)
                )
        except Unreachable as error:
            log.warning("PostgreSQL was not told that this node stops: %s", worded(error))
        finally:
            self._connection.drop()

    # -- living ------------------------------------------------------------------------------------

    async def live(self) -> None:
        """Beat until cancelled, and join anew whenever others have declared this process dead."""
        try:
            while True:
                began = self._clock()
                if await self._is_answered():
                    next_at = began + self._node.lease_s / BEATS_PER_LEASE
                else:
                    next_at = self._clock() + self._node.lease_s / TRIES_PER_LEASE
                await asyncio.sleep(max(0.0, next_at - self._clock()))
        except Exception:
            self._stop()
            raise

    async def _is_answered(self) -> bool:
        """Beat once, and do what is done with it. Return False if PostgreSQL does not answer."""
        try:
            if await self._beat():
                if self.own_account not in self._terms:
                    await self._claim_own()
                await self._compare_terms()
                await self._bury()
                return True
        except Unreachable as error:
            log.debug("no beat: %s", worded(error))
            return False
        await self._join_anew()
        return True

    def _stop(self) -> None:
        """Do nothing for any account any more."""
        self._terms.end(self._terms.accounts)
        self._lease.renew(-math.inf)

    async def _beat(self) -> bool:
        """Say that this process lives, unless a write has waited for a lease: such a node must not own. Return False
        if it is dead."""
        is_counted = self._write_waits_s() <= self._node.lease_s
        asked_at = self._clock()
        is_member = await self._connection.do(
            lambda connection: ownership.beat(
                connection, self._terms.incarnation, is_counted=is_counted
            )
        )
        if not is_member:
            return False
        if is_counted:
            self._renew(asked_at)
        return True

    def _renew(self, asked_at: float) -> None:
        self._lease.renew(asked_at + OWN_SHARE * self._node.lease_s)

    async def _bury(self) -> None:
        """Declare dead whose beat has stood still for a lease."""
        me, asked_at = self._terms.incarnation, self._clock()
        beats = await self._connection.do(lambda connection: ownership.beats(connection, me))
        answered_at, by = self._clock(), self._connection.made
        for dead in self._watch.dead_among(
            beats, asked_at=asked_at, answered_at=answered_at, by=by
        ):
            await self._declare_dead(dead)

    async def _declare_dead(self, dead: Beat) -> None:
        if await self._connection.do(lambda one: ownership.declare_dead(one, dead)):
            log.warning("the node %s is silent: others take its accounts", dead.node)
            self._connection.hint.set()

    async def _compare_terms(self) -> None:
        """End the terms of which PostgreSQL does not know, as after a failover that lost their claims; release those
        that stand under this process's name, but are not its own, as after an answer that was lost."""
        me = self._terms.incarnation

        async def compare(connection: asyncpg.Connection) -> None:
            asked = list(self.unreleased)
            there = await ownership.terms(connection, me)
            for account in self._terms.not_among(there):
                log.error("%s: PostgreSQL knows of no term of this node: it stops here", account)
                self._terms.end([account])
            for account, epoch in there.items():
                if account not in self._terms:
                    to = self.unreleased.get((account, epoch), "")
                    await ownership.release(connection, me, account, epoch, to=to)
            for one in asked:
                self.unreleased.pop(one, None)

        await self._connection.do(compare)

    async def _join_anew(self) -> None:
        log.error("other nodes have declared this one dead: it stops all of its accounts")
        self._stop()
        while (error := await self._failed_to_join()) is not None:
            log.error("this node is no member: %s", error)
            await asyncio.sleep(self._node.lease_s / BEATS_PER_LEASE)
        log.warning("this node is a member again")

    async def _failed_to_join(self) -> str | None:
        """Join, or return why that cannot be done now."""
        try:
            await self.join()
        except Unreachable as error:
            return worded(error)
        except JournalError as error:
            return str(error)
        return None

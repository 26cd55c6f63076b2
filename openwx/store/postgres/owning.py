"""Which accounts this process owns, for those that run them. ``PostgresJournal`` has it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import asyncpg

from openwx.lease import Gate, Lease
from openwx.steady import steady
from openwx.store.base import JournalError
from openwx.store.postgres import ownership
from openwx.store.postgres.connections import Unreachable
from openwx.store.postgres.edits import Edits
from openwx.store.postgres.errors import worded
from openwx.store.postgres.lease_connection import LeaseConnection
from openwx.store.postgres.membership import Membership
from openwx.store.postgres.terms import Terms
from openwx.store.records import AccountRecord, ClusterView, Node, NodeOptions, OwnedAccount

LOOK_AGAIN_S = 0.05
"""How soon an account is claimed again whose row is locked for a moment, in seconds."""

log = logging.getLogger("openwx.report")

_VIEW = """
SELECT n.incarnation, n.node, n.url, n.version, n.beat, n.max_clients, n.proof,
    n.draining OR coalesce(d.draining, false) AS is_draining,
    a.account, a.wanted, a.settings, a.origin, a.epoch, coalesce(a.next, '') AS next
FROM nodes n LEFT JOIN drains d USING (node)
    FULL JOIN (SELECT * FROM accounts WHERE settings IS NOT NULL) a ON a.incarnation = n.incarnation
ORDER BY n.node, a.account"""
_NODE = Node.__struct_fields__


class Owning:
    """Implements ``openwx.store.base.Ownership``. Without a ``membership`` it claims nothing."""

    def __init__(
        self,
        node: NodeOptions | None,
        membership: Membership | None,
        connection: LeaseConnection,
        terms: Terms,
        lease: Lease,
        read: Callable[..., Awaitable[Sequence[Any]]],
        edits: Edits,
    ) -> None:
        self._node = node
        self._membership = membership
        self._connection = connection
        self._terms = terms
        self._lease = lease
        self._read = read
        self._edits = edits

    # -- this process ------------------------------------------------------------------------------

    @property
    def node(self) -> str:
        return self._node.node if self._node else ""

    @property
    def incarnation(self) -> UUID:
        return self._terms.incarnation

    @property
    def lease(self) -> Lease:
        return self._lease

    @property
    def owned(self) -> list[str]:
        return [account for account in self._terms.accounts if account != self.own_account]

    @property
    def own_account(self) -> str:
        return self._membership.own_account if self._membership else ""

    @property
    def former(self) -> frozenset[str]:
        return self._membership.former if self._membership else frozenset()

    def gate(self, account: str) -> Gate:
        return self._terms.gate(account)

    # -- all of them -------------------------------------------------------------------------------

    async def view(self) -> ClusterView:
        nodes: dict[UUID, Node] = {}
        accounts: list[OwnedAccount] = []
        for row in await self._read(_VIEW):
            owner = row["incarnation"]
            if owner is not None:
                nodes[owner] = Node(**{name: row[name] for name in _NODE})
            if row["account"] is not None:
                accounts.append(
                    OwnedAccount(
                        account=row["account"],
                        wanted=row["wanted"],
                        settings=row["settings"],
                        origin=row["origin"],
                        owner=owner,
                        epoch=row["epoch"],
                        next=row["next"],
                    )
                )
        return ClusterView(list(nodes.values()), sorted(accounts, key=lambda one: one.account))

    async def until_hinted(self, within_s: float) -> None:
        hint = self._connection.hint
        try:
            async with asyncio.timeout(within_s):
                await hint.wait()
        except TimeoutError:
            return
        hint.clear()

    async def replace_account(self, former: AccountRecord | None, record: AccountRecord) -> bool:
        return await self._edits.replace_account(former, record)

    async def assign(self, account: str, node: str) -> bool:
        return await self._edits.assign(account, node)

    async def set_draining(self, node: str, *, is_draining: bool) -> bool:
        return await self._edits.set_draining(node, is_draining=is_draining)

    async def begin_to_leave(self) -> None:
        if self._membership is None:
            return
        try:
            await self._membership.begin_to_leave()
        except Unreachable as error:
            raise JournalError(f"the journal failed: {worded(error)}") from error

    # -- owning ------------------------------------------------------------------------------------

    async def claim(self, accounts: Sequence[str]) -> list[str]:
        if self._node is None:
            return []
        ends_at = steady() + self._node.lease_s / 3
        asked = list(dict.fromkeys(accounts))
        waiting = [account for account in asked if account not in self._terms]
        while waiting:
            waiting = await self._claim_once(waiting)
            if waiting:
                if steady() >= ends_at:
                    log.debug("not claimed, as their rows are locked: %s", ", ".join(waiting))
                    break
                await asyncio.sleep(LOOK_AGAIN_S)
        return [account for account in asked if account in self._terms]

    async def _claim_once(self, accounts: Sequence[str]) -> list[str]:
        """Claim what is free, and return what was free but could not be had now."""

        async def claim(connection: asyncpg.Connection) -> list[str]:
            unowned = [account for account in accounts if account not in self._terms]
            found, locked = await ownership.claim(connection, self._terms.incarnation, unowned)
            for account, term in found.items():
                self._terms.begin(account, term)
            return locked

        try:
            return await self._connection.do(claim)
        except Unreachable as error:
            raise JournalError(f"the journal failed: {worded(error)}") from error

    async def release(self, account: str, *, to: str = "") -> None:
        term, me = self._terms.of(account), self._terms.incarnation
        membership = self._membership
        assert membership is not None  # else there is no term
        # Nothing is done for it from here on: another node may claim it before the answer is here.
        self._terms.end([account])
        membership.unreleased[account, term.epoch] = to
        try:
            await self._connection.do(
                lambda one: ownership.release(one, me, account, term.epoch, to=to)
            )
        except Unreachable as error:
            log.info("%s is released with the next beat: %s", account, worded(error))
        else:
            membership.unreleased.pop((account, term.epoch), None)

"""What the store says of nodes and accounts, and which node owns an account, as it was a moment ago.
``node`` and ``starting`` look by it; ``api.peers`` asks it for each call.
"""

import asyncio
from collections.abc import Mapping
from uuid import UUID

import msgspec
from msgspec.structs import replace

from openwx.config.given import is_account_name
from openwx.steady import steady
from openwx.store.base import JournalError, Ownership
from openwx.store.records import ClusterView, Node

FRESH_S = 1.0
"""How long an answer of the store is used, in seconds."""


class Owner(msgspec.Struct, frozen=True):
    """The node that owns an account, in a term."""

    node: Node
    epoch: int

    def is_still(self, now: "Owner | None") -> bool:
        """Return whether the account has the same owner in the same term ``now``; its beat is another one."""
        if now is None:
            return False
        return (self.node.incarnation, self.epoch) == (now.node.incarnation, now.epoch)


class Directory:
    """Owners by account, read from the store anew after ``FRESH_S`` seconds, and where somebody forgets."""

    def __init__(self, ownership: Ownership) -> None:
        self._ownership = ownership
        self._view = ClusterView([], [])
        self._names: frozenset[str] = frozenset()
        self._owners: Mapping[str, Owner] = {}
        self._asked_at = float("-inf")
        """When the store was asked for what is known here."""
        self._forgotten_at = float("-inf")
        self._failed_at = float("-inf")
        self._why = ""
        self._reading = asyncio.Lock()

    @property
    def node(self) -> str:
        """The name of this node."""
        return self._ownership.node

    @property
    def incarnation(self) -> UUID:
        """The membership of this node."""
        return self._ownership.incarnation

    def forget(self) -> None:
        """Read the store anew for the next answer."""
        self._forgotten_at = steady()

    async def look(self) -> ClusterView:
        """Read the members and the accounts anew. Raise ``JournalError``.

        Rows whose names no account can have, which only a stranger writes, are left out: no node runs them.
        """
        asked_at = steady()
        view = await self._ownership.view()
        accounts = [one for one in view.accounts if is_account_name(one.account)]
        view = replace(view, accounts=accounts)
        if asked_at >= self._asked_at:  # else another look, which began later, was sooner
            self._view, self._asked_at = view, asked_at
            nodes = {one.incarnation: one for one in view.nodes}
            self._names = frozenset(one.account for one in accounts)
            self._owners = {
                one.account: Owner(nodes[one.owner], one.epoch)
                for one in accounts
                if one.owner in nodes
            }
        return view

    async def view(self) -> ClusterView:
        """Return the members and the accounts. Raise ``JournalError``."""
        asked_at = steady()
        async with self._reading:
            if self._failed_at >= asked_at:  # while this waited: nobody waits for two that fail
                raise JournalError(self._why)
            is_old = self._asked_at <= self._forgotten_at or asked_at - self._asked_at > FRESH_S
            if is_old:
                try:
                    await self.look()
                except JournalError as error:
                    self._failed_at, self._why = steady(), str(error)
                    raise
            return self._view

    async def owner_of(self, account: str, *, but: Owner | None = None) -> Owner | None:
        """Return the owner of an account, if a node owns it. ``but``: one that was asked, and is not the owner.

        Raise ``JournalError``.
        """
        owner = (await self.owners()).get(account)
        if but is not None and but.is_still(owner):
            self.forget()
            owner = (await self.owners()).get(account)
        return owner

    async def owners(self) -> Mapping[str, Owner]:
        """Return the owners of all accounts that have one. Raise ``JournalError``."""
        await self.view()
        return self._owners

    async def knows(self, account: str) -> bool:
        """Return whether there is such an account. Raise ``JournalError``."""
        await self.view()
        return account in self._names

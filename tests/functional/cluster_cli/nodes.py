"""Members of a cluster that own accounts and hand them over, and run nothing for them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from openwx import store
from openwx.cluster.secret import proof_of
from openwx.store.base import Journal, Ownership
from openwx.store.records import AccountRecord, ClusterView, NodeOptions
from tests.patience import PATIENCE_S

from .conftest import Environ

LOOK_S = 0.02


class Member:
    """A node that is a member, until it is left."""

    def __init__(self, journal: Journal) -> None:
        assert journal.ownership is not None
        self.journal = journal
        self.ownership: Ownership = journal.ownership

    async def owns(self, *accounts: str) -> None:
        """Claim these accounts, and then add them, so that no other member takes one before."""
        assert await self.ownership.claim(accounts) == list(accounts)
        for account in accounts:
            await self.journal.save_account(
                AccountRecord(account=account, wanted=True, settings=b"{}", origin="api")
            )

    async def live(self) -> None:
        """Hand over what others shall have, and take what this one shall have."""
        while True:
            view = await self.ownership.view()
            drains = any(one.is_draining for one in view.nodes if one.node == self.ownership.node)
            for one in view.accounts:
                goes = one.next not in ("", self.ownership.node)
                if one.owner == self.ownership.incarnation and (goes or drains):
                    await self.ownership.release(one.account, to=one.next)
            for one in view.accounts:
                is_mine = one.next == self.ownership.node or not (one.next or drains)
                if one.owner is None and one.wanted and is_mine:
                    await self.ownership.claim([one.account])
            await asyncio.sleep(LOOK_S)

    async def until(self, owned: list[str]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while self.ownership.owned != owned:
                await asyncio.sleep(LOOK_S)

    async def view(self) -> ClusterView:
        return await self.ownership.view()


@asynccontextmanager
async def member(
    shared: Environ, name: str, *, most: int = 100, is_idle: bool = False, secret: str = ""
) -> AsyncIterator[Member]:
    """Join as a node, and live as one. ``is_idle``: it is a member, and does nothing."""
    options = NodeOptions(node=name, home=uuid4(), max_clients=most, proof=proof_of(secret))
    opened = store.open(
        shared["OPENWX_STORE__URL"], schema=shared["OPENWX_STORE__SCHEMA"], node=options
    )
    async with opened as journal:
        one = Member(journal)
        living = None if is_idle else asyncio.create_task(one.live())
        try:
            yield one
        finally:
            if living is not None:
                living.cancel()
                await asyncio.wait({living})

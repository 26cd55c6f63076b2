"""Journals in PostgreSQL of members, which own what the tests write for."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

from openwx.steady import steady
from openwx.store.postgres.connections import Address
from openwx.store.postgres.journal import PostgresJournal
from openwx.store.records import NodeOptions
from tests.patience import PATIENCE_S

LONG_S = 3 * PATIENCE_S
"""A lease for those tests that are not about its end: a server on a busy machine may answer late."""
ACCOUNTS = ("me", "other", "shop", "home")


def a_node(
    address: Address, *, home: UUID | None = None, lease_s: float = LONG_S, **more: Any
) -> NodeOptions:
    """Make the options of a member."""
    return NodeOptions(node=address.node, home=home or uuid4(), lease_s=lease_s, **more)


@asynccontextmanager
async def member(
    address: Address,
    *,
    claims: Sequence[str] = ACCOUNTS,
    steady: Callable[[], float] = steady,
    clock: Callable[[], float] | None = None,
    **of_node: Any,
) -> AsyncIterator[PostgresJournal]:
    """Open the journal of a member that owns some accounts."""
    given: dict[str, Any] = {"clock": clock} if clock else {}
    journal = PostgresJournal(address, a_node(address, **of_node), steady=steady, **given)
    async with journal:
        claimed = await journal.until_done(
            lambda: journal.ownership.claim(claims), on_wait=lambda _: None
        )
        assert claimed == list(claims)
        yield journal

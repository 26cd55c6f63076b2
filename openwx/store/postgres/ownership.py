"""Which process owns which account: the statements on the tables ``nodes`` and ``accounts``, one commit each.

A process is a member from ``join`` to ``leave``, under an incarnation that is never used again, and says with each
``beat`` that it lives. It owns an account from a claim until it releases it, or until others found that its beat stood
still and removed it. No clock of one machine is compared with another's.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import asyncpg
import msgspec

from openwx import __version__
from openwx.store.postgres.terms import Term

# The file lock of `home` proves that its former process is gone.
_JOIN = """
WITH former AS (DELETE FROM nodes WHERE home = $3)
INSERT INTO nodes (incarnation, node, home, url, version, max_clients) VALUES ($1, $2, $3, $4, $5, $6)"""
_RIVAL = "SELECT incarnation, beat FROM nodes WHERE node = $1 AND home <> $2"
_BEAT = "UPDATE nodes SET beat = beat + 1 WHERE incarnation = $1 RETURNING beat"
_DECLARE_DEAD = "DELETE FROM nodes WHERE incarnation = $1 AND beat = $2 RETURNING node"
_BEATS = "SELECT incarnation, node, beat FROM nodes WHERE incarnation <> $1"
_MAKE = "INSERT INTO accounts (account) SELECT unnest($1::text[]) ORDER BY 1 ON CONFLICT (account) DO NOTHING"
# A term never comes back, not even after a failover that lost some.
_CLAIM = """
WITH free AS (
    SELECT a.account FROM accounts a WHERE a.account = ANY ($2::text[])
        AND NOT EXISTS (SELECT FROM nodes n WHERE n.incarnation = a.incarnation AND n.incarnation <> $1)
    ORDER BY a.account FOR UPDATE SKIP LOCKED)
UPDATE accounts a SET incarnation = $1, next = NULL,
    epoch = greatest(a.epoch + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
FROM free WHERE a.account = free.account AND EXISTS (SELECT FROM nodes WHERE incarnation = $1)
RETURNING a.account, a.epoch, greatest(a.unit, 0) AS unit, a.last_report, a.last_send"""
# What a claim skips because a row is locked for a moment, such as by the last prune of a former owner.
_FREE = """
SELECT a.account FROM accounts a WHERE a.account = ANY ($2::text[])
    AND NOT EXISTS (SELECT FROM nodes n WHERE n.incarnation = a.incarnation AND n.incarnation <> $1)
    AND EXISTS (SELECT FROM nodes WHERE incarnation = $1)"""
_LOOK_AGAIN_S = 0.05
# The hint makes others claim at once; polling alone suffices.
_RELEASE = """
WITH released AS (
    UPDATE accounts SET incarnation = NULL, next = $4
    WHERE account = $1 AND incarnation = $2 AND epoch = $3 RETURNING account)
SELECT account, pg_notify($5, account) FROM released"""
_LEAVE = """
WITH gone AS (DELETE FROM nodes WHERE incarnation = $1)
UPDATE accounts SET incarnation = NULL WHERE incarnation = $1"""
_OWNERS = """
SELECT a.account, a.epoch, n.incarnation, n.node, n.url
FROM accounts a JOIN nodes n ON n.incarnation = a.incarnation ORDER BY a.account"""


class Node(NamedTuple):
    """A process as a member. ``home`` is kept in its data folder; ``url`` is where other nodes reach it."""

    node: str
    home: UUID
    url: str = ""
    max_clients: int = 100


class Owner(msgspec.Struct, frozen=True):
    """The node that owns an account, and its term."""

    account: str
    epoch: int
    incarnation: UUID
    node: str
    url: str


class Beat(msgspec.Struct, frozen=True):
    """The last beat of a node, as it was read."""

    incarnation: UUID
    node: str
    beat: int


async def join(connection: asyncpg.Connection, me: UUID, node: Node) -> None:
    """Become a member. A former process of the same home is none any more."""
    of = (node.node, node.home, node.url, __version__, node.max_clients)
    await _rows(connection, _JOIN, me, *of)


async def rivals(connection: asyncpg.Connection, node: Node) -> dict[UUID, int]:
    """Return the beats of members that have this node's name and another home."""
    return dict(await connection.fetch(_RIVAL, node.node, node.home))


async def beat(connection: asyncpg.Connection, me: UUID) -> bool:
    """Say that this process lives. Return False if it was declared dead."""
    return await connection.fetchval(_BEAT, me) is not None


async def beats(connection: asyncpg.Connection, me: UUID) -> list[Beat]:
    """Return the beats of all others."""
    return [Beat(*row) for row in await connection.fetch(_BEATS, me)]


async def declare_dead(connection: asyncpg.Connection, dead: Beat) -> bool:
    """Remove a member whose beat has stood still. Return False if it is not so any more."""
    return await connection.fetchval(_DECLARE_DEAD, dead.incarnation, dead.beat) is not None


async def claim(
    connection: asyncpg.Connection, me: UUID, accounts: Sequence[str]
) -> dict[str, Term]:
    """Begin a term for each of these accounts that no other member owns. Read what they have afterwards, not before.

    The connection's transactions must be as of one moment (REPEATABLE READ): what others claim meanwhile is not taken.
    """
    found: dict[str, Term] = {}
    wanted = list(accounts)
    await _rows(connection, _MAKE, wanted)
    while True:
        for account, *numbers in await _rows(connection, _CLAIM, me, wanted):
            found[account] = Term(*numbers)
        wanted = [account for account in wanted if account not in found]
        wanted = [account for (account,) in await _rows(connection, _FREE, me, wanted)]
        if not wanted:
            return found
        await asyncio.sleep(_LOOK_AGAIN_S)


async def release(
    connection: asyncpg.Connection, me: UUID, account: str, term: Term, *, to: str | None = None
) -> bool:
    """End a term, so that another node may claim the account. ``to``: which one shall. False if it was lost before."""
    channel = await connection.fetchval("SELECT current_schema()")
    return bool(await _rows(connection, _RELEASE, account, me, term.epoch, to, channel))


async def leave(connection: asyncpg.Connection, me: UUID) -> None:
    """End the membership and all of its terms."""
    await _rows(connection, _LEAVE, me)


async def owners(connection: asyncpg.Connection) -> list[Owner]:
    """Return the owned accounts with the nodes that own them."""
    return [Owner(*row) for row in await connection.fetch(_OWNERS)]


async def _rows(connection: asyncpg.Connection, sql: str, *values: object) -> list[asyncpg.Record]:
    """Do a statement, anew where another node has changed one of its rows since its snapshot."""
    while True:
        try:
            rows: list[asyncpg.Record] = await connection.fetch(sql, *values)
        except asyncpg.SerializationError:
            continue
        return rows

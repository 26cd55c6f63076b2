"""Which process owns which account: the statements on the tables ``nodes`` and ``accounts``, one commit each.
``Membership`` and ``Owning`` execute them.

A process is a member from ``join`` to ``leave``, under an incarnation that is never used again, and says with each
``beat`` that it lives. It owns an account from a claim until it releases it, or until others found that its beat stood
still and removed it. No clock of one machine is compared with another's.

An answer that is lost may belong to a statement that takes effect later, even after newer ones. So each names what it
expects: it has no effect where that has changed since.
"""

from collections.abc import Collection, Sequence
from uuid import UUID

import asyncpg
import msgspec

from openwx import __version__
from openwx.store.postgres.terms import Term
from openwx.store.records import NodeOptions

# Another home may have copied this one, or only have its name.
_NAMESAKES = """
SELECT incarnation, node, beat, lease, node = $1 AND home = $2 AS is_former FROM nodes WHERE node = $1 OR home = $2"""
_END = "DELETE FROM nodes WHERE incarnation = ANY ($1::uuid[]) RETURNING incarnation"
_FORMER = "SELECT account FROM accounts WHERE incarnation = ANY ($1::uuid[])"
_JOIN = """
INSERT INTO nodes (incarnation, node, home, url, version, max_clients, draining, lease, proof)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT DO NOTHING RETURNING incarnation"""
_BEAT = "UPDATE nodes SET beat = beat + $2 WHERE incarnation = $1 RETURNING incarnation"
_BEGIN_TO_LEAVE = """
WITH leaving AS (UPDATE nodes SET draining = true WHERE incarnation = $1 RETURNING node)
SELECT pg_notify(current_schema()::text, '') FROM leaving"""
_BEATS = "SELECT incarnation, node, beat, lease FROM nodes WHERE incarnation <> $1"
_DECLARE_DEAD = "DELETE FROM nodes WHERE incarnation = $1 AND beat = $2 RETURNING node"
NO_OTHER_OWNS = (
    "NOT EXISTS (SELECT FROM nodes n WHERE n.incarnation = a.incarnation AND n.incarnation <> $1)"
)
"""The condition of an account ``a`` that no member owns but the one that asks."""
_MAKE = "INSERT INTO accounts (account) SELECT unnest($1::text[]) ORDER BY 1 ON CONFLICT (account) DO NOTHING"
_FREE = f"""
SELECT a.account, a.epoch::text FROM accounts a WHERE a.account = ANY ($2::text[])
    AND {NO_OTHER_OWNS} AND EXISTS (SELECT FROM nodes WHERE incarnation = $1)"""  # noqa: S608 - ours
# A row may be locked for a moment, such as by the last prune of a former owner. A term never comes back, not even after
# a failover that lost some. asyncpg knows arrays of texts; of others it asks the server, which takes 5 ms.
_CLAIM = f"""
WITH free AS (
    SELECT a.account FROM accounts a
    JOIN unnest($2::text[], $3::text[]::bigint[]) AS q (account, epoch) USING (account, epoch)
    WHERE {NO_OTHER_OWNS}
    ORDER BY a.account FOR UPDATE OF a SKIP LOCKED)
UPDATE accounts a SET incarnation = $1, next = NULL,
    epoch = greatest(a.epoch + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
FROM free WHERE a.account = free.account AND EXISTS (SELECT FROM nodes WHERE incarnation = $1)
RETURNING a.account, a.epoch, greatest(a.unit, 0) AS unit, a.last_report, a.last_send"""  # noqa: S608 - ours
_TERMS = "SELECT account, epoch FROM accounts WHERE incarnation = $1"
# The hint makes others claim at once; polling alone suffices.
_RELEASE = """
WITH released AS (
    UPDATE accounts SET incarnation = NULL, next = nullif($4, '')
    WHERE account = $1 AND incarnation = $2 AND epoch = $3 RETURNING account)
SELECT pg_notify(current_schema()::text, '') FROM released"""
_LEAVE = """
WITH gone AS (DELETE FROM nodes WHERE incarnation = $1),
free AS (UPDATE accounts SET incarnation = NULL WHERE incarnation = $1 RETURNING account)
SELECT pg_notify(current_schema()::text, '')"""


class _Taken(Exception):
    """Another member has this node's name or home."""


class Beat(msgspec.Struct, frozen=True):
    """The last beat of a member, as it was read."""

    incarnation: UUID
    node: str
    beat: int
    lease_s: float


class Namesake(Beat, frozen=True):
    """A member with the name or the home of this node."""

    is_former: bool
    """Whether it has both: it is the former process of this home."""


async def namesakes(connection: asyncpg.Connection, node: NodeOptions) -> list[Namesake]:
    """Return the members with this node's name or home."""
    return [Namesake(*row) for row in await connection.fetch(_NAMESAKES, node.node, node.home)]


async def join(
    connection: asyncpg.Connection, me: UUID, node: NodeOptions, *, in_place_of: Collection[UUID]
) -> list[str] | None:
    """Become a member, and end others that are gone. Return the accounts that these owned.

    Return None where another member has this node's name or home: nothing was changed.
    """
    while True:
        try:
            async with connection.transaction():
                return await _join(connection, me, node, in_place_of)
        except asyncpg.SerializationError:
            continue
        except _Taken:
            return None


async def _join(
    connection: asyncpg.Connection, me: UUID, node: NodeOptions, in_place_of: Collection[UUID]
) -> list[str]:
    former = await _end(connection, in_place_of) if in_place_of else []
    of = (
        *(node.node, node.home, node.url, __version__, node.max_clients, node.is_draining),
        *(node.lease_s, node.proof),
    )
    if not await connection.fetch(_JOIN, me, *of):
        raise _Taken
    return former


async def _end(connection: asyncpg.Connection, gone: Collection[UUID]) -> list[str]:
    """End the membership of processes that are gone. Return the accounts that they owned."""
    ended = [row["incarnation"] for row in await connection.fetch(_END, list(gone))]
    return [account for (account,) in await connection.fetch(_FORMER, ended)]


async def beat(connection: asyncpg.Connection, me: UUID, *, is_counted: bool = True) -> bool:
    """Say that this process lives, if it ``is_counted``. Return False if it was declared dead."""
    return bool(await _rows(connection, _BEAT, me, int(is_counted)))


async def begin_to_leave(connection: asyncpg.Connection, me: UUID) -> None:
    """Say that this process takes no accounts until its membership ends."""
    await _rows(connection, _BEGIN_TO_LEAVE, me)


async def beats(connection: asyncpg.Connection, me: UUID) -> list[Beat]:
    """Return the beats of all others."""
    return [Beat(*row) for row in await connection.fetch(_BEATS, me)]


async def declare_dead(connection: asyncpg.Connection, dead: Beat) -> bool:
    """Remove a member whose beat has stood still. Return False if it is not so any more."""
    return bool(await _rows(connection, _DECLARE_DEAD, dead.incarnation, dead.beat))


async def claim(
    connection: asyncpg.Connection, me: UUID, accounts: Sequence[str]
) -> tuple[dict[str, Term], list[str]]:
    """Begin a term for each of these accounts that no other member owns. Read what they have afterwards, not before.

    Return also those that are free, but could not be had now. The connection's transactions must be as of one moment
    (REPEATABLE READ): what others claim meanwhile is not taken.
    """
    await _rows(connection, _MAKE, list(accounts))
    free = await _rows(connection, _FREE, me, list(accounts))
    found = (
        {
            account: Term(*numbers)
            for account, *numbers in await _rows(
                connection, _CLAIM, me, *map(list, zip(*free, strict=True))
            )
        }
        if free
        else {}
    )
    return found, [account for account, _ in free if account not in found]


async def terms(connection: asyncpg.Connection, me: UUID) -> dict[str, int]:
    """Return the accounts that stand under this process's name, and their terms."""
    return dict(await connection.fetch(_TERMS, me))


async def release(
    connection: asyncpg.Connection, me: UUID, account: str, epoch: int, *, to: str = ""
) -> bool:
    """End a term, so that another node may claim the account. ``to``: which one shall. False if it was lost before."""
    return bool(await _rows(connection, _RELEASE, account, me, epoch, to))


async def leave(connection: asyncpg.Connection, me: UUID) -> None:
    """End the membership and all of its terms."""
    await _rows(connection, _LEAVE, me)


async def _rows(connection: asyncpg.Connection, sql: str, *values: object) -> list[asyncpg.Record]:
    """Do a statement, anew where another node has changed one of its rows since its snapshot."""
    while True:
        try:
            rows: list[asyncpg.Record] = await connection.fetch(sql, *values)
        except asyncpg.SerializationError:
            continue
        return rows

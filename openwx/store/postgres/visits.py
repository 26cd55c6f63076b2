"""Logins to the console, which all nodes accept. They need no ownership. ``PostgresJournal`` keeps them.

A visit that has ended keeps its row for a while, so that a late duplicate of the statement that began it has no effect.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from openwx.store.postgres.edits import Do
from openwx.store.records import Visit

MOST_VISITS = 100
"""Visits of one key; who begins more ends the oldest of their own."""
_KEPT_S = 86_400

_NOW = "extract(epoch FROM clock_timestamp())"
_BEGIN = f"""
WITH old AS (DELETE FROM visits WHERE until < {_NOW} - {_KEPT_S}),
    many AS (UPDATE visits SET until = {_NOW} WHERE digest IN (
        SELECT digest FROM visits WHERE key = $2 AND until > {_NOW} ORDER BY until DESC OFFSET {MOST_VISITS - 1}))
INSERT INTO visits (digest, key, proof, until)
VALUES ($1, $2, $3, {_NOW} + $4) ON CONFLICT DO NOTHING"""  # noqa: S608 - ours
_END = f"UPDATE visits SET until = least(until, {_NOW}) WHERE digest = $1"  # noqa: S608 - ours
_FIND = f"SELECT key, proof FROM visits WHERE digest = $1 AND until > {_NOW}"  # noqa: S608 - ours


class PostgresVisits:
    """Implements ``openwx.store.base.Visits``."""

    def __init__(self, do: Do, read: Callable[..., Awaitable[Sequence[Any]]]) -> None:
        self._do = do
        self._read = read

    async def begin(self, digest: bytes, visit: Visit, lasts_s: float) -> None:
        await self._do(_BEGIN, digest, visit.key.encode(), visit.proof, lasts_s)

    async def end(self, digest: bytes) -> None:
        await self._do(_END, digest)

    async def find(self, digest: bytes) -> Visit | None:
        rows = await self._read(_FIND, digest)
        return Visit(rows[0]["key"].decode(), rows[0]["proof"]) if rows else None

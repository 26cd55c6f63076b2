"""Changes of rows that need no ownership: what an account is, which node shall have it, whether a node drains.
``PostgresJournal`` calls them.

Their outcome is found out, and a late duplicate of one has no effect after a newer one: each counts on from what it has
read. A change that another one overtook meanwhile counts as the one before it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from openwx.store.records import AccountRecord

Do = Callable[..., Awaitable[Sequence[Any]]]
"""Does a statement with its arguments until its outcome is certain, and returns the rows."""

_HINT = "SELECT pg_notify(current_schema()::text, ''), (SELECT count(*) FROM changed) AS changed"
_EDIT = "SELECT edit FROM accounts WHERE account = $1"
SAVE = f"""
WITH changed AS (
    INSERT INTO accounts AS a (account, wanted, settings, origin, edit) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (account) DO UPDATE SET wanted = excluded.wanted, settings = excluded.settings,
        origin = excluded.origin, edit = excluded.edit WHERE a.edit < excluded.edit
    RETURNING account)
{_HINT}"""  # noqa: S608 - ours
_ROW = "SELECT edit, account, wanted, settings, origin FROM accounts WHERE account = $1"
_REPLACE = SAVE.replace("a.edit < excluded.edit", "a.edit = excluded.edit - 1")
_FORGET = f"""
WITH changed AS (
    UPDATE accounts SET wanted = false, settings = NULL, edit = $2 WHERE account = $1 AND edit < $2 RETURNING account)
{_HINT}"""  # noqa: S608 - ours
_TERM = "SELECT epoch, next FROM accounts WHERE account = $1 AND settings IS NOT NULL"
_ASSIGN = f"""
WITH changed AS (
    UPDATE accounts SET next = $2 WHERE account = $1 AND epoch = $3 AND next IS NOT DISTINCT FROM $4 RETURNING account)
{_HINT}"""  # noqa: S608 - ours
_DRAINING = """
SELECT coalesce(d.edit, 0) AS edit, coalesce(d.draining, false) AS draining
FROM nodes FULL JOIN drains d USING (node) WHERE node = $1"""
DRAIN = f"""
WITH changed AS (
    INSERT INTO drains AS d (node, draining, edit) VALUES ($1, $2, $3)
    ON CONFLICT (node) DO UPDATE SET draining = excluded.draining, edit = excluded.edit WHERE d.edit < excluded.edit
    RETURNING node)
{_HINT}"""  # noqa: S608 - ours


class Edits:
    """Makes the changes, one after the other. What ``do`` raises is raised."""

    def __init__(self, do: Do) -> None:
        self._do = do
        self._one_at_a_time = asyncio.Lock()

    async def save_account(self, record: AccountRecord) -> None:
        """Add the row of an account, or replace it."""
        async with self._one_at_a_time:
            of = (record.account, record.wanted, record.settings, record.origin)
            await self._do(SAVE, *of, await self._next_edit(record.account))

    async def replace_account(self, former: AccountRecord | None, record: AccountRecord) -> bool:
        """Save a record in place of ``former``, None where there is none. False if another one is there by now."""
        async with self._one_at_a_time:
            found, edit = await self._record_of(record.account)
            if found != former:
                return False
            of = (record.account, record.wanted, record.settings, record.origin)
            if await self._is_changed(_REPLACE, *of, edit + 1):
                return True
            # Another one came first, or the answer to the first try was lost.
            return (await self._record_of(record.account))[0] == record

    async def _record_of(self, account: str) -> tuple[AccountRecord | None, int]:
        """Return what is saved of an account, and its count of changes."""
        rows = await self._do(_ROW, account)
        if not rows:
            return None, 0
        edit, *said = rows[0]
        has_record = rows[0]["settings"] is not None
        names = AccountRecord.__struct_fields__
        return AccountRecord(**dict(zip(names, said, strict=True))) if has_record else None, edit

    async def forget_account(self, account: str) -> None:
        """Delete what the row of an account says, if there is one."""
        async with self._one_at_a_time:
            await self._do(_FORGET, account, await self._next_edit(account))

    async def _next_edit(self, account: str) -> int:
        rows = await self._do(_EDIT, account)
        return rows[0]["edit"] + 1 if rows else 1

    async def assign(self, account: str, node: str) -> bool:
        """Name the node that shall own an account next. False if there is no such account."""
        async with self._one_at_a_time:
            while rows := await self._do(_TERM, account):
                ((epoch, former),) = rows
                if former == node or await self._is_changed(_ASSIGN, account, node, epoch, former):
                    return True
            return False

    async def set_draining(self, node: str, *, is_draining: bool) -> bool:
        """Set whether a node drains, also after a restart. False for a name that no node ever had here."""
        async with self._one_at_a_time:
            while rows := await self._do(_DRAINING, node):
                ((edit, former),) = rows
                if former == is_draining or await self._is_changed(
                    DRAIN, node, is_draining, edit + 1
                ):
                    return True
            return False

    async def _is_changed(self, sql: str, *values: object) -> bool:
        return bool((await self._do(sql, *values))[0]["changed"])

"""Takes in what another store exported, an account in one transaction. ``openwx journal copy`` calls it."""

from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg

from openwx.domain.names import as_name, is_too_long
from openwx.store.base import JournalError
from openwx.store.records import AccountRecord

Row = Sequence[Any]

_COLUMNS = {
    "reports": (
        *("account", "id", "chat", "kind", "uid", "dedupe", "created", "status", "ended", "seq"),
        *("reply_to", "media", "attachment", "body"),
    ),
    "deliveries": (
        *("account", "report_id", "target", "created", "status", "ended", "tries", "http_status"),
        "error",
    ),
    "sends": (
        *("account", "id", "uid", "report_id", "target", "part", "created", "attachment", "body"),
    ),
    "state": ("account", "key", "value"),
    "media": ("account", "key", "created", "value"),
    "keys": ("account", "key", "created", "value"),
}
_TEXTS = {"uid", "attachment", "error", "target"}
_NAMES = {"chat", "dedupe", "key"}
"""Texts by which rows are found. SQLite kept them at any length."""
_PATIENTLY = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"
_MAKE = "INSERT INTO accounts (account) VALUES ($1) ON CONFLICT DO NOTHING"
_LOCK = """
SELECT unit, last_report, last_send, pruned,
    EXISTS (SELECT FROM nodes n WHERE n.incarnation = a.incarnation) AS is_owned
FROM accounts a WHERE account = $1 FOR UPDATE"""
_COPIED = -1
"""The unit of an account that was taken in, and has written nothing since."""
_NUMBERS = f"""
UPDATE accounts SET last_report = $2, last_send = $3, pruned = $4, unit = {_COPIED} WHERE account = $1"""  # noqa: S608
_RECORD = "UPDATE accounts SET wanted = $2, settings = $3, origin = $4 WHERE account = $1"


class Intake:
    """One account that is taken in; its transaction is that of the caller."""

    def __init__(self, connection: asyncpg.Connection, account: str) -> None:
        self._connection = connection
        self._account = account

    async def begin(self, numbers: tuple[int, int, int]) -> bool:
        """Return whether the account is to be taken in: not if it was before, and has written nothing since.

        Raise ``JournalError`` if it has something else here, or runs.
        """
        await self._connection.execute(_PATIENTLY)
        await self._connection.execute(_MAKE, self._account)
        row = await self._connection.fetchrow(_LOCK, self._account)
        counted = (row["last_report"], row["last_send"], row["pruned"])
        if row["is_owned"]:
            raise JournalError(f"{self._account}: a node runs this account: stop it first")
        if row["unit"] == _COPIED and counted == numbers:
            return False
        if row["unit"] or counted != (0, 0, 0):
            raise JournalError(f"{self._account}: PostgreSQL has other messages of this account")
        await self._connection.execute(_NUMBERS, self._account, *numbers)
        return True

    async def take(self, table: str, rows: Iterable[Row]) -> None:
        """Add rows, whose ids and numbers stay."""
        columns = _COLUMNS[table]
        encoded = [
            [_encoded(column, value) for column, value in zip(columns, row, strict=True)]
            for row in rows
        ]
        await self._connection.copy_records_to_table(table, records=encoded, columns=columns)

    async def record(self, record: AccountRecord) -> None:
        """Set the account's row."""
        of = (record.wanted, record.settings, record.origin)
        await self._connection.execute(_RECORD, self._account, *of)


def _encoded(column: str, value: Any) -> Any:
    if value is None or column not in _TEXTS | _NAMES:
        return value
    name = as_name(value) if column in _NAMES and is_too_long(value) else value
    return name.encode()

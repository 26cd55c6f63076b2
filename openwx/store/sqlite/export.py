"""Reads a whole journal, account by account, for another store. All calls block; nobody else may use the file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

from openwx.store.records import AccountRecord
from openwx.store.sqlite import queries
from openwx.store.sqlite.schema import connect_or_refuse

Row = tuple[Any, ...]

SLICE = 200
"""Rows that are read at a time."""

_ACCOUNTS = " UNION ".join(
    f"SELECT account FROM {table}"  # noqa: S608 - ours
    for table in ("accounts", "uploads", "sends", "state", "media", "keys", "forgotten")
)
_NUMBERS = """
SELECT max(ifnull((SELECT max(id) FROM uploads WHERE account = ?1), 0),
    ifnull((SELECT max(seq) FROM uploads WHERE account = ?1), 0),
    ifnull((SELECT seq FROM forgotten WHERE account = ?1), 0)),
ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'sends'), 0),
ifnull((SELECT seq FROM forgotten WHERE account = ?1), 0)"""
_TABLES = {
    "reports": """
SELECT account, id, chat, kind, uid, dedupe, created, fate, settled, seq, reply_to, media, attachment, body
FROM uploads WHERE account = ? ORDER BY id""",
    "deliveries": """
SELECT account, report_id, target, created, fate, settled, tries, status, error
FROM deliveries WHERE account = ? ORDER BY report_id, target""",
    "sends": """
SELECT account, id, uid, upload_id, target, part, created, attachment, body FROM sends WHERE account = ? ORDER BY id""",
    "state": "SELECT account, key, value FROM state WHERE account = ?",
    "media": "SELECT account, key, created, value FROM media WHERE account = ?",
    "keys": "SELECT account, key, created, value FROM keys WHERE account = ?",
}


class Numbers(NamedTuple):
    """What an account has counted: the highest id or sequence number, the highest id of a send, the highest pruned."""

    last_report: int
    last_send: int
    pruned: int


class Export:
    """A journal that is read. It is brought to this version first. Raises ``JournalError`` where it cannot be."""

    tables = tuple(_TABLES)

    def __init__(self, path: Path) -> None:
        self._db = connect_or_refuse(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def accounts(self) -> list[str]:
        """Return the names of all that have written anything, or have a row."""
        return sorted(name for (name,) in self._db.execute(_ACCOUNTS))

    def records(self) -> dict[str, AccountRecord]:
        """Return the rows of accounts by name."""
        found = map(queries.account_of, self._db.execute(queries.ACCOUNTS))
        return {record.account: record for record in found}

    def numbers(self, account: str) -> Numbers:
        """Return what an account has counted."""
        return Numbers(*self._db.execute(_NUMBERS, (account,)).fetchone())

    def rows(self, table: str, account: str) -> Iterator[list[Row]]:
        """Yield the rows of one of ``tables``, a slice at a time."""
        found = self._db.execute(_TABLES[table], (account,))
        while rows := found.fetchmany(SLICE):
            yield rows

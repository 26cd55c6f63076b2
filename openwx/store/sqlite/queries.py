"""What is read from the journal, and what is forgotten: each is done in the journal's thread.

A query is called with the database and answers rows; ``journal.py`` makes records of them.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

from openwx.store.records import (
    Counts,
    DeliveryStatus,
    ListedReport,
    PublishedReport,
    Report,
    ReportPage,
    Send,
    StoredReport,
)

AT_ONCE = 1000
"""Rows deleted, or pages given back, in one transaction."""
SPARE_PAGES = 256
"""A mebibyte."""

_FIELDS = "id, account, chat, kind, uid, ifnull(dedupe, ''), created, tries, reply_to, media, attachment, body"
_NAMES = (
    *("id", "account", "chat", "kind", "uid", "dedupe", "created", "tries", "reply_to", "media"),
    *("attachment", "body"),
)
UPLOAD = f"SELECT {_FIELDS} FROM uploads WHERE id = ? AND fate = 0"  # noqa: S608 - ours
# Behind an upload whose medium is still to be fetched, the others of its chat wait too.
BEHIND = """EXISTS (SELECT 1 FROM uploads AS first WHERE first.account = uploads.account
AND first.chat = uploads.chat AND first.fate = 0 AND first.media != x'' AND first.id <= uploads.id)"""
PENDING = f"""
SELECT id, chat FROM uploads WHERE account = ? AND fate = 0 AND NOT {BEHIND} ORDER BY id"""  # noqa: S608
HELD = f"""
SELECT {_FIELDS} FROM uploads WHERE account = ? AND fate = 0 AND {BEHIND} ORDER BY id"""  # noqa: S608
FAILED = """
SELECT id, chat, kind, uid, created, settled, tries, status, error FROM uploads
WHERE account = ? AND fate = ? ORDER BY settled DESC, id DESC LIMIT ?"""
WAITING = """
SELECT id, chat, kind, uid, created, 0.0, tries, status, error FROM uploads
WHERE account = ? AND fate = 0 ORDER BY id LIMIT ?"""
LISTED = """
SELECT id, chat, kind, uid, created, settled, tries, status, error, body FROM uploads
WHERE account = ? AND id = ? AND fate IN (0, ?)"""
_KEPT = "id, chat, kind, uid, created, settled, tries, status, error, fate, seq, body"
DELIVERED = f"""
SELECT {_KEPT} FROM uploads WHERE account = ? AND fate = {int(DeliveryStatus.DELIVERED)} AND fate != 0 AND status != 0
ORDER BY settled DESC, id DESC LIMIT ?"""  # noqa: S608 - ours
KEPT = f"SELECT {_KEPT} FROM uploads WHERE account = ? AND id = ?"  # noqa: S608
KEPT_SHOWN = f"SELECT {_KEPT} FROM uploads WHERE account = ? AND seq = ? AND seq != 0"  # noqa: S608
CHATS = f"""
SELECT {_KEPT} FROM uploads WHERE account = ?1 AND seq IN (
    SELECT max(seq) FROM uploads WHERE account = ?1 AND chat != '' AND seq != 0
    GROUP BY chat ORDER BY max(seq) DESC LIMIT ?2)
ORDER BY seq DESC"""  # noqa: S608
HISTORY = f"""
SELECT {_KEPT} FROM uploads WHERE account = ? AND chat = ? AND chat != '' AND seq < ? AND seq != 0
ORDER BY seq DESC LIMIT ?"""  # noqa: S608
TOLD = f"""
SELECT {_KEPT} FROM uploads WHERE account = ? AND seq < ? AND seq != 0
ORDER BY seq DESC LIMIT ?"""  # noqa: S608
BODIES = """
SELECT id, body FROM uploads WHERE account = ? AND id IN (SELECT value FROM json_each(?))"""
# What ended before is not read: `settled` is never before `created`. Each row is read once.
COUNTS = """
WITH recent AS (
    SELECT created > ?2 AS fresh, kind, fate, status, body FROM uploads
    WHERE account = ?1 AND fate != 0 AND fate IN (1, 2, 3) AND settled > ?2
    UNION ALL
    SELECT created > ?2, kind, fate, status, body FROM uploads WHERE account = ?1 AND fate = 0)
SELECT ifnull(sum(fresh AND kind = 'receive_message'), 0),
ifnull(sum(fresh AND kind = 'send_message' AND instr(body, ?3) > 0), 0),
ifnull(sum(fate = 1 AND status != 0), 0), ifnull(sum(fate = 2), 0), ifnull(sum(fate = 0), 0) FROM recent"""
SENT = b'"code":0,'
"""In the JSON of a send that succeeded; in a text it would stand with escaped quotes."""
SENDS = """
SELECT id, account, uid, upload_id, part, created, attachment, body FROM sends
WHERE account = ? ORDER BY id"""
_SEND_NAMES = ("id", "account", "uid", "upload_id", "part", "created", "attachment", "body")
LEFT = """
SELECT (SELECT count(*) FROM uploads WHERE account = ?1 AND fate = 0),
(SELECT count(*) FROM sends WHERE account = ?1)"""
FAILURES = "SELECT count(*) FROM uploads WHERE account = ? AND fate = ?"
STATE = "SELECT key, value FROM state WHERE account = ?"
MEDIUM = "SELECT value FROM media WHERE account = ? AND key = ?"
KEY = "SELECT value FROM keys WHERE account = ? AND key = ?"
# `!` follows the space, which separates a call's key from what is written under it.
KEYS_OF = "SELECT key, value FROM keys WHERE account = ?1 AND key >= ?2 AND key < ?2 || '!'"
BODY_OF = "SELECT body FROM uploads WHERE account = ? AND dedupe = ?"
FILES = """
SELECT attachment FROM uploads WHERE fate = 0 AND attachment != ''
UNION SELECT attachment FROM sends WHERE attachment != ''"""
_SHOWN = """
SELECT seq, kind, uid, created, attachment, body FROM uploads
WHERE account = ? AND seq > ? ORDER BY seq LIMIT ?"""
_SHOWN_NAMES = PublishedReport.__struct_fields__
_FORGOTTEN = "SELECT ifnull(max(seq), 0) FROM forgotten WHERE account = ?"
NEWEST = "SELECT ifnull(max(seq), 0) FROM uploads WHERE account = ?"
NEXT_ACCOUNT = "SELECT min(account) FROM uploads WHERE fate != 0 AND account > ?"
_BEYOND = """
SELECT settled, id FROM uploads WHERE account = ? AND fate = ?
ORDER BY settled DESC, id DESC LIMIT 1 OFFSET ?"""
# The newest rows stay, by both numbers: they are counted on from there.
_PRUNED = """
SELECT id FROM uploads WHERE account = ?1 AND fate = ?2 AND (settled, id) <= (?3, ?4) AND seq != 0
AND id < (SELECT max(id) FROM uploads) AND seq < (SELECT max(seq) FROM uploads WHERE account = ?1)
ORDER BY settled, id LIMIT ?5"""
_NOTE_FORGOTTEN = f"""
INSERT INTO forgotten (account, seq)
SELECT ?1, max(seq) FROM uploads WHERE id IN ({_PRUNED}) HAVING max(seq) IS NOT NULL
ON CONFLICT (account) DO UPDATE SET seq = max(seq, excluded.seq)"""  # noqa: S608 - ours
_PRUNE = f"DELETE FROM uploads WHERE id IN ({_PRUNED})"  # noqa: S608 - ours
_PRUNE_OLD = {
    table: f"""
DELETE FROM {table} WHERE (account, key) IN (
    SELECT account, key FROM {table} WHERE created < ? LIMIT ?)"""  # noqa: S608 - ours
    for table in ("media", "keys")
}


class Read:
    """One SELECT."""

    def __init__(self, sql: str, *values: object) -> None:
        self.sql = sql
        self.values = values

    def __call__(self, db: sqlite3.Connection) -> list[tuple[Any, ...]]:
        return db.execute(self.sql, self.values).fetchall()


class ReadShown:
    """What can be seen after an id: at most so many uploads, and no more once their bodies have so many bytes."""

    def __init__(self, account: str, after: int, *, rows: int, size: int) -> None:
        self.account = account
        self.after = max(after, 0)
        self.rows = rows
        self.size = size

    def __call__(self, db: sqlite3.Connection) -> ReportPage:
        uploads: list[PublishedReport] = []
        left = self.size
        found = db.execute(_SHOWN, (self.account, self.after, self.rows))
        for row in found:
            uploads.append(PublishedReport(**_named(_SHOWN_NAMES, row)))
            left -= len(uploads[-1].body)
            if left <= 0:
                break
        found.close()
        forgotten = db.execute(_FORGOTTEN, (self.account,)).fetchone()[0]
        return ReportPage(uploads, forgotten, more=left <= 0 or len(uploads) == self.rows)


class Prune:
    """Delete one slice of an account's settled rows; answers how many went."""

    def __init__(self, account: str, fate: DeliveryStatus, before: float, keep: int) -> None:
        self.of = (account, int(fate))
        self.before = before
        self.keep = keep

    def __call__(self, db: sqlite3.Connection) -> int:
        beyond = db.execute(_BEYOND, (*self.of, self.keep)).fetchone() or (0.0, 0)
        last = max(beyond, (self.before, 0))
        slice_ = (*self.of, *last, AT_ONCE)
        db.execute(
            _NOTE_FORGOTTEN, slice_
        )  # before they go: a crash in between forgets nothing unsaid
        return db.execute(_PRUNE, slice_).rowcount


class Vacuum:
    """Give free pages back to the file system, a slice of them; answers how many. Some stay for the next rows."""

    def __call__(self, db: sqlite3.Connection) -> int:
        free: int = db.execute("PRAGMA freelist_count").fetchone()[0]
        count = min(free - SPARE_PAGES, AT_ONCE)
        if count <= 0:
            return 0
        # Not `execute`: it takes the rows without columns, one a page, for none, and stops at the first.
        db.executescript(f"PRAGMA incremental_vacuum({count});")
        if count < AT_ONCE:  # the last slice; the file itself shrinks when the log is written back
            db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        return count


class PruneOld:
    """Delete one slice of what is old in ``media`` or ``keys``; answers how many rows went."""

    def __init__(self, table: str, before: float) -> None:
        self.table = table
        self.before = before

    def __call__(self, db: sqlite3.Connection) -> int:
        return db.execute(_PRUNE_OLD[self.table], (self.before, AT_ONCE)).rowcount


def upload_of(row: tuple[Any, ...]) -> Report:
    return Report(**_named(_NAMES, row))


def listed_upload_of(row: tuple[Any, ...]) -> ListedReport:
    return ListedReport(**_named(ListedReport.__struct_fields__, row))


def kept_upload_of(row: tuple[Any, ...]) -> StoredReport:
    return StoredReport(**_named(StoredReport.__struct_fields__, row))


def counts_of(row: tuple[Any, ...]) -> Counts:
    return Counts(**_named(Counts.__struct_fields__, row))


def send_of(row: tuple[Any, ...]) -> Send:
    return Send(**_named(_SEND_NAMES, row))


def _named(names: Sequence[str], row: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(names, row, strict=True))

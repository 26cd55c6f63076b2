"""Queries of the journal, and the deletion of old rows. Each runs in the journal's thread.

A query is called with the database and returns rows; ``journal.py`` makes records of them.
"""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from openwx.store.records import (
    AccountRecord,
    Counts,
    DeliveryStatus,
    ListedDelivery,
    MessagePage,
    PublishedReport,
    Report,
    ReportPage,
    Send,
    StoredReport,
)
from openwx.store.sqlite.files import DatabaseFiles

SLICE = 1000
"""Rows deleted, or pages given back, in one transaction."""
SPARE_PAGES = 256
"""Free pages reserved for the next rows: a mebibyte."""
MIN_ROOM_BYTES = 64 * 1024
"""Least size of the probe of a full disk."""
MAX_PROBE_BYTES = 1024 * 1024
"""Largest size of the probe: it is repeated, and disks wear out."""

_FIELDS = (
    "id, uploads.account, chat, kind, uid, ifnull(dedupe, ''), reply_to, media, attachment, body"
)
_NAMES = (
    *("id", "account", "chat", "kind", "uid", "dedupe", "reply_to", "media", "attachment", "body"),
    *("created", "tries"),
)
# Pending deliveries are found by the index of pending reports: each has at least one, unless its media is incomplete.
_JOINED = "uploads JOIN deliveries ON report_id = id"
PENDING_REPORT = f"""
SELECT {_FIELDS}, deliveries.created, deliveries.tries FROM {_JOINED}
WHERE uploads.account = ? AND id = ? AND target = ? AND deliveries.fate = 0"""  # noqa: S608 - ours
# A report whose media is incomplete holds back the later ones of its chat.
BEHIND = """EXISTS (SELECT 1 FROM uploads AS first WHERE first.account = uploads.account
AND first.chat = uploads.chat AND first.fate = 0 AND first.media != x'' AND first.id <= uploads.id)"""
_PENDING = """uploads INDEXED BY uploads_pending JOIN deliveries ON report_id = id AND deliveries.fate = 0
WHERE uploads.account = ?1 AND uploads.fate = 0"""
PENDING = f"SELECT id, chat FROM {_PENDING} AND target = ?2 AND NOT {BEHIND} ORDER BY id"  # noqa: S608
TARGETS_WAITED_FOR = f"SELECT DISTINCT target FROM {_PENDING}"  # noqa: S608
HELD = f"""
SELECT {_FIELDS}, created, 0,
    (SELECT json_group_array(target) FROM deliveries WHERE report_id = id AND deliveries.fate = 0)
FROM uploads WHERE account = ? AND fate = 0 AND {BEHIND} ORDER BY id"""  # noqa: S608
_LISTED = """
SELECT report_id, target, chat, kind, uid, deliveries.created, deliveries.settled, deliveries.tries, deliveries.status,
deliveries.error, deliveries.fate"""
_ENDED = f"""{_LISTED} FROM deliveries JOIN uploads ON id = report_id
WHERE deliveries.account = ?1 AND (?2 IS NULL OR target = ?2) AND deliveries.fate != 0"""
_NEWEST_FIRST = "ORDER BY deliveries.settled DESC, report_id DESC LIMIT ?3"
FAILED = f"{_ENDED} AND deliveries.fate = {int(DeliveryStatus.FAILED)} {_NEWEST_FIRST}"
DELIVERED = f"{_ENDED} AND deliveries.fate = {int(DeliveryStatus.DELIVERED)} {_NEWEST_FIRST}"
WAITING = f"""{_LISTED} FROM {_PENDING}
AND (?2 IS NULL OR target = ?2) ORDER BY id, target LIMIT ?3"""
DELIVERIES = f"{_LISTED} FROM {_JOINED} WHERE id = ?2 AND uploads.account = ?1 ORDER BY target"
_STORED = "id, chat, kind, uid, created, seq, body"
REPORT = f"SELECT {_STORED} FROM uploads WHERE account = ? AND id = ?"  # noqa: S608
PUBLISHED_REPORT = f"SELECT {_STORED} FROM uploads WHERE account = ? AND seq = ? AND seq != 0"  # noqa: S608
CHATS = f"""
SELECT {_STORED} FROM uploads WHERE account = ?1 AND seq IN (
    SELECT max(seq) FROM uploads WHERE account = ?1 AND chat != '' AND seq != 0
    GROUP BY chat ORDER BY max(seq) DESC LIMIT ?2)
ORDER BY seq DESC"""  # noqa: S608
LOG = f"""
SELECT {_STORED} FROM uploads WHERE account = ? AND seq < ? AND seq != 0
ORDER BY seq DESC LIMIT ?"""  # noqa: S608
MESSAGES = """
SELECT seq, CASE WHEN kind IN ('receive_message', 'send_message') THEN body ELSE x'' END FROM uploads
WHERE account = ?1 AND seq < ?2 AND seq != 0 ORDER BY seq DESC LIMIT ?3"""
MESSAGES_OF_CHAT = """
SELECT seq, body FROM uploads
WHERE account = ?1 AND chat = ?4 AND chat != '' AND seq < ?2 AND seq != 0 ORDER BY seq DESC LIMIT ?3"""
BODIES = """
SELECT id, body FROM uploads WHERE account = ? AND id IN (SELECT value FROM json_each(?))"""
# Reports that ended before the period are not read, since `settled` is never before `created`.
COUNTS = f"""
WITH recent AS (
    SELECT kind, body FROM uploads
    WHERE account = ?1 AND fate != 0 AND fate IN (1, 2, 3) AND settled > ?2 AND created > ?2
    UNION ALL
    SELECT kind, body FROM uploads WHERE account = ?1 AND fate = 0 AND created > ?2),
ended AS (
    SELECT fate FROM deliveries WHERE account = ?1 AND fate != 0 AND fate IN (1, 2) AND settled > ?2)
SELECT (SELECT count(*) FROM recent WHERE kind = 'receive_message'),
(SELECT count(*) FROM recent WHERE kind = 'send_message' AND instr(body, ?3) > 0),
(SELECT count(*) FROM ended WHERE fate = 1), (SELECT count(*) FROM ended WHERE fate = 2),
(SELECT count(*) FROM {_PENDING})"""  # noqa: S608 - ours
SENDS = """
SELECT id, account, uid, upload_id, target, part, created, attachment, body FROM sends
WHERE account = ? ORDER BY id"""
_SEND_NAMES = (
    *("id", "account", "uid", "report_id", "target", "part", "created", "attachment", "body"),
)
UNFINISHED = """
SELECT (SELECT count(*) FROM uploads WHERE account = ?1 AND fate = 0),
(SELECT count(*) FROM sends WHERE account = ?1)"""
COUNT_FAILED = "SELECT count(*) FROM deliveries WHERE account = ? AND fate != 0 AND fate = ?"
STATE = "SELECT key, value FROM state WHERE account = ?"
MEDIA = "SELECT value FROM media WHERE account = ? AND key = ?"
# `!` follows the space, which separates a call's key from what is written under it.
KEYS_OF = "SELECT key, value FROM keys WHERE account = ?1 AND key >= ?2 AND key < ?2 || '!'"
BODY_OF = "SELECT body FROM uploads WHERE account = ? AND dedupe = ?"
FILES = """
SELECT attachment FROM uploads INDEXED BY uploads_pending
WHERE account = ?1 AND fate = 0 AND attachment != ''
UNION SELECT attachment FROM sends WHERE account = ?1 AND attachment != ''"""
_PUBLISHED = """
SELECT seq, kind, uid, created, attachment, body FROM uploads
WHERE account = ? AND seq > ? ORDER BY seq LIMIT ?"""
_PUBLISHED_NAMES = PublishedReport.__struct_fields__
_PRUNED_TO = "SELECT ifnull(max(seq), 0) FROM forgotten WHERE account = ?"
NEWEST = "SELECT ifnull(max(seq), 0) FROM uploads WHERE account = ?"
NEXT_ACCOUNT = "SELECT min(account) FROM uploads WHERE fate != 0 AND account > ?"
_BEYOND = """
SELECT settled, id FROM uploads WHERE account = ? AND fate = ?
ORDER BY settled DESC, id DESC LIMIT 1 OFFSET ?"""
# The newest rows stay, by both numbers: the next ones are counted from there.
_TO_PRUNE = """
SELECT id FROM uploads WHERE account = ?1 AND fate = ?2 AND (settled, id) <= (?3, ?4) AND seq != 0
AND id < (SELECT max(id) FROM uploads) AND seq < (SELECT max(seq) FROM uploads WHERE account = ?1)
ORDER BY settled, id LIMIT ?5"""
_NOTE_PRUNED = f"""
INSERT INTO forgotten (account, seq)
SELECT ?1, max(seq) FROM uploads WHERE id IN ({_TO_PRUNE}) HAVING max(seq) IS NOT NULL
ON CONFLICT (account) DO UPDATE SET seq = max(seq, excluded.seq)"""  # noqa: S608 - ours
_PRUNE_DELIVERIES = f"DELETE FROM deliveries WHERE report_id IN ({_TO_PRUNE})"  # noqa: S608 - ours
_PRUNE = f"DELETE FROM uploads WHERE id IN ({_TO_PRUNE})"  # noqa: S608 - ours
_PRUNE_OLD = {
    table: f"""
DELETE FROM {table} WHERE (account, key) IN (
    SELECT account, key FROM {table} WHERE created < ? LIMIT ?)"""  # noqa: S608 - ours
    for table in ("media", "keys")
}
ACCOUNTS = "SELECT account, wanted, settings, origin FROM accounts ORDER BY account"
_WRITE_PROBE = "INSERT INTO probe (filler) VALUES (randomblob(?))"
_DELETE_PROBE = "DELETE FROM probe"


class Read:
    """One SELECT."""

    def __init__(self, sql: str, *values: object) -> None:
        self._sql = sql
        self._values = values

    def __call__(self, db: sqlite3.Connection) -> list[tuple[Any, ...]]:
        return db.execute(self._sql, self._values).fetchall()


class ReadPublished:
    """A page of published reports: at most ``rows``, and none beyond ``size`` bytes of bodies."""

    def __init__(self, account: str, after: int, *, rows: int, size: int) -> None:
        self._account = account
        self._after = max(after, 0)
        self._rows = rows
        self._size = size

    def __call__(self, db: sqlite3.Connection) -> ReportPage:
        reports: list[PublishedReport] = []
        left = self._size
        found = db.execute(_PUBLISHED, (self._account, self._after, self._rows))
        for row in found:
            reports.append(PublishedReport(**_named(_PUBLISHED_NAMES, row)))
            left -= len(reports[-1].body)
            if left <= 0:
                break
        found.close()
        pruned = db.execute(_PRUNED_TO, (self._account,)).fetchone()[0]
        return ReportPage(reports, pruned, more=left <= 0 or len(reports) == self._rows)


class ReadMessages:
    """A page of messages, newest first: at most ``rows`` reports are read, and none beyond ``size`` bytes of bodies."""

    def __init__(
        self, account: str, chat: str | None, before: int, *, rows: int, size: int
    ) -> None:
        self._sql = MESSAGES if chat is None else MESSAGES_OF_CHAT
        self._values = (account, before, rows + 1, *(() if chat is None else (chat,)))
        self._before = before
        self._rows = rows
        self._size = size

    def __call__(self, db: sqlite3.Connection) -> MessagePage:
        messages: list[tuple[int, bytes]] = []
        end, rows, left = self._before, self._rows, self._size
        found = db.execute(self._sql, self._values)
        more = False
        for seq, body in found:
            more = rows == 0 or left <= 0
            if more:
                break
            end = seq
            rows -= 1
            left -= len(body)
            if body:
                messages.append((seq, body))
        found.close()
        return MessagePage(messages, end, more)


class Prune:
    """Deletes one slice of an account's old reports with this status; returns how many."""

    def __init__(self, account: str, status: DeliveryStatus, before: float, keep: int) -> None:
        self._of = (account, int(status))
        self._before = before
        self._keep = keep

    def __call__(self, db: sqlite3.Connection) -> int:
        beyond = db.execute(_BEYOND, (*self._of, self._keep)).fetchone() or (0.0, 0)
        slice_ = (*self._of, *max(beyond, (self._before, 0)), SLICE)
        db.execute(
            _NOTE_PRUNED, slice_
        )  # first: after a crash in between, readers still know of the gap
        db.execute(_PRUNE_DELIVERIES, slice_)
        return db.execute(_PRUNE, slice_).rowcount


class PruneOld:
    """Deletes one slice of the old rows of ``media`` or ``keys``; returns how many."""

    def __init__(self, table: str, before: float) -> None:
        self._table = table
        self._before = before

    def __call__(self, db: sqlite3.Connection) -> int:
        return db.execute(_PRUNE_OLD[self._table], (self._before, SLICE)).rowcount


class Vacuum:
    """Gives a slice of the free pages back to the file system; returns how many."""

    def __call__(self, db: sqlite3.Connection) -> int:
        free: int = db.execute("PRAGMA freelist_count").fetchone()[0]
        count = min(free - SPARE_PAGES, SLICE)
        if count <= 0:
            return 0
        # Not `execute`: it takes the rows without columns, one for each page, for none, and stops at the first.
        db.executescript(f"PRAGMA incremental_vacuum({count});")
        if count < SLICE:  # the last slice; the file itself shrinks at a checkpoint
            db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        return count


class Probe:
    """Checks whether the journal can be written. ``failed``: bytes of the writes that failed; None if none did."""

    def __init__(self, files: DatabaseFiles, failed: int | None, busy_timeout_s: float) -> None:
        self._files = files
        self._failed = failed
        self._busy_timeout_s = busy_timeout_s

    def __call__(self, db: sqlite3.Connection) -> None:
        self._files.require_all()
        if self._failed is not None or self._files.is_room_scarcer():
            self._write(db, MIN_ROOM_BYTES + min(self._failed or 0, MAX_PROBE_BYTES))

    def _write(self, db: sqlite3.Connection, size: int) -> None:
        db.execute("PRAGMA busy_timeout = 0")  # other jobs wait behind this one
        try:
            write_probe(db, size)
        finally:
            db.execute(f"PRAGMA busy_timeout = {self._busy_timeout_s * 1000:.0f}")


def write_probe(db: sqlite3.Connection, size: int) -> None:
    """Commit a row of ``size`` bytes, which tells nothing, and delete it."""
    db.execute(_WRITE_PROBE, (size,))
    db.execute(_DELETE_PROBE)


def account_of(row: tuple[Any, ...]) -> AccountRecord:
    account, wanted, settings, origin = row
    return AccountRecord(account=account, wanted=bool(wanted), settings=settings, origin=origin)


def pending_report_of(row: tuple[Any, ...], target: str) -> Report:
    return Report(**_named(_NAMES, row), targets=(target,))


def held_report_of(row: tuple[Any, ...]) -> Report:
    return Report(**_named(_NAMES, row[:-1]), targets=tuple(json.loads(row[-1])))


def listed_delivery_of(row: tuple[Any, ...]) -> ListedDelivery:
    return ListedDelivery(**_named(ListedDelivery.__struct_fields__, row))


def stored_report_of(row: tuple[Any, ...]) -> StoredReport:
    return StoredReport(**_named(StoredReport.__struct_fields__, row))


def counts_of(row: tuple[Any, ...]) -> Counts:
    return Counts(**_named(Counts.__struct_fields__, row))


def send_of(row: tuple[Any, ...]) -> Send:
    return Send(**_named(_SEND_NAMES, row))


def _named(names: Sequence[str], row: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(names, row, strict=True))

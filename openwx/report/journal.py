"""The journal: uploads, queued sends and account state in one SQLite file.

Nothing else knows SQLite. One thread owns the connection; all units that wait when it is free share
one transaction and one fsync (WAL, ``synchronous=FULL``), and one that cannot be done does not touch
the others. What ``write`` returned is on the disk.

The units of a group are put together into a handful of statements: each statement gives the
GIL away and has to win it back, which takes 5 ms and more (``sys.getswitchinterval``) while the
event loop is busy. With a statement for each row, 100 callers wrote 84 rows a second then.
"""

import contextlib
import itertools
import json
import logging
import os
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import msgspec

from openwx.errors import OpenwxError
from openwx.report.records import (
    FailedUpload,
    Fate,
    NewSend,
    NewUpload,
    Send,
    Settled,
    Unit,
    Upload,
    Written,
)
from openwx.report.writer import Order, Told, Workshop, Writer

__all__ = [
    "FailedUpload",
    "Fate",
    "Journal",
    "JournalError",
    "NewSend",
    "NewUpload",
    "Send",
    "Settled",
    "Unit",
    "Upload",
    "Written",
]

log = logging.getLogger("openwx.report")

_VERSION = 1
_AT_ONCE = 1000
"""Units in a transaction, and rows deleted in one."""
_ROWS = 64
"""Rows in one INSERT."""
_KEPT_BODY = 64 * 1024
"""A body beyond this many bytes (media) goes when its upload is delivered."""
_BUSY_TIMEOUT_S = 5.0

_PRAGMAS = """
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA fullfsync = ON;
PRAGMA wal_autocheckpoint = 4000;
PRAGMA journal_size_limit = 67108864;
"""

# `body` comes last, so that lists need not read its overflow pages. Ids never come back, for queued
# sends may still name them: they are counted up from the newest row, which is never pruned.
_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE uploads (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL, chat TEXT NOT NULL, kind TEXT NOT NULL, uid TEXT NOT NULL, dedupe TEXT,
    created REAL NOT NULL, fate INTEGER NOT NULL, settled REAL NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0, status INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '', reply_to BLOB NOT NULL, body BLOB NOT NULL);
CREATE UNIQUE INDEX uploads_dedupe ON uploads (account, dedupe) WHERE dedupe IS NOT NULL;
CREATE INDEX uploads_pending ON uploads (account, id, chat) WHERE fate = 0;
CREATE INDEX uploads_settled ON uploads (account, fate, settled) WHERE fate != 0;
CREATE TABLE sends (
    id INTEGER PRIMARY KEY, account TEXT NOT NULL, uid TEXT NOT NULL UNIQUE,
    upload_id INTEGER, part INTEGER NOT NULL, created REAL NOT NULL, body BLOB NOT NULL,
    UNIQUE (upload_id, part));
CREATE INDEX sends_account ON sends (account, id);
CREATE TABLE state (
    account TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (account, key)) WITHOUT ROWID;
PRAGMA user_version = {_VERSION};
COMMIT;
"""

_INSERT_UPLOADS = (
    """INSERT INTO uploads
    (id, account, chat, kind, uid, dedupe, created, fate, settled, reply_to, body) VALUES """,
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    " ON CONFLICT (account, dedupe) WHERE dedupe IS NOT NULL DO NOTHING",
)
# A reply is taken only while its upload is pending: the unit that settles the upload queues its
# reply too, so no second delivery can queue it again, not even after the first was sent and forgotten.
_INSERT_SENDS = (
    "INSERT INTO sends (id, account, uid, upload_id, part, created, body) SELECT * FROM (VALUES ",
    "(?, ?, ?, ?, ?, ?, ?)",
    """) AS new WHERE column4 IS NULL
    OR EXISTS (SELECT 1 FROM uploads WHERE id = column4 AND account = column2 AND fate = 0)
    ON CONFLICT (upload_id, part) DO NOTHING""",
)
_INSERT_STATE = ("INSERT OR REPLACE INTO state (account, key, value) VALUES ", "(?, ?, ?)", "")
_SETTLE = """
UPDATE uploads SET fate = ?1, status = ?2, error = ?3, settled = ?4,
body = CASE WHEN ?1 != ?5 AND length(body) > ?6 THEN x'' ELSE body END
WHERE id IN (SELECT value FROM json_each(?7)) AND fate = 0"""
_REFUSED = """
UPDATE uploads SET tries = tries + 1 WHERE id IN (SELECT value FROM json_each(?)) AND fate = 0"""
_FINISHED = "DELETE FROM sends WHERE uid IN (SELECT value FROM json_each(?))"
_AGAIN = """
UPDATE uploads SET fate = 0, status = 0, error = '', settled = 0, tries = 0, created = ?
WHERE id = ? AND account = ? AND fate = ?"""
_UPLOAD = """
SELECT id, account, chat, kind, uid, ifnull(dedupe, ''), created, tries, reply_to, body
FROM uploads WHERE id = ? AND fate = 0"""
_UPLOAD_FIELDS = (
    *("id", "account", "chat", "kind", "uid", "dedupe", "created", "tries", "reply_to", "body"),
)
_PENDING = "SELECT id, chat FROM uploads WHERE account = ? AND fate = 0 ORDER BY id"
_FAILED = """
SELECT id, chat, kind, uid, created, settled, tries, status, error FROM uploads
WHERE account = ? AND fate = ? ORDER BY settled DESC, id DESC LIMIT ?"""
_SENDS = """
SELECT id, account, uid, upload_id, part, created, body FROM sends WHERE account = ? ORDER BY id"""
_SEND_FIELDS = ("id", "account", "uid", "upload_id", "part", "created", "body")
_NEXT_ACCOUNT = "SELECT min(account) FROM uploads WHERE fate != 0 AND account > ?"
_BEYOND = """
SELECT settled, id FROM uploads WHERE account = ? AND fate = ?
ORDER BY settled DESC, id DESC LIMIT 1 OFFSET ?"""
_PRUNE = """
DELETE FROM uploads WHERE id IN (
    SELECT id FROM uploads WHERE account = ? AND fate = ? AND (settled, id) <= (?, ?)
    AND id < (SELECT max(id) FROM uploads) ORDER BY settled, id LIMIT ?)"""


class JournalError(OpenwxError):
    """The journal could not be read or written (disk full, locked, damaged, closed).

    Nothing was changed, and it goes on working: once there is room, the same unit succeeds.
    """


class Journal:
    """``async with Journal(path) as journal``. Leaving waits until what was begun is written."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._writer = Writer(_Tables(path, clock), name="journal", at_once=_AT_ONCE)
        self._is_open = False

    async def __aenter__(self) -> Self:
        await self._writer.start()
        self._is_open = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_open = False
        await self._writer.stop()

    async def write(self, unit: Unit) -> Written:
        """Do all of a unit, or (with ``JournalError``) nothing of it."""
        return cast("Written", await self._order(unit))

    async def pending(self, account: str) -> list[tuple[int, str]]:
        """Id and chat of every upload that waits for its delivery, oldest first."""
        return cast("list[tuple[int, str]]", await self._order(_Read(_PENDING, account)))

    async def upload(self, upload_id: int) -> Upload | None:
        """A pending upload; None once it is settled."""
        rows = await self._order(_Read(_UPLOAD, upload_id))
        return Upload(**_named(_UPLOAD_FIELDS, rows[0])) if rows else None

    async def failed(self, account: str, *, limit: int = 100) -> list[FailedUpload]:
        """The uploads that were given up, newest first. ``Unit.again`` has them sent once more."""
        rows = await self._order(_Read(_FAILED, account, int(Fate.FAILED), limit))
        return [FailedUpload(**_named(FailedUpload.__struct_fields__, row)) for row in rows]

    async def waiting_sends(self, account: str) -> list[Send]:
        """The sends that are not finished, oldest first."""
        return [
            Send(**_named(_SEND_FIELDS, row)) for row in await self._order(_Read(_SENDS, account))
        ]

    async def state(self, account: str) -> dict[str, bytes]:
        """What the account wanted remembered."""
        rows = await self._order(_Read("SELECT key, value FROM state WHERE account = ?", account))
        return dict(rows)

    async def prune(
        self, *, keep_s: float = 7 * 86400, keep: int = 10_000, keep_failed: int = 10_000
    ) -> int:
        """Forget delivered uploads that are older than ``keep_s`` or beyond ``keep`` of an account.

        Failed ones stay, up to ``keep_failed``. Answers how many rows went.
        """
        gone = 0
        before = self._clock() - keep_s
        account = ""
        while (account := (await self._order(_Read(_NEXT_ACCOUNT, account)))[0][0]) is not None:
            gone += await self._prune(_Prune(account, Fate.DELIVERED, before, keep))
            gone += await self._prune(_Prune(account, Fate.DROPPED, before, keep))
            failed = await self._prune(_Prune(account, Fate.FAILED, 0.0, keep_failed))
            if failed:
                log.warning("%s: forgot the oldest %d of the failed uploads", account, failed)
            gone += failed
        return gone

    async def _prune(self, slices: "_Prune") -> int:
        gone = 0
        while count := await self._order(slices):  # units in between need not wait for all of it
            gone += count
        return gone

    async def _order(self, what: "Unit | _Read | _Prune") -> Any:
        if not self._is_open:
            raise JournalError("the journal is closed")
        return await self._writer.order(what)


class _Read:
    def __init__(self, sql: str, *values: object) -> None:
        self.sql = sql
        self.values = values

    def __call__(self, db: sqlite3.Connection) -> list[tuple[Any, ...]]:
        return db.execute(self.sql, self.values).fetchall()


class _Prune:
    """Delete one slice of an account's settled rows; answers how many went."""

    def __init__(self, account: str, fate: Fate, before: float, keep: int) -> None:
        self.of = (account, int(fate))
        self.before = before
        self.keep = keep

    def __call__(self, db: sqlite3.Connection) -> int:
        beyond = db.execute(_BEYOND, (*self.of, self.keep)).fetchone() or (0.0, 0)
        last = max(beyond, (self.before, 0))
        count = db.execute(_PRUNE, (*self.of, *last, _AT_ONCE)).rowcount
        db.execute(f"PRAGMA incremental_vacuum({_AT_ONCE})").fetchall()
        return count


class _Tables(Workshop):
    """The side of the journal that lives in its thread."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        self._db: sqlite3.Connection
        self._upload_ids: Iterator[int]
        self._send_ids: Iterator[int]

    def open(self) -> None:
        try:
            self._db = _connect(self._path)
            self._upload_ids = self._count_on("uploads")
            self._send_ids = self._count_on("sends")
        except (sqlite3.Error, OSError) as error:
            raise JournalError(f"cannot open {self._path}: {error}") from error

    def _count_on(self, table: str) -> Iterator[int]:
        newest = self._db.execute(f"SELECT ifnull(max(id), 0) FROM {table}").fetchone()[0]  # noqa: S608 - ours
        return itertools.count(newest + 1)

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._db.close()

    def handle(self, orders: list[Order]) -> Iterable[list[Told]]:
        units = [order for order in orders if isinstance(order.what, Unit)]
        if units:
            yield self._together(units)
        for what, done in orders:
            if not isinstance(what, Unit):
                try:
                    yield [Told(done, what(self._db), None)]
                except (sqlite3.Error, OSError) as error:
                    yield [Told(done, None, _told(error))]

    def _together(self, orders: list[Order]) -> list[Told]:
        """All units in one transaction; where that fails, once more with a savepoint for each."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            written = self._apply([order.what for order in orders])
            self._db.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - told to those who wait
            self._roll_back()
            return (
                self._apart(orders)
                if len(orders) > 1
                else [Told(orders[0].done, None, _told(error))]
            )
        return [Told(order.done, done, None) for order, done in zip(orders, written, strict=True)]

    def _apart(self, orders: list[Order]) -> list[Told]:
        results: list[Told] = []
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for unit, done in orders:
                self._db.execute("SAVEPOINT unit")
                try:
                    results.append(Told(done, self._apply([unit])[0], None))
                except Exception as error:  # noqa: BLE001 - told to the one who waits
                    results.append(Told(done, None, _told(error)))
                    # This fails where SQLite gave up the whole transaction, as with a full disk.
                    self._db.execute("ROLLBACK TO unit")
                self._db.execute("RELEASE unit")
            self._db.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - told to those who wait
            self._roll_back()
            return [Told(order.done, None, _told(error)) for order in orders]
        return results

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")

    def _apply(self, units: Sequence[Unit]) -> list[Written]:
        now = self._clock()
        uploads = self._add_uploads(units, now)
        sends = self._add_sends(units, now)
        self._finish(units, now)
        self._remember(units)
        return [
            Written(
                list(itertools.islice(uploads, len(unit.uploads))),
                [send for send in itertools.islice(sends, len(unit.sends)) if send is not None],
                [again for id_ in unit.again if (again := self._again(unit.account, id_, now))],
            )
            for unit in units
        ]

    def _add_uploads(self, units: Sequence[Unit], now: float) -> Iterator[Upload | None]:
        uploads = [
            _made(Upload, new, next(self._upload_ids), unit.account, now)
            for unit in units
            for new in unit.uploads
        ]
        taken = self._insert(
            _INSERT_UPLOADS, "uploads", [_upload_row(upload, now) for upload in uploads]
        )
        return (upload if upload.id in taken else None for upload in uploads)

    def _add_sends(self, units: Sequence[Unit], now: float) -> Iterator[Send | None]:
        sends = [
            _made(Send, new, next(self._send_ids), unit.account, now)
            for unit in units
            for new in unit.sends
        ]
        rows = [
            (send.id, send.account, send.uid, send.upload_id, send.part, now, send.body)
            for send in sends
        ]
        taken = self._insert(_INSERT_SENDS, "sends", rows)
        return (send if send.id in taken else None for send in sends)

    def _insert(
        self, sql: tuple[str, str, str], table: str, rows: Sequence[tuple[Any, ...]]
    ) -> Container[int]:
        """Insert rows that begin with their ids; answers which ids were not ignored."""
        if not rows:
            return ()
        first, last = rows[0][0], rows[-1][0]
        if self._insert_all(sql, rows) == len(rows):
            return range(first, last + 1)
        found = f"SELECT id FROM {table} WHERE id BETWEEN ? AND ?"  # noqa: S608 - the table is ours
        return {id_ for (id_,) in self._db.execute(found, (first, last))}

    def _insert_all(self, sql: tuple[str, str, str], rows: Sequence[tuple[Any, ...]]) -> int:
        """Insert in statements of 64, 32 … 1 rows, which stay prepared."""
        head, one, tail = sql
        start = count = 0
        size = _ROWS
        while start < len(rows):
            while size > len(rows) - start:
                size //= 2
            some = rows[start : start + size]
            statement = head + ", ".join([one] * size) + tail
            count += self._db.execute(statement, tuple(itertools.chain(*some))).rowcount
            start += size
        return count

    def _finish(self, units: Sequence[Unit], now: float) -> None:
        uids = [uid for unit in units for uid in unit.finished_sends]
        if uids:
            self._db.execute(_FINISHED, (json.dumps(uids),))
        ends: defaultdict[tuple[int, int, str], list[int]] = defaultdict(list)
        for unit in units:
            for end in unit.settled:
                ends[int(end.fate), end.status, end.error].append(end.id)
        for (fate, status, error), ids in ends.items():
            limits = (int(Fate.FAILED), _KEPT_BODY)
            self._db.execute(_SETTLE, (fate, status, error, now, *limits, json.dumps(ids)))
        refused = [id_ for unit in units for id_ in unit.refused]
        if refused:
            self._db.execute(_REFUSED, (json.dumps(refused),))

    def _remember(self, units: Sequence[Unit]) -> None:
        values = {(unit.account, key): value for unit in units for key, value in unit.state.items()}
        rows = [(*name, value) for name, value in values.items() if value is not None]
        self._insert_all(_INSERT_STATE, rows)
        for name in (name for name, value in values.items() if value is None):
            self._db.execute("DELETE FROM state WHERE account = ? AND key = ?", name)

    def _again(self, account: str, upload_id: int, now: float) -> Upload | None:
        of = (now, upload_id, account, int(Fate.FAILED))
        if self._db.execute(_AGAIN, of).rowcount != 1:
            return None
        return Upload(**_named(_UPLOAD_FIELDS, self._db.execute(_UPLOAD, (upload_id,)).fetchone()))


def _connect(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives -wal and -shm this mode
    path.chmod(0o600)
    db = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
    try:
        version: int = db.execute("PRAGMA user_version").fetchone()[0]
        if version <= _VERSION:
            db.executescript(_PRAGMAS)
        if version == 0:
            db.executescript(_SCHEMA)
    except BaseException:
        db.close()
        raise
    if version > _VERSION:
        db.close()
        raise JournalError(
            f"{path} was written by a newer openwx: its version is {version}, this one knows"
            f" {_VERSION}"
        )
    return db


def _told(error: Exception) -> Exception:
    """As a caller sees it: ``JournalError`` where the world is to blame, itself where we are."""
    ours = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError)
    if isinstance(error, (sqlite3.DatabaseError, OSError)) and not isinstance(error, ours):
        told = JournalError(f"the journal failed: {error}")
        told.__cause__ = error
        return told
    return error


def _named(names: Sequence[str], row: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(names, row, strict=True))


_Made = TypeVar("_Made", Upload, Send)


def _made(kind: type[_Made], new: NewUpload | NewSend, id_: int, account: str, now: float) -> _Made:
    return kind(**msgspec.structs.asdict(new), id=id_, account=account, created=now)


def _upload_row(upload: Upload, now: float) -> tuple[Any, ...]:
    fate, settled, body = 0, 0.0, upload.body
    if not upload.deliver:
        fate, settled = int(Fate.DELIVERED), now
        body = b"" if len(body) > _KEPT_BODY else body
    return (
        *(upload.id, upload.account, upload.chat, upload.kind, upload.uid, upload.dedupe or None),
        *(now, fate, settled, upload.reply_to, body),
    )

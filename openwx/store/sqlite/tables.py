"""The side of the journal that lives in its thread: units become statements.

The units of a group are put together into a handful of statements: each statement gives the
GIL away and has to win it back, which takes 5 ms and more (``sys.getswitchinterval``) while the
event loop is busy. With a statement for each row, 100 callers wrote 84 rows a second then.
"""

import contextlib
import itertools
import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from openwx.store.records import (
    KEPT_BODY,
    DeliveryStatus,
    NewReport,
    NewSend,
    Report,
    Send,
    WriteBatch,
    WriteResult,
)
from openwx.store.sqlite import queries
from openwx.store.sqlite.executor import BatchExecutor, Job, JobResult
from openwx.store.sqlite.files import Files
from openwx.store.sqlite.schema import JournalError, connect, not_opened
from openwx.store.sqlite.sequence import SequenceNumbers

AT_ONCE = 1000
"""Units in a transaction."""
_ROWS = 64
"""Rows in one INSERT."""

_INSERT_UPLOADS = (
    """INSERT INTO uploads
    (id, account, chat, kind, uid, dedupe, created, fate, settled, reply_to, media, attachment, body, seq)
    VALUES """,
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    " ON CONFLICT (account, dedupe) WHERE dedupe IS NOT NULL DO NOTHING",
)
# A reply is taken only while its upload is pending: the unit that settles the upload queues its
# reply too, so no second delivery can queue it again, not even after the first was sent and forgotten.
_INSERT_SENDS = (
    """INSERT INTO sends (id, account, uid, upload_id, part, created, attachment, body)
    SELECT * FROM (VALUES """,
    "(?, ?, ?, ?, ?, ?, ?, ?)",
    """) AS new WHERE column4 IS NULL
    OR EXISTS (SELECT 1 FROM uploads WHERE id = column4 AND account = column2 AND fate = 0)
    ON CONFLICT (upload_id, part) DO NOTHING""",
)
_INSERT_STATE = ("INSERT OR REPLACE INTO state (account, key, value) VALUES ", "(?, ?, ?)", "")
_SETTLE = """
UPDATE uploads SET fate = ?1, status = ?2, error = ?3, settled = ?4, tries = max(tries, ?8),
body = CASE WHEN ?1 != ?5 AND length(body) > ?6 THEN x'' ELSE body END
WHERE id IN (SELECT value FROM json_each(?7)) AND fate = 0"""
_REFUSED = """
UPDATE uploads SET tries = tries + 1 WHERE id IN (SELECT value FROM json_each(?)) AND fate = 0"""
_FINISHED = "DELETE FROM sends WHERE uid IN (SELECT value FROM json_each(?))"
_AGAIN = """
UPDATE uploads SET fate = 0, status = 0, error = '', settled = 0, tries = 0, created = ?
WHERE id = ? AND account = ? AND fate = ?"""
_DROP = "UPDATE uploads SET fate = ?, settled = ? WHERE id = ? AND account = ? AND fate = ?"
_COMPLETE = """
UPDATE uploads SET media = x'', body = ?1, attachment = ?2, fate = ?3, settled = ?4
WHERE id = ?5 AND account = ?6 AND fate = 0"""
_INSERT_KEYS = (
    "INSERT INTO keys (account, key, created, value) VALUES ",
    "(?, ?, ?, ?)",
    " ON CONFLICT (account, key) DO UPDATE SET value = excluded.value",
)
_INSERT_MEDIA = (
    "INSERT OR REPLACE INTO media (account, key, created, value) VALUES ",
    "(?, ?, ?, ?)",
    "",
)


class Tables(BatchExecutor):
    """The side of the journal that lives in its thread."""

    def __init__(self, path: Path, clock: Callable[[], float], files: Files) -> None:
        self._path = path
        self._clock = clock
        self._files = files
        self._db: sqlite3.Connection
        self._upload_ids: Iterator[int]
        self._showing: SequenceNumbers
        self._send_ids: Iterator[int]

    def open(self) -> None:
        try:
            self._db = connect(self._path)
            self._upload_ids = self._count_on("max(id), max(seq)", "uploads")
            self._send_ids = self._count_on("max(id), 0", "sends")
            self._showing = SequenceNumbers(self._db, self._upload_ids)
            self._files.note()
        except (sqlite3.Error, OSError) as error:
            raise not_opened(self._path, error) from error

    def _count_on(self, numbers: str, table: str) -> Iterator[int]:
        newest = self._db.execute(f"SELECT ifnull(max({numbers}), 0) FROM {table}").fetchone()[0]  # noqa: S608 - ours
        return itertools.count(newest + 1)

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._db.close()  # where another file stands in its place, SQLite leaves that alone

    def handle(self, orders: list[Job]) -> Iterable[list[JobResult]]:
        units = [order for order in orders if isinstance(order.what, WriteBatch)]
        if units:
            yield self._in_place(units)
        for what, done in orders:
            if not isinstance(what, WriteBatch):
                try:
                    yield [JobResult(done, what(self._db), None)]
                except (sqlite3.Error, OSError, JournalError) as error:
                    yield [JobResult(done, None, _told(error))]

    def _in_place(self, orders: list[Job]) -> list[JobResult]:
        """Do units, but not in a file that no start will find."""
        try:
            self._files.require_written()
        except JournalError as lost:
            return [JobResult(order.done, None, JournalError(str(lost))) for order in orders]
        return self._together(orders)

    def _together(self, orders: list[Job]) -> list[JobResult]:
        """All units in one transaction; where one of them is wrong, once more with a savepoint for each."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            written = self._apply([order.what for order in orders])
            self._db.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - told to those who wait
            self._roll_back()
            if len(orders) > 1 and not isinstance(_told(error), JournalError):
                return self._apart(orders)
            return [JobResult(order.done, None, _told(error)) for order in orders]
        return [
            JobResult(order.done, done, None) for order, done in zip(orders, written, strict=True)
        ]

    def _apart(self, orders: list[Job]) -> list[JobResult]:
        results: list[JobResult] = []
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for unit, done in orders:
                self._db.execute("SAVEPOINT unit")
                try:
                    results.append(JobResult(done, self._apply([unit])[0], None))
                except Exception as error:
                    if not self._db.in_transaction:
                        raise  # SQLite gave up all of it, as with a full disk
                    results.append(JobResult(done, None, _told(error)))
                    self._db.execute("ROLLBACK TO unit")
                    self._showing.doubt()
                self._db.execute("RELEASE unit")
            self._db.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - told to those who wait
            self._roll_back()
            return [JobResult(order.done, None, _told(error)) for order in orders]
        return results

    def _roll_back(self) -> None:
        self._showing.doubt()
        if self._db.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")

    def _apply(self, units: Sequence[WriteBatch]) -> list[WriteResult]:
        now = self._clock()
        uploads = self._add_uploads(units, now)
        sends = self._add_sends(units, now)
        self._complete(units, now)
        self._finish(units, now)
        self._remember(units, now)
        return [
            WriteResult(
                list(itertools.islice(uploads, len(unit.uploads))),
                [send for send in itertools.islice(sends, len(unit.sends)) if send is not None],
                [again for id_ in unit.again if (again := self._again(unit.account, id_, now))],
                [id_ for id_ in unit.dropped if self._drop(unit.account, id_, now)],
            )
            for unit in units
        ]

    def _add_uploads(self, units: Sequence[WriteBatch], now: float) -> Iterator[Report | None]:
        uploads = [
            _upload_of(new, next(self._upload_ids), unit.account, now)
            for unit in units
            for new in unit.uploads
        ]
        numbers = self._showing.numbers(uploads)
        rows = [_upload_row(*pair, now) for pair in zip(uploads, numbers, strict=True)]
        taken = self._insert(_INSERT_UPLOADS, "uploads", rows)
        return (upload if upload.id in taken else None for upload in uploads)

    def _add_sends(self, units: Sequence[WriteBatch], now: float) -> Iterator[Send | None]:
        sends = [
            _send_of(new, next(self._send_ids), unit.account, now)
            for unit in units
            for new in unit.sends
        ]
        rows = [
            (
                *(send.id, send.account, send.uid, send.upload_id, send.part, now),
                *(send.attachment, send.body),
            )
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

    def _complete(self, units: Sequence[WriteBatch], now: float) -> None:
        for unit in units:
            for done in unit.completed:
                fate = 0 if done.deliver else int(DeliveryStatus.DELIVERED)
                row = (
                    done.body,
                    done.attachment,
                    fate,
                    now if fate else 0.0,
                    done.id,
                    unit.account,
                )
                self._db.execute(_COMPLETE, row)
                self._showing.completed()
        self._showing.show()

    def _finish(self, units: Sequence[WriteBatch], now: float) -> None:
        uids = [uid for unit in units for uid in unit.finished_sends]
        if uids:
            self._db.execute(_FINISHED, (json.dumps(uids),))
        refused = [id_ for unit in units for id_ in unit.refused]
        if refused:
            self._db.execute(_REFUSED, (json.dumps(refused),))
        ends: defaultdict[tuple[int, int, str, int], list[int]] = defaultdict(list)
        for unit in units:
            for end in unit.settled:
                ends[int(end.fate), end.status, end.error, end.tries].append(end.id)
        for (fate, status, error, tries), ids in ends.items():
            limits = (int(DeliveryStatus.FAILED), KEPT_BODY)
            self._db.execute(_SETTLE, (fate, status, error, now, *limits, json.dumps(ids), tries))

    def _remember(self, units: Sequence[WriteBatch], now: float) -> None:
        values = {(unit.account, key): value for unit in units for key, value in unit.state.items()}
        rows = [(*name, value) for name, value in values.items() if value is not None]
        self._insert_all(_INSERT_STATE, rows)
        for name in (name for name, value in values.items() if value is None):
            self._db.execute("DELETE FROM state WHERE account = ? AND key = ?", name)
        known = [
            (unit.account, key, now, value) for unit in units for key, value in unit.media.items()
        ]
        self._insert_all(_INSERT_MEDIA, known)
        keys = {(unit.account, key): value for unit in units for key, value in unit.keys.items()}
        self._insert_all(_INSERT_KEYS, [(*name, now, value) for name, value in keys.items()])

    def _drop(self, account: str, upload_id: int, now: float) -> bool:
        of = (int(DeliveryStatus.DROPPED), now, upload_id, account, int(DeliveryStatus.FAILED))
        return self._db.execute(_DROP, of).rowcount == 1

    def _again(self, account: str, upload_id: int, now: float) -> Report | None:
        of = (now, upload_id, account, int(DeliveryStatus.FAILED))
        if self._db.execute(_AGAIN, of).rowcount != 1:
            return None
        return queries.upload_of(self._db.execute(queries.UPLOAD, (upload_id,)).fetchone())


def _told(error: Exception) -> Exception:
    """As a caller sees it: ``JournalError`` where the world is to blame, itself where we are."""
    ours = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError)
    if isinstance(error, (sqlite3.DatabaseError, OSError)) and not isinstance(error, ours):
        told = JournalError(f"the journal failed: {error}")
        told.__cause__ = error
        return told
    return error


def _upload_of(new: NewReport, id_: int, account: str, now: float) -> Report:
    return Report(
        id=id_,
        account=account,
        created=now,
        chat=new.chat,
        kind=new.kind,
        body=new.body,
        uid=new.uid,
        reply_to=new.reply_to,
        dedupe=new.dedupe,
        deliver=new.deliver,
        media=new.media,
        attachment=new.attachment,
    )


def _send_of(new: NewSend, id_: int, account: str, now: float) -> Send:
    return Send(**msgspec.structs.asdict(new), id=id_, account=account, created=now)


def _upload_row(upload: Report, seq: int, now: float) -> tuple[Any, ...]:
    fate, settled, body = 0, 0.0, upload.body
    if not upload.deliver and not upload.media:
        fate, settled = int(DeliveryStatus.DELIVERED), now
        body = b"" if len(body) > KEPT_BODY else body
    return (
        *(upload.id, upload.account, upload.chat, upload.kind, upload.uid, upload.dedupe or None),
        *(now, fate, settled, upload.reply_to, upload.media, upload.attachment, body, seq),
    )

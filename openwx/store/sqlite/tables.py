"""The journal's thread: runs queries, and turns batches into statements of shared transactions."""

import contextlib
import itertools
import sqlite3
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from openwx.store.base import InvalidBatch, JournalError
from openwx.store.records import (
    MAX_STORED_BODY,
    DeliveryKey,
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
from openwx.store.sqlite.schema import connect, not_opened

MAX_BATCH = 1000
"""Batches in one transaction."""

# `seq` numbers reports in the order of their publication: by their id, if nothing before them in their chat is held
# back for its media; else it is 0 until `_PUBLISH`. So no report is ever published below a number that a reader saw.
_INSERT_REPORT = """
INSERT INTO uploads
(id, account, chat, kind, uid, dedupe, created, fate, settled, reply_to, media, attachment, body, seq)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, CASE WHEN ?11 != x''
    OR EXISTS (SELECT 1 FROM uploads WHERE account = ?2 AND chat = ?3 AND seq = 0) THEN 0 ELSE ?1 END)
ON CONFLICT (account, dedupe) WHERE dedupe IS NOT NULL DO NOTHING"""
_HELD_BACK = f"SELECT id FROM uploads WHERE seq = 0 AND NOT {queries.BEHIND} ORDER BY id"  # noqa: S608 - ours
_PUBLISH = "UPDATE uploads SET seq = ? WHERE id = ?"
_INSERT_DELIVERY = """
INSERT INTO deliveries (report_id, target, account, created) VALUES (?, ?, ?, ?)"""
# A reply is stored only while its delivery is pending: the batch that ends the delivery stores its reply too, so no
# second attempt can store it again, not even after the first reply was sent and its row deleted.
_INSERT_SEND = """
INSERT INTO sends (id, account, uid, upload_id, target, part, created, attachment, body)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 WHERE ?4 IS NULL
    OR EXISTS (SELECT 1 FROM deliveries WHERE report_id = ?4 AND target = ?5 AND account = ?2 AND fate = 0)
ON CONFLICT (upload_id, target, part) DO NOTHING"""
_COMPLETE = """
UPDATE uploads SET media = x'', body = ?, attachment = ?, fate = ?, settled = ?
WHERE id = ? AND account = ? AND fate = 0 AND media != x''"""
_FORGET_DELIVERIES = "DELETE FROM deliveries WHERE report_id = ?"
_REWRITE = "UPDATE sends SET body = ? WHERE uid = ? AND account = ?"
_FINISHED = "DELETE FROM sends WHERE uid = ?"
_OF_DELIVERY = "WHERE report_id = ? AND target = ? AND fate = 0"
_FAILED_TRY = f"UPDATE deliveries SET tries = tries + 1 {_OF_DELIVERY}"  # noqa: S608 - ours
_END = f"""
UPDATE deliveries SET fate = ?, status = ?, error = ?, settled = ?, tries = max(tries, ?) {_OF_DELIVERY}"""  # noqa: S608
# The report ends with its last delivery. A large body stays only while it can be sent again.
_ONE = "EXISTS (SELECT 1 FROM deliveries WHERE report_id = ?1 AND fate = {:d})"
_HAS_FAILED = _ONE.format(DeliveryStatus.FAILED)
_END_REPORT = f"""
UPDATE uploads SET settled = ?2, fate = CASE WHEN {_HAS_FAILED} THEN {int(DeliveryStatus.FAILED)}
    WHEN {_ONE.format(DeliveryStatus.DELIVERED)} THEN {int(DeliveryStatus.DELIVERED)}
    ELSE {int(DeliveryStatus.DROPPED)} END,
body = CASE WHEN length(body) > {MAX_STORED_BODY} AND NOT {_HAS_FAILED} THEN x'' ELSE body END
WHERE id = ?1 AND fate = 0 AND media = x'' AND NOT {_ONE.format(0)}"""  # noqa: S608 - ours
_REOPEN_REPORT = "UPDATE uploads SET fate = 0, settled = 0 WHERE id = ?"
_OF_FAILED = (
    f"WHERE report_id = ? AND target = ? AND account = ? AND fate = {int(DeliveryStatus.FAILED)}"
)
_RETRY = f"""
UPDATE deliveries SET fate = 0, status = 0, error = '', settled = 0, tries = 0, created = ? {_OF_FAILED}"""  # noqa: S608
_DROP = f"UPDATE deliveries SET fate = {int(DeliveryStatus.DROPPED)}, settled = ? {_OF_FAILED}"  # noqa: S608 - ours
_SET_STATE = "INSERT OR REPLACE INTO state (account, key, value) VALUES (?, ?, ?)"
_DELETE_STATE = "DELETE FROM state WHERE account = ? AND key = ?"
_SET_MEDIA = "INSERT OR REPLACE INTO media (account, key, created, value) VALUES (?, ?, ?, ?)"
_SET_KEY = """
INSERT INTO keys (account, key, created, value) VALUES (?, ?, ?, ?)
ON CONFLICT (account, key) DO UPDATE SET value = excluded.value"""


class Tables(BatchExecutor):
    """The connection, used by the journal's thread alone."""

    def __init__(self, path: Path, clock: Callable[[], float], files: Files) -> None:
        self._path = path
        self._clock = clock
        self._files = files
        self._db: sqlite3.Connection
        self._report_ids: Iterator[int]
        """Ids and sequence numbers: newer reports have higher ones."""
        self._send_ids: Iterator[int]

    def open(self) -> None:
        """Open the database. Raise ``JournalError``."""
        try:
            self._db = connect(self._path)
            self._report_ids = self._count_on("max(id), max(seq)", "uploads")
            self._send_ids = self._count_on("max(id), 0", "sends")
            self._files.note()
        except (sqlite3.Error, OSError) as error:
            raise not_opened(self._path, error) from error

    def _count_on(self, numbers: str, table: str) -> Iterator[int]:
        newest = self._db.execute(f"SELECT ifnull(max({numbers}), 0) FROM {table}").fetchone()[0]  # noqa: S608 - ours
        return itertools.count(newest + 1)

    def close(self) -> None:
        """Close the database."""
        with contextlib.suppress(sqlite3.Error):
            self._db.close()  # if another file is in its place, SQLite leaves that alone

    def handle(self, jobs: list[Job]) -> Iterable[list[JobResult]]:
        """Write all batches in one transaction, then run the queries."""
        batches = [job for job in jobs if isinstance(job.what, WriteBatch)]
        if batches:
            yield self._write(batches)
        for what, done in jobs:
            if not isinstance(what, WriteBatch):
                try:
                    yield [JobResult(done, what(self._db), None)]
                except (sqlite3.Error, OSError, JournalError) as error:
                    yield [JobResult(done, None, _as_raised(error))]

    def _write(self, jobs: list[Job]) -> list[JobResult]:
        """Write batches, but not into a file that the next start will not find."""
        try:
            self._files.require_written()
        except JournalError as lost:
            return [JobResult(job.done, None, JournalError(str(lost))) for job in jobs]
        return self._together(jobs)

    def _together(self, jobs: list[Job]) -> list[JobResult]:
        """Write all in one transaction; if a batch is invalid, once more with a savepoint for each."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            results = self._apply([job.what for job in jobs])
            self._db.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - raised by every `write` that waits
            self._roll_back()
            if len(jobs) > 1 and not isinstance(_as_raised(error), JournalError):
                return self._apart(jobs)
            return [JobResult(job.done, None, _as_raised(error)) for job in jobs]
        return [
            JobResult(job.done, result, None) for job, result in zip(jobs, results, strict=True)
        ]

    def _apart(self, jobs: list[Job]) -> list[JobResult]:
        results: list[JobResult] = []
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for batch, done in jobs:
                self._db.execute("SAVEPOINT batch")
                try:
                    results.append(JobResult(done, self._apply([batch])[0], None))
                except Exception as error:
                    if not self._db.in_transaction:
                        raise  # SQLite rolled back all of it, as with a full disk
                    results.append(JobResult(done, None, _as_raised(error)))
                    self._db.execute("ROLLBACK TO batch")
                self._db.execute("RELEASE batch")
            self._db.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - raised by every `write` that waits
            self._roll_back()
            return [JobResult(job.done, None, _as_raised(error)) for job in jobs]
        return results

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")

    def _apply(self, batches: Sequence[WriteBatch]) -> list[WriteResult]:
        now = self._clock()
        reports = self._add_reports(batches, now)
        sends = self._add_sends(batches, now)
        self._complete(batches, now)
        self._finish(batches, now)
        self._remember(batches, now)
        return [
            WriteResult(
                list(itertools.islice(reports, len(batch.reports))),
                [send for send in itertools.islice(sends, len(batch.sends)) if send is not None],
                [again for key in batch.retried if (again := self._retry(batch.account, key, now))],
                [key for key in batch.dropped if self._drop(batch.account, key, now)],
            )
            for batch in batches
        ]

    def _add_reports(self, batches: Sequence[WriteBatch], now: float) -> Iterator[Report | None]:
        reports = [
            _report_of(new, next(self._report_ids), batch.account, now)
            for batch in batches
            for new in batch.reports
        ]
        rows = [_report_row(report, now) for report in reports]
        stored = self._insert(_INSERT_REPORT, "uploads", rows)
        self._add_deliveries(
            ((one.id, one.targets, one.account) for one in reports if one.id in stored), now
        )
        return (report if report.id in stored else None for report in reports)

    def _add_deliveries(self, of: Iterable[tuple[int, Sequence[str], str]], now: float) -> None:
        """Add the deliveries of reports: their ids, targets and accounts."""
        self._db.executemany(
            _INSERT_DELIVERY,
            [(id_, target, account, now) for id_, targets, account in of for target in targets],
        )

    def _add_sends(self, batches: Sequence[WriteBatch], now: float) -> Iterator[Send | None]:
        sends = [
            _send_of(new, next(self._send_ids), batch.account, now)
            for batch in batches
            for new in batch.sends
        ]
        rows = [
            (
                *(send.id, send.account, send.uid, send.report_id, send.target, send.part, now),
                *(send.attachment, send.body),
            )
            for send in sends
        ]
        stored = self._insert(_INSERT_SEND, "sends", rows)
        return (send if send.id in stored else None for send in sends)

    def _insert(self, sql: str, table: str, rows: Sequence[tuple[Any, ...]]) -> Container[int]:
        """Insert rows that begin with their ids, and return the ids that were not ignored."""
        if not rows:
            return ()
        first, last = rows[0][0], rows[-1][0]
        if self._db.executemany(sql, rows).rowcount == len(rows):
            return range(first, last + 1)
        found = f"SELECT id FROM {table} WHERE id BETWEEN ? AND ?"  # noqa: S608 - the table is ours
        return {id_ for (id_,) in self._db.execute(found, (first, last))}

    def _complete(self, batches: Sequence[WriteBatch], now: float) -> None:
        completed = [(batch.account, done) for batch in batches for done in batch.completed]
        for account, done in completed:
            end = (0, 0.0) if done.targets else (int(DeliveryStatus.DELIVERED), now)
            of = (done.body, done.attachment, *end, done.id, account)
            if self._db.execute(_COMPLETE, of).rowcount == 1:
                self._db.execute(_FORGET_DELIVERIES, (done.id,))
                self._add_deliveries([(done.id, done.targets, account)], now)
        if completed:
            publishable = self._db.execute(_HELD_BACK).fetchall()
            numbered = [(next(self._report_ids), id_) for (id_,) in publishable]
            self._db.executemany(_PUBLISH, numbered)

    def _finish(self, batches: Sequence[WriteBatch], now: float) -> None:
        run = self._db.executemany
        rewritten = [
            (body, uid, batch.account)
            for batch in batches
            for uid, body in batch.rewritten_sends.items()
        ]
        run(_REWRITE, rewritten)
        run(_FINISHED, [(uid,) for batch in batches for uid in batch.finished_sends])
        run(_FAILED_TRY, [key for batch in batches for key in batch.failed_tries])
        ends = [
            (int(end.status), end.http_status, end.error, now, end.tries, end.id, end.target)
            for batch in batches
            for end in batch.outcomes
        ]
        run(_END, ends)
        run(_END_REPORT, [(end.id, now) for batch in batches for end in batch.outcomes])

    def _remember(self, batches: Sequence[WriteBatch], now: float) -> None:
        # The last batch counts, whether it sets a key or deletes it.
        state = {(b.account, key): value for b in batches for key, value in b.state.items()}
        run = self._db.executemany
        run(_SET_STATE, [(*name, value) for name, value in state.items() if value is not None])
        run(_DELETE_STATE, [name for name, value in state.items() if value is None])
        media = [(b.account, key, now, value) for b in batches for key, value in b.media.items()]
        run(_SET_MEDIA, media)
        run(
            _SET_KEY,
            [(b.account, key, now, value) for b in batches for key, value in b.keys.items()],
        )

    def _drop(self, account: str, key: DeliveryKey, now: float) -> bool:
        if self._db.execute(_DROP, (now, *key, account)).rowcount != 1:
            return False
        self._db.execute(_REOPEN_REPORT, (key.report_id,))
        self._db.execute(_END_REPORT, (key.report_id, now))
        return True

    def _retry(self, account: str, key: DeliveryKey, now: float) -> Report | None:
        if self._db.execute(_RETRY, (now, *key, account)).rowcount != 1:
            return None
        self._db.execute(_REOPEN_REPORT, (key.report_id,))
        row = self._db.execute(queries.PENDING_REPORT, key).fetchone()
        return queries.pending_report_of(row, key.target)


def _as_raised(error: Exception) -> Exception:
    """Return ``JournalError`` for a failure of the environment, another error for a bug."""
    raised = error
    if isinstance(error, sqlite3.IntegrityError):
        raised = InvalidBatch(str(error))
    elif isinstance(error, (sqlite3.ProgrammingError, sqlite3.DataError)):
        return error
    elif isinstance(error, (sqlite3.DatabaseError, OSError)):
        raised = JournalError(f"the journal failed: {error}")
    if raised is not error:
        raised.__cause__ = error
    return raised


def _report_of(new: NewReport, id_: int, account: str, now: float) -> Report:
    return Report(**msgspec.structs.asdict(new), id=id_, account=account, created=now)


def _send_of(new: NewSend, id_: int, account: str, now: float) -> Send:
    return Send(**msgspec.structs.asdict(new), id=id_, account=account, created=now)


def _report_row(report: Report, now: float) -> tuple[Any, ...]:
    status, ended, body = 0, 0.0, report.body
    if not report.targets and not report.media:
        status, ended = int(DeliveryStatus.DELIVERED), now
        body = b"" if len(body) > MAX_STORED_BODY else body
    return (
        *(report.id, report.account, report.chat, report.kind, report.uid, report.dedupe or None),
        *(now, status, ended, report.reply_to, report.media, report.attachment, body),
    )

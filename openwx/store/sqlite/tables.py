"""Turns what is written into statements: a run of batches part by part, which is quicker than one by one.
``Transactions`` executes them.
"""

import itertools
import sqlite3
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import Any

from openwx.store.batches import beginning_of
from openwx.store.records import (
    MAX_STORED_BODY,
    DeliveryKey,
    DeliveryOutcome,
    DeliveryStatus,
    Report,
    Send,
    WriteBatch,
    WriteResult,
    report_of,
    send_of,
)
from openwx.store.sqlite import queries
from openwx.store.sqlite.grouping import AccountChange, Write, runs_of

# `seq` numbers reports in the order of their publication: by their id, if nothing before them in their chat is held
# back for its media; else it is 0 until `_PUBLISH`. So no report is ever published below a number that a reader saw.
_INSERT_REPORT = """
INSERT INTO uploads
(id, account, chat, kind, uid, dedupe, created, fate, settled, reply_to, media, attachment, body, seq)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, CASE WHEN ?11 != x''
    OR EXISTS (SELECT 1 FROM uploads WHERE account = ?2 AND chat = ?3 AND seq = 0) THEN 0 ELSE ?1 END)
ON CONFLICT (account, dedupe) WHERE dedupe IS NOT NULL DO NOTHING"""
_HELD_BACK = f"""
SELECT id FROM uploads WHERE account = ? AND seq = 0 AND NOT {queries.BEHIND} ORDER BY id"""  # noqa: S608 - ours
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
_FINISHED = "DELETE FROM sends WHERE uid = ? AND account = ?"
_OF_DELIVERY = "WHERE report_id = ? AND target = ? AND account = ? AND fate = 0"
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
WHERE id = ?1 AND account = ?3 AND fate = 0 AND media = x'' AND NOT {_ONE.format(0)}"""  # noqa: S608 - ours
_REOPEN_REPORT = "UPDATE uploads SET fate = 0, settled = 0 WHERE id = ?"
_OF_FAILED = (
    f"WHERE report_id = ? AND target = ? AND account = ? AND fate = {int(DeliveryStatus.FAILED)}"
)
_RETRY = f"""
UPDATE deliveries SET fate = 0, status = 0, error = '', settled = 0, tries = 0, created = ? {_OF_FAILED}"""  # noqa: S608
_DROP = f"UPDATE deliveries SET fate = {int(DeliveryStatus.DROPPED)}, settled = ? {_OF_FAILED}"  # noqa: S608 - ours
_NEWEST_REPORT = "SELECT ifnull(max(max(id), max(seq)), 0) FROM uploads"
_NEWEST_SEND = "SELECT ifnull(max(seq), 0) FROM sqlite_sequence WHERE name = 'sends'"
_SET_ACCOUNT = (
    "INSERT OR REPLACE INTO accounts (account, wanted, settings, origin) VALUES (?, ?, ?, ?)"
)
_FORGET_ACCOUNT = "DELETE FROM accounts WHERE account = ?"
_SET_STATE = "INSERT OR REPLACE INTO state (account, key, value) VALUES (?, ?, ?)"
_DELETE_STATE = "DELETE FROM state WHERE account = ? AND key = ?"
_SET_MEDIA = "INSERT OR REPLACE INTO media (account, key, created, value) VALUES (?, ?, ?, ?)"
_SET_KEY = """
INSERT INTO keys (account, key, created, value) VALUES (?, ?, ?, ?)
ON CONFLICT (account, key) DO UPDATE SET value = excluded.value"""


class Tables:
    """Turns writes into statements of the present transaction."""

    def __init__(self, db: sqlite3.Connection, clock: Callable[[], float]) -> None:
        self._db = db
        self._clock = clock
        self._report_ids = self._count_on(_NEWEST_REPORT)
        """Ids and sequence numbers: newer reports have higher ones."""
        self._send_ids = self._count_on(_NEWEST_SEND)

    def _count_on(self, newest: str) -> Iterator[int]:
        return itertools.count(self._db.execute(newest).fetchone()[0] + 1)

    def apply(self, writes: Sequence[Write]) -> list[WriteResult | None]:
        """Do writes in their order. Return the results of the batches; None for changes of accounts."""
        now = self._clock()
        results: list[WriteResult | None] = []
        for run in runs_of(writes):
            if isinstance(run, AccountChange):
                self._change_account(run)
                results.append(None)
            else:
                results += self._apply(run, now)
        return results

    def _change_account(self, change: AccountChange) -> None:
        record = change.record
        if record is None:
            self._db.execute(_FORGET_ACCOUNT, (change.account,))
        else:
            row = (record.account, record.wanted, record.settings, record.origin)
            self._db.execute(_SET_ACCOUNT, row)

    def _apply(self, batches: Sequence[WriteBatch], now: float) -> list[WriteResult]:
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
            report_of(new, next(self._report_ids), batch.account, now)
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
            send_of(new, next(self._send_ids), batch.account, now)
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
        for account in dict.fromkeys(account for account, _ in completed):
            publishable = self._db.execute(_HELD_BACK, (account,)).fetchall()
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
        run(_FINISHED, [(uid, batch.account) for batch in batches for uid in batch.finished_sends])
        tries = [(*key, batch.account) for batch in batches for key in batch.failed_tries]
        run(_FAILED_TRY, tries)
        ends = [(end, batch.account) for batch in batches for end in batch.outcomes]
        run(_END, [_end_row(end, account, now) for end, account in ends])
        run(_END_REPORT, [(end.id, now, account) for end, account in ends])

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
        self._db.execute(_END_REPORT, (key.report_id, now, account))
        return True

    def _retry(self, account: str, key: DeliveryKey, now: float) -> Report | None:
        if self._db.execute(_RETRY, (now, *key, account)).rowcount != 1:
            return None
        self._db.execute(_REOPEN_REPORT, (key.report_id,))
        row = self._db.execute(queries.PENDING_REPORT, (account, *key)).fetchone()
        return queries.pending_report_of(row, key.target)


def _end_row(end: DeliveryOutcome, account: str, now: float) -> tuple[Any, ...]:
    how = (int(end.status), end.http_status, end.error, now, end.tries)
    return (*how, end.id, end.target, account)


def _report_row(report: Report, now: float) -> tuple[Any, ...]:
    status, ended, body = beginning_of(report, now)
    return (
        *(report.id, report.account, report.chat, report.kind, report.uid, report.dedupe or None),
        *(now, status, ended, report.reply_to, report.media, report.attachment, body),
    )

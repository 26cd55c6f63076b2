"""The one statement that writes a group, the one that rules it out, and the rows of a batch for its arrays.
``Settler`` executes them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from openwx.store.batches import beginning_of
from openwx.store.records import (
    CompletedReport,
    DeliveryKey,
    DeliveryOutcome,
    DeliveryStatus,
    Report,
    Send,
    WriteBatch,
)

Row = tuple[Any, ...]
"""A row of an array; the account comes first."""
Name = tuple[str, bytes]
"""An account, and the key of a value."""

PARTS = (
    *("terms", "reports", "deliveries", "sends", "completed", "targets", "rewritten", "finished"),
    *("tries", "outcomes", "retried", "dropped", "state", "gone", "media", "keys"),
)
"""The arrays of ``write_1``, in its order."""
VALUES = ("state", "media", "keys")
"""Those of which the last batch counts."""
WRITE = f"SELECT * FROM write_1({', '.join(f'${n}' for n in range(1, len(PARTS) + 3))})"  # noqa: S608 - ours
"""Its arguments: the incarnation, the time, and the arrays."""
RULE_OUT = "SELECT rule_out_1($1, $2)"
"""Makes sure that a group is never written. Its arguments: the incarnation, and the terms."""


def rows_of(
    batch: WriteBatch, reports: Sequence[Report], sends: Sequence[Send], now: float
) -> Iterator[tuple[str, Sequence[Row]]]:
    """Yield the arrays' names with the rows of a batch, without ``VALUES``. Raise ``UnicodeError``."""
    account = batch.account
    if reports:
        yield "reports", [_report_row(report, now) for report in reports]
        yield "deliveries", _delivery_rows(account, reports)
    if sends:
        yield "sends", [_send_row(send) for send in sends]
    if batch.completed:
        completed = {
            done.id: done for done in reversed(batch.completed)
        }.values()  # the first counts
        yield "completed", [_completed_row(account, done) for done in completed]
        yield "targets", _delivery_rows(account, completed)
    if batch.rewritten_sends or batch.finished_sends:
        rewritten = batch.rewritten_sends.items()
        yield "rewritten", [(account, uid.encode(), body) for uid, body in rewritten]
        yield "finished", [(account, uid.encode()) for uid in batch.finished_sends]
    if batch.failed_tries:
        tries = Counter(batch.failed_tries).items()
        yield "tries", [(*_key_row(account, key), count) for key, count in tries]
    if batch.outcomes:
        ends = {(end.id, end.target): end for end in reversed(batch.outcomes)}.values()
        yield "outcomes", [_outcome_row(account, end) for end in ends]
    if batch.retried or batch.dropped:
        yield "retried", [_key_row(account, key) for key in batch.retried]
        yield "dropped", [_key_row(account, key) for key in batch.dropped]


def values_of(batch: WriteBatch) -> Iterator[tuple[str, Name, bytes | None]]:
    """Yield the values of ``VALUES``, by part, and account and key. Raise ``UnicodeError``."""
    for part, values in (("state", batch.state), ("media", batch.media), ("keys", batch.keys)):
        for key, value in values.items():
            yield part, (batch.account, key.encode()), value


def _key_row(account: str, key: DeliveryKey) -> Row:
    return account, key.report_id, key.target.encode()


def _delivery_rows(account: str, of: Iterable[Report | CompletedReport]) -> list[Row]:
    return [(account, one.id, target.encode()) for one in of for target in one.targets]


def _completed_row(account: str, done: CompletedReport) -> Row:
    status = 0 if done.targets else int(DeliveryStatus.DELIVERED)
    return account, done.id, done.body, done.attachment.encode(), status


def _outcome_row(account: str, end: DeliveryOutcome) -> Row:
    return (
        *(account, end.id, end.target.encode(), int(end.status), end.http_status),
        *(end.error.encode(), end.tries),
    )


def _report_row(report: Report, now: float) -> Row:
    status, ended, body = beginning_of(report, now)
    return (
        *(report.account, report.id, report.chat.encode(), report.kind, report.uid.encode()),
        *(report.dedupe.encode() or None, status, ended, report.reply_to, report.media),
        *(report.attachment.encode(), body),
    )


def _send_row(send: Send) -> Row:
    return (
        *(
            send.account,
            send.id,
            send.uid.encode(),
            send.report_id,
            send.target.encode(),
            send.part,
        ),
        *(send.attachment.encode(), send.body),
    )

"""What every store does alike with batches: how many it writes together, what they touch, how a report begins.
Both journals call it.
"""

from openwx.domain.names import LONGEST_NAME, is_too_long
from openwx.store.base import InvalidBatch
from openwx.store.records import MAX_STORED_BODY, DeliveryStatus, Report, WriteBatch

MAX_BATCHES = 1000
MAX_BYTES = 8 * 1024 * 1024
"""More written together, in batches and bytes, would only make the first of them wait. One batch may have more."""


def require_short_names(batch: WriteBatch) -> None:
    """Raise ``InvalidBatch`` for a name that is too long."""
    names = [*batch.state, *batch.media, *batch.keys]
    for report in batch.reports:
        names += (report.chat, report.dedupe, *report.targets)
    for done in batch.completed:
        names += done.targets
    for send in batch.sends:
        names += (send.uid, send.target)
    for name in names:
        if is_too_long(name):
            raise InvalidBatch(f"{name[:50]!a}… is longer than {LONGEST_NAME} bytes")


def size_of(batch: WriteBatch) -> int:
    """Return about how many bytes it takes to write a batch."""
    size = 0
    for bodies in (batch.reports, batch.sends, batch.completed):
        for one in bodies:
            size += len(one.body)
    for values in (batch.state, batch.rewritten_sends, batch.media, batch.keys):
        for value in values.values():
            size += len(value or b"")
    return size


def touched_by(batch: WriteBatch) -> set[int | str]:
    """Return ids of the reports and uids of the sends that a batch names."""
    touched: set[int | str] = set()
    for ended in (batch.outcomes, batch.completed):
        for one in ended:
            touched.add(one.id)
    for keys in (batch.failed_tries, batch.retried, batch.dropped):
        for key in keys:
            touched.add(key.report_id)
    for send in batch.sends:
        touched.add(send.uid)
        if send.report_id is not None:
            touched.add(send.report_id)
    if batch.finished_sends or batch.rewritten_sends:
        touched.update(batch.finished_sends, batch.rewritten_sends)
    return touched


def beginning_of(report: Report, now: float) -> tuple[int, float, bytes]:
    """Return the status, the end and the body with which a report is stored: one without targets has ended."""
    if report.targets or report.media:
        return 0, 0.0, report.body
    body = b"" if len(report.body) > MAX_STORED_BODY else report.body
    return int(DeliveryStatus.DELIVERED), now, body

"""What one transaction takes: how many writes, and which of them may be applied part by part."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from openwx.store import condition
from openwx.store.records import AccountRecord, WriteBatch
from openwx.store.sqlite.executor import Job

MAX_WRITES = 1000
"""Writes in one transaction."""
MAX_BYTES = 8 * 1024 * 1024
"""Bytes in one transaction, unless a single write has more."""


class AccountChange(msgspec.Struct, frozen=True):
    """The new row of an account; None deletes it."""

    account: str
    record: AccountRecord | None


Write = WriteBatch | AccountChange
WRITES = (WriteBatch, AccountChange)


def groups_of(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    """Split writes into groups for one transaction each, in their order."""
    group: list[Job] = []
    room = MAX_BYTES
    for job in jobs:
        size = size_of(job.what)
        if group and (size > room or len(group) == MAX_WRITES):
            yield group
            group, room = [], MAX_BYTES
        group.append(job)
        room -= size
    if group:
        yield group


def runs_of(writes: Iterable[Write]) -> Iterator[list[WriteBatch] | AccountChange]:
    """Split a group into runs. No two batches of a run change the same row, except by the same part.

    So the parts of all batches of a run can be applied together, and yet each batch takes effect after the one before.
    """
    run: list[WriteBatch] = []
    changed: set[int | str] = set()
    for write in writes:
        if isinstance(write, AccountChange):
            if run:
                yield run
            run, changed = [], set()
            yield write
            continue
        if rows := _rows_of(write):
            if not changed.isdisjoint(rows):
                yield run
                run, changed = [], set()
            changed |= rows
        run.append(write)
    if run:
        yield run


def _rows_of(batch: WriteBatch) -> set[int | str]:
    """Return ids of the reports and uids of the sends that a batch names."""
    rows: set[int | str] = set()
    for ended in (batch.outcomes, batch.completed):
        for one in ended:
            rows.add(one.id)
    for keys in (batch.failed_tries, batch.retried, batch.dropped):
        for key in keys:
            rows.add(key.report_id)
    for send in batch.sends:
        rows.add(send.uid)
        if send.report_id is not None:
            rows.add(send.report_id)
    if batch.finished_sends or batch.rewritten_sends:
        rows.update(batch.finished_sends, batch.rewritten_sends)
    return rows


def size_of(write: Write) -> int:
    """Return about how many bytes it takes to write this."""
    if isinstance(write, AccountChange):
        return len(write.record.settings) if write.record else 0
    return condition.size_of(write)

"""What one transaction takes: how many writes, and which of them may be applied part by part.
``Transactions`` asks.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from openwx.store import batches
from openwx.store.batches import MAX_BATCHES, MAX_BYTES
from openwx.store.records import AccountRecord, WriteBatch
from openwx.store.sqlite.executor import Job


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
        if group and (size > room or len(group) == MAX_BATCHES):
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
        if rows := batches.touched_by(write):
            if not changed.isdisjoint(rows):
                yield run
                run, changed = [], set()
            changed |= rows
        run.append(write)
    if run:
        yield run


def size_of(write: Write) -> int:
    """Return about how many bytes it takes to write this."""
    if isinstance(write, AccountChange):
        return len(write.record.settings) if write.record else 0
    return batches.size_of(write)

"""A group: the batches that one statement writes, and the results of their callers. ``Writer`` makes it."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec

from openwx.store.batches import MAX_BATCHES, MAX_BYTES, size_of, touched_by
from openwx.store.postgres.statement import PARTS, VALUES, Name, Row, rows_of, values_of
from openwx.store.postgres.terms import Term
from openwx.store.records import (
    DeliveryKey,
    Report,
    Send,
    WriteBatch,
    WriteResult,
    report_of,
    send_of,
)

Id = tuple[str, int]
"""An account, and the id of its report or send."""


@dataclass(slots=True)
class Entry:
    """A batch, the future of its caller, and the records that it asks to be stored."""

    batch: WriteBatch
    term: Term
    """The term of its account in which it was asked for."""
    done: asyncio.Future[WriteResult]
    reports: Sequence[Report] = ()
    sends: Sequence[Send] = ()

    def fail(self, error: Exception) -> None:
        """Tell the caller, unless it is gone."""
        if not self.done.done():
            self.done.set_exception(error)


class Stored(msgspec.Struct, frozen=True):
    """What of a group was stored; None: all of it."""

    reports: Collection[Id] | None = None
    sends: Collection[Id] | None = None
    retried: dict[DeliveryKey, Report] = {}
    dropped: Collection[DeliveryKey] = ()


class BatchGroup:
    """Batches for one statement. It is sent as it is until its outcome is known."""

    def __init__(self, incarnation: UUID, clock: Callable[[], float]) -> None:
        self.incarnation = incarnation
        """The membership under which it is written, also when another one has followed."""
        self.entries: list[Entry] = []
        self.size = 0
        """About how many bytes it takes to write it."""
        self.refusal: Exception | None = None
        """Why it was refused, if it was, after an answer was lost."""
        self._now = clock()
        self._units: dict[str, int] = {}
        self._terms: dict[str, Term] = {}
        self._rows: dict[str, list[Row]] = {part: [] for part in PARTS}
        self._values: dict[str, dict[Name, bytes | None]] = {part: {} for part in VALUES}
        self._touched: set[tuple[str, int | str]] = set()

    # -- composing ---------------------------------------------------------------------------------

    def fits(self, batch: WriteBatch) -> bool:
        """Return whether a batch may be written together with the others, with the same effect as after them.

        The statement does all parts of one kind at a time. So what two batches touch is not touched in one group.
        """
        if not self.entries:
            return True
        if len(self.entries) >= MAX_BATCHES or self.size + size_of(batch) > MAX_BYTES:
            return False
        if _is_rare(batch) or _is_rare(self.entries[0].batch):
            return False
        return self._touched.isdisjoint(_touched_by(batch))

    def add(self, entry: Entry) -> None:
        """Add a batch that fits. Raise ``UnicodeError`` for a text that has no bytes; nothing is added then."""
        batch = entry.batch
        account, term, now = batch.account, entry.term, self._now
        entry.reports = [report_of(new, term.next_report(), account, now) for new in batch.reports]
        entry.sends = [send_of(new, term.next_send(), account, now) for new in batch.sends]
        rows = list(rows_of(batch, entry.reports, entry.sends, now))
        values = list(values_of(batch))
        for part, made in rows:
            self._rows[part] += made
        for part, name, value in values:
            self._values[part][name] = value
        if account not in self._units:
            self._units[account] = term.next_unit()
            self._terms[account] = term
        self._touched.update(_touched_by(batch))
        self.size += size_of(batch)
        self.entries.append(entry)

    # -- what is sent ------------------------------------------------------------------------------

    def arguments(self) -> list[object]:
        """Return the arguments of ``WRITE``: the same ones again, unless accounts were removed."""
        units = self._units
        rows = {part: [row for row in rows if row[0] in units] for part, rows in self._rows.items()}
        for part, values in self._values.items():
            pairs = [(name, value) for name, value in values.items() if name[0] in units]
            rows[part] = [(*name, value) for name, value in pairs if value is not None]
            rows["gone"] += [name for name, value in pairs if value is None]
        rows["terms"] = self._term_rows()
        return [self.incarnation, self._now, *(rows[part] for part in PARTS)]

    def arguments_to_rule_out(self) -> list[object]:
        """Return the arguments of ``RULE_OUT``, after which this group can never be written."""
        return [self.incarnation, self._term_rows()]

    def _term_rows(self) -> list[Row]:
        rows: list[Row] = []
        for account, unit in sorted(self._units.items()):
            term = self._terms[account]
            rows.append((account, term.epoch, unit, term.last_report, term.last_send))
        return rows

    # -- what is known of it -----------------------------------------------------------------------

    @property
    def accounts(self) -> list[str]:
        """The accounts whose batches it writes, sorted."""
        return sorted(self._units)

    def term_of(self, account: str) -> Term:
        """Return the term in which it writes for an account."""
        return self._terms[account]

    def unit_of(self, account: str) -> int:
        """Return the number of an account's unit that this group is."""
        return self._units[account]

    @property
    def report_ids(self) -> list[Id]:
        """The reports to be stored."""
        return [(one.account, one.id) for entry in self.entries for one in entry.reports]

    @property
    def send_ids(self) -> list[Id]:
        """The sends to be stored."""
        return [(one.account, one.id) for entry in self.entries for one in entry.sends]

    @property
    def rare(self) -> WriteBatch | None:
        """The batch that retries or drops deliveries, which is alone in its group."""
        batch = self.entries[0].batch
        return batch if _is_rare(batch) else None

    def note_published(self, last_reports: Sequence[int] | None) -> None:
        """Count on from the highest number of each account, in their order."""
        for account, last in zip(self.accounts, last_reports or (), strict=False):
            term = self._terms[account]
            term.last_report = max(term.last_report, last)

    # -- its end -----------------------------------------------------------------------------------

    def remove(self, accounts: Collection[str], error: Exception) -> None:
        """Fail the batches of some accounts, and write the others alone."""
        for entry in self.entries:
            if entry.batch.account in accounts:
                entry.fail(error)
        self.entries = [one for one in self.entries if one.batch.account not in accounts]
        for account in accounts:
            self._units.pop(account, None)

    def fail(self, error: Exception) -> None:
        """Fail all of its batches."""
        for entry in self.entries:
            entry.fail(error)

    def succeed(self, stored: Stored) -> None:
        """Give each caller its result."""
        for entry in self.entries:
            if not entry.done.done():
                entry.done.set_result(_result_of(entry, stored))


def _result_of(entry: Entry, stored: Stored) -> WriteResult:
    account, batch = entry.batch.account, entry.batch
    reports, sends = stored.reports, stored.sends
    return WriteResult(
        [one if reports is None or (account, one.id) in reports else None for one in entry.reports],
        [one for one in entry.sends if sends is None or (account, one.id) in sends],
        [stored.retried[key] for key in dict.fromkeys(batch.retried) if key in stored.retried],
        [key for key in dict.fromkeys(batch.dropped) if key in stored.dropped],
    )


def _is_rare(batch: WriteBatch) -> bool:
    return bool(batch.retried or batch.dropped)


def _touched_by(batch: WriteBatch) -> set[tuple[str, int | str]]:
    return {(batch.account, one) for one in touched_by(batch)}

"""Writes one group or statement at a time, and finds out how it ended where an answer is lost. ``Writer`` has it.

After a lost connection the same group is sent again before anything newer: it finds itself done, or is done now. A
group that was found done may have become visible before a synchronous standby had it, so it is acknowledged only after
a later commit has returned.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

import asyncpg

from openwx import metrics
from openwx.errors import LeaseLost
from openwx.store.base import InDoubt, InvalidBatch, JournalError
from openwx.store.condition import PROBE_EVERY_S, Condition
from openwx.store.postgres import queries
from openwx.store.postgres.connections import Address, Lost, Unreachable, WriterConnection
from openwx.store.postgres.errors import Effect, effect_of, worded
from openwx.store.postgres.group import BatchGroup, Entry, Id, Stored
from openwx.store.postgres.statement import RULE_OUT, WRITE
from openwx.store.postgres.terms import Terms
from openwx.store.postgres.waiting import Statement, Waiting

log = logging.getLogger("openwx.report")

MIN_BYTES_A_SECOND = 1024 * 1024
"""What a group needs to arrive does not count as silence, unless it is slower than that."""
MAX_PROBE_BYTES = 1024 * 1024
"""Largest size of the probe of a full disk."""


class Settler:
    """The connection that writes. ``patience_s``: how long an answer may take; ``waiting``: what fails in trouble."""

    def __init__(
        self,
        address: Address,
        terms: Terms,
        condition: Condition,
        clock: Callable[[], float],
        waiting: Waiting,
        *,
        patience_s: float,
    ) -> None:
        self.ends_at: float | None = None
        """When the loop's time has come to this, nobody waits for what is in doubt any more."""
        self._address = address
        self._terms = terms
        self._condition = condition
        self._clock = clock
        self._waiting = waiting
        self._patience_s = patience_s
        self._connection: WriterConnection | None = None

    async def open(self) -> None:
        """Connect. Raise one of ``Unreachable``."""
        await self._connected()

    async def close(self) -> None:
        """Disconnect."""
        if self._connection is not None:
            await self._connection.close()

    async def settle(self, group: BatchGroup) -> None:
        """Write a group, and tell its callers how it ended: as soon as that is certain, not before."""
        try:
            await self._until_certain(group)
        except Exception as error:  # a bug: what of it was done is not known
            log.exception("the journal's writer failed")
            group.fail(InDoubt(f"it is not known whether this was written: {error}"))

    async def _until_certain(self, group: BatchGroup) -> None:
        in_doubt = False
        while group.entries:
            try:
                connection = await self._connected()
            except Unreachable as error:
                self._note_trouble(error)
                if not in_doubt:
                    group.fail(JournalError(self._condition.trouble))
                    return
                await asyncio.sleep(PROBE_EVERY_S)
            else:
                try:
                    if await self._tell(connection, group, in_doubt=in_doubt):
                        return
                except Lost as lost:
                    self._note_trouble(lost)
                    if not in_doubt:
                        metrics.IN_DOUBT.inc()
                    await asyncio.sleep(PROBE_EVERY_S if in_doubt else 0)
                    in_doubt = True
            if in_doubt and self._is_over():
                group.fail(
                    InDoubt(f"it is not known whether this was written: {self._condition.trouble}")
                )
                return

    async def _tell(
        self, connection: WriterConnection, group: BatchGroup, *, in_doubt: bool
    ) -> bool:
        """Send a group once. Return whether its end is known, and its callers told. Raise ``Lost``."""
        try:
            within_s = self._patience_s + group.size / MIN_BYTES_A_SECOND
            arguments = group.arguments()
            (answer,) = await connection.ask(WRITE, *arguments, within_s=within_s)
        except Exception as error:
            match effect_of(error):
                case Effect.FENCED:
                    return await self._tell_fenced(connection, group, in_doubt=in_doubt)
                case Effect.UNKNOWN:
                    raise
            if in_doubt:
                group.refusal = error
                if not await self._is_ruled_out(group):
                    return False
            await self._tell_refused(group, error)
            return True
        group.note_published(answer["last_reports"])
        reports, sends = group.report_ids, group.send_ids
        stored = await self._stored(
            connection,
            group,
            reports=reports if answer["reports_stored"] < len(reports) else (),
            sends=sends if answer["sends_stored"] < len(sends) else (),
        )
        self._condition.works()
        group.succeed(stored)
        return True

    async def _tell_fenced(
        self, connection: WriterConnection, group: BatchGroup, *, in_doubt: bool
    ) -> bool:
        """Find out why a group was not written: it was before, or was ruled out, or accounts have other owners."""
        of = (group.accounts, group.incarnation)
        rows = await self._look(connection, queries.TERMS, *of)
        ours = {
            row["account"]: row
            for row in rows
            if row["epoch"] == group.term_of(row["account"]).epoch
        }
        done = [account for account, row in ours.items() if row["unit"] >= group.unit_of(account)]
        lost = set(group.accounts) - set(ours if in_doubt else set(ours) - set(done))
        if lost:
            self._terms_lost(group, lost, in_doubt=in_doubt)
        if not in_doubt or not done or not group.entries:
            return not group.entries
        await self._look(connection, queries.COMMIT_SOMETHING, 1)
        if any(ours[account]["ruled_out"] == group.unit_of(account) for account in done):
            assert group.refusal is not None  # nobody else rules its units out
            await self._tell_refused(group, group.refusal)
            return True
        group.note_published([ours[account]["last_report"] for account in group.accounts])
        stored = await self._stored(
            connection, group, reports=group.report_ids, sends=group.send_ids
        )
        self._condition.works()
        group.succeed(stored)
        return True

    def _terms_lost(self, group: BatchGroup, lost: set[str], *, in_doubt: bool) -> None:
        names = ", ".join(sorted(lost))
        log.error("%s: another process has taken the account: nothing more is written here", names)
        words = "another process has taken the account"
        error = (
            InDoubt(f"it is not known whether this was written: {words}")
            if in_doubt
            else LeaseLost(words)
        )
        for account in lost:
            self._terms.lose(account, group.term_of(account))
            metrics.FENCED.inc()
        group.remove(lost, error)

    async def _is_ruled_out(self, group: BatchGroup) -> bool:
        """Use up the units of a group, so that it can never be written; unless it was. Raise ``Lost``."""
        try:
            connection = await self._connected()  # an error may have ended the former one
            await self._ask(connection, RULE_OUT, *group.arguments_to_rule_out())
        except Unreachable as error:
            if effect_of(error) is Effect.FENCED:
                return False
            raise Lost(worded(error)) from error
        return True

    async def _tell_refused(self, group: BatchGroup, error: Exception) -> None:
        if effect_of(error) in (Effect.REFUSED, Effect.BROKEN):
            refused = JournalError(f"the journal failed: {worded(error)}")
            self._condition.failed(refused, group.size)
            refused.__cause__ = error
            group.fail(refused)
        elif len(group.entries) == 1:
            invalid = InvalidBatch(" ".join(str(error).split()))
            invalid.__cause__ = error
            group.fail(invalid)
        else:
            for entry in group.entries:
                alone = BatchGroup(group.incarnation, self._clock)
                add(alone, entry, self._terms)
                await self.settle(alone)

    async def _stored(
        self,
        connection: WriterConnection,
        group: BatchGroup,
        *,
        reports: Sequence[Id],
        sends: Sequence[Id],
    ) -> Stored:
        """Look what was stored of the given ids, and of what was retried or dropped."""
        found: dict[str, Any] = {}
        for kind, sql, ids in (
            ("reports", queries.STORED_REPORTS, reports),
            ("sends", queries.STORED_SENDS, sends),
        ):
            if ids:
                rows = await self._look(connection, sql, *map(list, zip(*ids, strict=True)))
                found[kind] = {(account, id_) for account, id_ in rows}
        if (rare := group.rare) is not None:
            unit = group.unit_of(rare.account)
            of = [key.report_id for key in (*rare.retried, *rare.dropped)]
            rows = await self._look(connection, queries.CHANGED, rare.account, unit, of)
            changed = [queries.changed_of(row) for row in rows]
            found["retried"] = {key: report for key, is_pending, report in changed if is_pending}
            found["dropped"] = {key for key, is_pending, _ in changed if not is_pending}
        return Stored(**found)

    # -- other statements --------------------------------------------------------------------------

    async def settle_statement(self, statement: Statement) -> None:
        """Have a statement done, again and again until that is certain."""
        in_doubt = False
        while True:
            try:
                connection = await self._connected()
                rows = await self._ask(connection, statement.sql, *statement.values)
            except Lost as lost:
                if not in_doubt:
                    metrics.IN_DOUBT.inc()
                in_doubt = True
                self._note_trouble(lost)
            except Unreachable as error:
                if effect_of(error) is Effect.FENCED:
                    statement.fail(LeaseLost("another process has taken the account"))
                    return
                if effect_of(error) is Effect.INVALID:
                    statement.fail(InvalidBatch(worded(error)))
                    return
                self._note_trouble(error)
                if not in_doubt:
                    statement.fail(JournalError(f"the journal failed: {worded(error)}"))
                    return
            else:
                self._condition.works()
                statement.succeed(rows)
                return
            if self._is_over():
                statement.fail(
                    InDoubt(f"it is not known whether this was done: {self._condition.trouble}")
                )
                return
            await asyncio.sleep(PROBE_EVERY_S)

    # -- the connection ----------------------------------------------------------------------------

    async def _look(
        self, connection: WriterConnection, sql: str, *values: object
    ) -> list[asyncpg.Record]:
        """Ask for what is needed to know how a group ended. Raise ``Lost`` where that is not answered."""
        try:
            return await self._ask(connection, sql, *values)
        except asyncpg.PostgresError as error:
            raise Lost(worded(error)) from error

    async def _ask(
        self, connection: WriterConnection, sql: str, *values: object
    ) -> list[asyncpg.Record]:
        return await connection.ask(sql, *values, within_s=self._patience_s)

    @property
    def is_lost(self) -> bool:
        """Whether there is no connection, as far as is known."""
        return self._connection is None or self._connection.is_lost

    async def _connected(self) -> WriterConnection:
        if self._connection is None or self._connection.is_lost:
            self._connection = None
            self._connection = await self._address.connect_to_write()
        return self._connection

    async def probe(self) -> None:
        """Find out whether something can be written again: as much as could not."""
        try:
            connection = await self._connected()
            size = min(self._condition.failed_bytes, MAX_PROBE_BYTES) + 1
            await self._ask(connection, queries.COMMIT_SOMETHING, size)
        except (Lost, *Unreachable) as error:
            self._note_trouble(error)
        else:
            self._condition.works()

    def _note_trouble(self, error: Exception) -> None:
        words = str(error) if isinstance(error, Lost) else worded(error)
        failed = JournalError(f"the journal failed: {words}")
        self._condition.failed(failed)
        self._waiting.refuse(failed)

    def _is_over(self) -> bool:
        return self.ends_at is not None and asyncio.get_running_loop().time() >= self.ends_at


def add(group: BatchGroup, entry: Entry, terms: Terms) -> None:
    """Add a batch to a group, or fail it."""
    if not terms.has(entry.batch.account, entry.term):
        entry.fail(LeaseLost("this process does not own the account any more"))
        return
    try:
        group.add(entry)
    except UnicodeError as error:
        entry.fail(InvalidBatch(str(error)))

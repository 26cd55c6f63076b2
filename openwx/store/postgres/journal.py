"""The journal in PostgreSQL: what SQLite keeps in a file, kept where several nodes reach it. ``store.open`` makes it.

One connection writes (``writer.py``), one says who owns which account (``membership.py``, ``owning.py``), and a few
read. An account is owned by one process at a time, from its claim on.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, Self

from openwx.config.contract import POST_API
from openwx.errors import LeaseLost
from openwx.lease import Lease
from openwx.steady import steady
from openwx.store.base import MAX_SEQ, JournalError
from openwx.store.batches import require_short_names
from openwx.store.condition import ByCondition
from openwx.store.postgres import queries, schema
from openwx.store.postgres.checks import check
from openwx.store.postgres.connections import (
    READ_S,
    Address,
    Readers,
    Unreachable,
    not_opened,
    opened,
)
from openwx.store.postgres.edits import Edits
from openwx.store.postgres.lease_connection import LeaseConnection
from openwx.store.postgres.membership import Membership
from openwx.store.postgres.owning import Owning
from openwx.store.postgres.terms import Terms
from openwx.store.postgres.visits import PostgresVisits
from openwx.store.postgres.watching import ANSWERS_PER_LEASE
from openwx.store.postgres.writer import Writer
from openwx.store.pruning import prune_account
from openwx.store.records import (
    SENT,
    AccountRecord,
    Counts,
    DeliveryStatus,
    ListedDelivery,
    MessagePage,
    NodeOptions,
    Report,
    ReportPage,
    Send,
    StoredReport,
    WriteBatch,
    WriteResult,
)

MIGRATE_S = 600.0
"""How long a migration may take, in seconds, and the wait for another node that makes it."""
PATIENCE_S = 15.0
"""As a node's lease: a third of it is how long an answer may take."""
SLICE = 1000
"""Rows deleted by one statement."""
SIZE_EVERY_S = 60.0
"""How long the size is remembered, in seconds."""

log = logging.getLogger("openwx.report")


class PostgresJournal(ByCondition):
    """Implements ``openwx.store.base.Journal``. Use it as ``async with``; leaving completes all writes.

    A ``node`` becomes a member, and owns what it claims. Without one, this process is a visitor: it reads, and changes
    what needs no ownership. ``steady`` is the clock of the lease.
    """

    def __init__(
        self,
        address: Address,
        node: NodeOptions | None = None,
        *,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = steady,
    ) -> None:
        super().__init__()
        address.require_valid()
        self._address = address
        self._clock = clock
        lease = Lease(steady)
        lease.renew(-math.inf)
        self._terms = Terms(lease)
        patience_s = (node.lease_s if node else PATIENCE_S) / ANSWERS_PER_LEASE
        self._writer = Writer(address, self._terms, self._condition, clock, patience_s=patience_s)
        connection = LeaseConnection(address, within_s=patience_s)
        self._membership = (
            Membership(node, connection, self._terms, lease, lambda: self._writer.waits_s, steady)
            if node
            else None
        )
        self._edits = Edits(self._do)
        self._ownership = Owning(
            node, self._membership, connection, self._terms, lease, self._read, self._edits
        )
        self._visits = PostgresVisits(self._do, self._read)
        self._readers: Readers
        self._size = (0, float("-inf"))
        self._is_open = False
        self._stack = AsyncExitStack()

    @property
    def ownership(self) -> Owning:
        return self._ownership

    @property
    def visits(self) -> PostgresVisits:
        return self._visits

    async def __aenter__(self) -> Self:
        try:
            await self._prepare()
            async with AsyncExitStack() as stack:
                self._readers = await stack.enter_async_context(opened(self._address))
                stack.push_async_callback(self._writer.close)
                await self._writer.open()
                if self._membership:
                    stack.push_async_callback(self._membership.leave)
                    await self._membership.join()
                await self._start(stack)
                self._stack = stack.pop_all()
        except Unreachable as error:
            raise not_opened(error) from error
        self._is_open = True
        return self

    async def _start(self, stack: AsyncExitStack) -> None:
        """Begin what goes on beside the calls. An error in it is a bug: it cancels whoever has opened the journal."""
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        if self._membership:
            beating = tasks.create_task(self._live(self._membership), name="journal: beat")
            stack.callback(beating.cancel)
        self._writer.start(tasks)
        stack.push_async_callback(self._writer.stop)

    async def _live(self, membership: Membership) -> None:
        try:
            await membership.live()
        except Exception as error:
            self._condition.failed(JournalError(f"the journal's beat has ended: {error!r}"))
            raise

    async def _prepare(self) -> None:
        connection = await self._address.connect()
        try:
            async with asyncio.timeout(READ_S):
                await check(connection)
            async with asyncio.timeout(MIGRATE_S):
                await schema.migrate(connection, self._address.schema)
        finally:
            connection.terminate()

    async def __aexit__(self, *_: object) -> None:
        self._is_open = False
        await self._stack.aclose()  # not with the caller's error, which is no task's

    # -- writing -----------------------------------------------------------------------------------

    async def write(self, batch: WriteBatch) -> WriteResult:
        self._require_open()
        require_short_names(batch)
        self._terms.of(batch.account)
        self._condition.require()
        return await self._writer.write(batch)

    async def _do(self, sql: str, *values: object) -> list[Any]:
        self._condition.require()
        self._require_open()
        return await self._writer.do(sql, *values)

    # -- reports that are not delivered ------------------------------------------------------------

    async def pending(self, account: str, target: str = POST_API) -> list[tuple[int, str]]:
        rows = await self._read(queries.PENDING, account, target.encode())
        return [(id_, chat.decode()) for id_, chat in rows]

    async def pending_report(
        self, account: str, report_id: int, target: str = POST_API
    ) -> Report | None:
        rows = await self._read(queries.PENDING_REPORT, account, report_id, target.encode())
        return queries.report_of(rows[0]) if rows else None

    async def targets_waited_for(self, account: str) -> list[str]:
        rows = await self._read(queries.TARGETS_WAITED_FOR, account)
        return [target.decode() for (target,) in rows]

    async def held(self, account: str) -> list[Report]:
        return [queries.report_of(row) for row in await self._read(queries.HELD, account)]

    async def body_of(self, account: str, dedupe: str) -> bytes | None:
        body: bytes | None = await self._value(queries.BODY_OF, account, dedupe.encode())
        return body

    # -- all reports -------------------------------------------------------------------------------

    async def published(self, account: str, after: int, *, rows: int, size: int) -> ReportPage:
        # What is pruned is read last: what was deleted meanwhile is known then.
        found = await self._read(queries.PUBLISHED, account, max(after, 0), rows, size)
        pruned = await self._value(queries.PRUNED_TO, account)
        return queries.report_page_of(found, pruned or 0, rows, size)

    async def newest_published(self, account: str) -> int:
        newest: int = await self._value(queries.NEWEST, account)
        return newest

    async def published_report(self, account: str, seq: int) -> StoredReport | None:
        return next(iter(await self._stored(queries.PUBLISHED_REPORT, account, seq)), None)

    async def report(self, account: str, report_id: int) -> StoredReport | None:
        return next(iter(await self._stored(queries.REPORT, account, report_id)), None)

    async def log(self, account: str, *, before: int = MAX_SEQ, limit: int) -> list[StoredReport]:
        return await self._stored(queries.LOG, account, before, limit)

    async def messages(
        self, account: str, chat: str | None, *, before: int = MAX_SEQ, rows: int, size: int
    ) -> MessagePage:
        of_chat = () if chat is None else (chat.encode(),)
        sql = queries.MESSAGES_OF_CHAT if of_chat else queries.MESSAGES
        found = await self._read(sql, account, before, rows + 1, size, *of_chat)
        return queries.message_page_of(found, before, rows, size)

    async def chats(self, account: str, *, limit: int) -> list[StoredReport]:
        return await self._stored(queries.CHATS, account, limit)

    async def bodies(self, account: str, ids: Sequence[int]) -> dict[int, bytes]:
        return dict(await self._read(queries.BODIES, account, ids))

    async def counts(self, account: str, *, within_s: float) -> Counts:
        since = self._clock() - within_s
        rows = await self._read(queries.COUNTS, account, since, SENT)
        return queries.counts_of(rows[0])

    # -- deliveries --------------------------------------------------------------------------------

    async def failed(
        self, account: str, *, target: str | None = None, limit: int = 100
    ) -> list[ListedDelivery]:
        return await self._listed(queries.FAILED, account, _bytes(target), limit)

    async def count_failed(self, account: str) -> int:
        count: int = await self._value(queries.COUNT_FAILED, account)
        return count

    async def waiting(
        self, account: str, *, target: str | None = None, limit: int = 100
    ) -> list[ListedDelivery]:
        return await self._listed(queries.WAITING, account, _bytes(target), limit)

    async def delivered(
        self, account: str, *, target: str | None = None, limit: int = 100
    ) -> list[ListedDelivery]:
        return await self._listed(queries.DELIVERED, account, _bytes(target), limit)

    async def deliveries(self, account: str, report_id: int) -> list[ListedDelivery]:
        return await self._listed(queries.DELIVERIES, account, report_id)

    # -- sends, state, media and keys --------------------------------------------------------------

    async def waiting_sends(self, account: str) -> list[Send]:
        return [queries.send_of(row) for row in await self._read(queries.SENDS, account)]

    async def state(self, account: str) -> dict[str, bytes]:
        rows = await self._read(queries.STATE, account)
        return {key.decode(): value for key, value in rows}

    async def media(self, account: str, key: str) -> bytes | None:
        value: bytes | None = await self._value(queries.MEDIA, account, key.encode())
        return value

    async def keys_of(self, account: str, key: str) -> dict[str, bytes]:
        rows = await self._read(queries.KEYS_OF, account, key.encode())
        return {key.decode(): value for key, value in rows}

    # -- accounts ----------------------------------------------------------------------------------

    async def accounts(self) -> list[AccountRecord]:
        return [AccountRecord(**dict(row)) for row in await self._read(queries.ACCOUNTS)]

    async def save_account(self, record: AccountRecord) -> None:
        await self._edits.save_account(record)

    async def forget_account(self, account: str) -> None:
        await self._edits.forget_account(account)

    # -- maintenance -------------------------------------------------------------------------------

    async def prune(
        self, *, keep_s: float = 7 * 86400, keep: int = 10_000, keep_failed: int = 10_000
    ) -> int:
        """Prune the accounts that this process owns, and those that nobody owns."""
        count = 0
        before = self._clock() - keep_s
        for (account,) in await self._read(queries.PRUNABLE, self._terms.incarnation):
            count += await prune_account(
                self._prune, account, before=before, keep=keep, keep_failed=keep_failed
            )
        return count

    async def _prune(self, account: str, status: DeliveryStatus, before: float, keep: int) -> int:
        count = 0
        of = (self._terms.incarnation, account, int(status), before, keep, SLICE)
        try:
            while deleted := (await self._do(queries.PRUNE, *of))[0][0]:
                count += deleted
        except LeaseLost:
            log.debug("%s is pruned by the node that has it now", account)
        return count

    async def prune_media(self, *, keep_s: float) -> None:
        await self._prune_old("media", self._clock() - keep_s)

    async def prune_keys(self, *, keep_s: float) -> None:
        await self._prune_old("keys", self._clock() - keep_s)

    async def _prune_old(self, table: str, before: float) -> None:
        sql = queries.PRUNE_OLD[table]
        while await self._do(sql, self._terms.incarnation, before, SLICE):
            continue

    async def files(self, account: str) -> set[str]:
        return {path.decode() for (path,) in await self._read(queries.FILES, account)}

    async def unfinished(self, account: str) -> tuple[int, int]:
        reports, sends = (await self._read(queries.UNFINISHED, account))[0]
        return reports, sends

    async def size(self) -> int:
        """Return the size of the schema's tables and indexes, as of the last minute."""
        size, measured = self._size
        now = time.monotonic()
        if now - measured > SIZE_EVERY_S:
            size = await self._value(queries.SIZE)
            self._size = (size, now)
        return size

    # -- reading -----------------------------------------------------------------------------------

    async def _stored(self, sql: str, *values: object) -> list[StoredReport]:
        return [queries.stored_report_of(row) for row in await self._read(sql, *values)]

    async def _listed(self, sql: str, *values: object) -> list[ListedDelivery]:
        return [queries.listed_delivery_of(row) for row in await self._read(sql, *values)]

    async def _value(self, sql: str, *values: object) -> Any:
        rows = await self._read(sql, *values)
        return rows[0][0] if rows else None

    async def _read(self, sql: str, *values: object) -> Sequence[Any]:
        self._require_open()
        return await self._readers.rows(sql, *values)

    def _require_open(self) -> None:
        if not self._is_open:
            raise JournalError("the journal is closed")


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode()

"""Lists deliveries that failed or wait, tries them again, and drops them.
Routes, the console and ``openwx outbox`` call it.

A delivery is named by the id of its report and its target. An id alone names all deliveries of the report.
"""

import logging
from collections.abc import Sequence

from msgspec import structs

from openwx import metrics
from openwx.accounts import journal_guard
from openwx.errors import CallerError, Code
from openwx.lease import Gate, always_open
from openwx.reporter.delivery_error import written
from openwx.reporter.reporters import Reporters
from openwx.store.base import Journal, JournalError
from openwx.store.records import (
    DeliveryKey,
    DeliveryStatus,
    ListedDelivery,
    WriteBatch,
    WriteResult,
)

log = logging.getLogger("openwx.report")

LISTED = 1000
"""Deliveries in one list at most."""


class WaitingDelivery(ListedDelivery, kw_only=True, frozen=True, gc=False):
    """A delivery that has not ended. ``tries``, ``http_status`` and ``error`` are those until now, with tries that do
    not count against the ``tries`` of its target."""

    next_try: float
    """Unix time; 0 if others of its chat go before it, or it is under way."""


class Outbox:
    """One account's outbox. ``reporters`` is None if no gateway runs. ``target`` None: all targets.

    What the account's next term would not know of is not written: ``retry`` and ``drop`` raise ``LeaseLost`` then.
    """

    def __init__(
        self,
        account: str,
        journal: Journal,
        reporters: Reporters | None = None,
        gate: Gate | None = None,
    ) -> None:
        self._account = account
        self._gate = gate or always_open()
        self._journal = journal
        self._reporters = reporters

    async def failed(
        self, limit: int = LISTED, *, target: str | None = None
    ) -> list[ListedDelivery]:
        """List deliveries that were given up, newest first."""
        return await self._journal.failed(self._account, target=target, limit=limit)

    async def count_failed(self) -> int:
        """Count deliveries that were given up. Raise ``CallerError`` (-5) if the journal cannot be read."""
        try:
            return await self._journal.count_failed(self._account)
        except JournalError as error:
            raise journal_guard.not_kept(error, "not counted") from error

    async def waiting(
        self, limit: int = LISTED, *, target: str | None = None
    ) -> list[WaitingDelivery]:
        """List deliveries that are still tried, the oldest report's first."""
        listed = await self._journal.waiting(self._account, target=target, limit=limit)
        return [self._waiting(one) for one in listed]

    def _waiting(self, one: ListedDelivery) -> WaitingDelivery:
        known = structs.asdict(one)
        reporters = {} if self._reporters is None else self._reporters.by_target
        reporter = reporters.get(one.target)
        if reporter is None:
            return WaitingDelivery(**known, next_try=0.0)
        progress = reporter.progress(one.id, one.chat)
        known["tries"] = max(one.tries, progress.tries)
        if progress.error:
            known |= {"http_status": progress.http_status, "error": written(progress.error)}
        return WaitingDelivery(**known, next_try=progress.next_try)

    async def delivered(
        self, limit: int = LISTED, *, target: str | None = None
    ) -> list[ListedDelivery]:
        """List deliveries that were accepted, newest first, as long as the journal has them."""
        return await self._journal.delivered(self._account, target=target, limit=limit)

    async def of_report(self, id: int, *, target: str | None = None) -> list[ListedDelivery]:
        """List the deliveries of a report; those that wait as ``WaitingDelivery``."""
        found = await self._journal.deliveries(self._account, id)
        chosen = [one for one in found if target in (None, one.target)]
        return [one if one.ended else self._waiting(one) for one in chosen]

    async def show(self, id: int, *, target: str | None = None) -> tuple[ListedDelivery, bytes]:
        """Return a delivery that failed or waits, and the body of its report. Raise ``CallerError`` (100).

        Of several deliveries of the report, one that failed, else one that waits, by the names of their targets.
        """
        found = await self._open(id, target)
        report = await self._journal.report(self._account, id)
        return (found[0], b"" if report is None else report.body)

    async def _open(self, id: int, target: str | None) -> list[ListedDelivery]:
        """List deliveries of a report that failed, then those that wait. Raise ``CallerError`` (100) without any."""
        found = await self.of_report(id, target=target)
        chosen = [one for one in found if one.status == DeliveryStatus.FAILED]
        chosen += [one for one in found if not one.ended]
        if not chosen:
            whose = "" if target is None else f" to {target}"
            words = f"there is no delivery {id}{whose} that failed or waits"
            raise CallerError(Code.NOT_FOUND, words)
        return chosen

    async def retry(self, ids: Sequence[int] | None, *, target: str | None = None) -> int:
        """Send failed deliveries again, as if their reports were made now, and try waiting ones now. Return how many.

        Without ids, send all that failed. Reports of one chat are sent oldest first, and before newer ones that wait.
        Raise ``CallerError``: 100 for one that is not there, 101 for one whose file is still to be fetched, whose
        account never ran, or whose target is not configured any more, -5 if the journal cannot be written.
        """
        failed: list[DeliveryKey] = []
        waiting: list[ListedDelivery] = []
        if ids is None:
            failed = [key for key in await self._all_failed(target) if self._knows(key.target)]
        for id in dict.fromkeys(ids or ()):
            for one in await self._open(id, target):
                self._require_known(one)
                if one.ended:
                    failed.append(one.key)
                else:
                    self._require_tried(one)
                    waiting.append(one)
        written = await self._write(WriteBatch(account=self._account, retried=sorted(failed)))
        words = "%s: %d failed deliveries are sent again, %d that wait are tried now"
        log.info(words, self._account, len(written.retried), len(waiting))
        if self._reporters is not None:
            self._reporters.retry(written.retried)
            self._reporters.try_now(waiting)
        return len(written.retried) + len(waiting)

    def _knows(self, target: str) -> bool:
        return self._reporters is None or target in self._reporters.by_target

    def _require_known(self, one: ListedDelivery) -> None:
        if not self._knows(one.target):
            why = f"the configuration does not name the target {one.target} any more"
            raise CallerError(Code.NOT_POSSIBLE, f"delivery {one.id} cannot be tried: {why}")

    def _require_tried(self, one: ListedDelivery) -> None:
        if self._reporters is None:
            return
        if not self._reporters.by_target[one.target].has(one.id, one.chat):
            why = "its media is still being downloaded, or the account has stopped"
            raise CallerError(Code.NOT_POSSIBLE, f"delivery {one.id} cannot be tried: {why}")

    async def drop(self, ids: Sequence[int] | None, *, target: str | None = None) -> int:
        """Drop failed deliveries: all of them without ids. Return how many.

        Raise ``CallerError``: 100 for one that is not there, 101 for one that has not failed, -5 as ``retry``.
        """
        chosen = await self._all_failed(target) if ids is None else []
        for id in dict.fromkeys(ids or ()):
            failed = [one.key for one in await self._open(id, target) if one.ended]
            if not failed:
                words = f"delivery {id} has not failed: it is still tried"
                raise CallerError(Code.NOT_POSSIBLE, words)
            chosen += failed
        written = await self._write(WriteBatch(account=self._account, dropped=chosen))
        for key in written.dropped:
            words = "%s: the failed delivery %d was dropped on request; it was for %s"
            metrics.dropped(log, "dropped_delivery", words, self._account, *key)
        return len(written.dropped)

    async def _all_failed(self, target: str | None) -> list[DeliveryKey]:
        return [one.key for one in await self.failed(1_000_000, target=target)]

    async def _write(self, batch: WriteBatch) -> WriteResult:
        # This process may have lost the account meanwhile, and have it anew: then other reporters deliver.
        self._gate.require_mine()
        try:
            return await self._journal.write(batch)
        except JournalError as error:
            raise journal_guard.not_kept(error, "not done") from error

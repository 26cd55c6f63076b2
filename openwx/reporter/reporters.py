"""All deliveries of one account: a ``Reporter`` for each target, so that none holds up another, and stdout.
``Publisher`` calls it.

A target that the configuration no longer names gets nothing more. What waits for it ends as failed; it can be sent
again if the target comes back. A new target gets what is recorded from then on.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import aiohttp

from openwx import metrics
from openwx.coded import Coded
from openwx.config import ReportSettings
from openwx.lease import Gate
from openwx.reporter import retry_schedule
from openwx.reporter.clock import Clock
from openwx.reporter.delivery_error import DeliveryErrorCode, made, written
from openwx.reporter.payload import Payload
from openwx.reporter.policy import allowed_on_stdout
from openwx.reporter.reporter import Files, Replies, Reporter
from openwx.reporter.retry_schedule import Pauses
from openwx.reporter.stdout import StdoutWriter
from openwx.store.base import JournalError, ReportStore
from openwx.store.records import (
    DeliveryKey,
    DeliveryOutcome,
    DeliveryStatus,
    ListedDelivery,
    Report,
    WriteBatch,
)
from openwx.timing import Timing

log = logging.getLogger("openwx.report")

_SLICE = 500
"""Deliveries that end in one write."""


class Reporters:
    """The deliveries of one account. A subscriber: ``on_report`` takes what is recorded."""

    def __init__(
        self,
        account: str,
        settings: ReportSettings,
        journal: ReportStore,
        http: aiohttp.ClientSession,
        *,
        http_of_targets: aiohttp.ClientSession | None = None,
        replies: Replies,
        url_client: Callable[[], str | None] = lambda: None,
        pauses: Pauses | None = None,
        clock: Clock | None = None,
        files: Files | None = None,
        gate: Gate | None = None,
    ) -> None:
        """``http`` is for ``post_api``, and for ``targets`` without ``http_of_targets``."""
        self._account = account
        self._settings = settings
        self._journal = journal
        self._stdout = StdoutWriter()
        clock = clock or Clock()
        pauses = pauses or retry_schedule.of(Timing())
        self.by_target: Mapping[str, Reporter] = {
            target.name: Reporter(
                account,
                target,
                journal,
                http if target.is_post_api else http_of_targets or http,
                replies=replies,
                url_client=url_client,
                pauses=pauses,
                clock=clock,
                files=files,
                gate=gate,
            )
            for target in settings.all_targets()
        }
        metrics.keep_targets(account, self.by_target)
        self._removed: asyncio.Queue[DeliveryKey] = asyncio.Queue()
        """Deliveries to targets that are not configured any more."""

    def on_report(self, report: Report, payload: Payload) -> None:
        """Write a recorded report to stdout if the settings ask for that, and deliver it to its targets."""
        if self._settings.post_stdout and allowed_on_stdout(self._settings, report.kind, payload):
            self._stdout.add(report)
        for target in report.targets:
            reporter = self.by_target.get(target)
            if reporter is not None:
                reporter.add(report)
            else:
                self._removed.put_nowait(DeliveryKey(report.id, target))

    def retry(self, reports: Sequence[Report]) -> None:
        """Deliver failed reports again, each to its only target; see ``Reporter.retry``."""
        for target, reporter in self.by_target.items():
            reporter.retry(report for report in reports if report.targets == (target,))

    def try_now(self, waiting: Iterable[ListedDelivery]) -> None:
        """End the pauses of the chats of these deliveries at their targets, and those of outages there."""
        chats: dict[str, list[str]] = {}
        for one in waiting:
            chats.setdefault(one.target, []).append(one.chat)
        for target, names in chats.items():
            self.by_target[target].try_now(names)

    @property
    def outages(self) -> dict[str, Coded]:
        """Why some targets get nothing at present, by their names; empty while all answer."""
        return {name: one.outage for name, one in self.by_target.items() if one.outage}

    @property
    def waiting(self) -> dict[str, int]:
        """The number of deliveries that have not ended, by target."""
        return {name: one.waiting for name, one in self.by_target.items()}

    async def run(self) -> None:
        """Deliver until cancelled, beginning with what the journal still holds. A bug comes out."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._stdout.run(), name=f"{self._account}: stdout")
            for name, reporter in self.by_target.items():
                tasks.create_task(reporter.run(), name=f"{self._account}: reports to {name}")
            tasks.create_task(self._end_removed(), name=f"{self._account}: removed targets")

    async def drained(self, timeout_s: float) -> bool:
        """Wait until everything is delivered. Return False if that takes too long.

        All pauses end, so that each waiting report is tried once more.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.gather(
                    self._stdout.drained(), *(one.drained() for one in self.by_target.values())
                )
        except TimeoutError:
            return False
        return True

    async def settled(self) -> None:
        """Begin no further delivery, and return when none is under way."""
        await asyncio.gather(
            self._stdout.drained(), *(one.settled() for one in self.by_target.values())
        )

    # -- targets that are not configured any more --------------------------------------------------

    async def _end_removed(self) -> None:
        """End what waits for removed targets now, and what was held until later."""
        names = await self._journal.until_done(self._names_of_removed, self._log_trouble)
        for target in names:
            ended = await self._journal.until_done(
                partial(self._end_all, target), self._log_trouble
            )
            if ended:  # else all of them are held until later
                words = (
                    "%s: %d deliveries to %s failed: the configuration does not name it any more"
                )
                log.warning(words, self._account, ended, target)
        while True:
            key = await self._removed.get()
            await self._journal.until_done(partial(self._end, [key]), self._log_trouble)

    async def _names_of_removed(self) -> list[str]:
        names = await self._journal.targets_waited_for(self._account)
        return [name for name in names if name not in self.by_target]

    async def _end_all(self, target: str) -> int:
        waiting = await self._journal.pending(self._account, target)
        for start in range(0, len(waiting), _SLICE):
            part = waiting[start : start + _SLICE]
            await self._end([DeliveryKey(report_id, target) for report_id, _ in part])
        return len(waiting)

    async def _end(self, keys: Sequence[DeliveryKey]) -> None:
        ends = [
            DeliveryOutcome(
                key.report_id,
                DeliveryStatus.FAILED,
                error=written(made(DeliveryErrorCode.NO_SUCH_TARGET, target=key.target)),
                target=key.target,
            )
            for key in keys
        ]
        await self._journal.write(WriteBatch(account=self._account, outcomes=ends))

    def _log_trouble(self, error: JournalError) -> None:
        log.error("%s: reports wait for the journal: %s", self._account, error)

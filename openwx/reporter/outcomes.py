"""Writes tries and outcomes of deliveries into the journal, counts them and logs failures. ``Reporter`` calls it."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec

from openwx import metrics
from openwx.config.contract import POST_API
from openwx.reporter import delivery_error
from openwx.reporter.clock import Clock
from openwx.reporter.post import webhook_id_of
from openwx.store.base import ReportStore
from openwx.store.decoding import decode_row
from openwx.store.records import (
    DeliveryKey,
    DeliveryOutcome,
    DeliveryStatus,
    NewSend,
    Report,
    Send,
    WriteBatch,
)

log = logging.getLogger("openwx.report")

_T = TypeVar("_T")


class _SentAt(msgspec.Struct):
    """The part of a report's body that says when WeChat sent the message, in seconds."""

    time: str = ""


class OutcomeWriter:
    """Writes for one target of an account. If the journal cannot be written, it waits."""

    def __init__(self, account: str, target: str, journal: ReportStore, clock: Clock) -> None:
        self._account = account
        self._target = target
        self._journal = journal
        self._clock = clock
        self._counts = metrics.of_target(account, target)

    async def add_try(self, report: Report) -> None:
        """Count one more failed try."""
        batch = WriteBatch(
            account=self._account, failed_tries=[DeliveryKey(report.id, self._target)]
        )
        await self.until_done(lambda: self._journal.write(batch))

    async def end(
        self,
        report: Report,
        outcome: DeliveryOutcome,
        *,
        sends: Sequence[NewSend] = (),
        is_counted: bool = False,
    ) -> list[Send]:
        """Write a delivery's outcome and the replies to the report. Return the stored sends.

        ``is_counted``: its last try counts, too.
        """
        if outcome.status is DeliveryStatus.FAILED:
            whose = self._account
            if self._target != POST_API:
                whose = f"{self._account} to {self._target}"
            words = "%s: %s of %s failed: %s"
            log.error(
                words,
                webhook_id_of(report),
                report.kind,
                whose,
                delivery_error.words_of(outcome.error),
            )
        batch = WriteBatch(
            account=self._account,
            sends=sends,
            failed_tries=[DeliveryKey(report.id, self._target)] if is_counted else [],
            outcomes=[outcome],
        )
        written = await self.until_done(lambda: self._journal.write(batch))
        self._counts.settled(outcome.status.name.lower())
        if outcome.status is DeliveryStatus.DELIVERED and report.kind == "receive_message":
            self._observe_latency(report)
        return written.sends

    def _observe_latency(self, report: Report) -> None:
        read = decode_row(report.body, _SentAt, "a report")
        sent_at = read.time if read else ""
        if sent_at.isdecimal() and (seconds := int(sent_at[:18])):  # some messages have none
            self._counts.latency.observe(max(0.0, self._clock() - seconds))

    async def until_done(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """Use the journal, however long that takes."""
        return await self._journal.until_done(
            work,
            lambda error: log.error("%s: reports wait for the journal: %s", self._account, error),
        )

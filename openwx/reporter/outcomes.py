"""Writes tries and outcomes of deliveries into the journal, counts them and logs failures."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec

from openwx import metrics
from openwx.reporter.clock import Clock
from openwx.reporter.post import webhook_id_of
from openwx.store.base import ReportStore
from openwx.store.records import DeliveryOutcome, DeliveryStatus, NewSend, Report, Send, WriteBatch

log = logging.getLogger("openwx.report")

_T = TypeVar("_T")


class _SentAt(msgspec.Struct):
    """The part of a report's body that says when WeChat sent the message, in seconds."""

    time: str = ""


_read_sent_at = msgspec.json.Decoder(_SentAt).decode


class OutcomeWriter:
    """Writes for one account. If the journal cannot be written, it waits."""

    def __init__(self, account: str, journal: ReportStore, clock: Clock) -> None:
        self._account = account
        self._journal = journal
        self._clock = clock
        self._counts = metrics.of_account(account)

    async def add_try(self, report: Report) -> None:
        """Count one more failed try."""
        batch = WriteBatch(account=self._account, failed_tries=[report.id])
        await self.until_done(lambda: self._journal.write(batch))

    async def end(
        self,
        report: Report,
        outcome: DeliveryOutcome,
        *,
        sends: Sequence[NewSend] = (),
        failed_tries: Sequence[int] = (),
    ) -> list[Send]:
        """Write a delivery's outcome, the replies to the report, and perhaps its last try. Return the stored sends."""
        if outcome.status is DeliveryStatus.FAILED:
            words = "%s: %s of %s failed: %s"
            log.error(words, webhook_id_of(report), report.kind, self._account, outcome.error)
        batch = WriteBatch(
            account=self._account, sends=sends, failed_tries=failed_tries, outcomes=[outcome]
        )
        written = await self.until_done(lambda: self._journal.write(batch))
        self._counts.settled(outcome.status.name.lower())
        if outcome.status is DeliveryStatus.DELIVERED and report.kind == "receive_message":
            self._observe_latency(report)
        return written.sends

    def _observe_latency(self, report: Report) -> None:
        sent_at = _read_sent_at(report.body).time
        if sent_at.isdecimal() and (seconds := int(sent_at[:18])):  # some messages have none
            self._counts.latency.observe(max(0.0, self._clock() - seconds))

    async def until_done(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """Use the journal, however long that takes."""
        return await self._journal.until_done(
            work,
            lambda error: log.error("%s: reports wait for the journal: %s", self._account, error),
        )

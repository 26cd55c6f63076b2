"""Delivers an account's reports to one target: in order within each chat, repeated until accepted.
``Reporters`` has one for each target.

``delivery_queue.py`` decides which report is next. Here one is posted, and the result decides what happens to it. Its
outcome and the replies to it are written into the journal in one batch.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import aiohttp
import msgspec

from openwx import metrics
from openwx.coded import Coded
from openwx.config import Target
from openwx.lease import Gate
from openwx.logcontext import bind
from openwx.reporter import delivery_error, retry_schedule
from openwx.reporter.answer import BackendAnswer
from openwx.reporter.circuit_breaker import CircuitBreaker
from openwx.reporter.clock import Clock
from openwx.reporter.delivery_error import DeliveryErrorCode
from openwx.reporter.delivery_queue import DeliveryQueue, Retry
from openwx.reporter.outcomes import OutcomeWriter
from openwx.reporter.post import Poster, webhook_id_of
from openwx.reporter.post_result import Accepted, Refused, Silent, Unavailable
from openwx.reporter.retry_schedule import Pauses
from openwx.store.base import ReportStore
from openwx.store.records import DeliveryOutcome, DeliveryStatus, NewSend, Report, Send

log = logging.getLogger("openwx.report")

_SOON_STALE = ("input_qrcode", "state_change")
_STALE_S = 60.0
"""The age at which these events are dropped, in seconds."""


class Replies(Protocol):
    """Sends the replies of targets."""

    async def sends_for(self, report: Report, answer: BackendAnswer) -> list[NewSend]:
        """Return the sends that an answer asks for. They are stored with the delivery, and once only."""

    def accept(self, sends: list[Send]) -> None:
        """Take sends that are stored. Must not block."""


class Files(Protocol):
    """Brings the files of reports to this machine."""

    async def for_delivery(self, report: Report) -> Report:
        """Return a report of the journal with the path of its file as the attachment; empty where it is gone."""


class Progress(msgspec.Struct, frozen=True):
    """The delivery of a waiting report so far."""

    tries: int
    """The number of attempts, also those without a connection."""
    http_status: int
    """The last HTTP status; 0 without one."""
    error: Coded | None
    next_try: float
    """Unix time; 0 if older reports precede it, or an attempt is running."""


class _Tries(msgspec.Struct):
    """The attempts to deliver a report, until its delivery ends."""

    counted: int
    """Refusals and missing answers, which ``report.tries`` limits."""
    posts: int
    """The number of attempts."""
    was_tried: bool = False
    """Whether this process tried it."""
    lost: int = 0
    """Attempts that were accepted, but whose answer broke off."""
    http_status: int = 0
    error: Coded | None = None


class Reporter:
    """The deliveries of one account to one target. ``add`` takes what is recorded."""

    def __init__(
        self,
        account: str,
        target: Target,
        journal: ReportStore,
        http: aiohttp.ClientSession,
        *,
        replies: Replies,
        url_client: Callable[[], str | None],
        pauses: Pauses,
        clock: Clock,
        files: Files | None = None,
        gate: Gate | None = None,
    ) -> None:
        """``files`` None: attachments are paths.

        ``url_client`` returns what ``client=`` is in addresses of backends, or None."""
        self.target = target
        self._account = account
        self._journal = journal
        self._replies = replies
        self._files = files
        self._pauses = pauses
        self._clock = clock
        self._poster = Poster(account, target, http, url_client=url_client, clock=clock, gate=gate)
        self._counts = metrics.of_target(account, target.name)
        self._outcomes = OutcomeWriter(account, target.name, journal, clock)
        self._breaker = CircuitBreaker(account, target.name, pauses.outage)
        self._queue = DeliveryQueue(account, self._breaker, self._deliver)
        self._tries: dict[int, _Tries] = {}
        self._created: dict[int, float] = {}
        """When deliveries were created, on the steady clock."""
        self._loaded = clock.mark()

    def add(self, report: Report, *, pause_s: float = 0.0) -> None:
        """Deliver a recorded report, not before a pause."""
        self._tries.pop(report.id, None)
        self._created[report.id] = self._clock.mark().to_steady(report.created)
        self._queue.add(report.id, report.chat, pause_s=pause_s)

    def retry(self, reports: Iterable[Report]) -> None:
        """Deliver failed reports again: soon, whatever pauses there are, and before newer ones of their chats."""
        for report in reports:
            self.add(report, pause_s=self._pauses.gather_s)
            self._breaker.probe_now()

    def try_now(self, chats: Iterable[str]) -> None:
        """End the pauses of these chats, and that of an outage."""
        self._queue.end_pauses_of(chats)

    def has(self, report_id: int, chat: str) -> bool:
        """Return whether a report waits for its delivery or is under way. Held reports are neither."""
        return self._queue.has(report_id, chat)

    @property
    def outage(self) -> Coded | None:
        """Why nothing is delivered at present; None while the backend answers."""
        return self._breaker.outage

    def progress(self, report_id: int, chat: str) -> Progress:
        """Return the delivery of a waiting report so far."""
        tries = self._tries.get(report_id) or _Tries(0, 0)
        left_s = self._queue.next_try_in_s(report_id, chat)
        next_try = 0.0 if left_s is None else self._clock() + left_s
        return Progress(tries.posts, tries.http_status, tries.error, next_try)

    async def run(self) -> None:
        """Deliver until cancelled, beginning with what the journal still holds. A bug comes out."""
        async with asyncio.TaskGroup() as tasks:
            self._loaded = self._clock.mark()
            pending = await self._outcomes.until_done(
                lambda: self._journal.pending(self._account, self.target.name)
            )
            self._queue.start(pending)
            await self._queue.run(tasks)

    async def drained(self) -> None:
        """Wait until everything is delivered. All pauses end, so that each waiting report is tried once more."""
        self._queue.end_all_pauses()
        await self._queue.idle.wait()

    async def settled(self) -> None:
        """Begin no further delivery, and return when none is under way."""
        await self._queue.settled()

    @property
    def waiting(self) -> int:
        """The number of reports that are still to be delivered."""
        return len(self._queue)

    # -- one report --------------------------------------------------------------------------------

    async def _deliver(self, chat: str, report_id: int, probe: bool) -> Retry | None:
        """Try a report once. Return when to try it again; None at the end of its delivery."""
        report = await self._outcomes.until_done(
            lambda: self._journal.pending_report(self._account, report_id, self.target.name)
        )
        retry = None
        if report is not None:
            name, target = webhook_id_of(report), self.target.name
            with bind(webhook_id=name, event=report.kind, target=target):
                if self._files is not None:
                    report = await self._files.for_delivery(report)
                retry = await self._try(chat, report, probe=probe)
        if retry is not None:
            self._counts.delivery_retries.inc()
        elif not self._queue.waits(report_id, chat):
            self._tries.pop(report_id, None)
            self._created.pop(report_id, None)
        return retry

    def _age_s(self, report: Report) -> float:
        created = self._created.get(report.id)
        if created is None:
            created = self._created[report.id] = self._loaded.to_steady(report.created)
        return self._clock.steady() - created

    async def _try(self, chat: str, report: Report, *, probe: bool) -> Retry | None:
        tries = self._tries.get(report.id)
        if tries is None:
            tries = self._tries[report.id] = _Tries(report.tries, report.tries)
        age_s = self._age_s(report)
        if report.kind in _SOON_STALE and age_s > _STALE_S:
            words = "%s: a late %s is dropped"
            values = (webhook_id_of(report), report.kind)
            metrics.dropped(log, "late_event", words, *values, level=logging.INFO)
            error = delivery_error.made(DeliveryErrorCode.TOO_LATE)
            await self._end(report, DeliveryStatus.DROPPED, tries, error)
            return None
        if age_s > self.target.max_age and tries.was_tried:
            await self._give_up(report, tries)
            return None
        result = await self._poster.post(report)
        tries.was_tried = True
        tries.posts += 1
        tries.http_status = result.http_status
        match result:
            case Accepted():
                self._end_outage_if(self._breaker.answered())
                return await self._accept(report, result, tries)
            case Refused():
                self._end_outage_if(self._breaker.answered())
                return await self._count(report, result, tries, self._pauses.refused)
            case Silent():
                if probe:
                    self._end_outage_if(self._breaker.reached())
                return await self._count(report, result, tries, self._pauses.silent)
            case Unavailable():
                retry = self._wait(chat, report, result, tries, probe=probe)
                if age_s <= self.target.max_age:
                    return retry
                await self._give_up(report, tries)
                return None

    async def _give_up(self, report: Report, tries: _Tries) -> None:
        await self._end(report, DeliveryStatus.FAILED, tries, delivery_error.too_old(tries.error))

    def _end_outage_if(self, ended: bool) -> None:
        if ended:
            self._queue.end_outage()

    async def _accept(self, report: Report, result: Accepted, tries: _Tries) -> Retry | None:
        tries.error = None
        tries.lost += bool(result.lost)
        if result.lost and tries.lost < self.target.tries:
            log.info("%s: the answer broke off: %s", webhook_id_of(report), result.lost)
            return Retry(retry_schedule.after(tries.lost, self._pauses.refused))
        if result.lost:
            words = "%s: the answer broke off %d times, and is not asked for again: %s"
            metrics.dropped(log, "reply", words, webhook_id_of(report), tries.lost, result.lost)
        sends: list[NewSend] = []
        if result.answer is not None and report.reply_to:
            sends = [
                msgspec.structs.replace(send, target=self.target.name)
                for send in await self._replies.sends_for(report, result.answer)
            ]
        await self._end(report, DeliveryStatus.DELIVERED, tries, None, sends)
        return None

    async def _count(
        self,
        report: Report,
        result: Refused | Silent,
        tries: _Tries,
        pauses: Callable[[], Iterator[float]],
    ) -> Retry | None:
        """Count a try towards ``report.tries``."""
        is_news = result.error != tries.error
        tries.error = result.error
        tries.counted += 1
        if tries.counted >= self.target.tries:
            await self._end(report, DeliveryStatus.FAILED, tries, result.error, is_counted=True)
            return None
        if is_news and isinstance(result, Silent):
            _log_no_answer(report, result.error)
        await self._outcomes.add_try(report)
        return Retry(retry_schedule.after(tries.counted, pauses))

    def _wait(
        self, chat: str, report: Report, result: Unavailable, tries: _Tries, *, probe: bool
    ) -> Retry:
        is_news = not tries.error and self._breaker.closed
        tries.error = result.error
        self._breaker.failed(
            chat, result.error, down=result.down, probe=probe, retry_after_s=result.retry_after_s
        )
        if is_news and self._breaker.closed:
            _log_no_answer(report, result.error)
        uncounted = max(1, tries.posts - tries.counted)
        return Retry(retry_schedule.after(uncounted, self._pauses.outage), of_outage=True)

    async def _end(
        self,
        report: Report,
        status: DeliveryStatus,
        tries: _Tries,
        error: Coded | None,
        sends: Sequence[NewSend] = (),
        *,
        is_counted: bool = False,
    ) -> None:
        posts = tries.posts if status is DeliveryStatus.FAILED else 0
        outcome = DeliveryOutcome(
            report.id,
            status,
            tries.http_status,
            delivery_error.written(error),
            posts,
            self.target.name,
        )
        stored = await self._outcomes.end(report, outcome, sends=sends, is_counted=is_counted)
        if stored:
            self._replies.accept(stored)


def _log_no_answer(report: Report, error: Coded) -> None:
    words = delivery_error.words(error)
    log.warning("%s: no answer, tried again: %s", webhook_id_of(report), words)

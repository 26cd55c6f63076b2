"""Delivers an account's uploads to ``post_api``: in order within each chat, again until accepted.

``turns.py`` says whose turn it is; here an upload is tried, and what came of it decides what happens next. The journal
gets the end of an upload and the reply to it in one unit.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence

import aiohttp
import msgspec

from openwx import metrics
from openwx.config import ReportSettings
from openwx.logcontext import bind
from openwx.reporter import retry_schedule as pausing
from openwx.reporter.answer import Answer
from openwx.reporter.cache import Cache
from openwx.reporter.circuit_breaker import CircuitBreaker
from openwx.reporter.clock import Clock
from openwx.reporter.outcome import Accepted, NoAnswer, Refused, Silent
from openwx.reporter.policy import allowed, should_report
from openwx.reporter.post import Poster, webhook_id_of
from openwx.reporter.retry_schedule import Pauses
from openwx.reporter.settling import Endings
from openwx.reporter.stdout import StdoutWriter
from openwx.reporter.turns import Again, Turns
from openwx.store.sqlite.journal import DeliveryStatus, Journal, NewSend, Report, Send, Settled
from openwx.timing import Timing

__all__ = ["Answer", "Progress", "Reporter", "allowed", "should_report"]

log = logging.getLogger("openwx.report")

_SOON_STALE = ("input_qrcode", "state_change")
_STALE_S = 60.0


class Progress(msgspec.Struct, frozen=True):
    """How it goes with an upload that waits."""

    tries: int
    """All of them, also while nobody was there."""
    status: int
    """The HTTP status of the last one; 0 without one."""
    error: str
    next_try: float
    """Unix time; 0 where others are before it, or it is under way."""


class _Trying(msgspec.Struct):
    """An upload that was tried, until it is settled."""

    tries: int
    """Those that count: a refusal, or no answer."""
    posts: int
    """All."""
    was_tried: bool = False
    """By this process."""
    lost: int = 0
    status: int = 0
    error: str = ""


class Reporter:
    """One account's. ``replies`` and ``accepted`` are called on the loop and must not block.

    ``replies`` makes the sends that an answer asks for; ``accepted`` is told those that are in the
    journal, together with the delivery, and that no second delivery can bring again.
    """

    def __init__(
        self,
        account: str,
        settings: ReportSettings,
        journal: Journal,
        http: aiohttp.ClientSession,
        *,
        replies: Callable[[Report, Answer], list[NewSend]],
        accepted: Callable[[list[Send]], None],
        url_client: Callable[[], str | None] = lambda: None,
        pauses: Pauses | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._account = account
        self._settings = settings
        self._journal = journal
        self._replies = replies
        self._pauses = pauses or pausing.of(Timing())
        self._clock = clock or Clock()
        self._poster: Poster | None = None
        if settings.post_api is not None:
            self._poster = Poster(
                account,
                settings.post_api,
                settings,
                http,
                url_client=url_client,
                clock=self._clock,
            )
        self._counts = metrics.of_account(account)
        self._endings = Endings(account, journal, accepted=accepted, clock=self._clock)
        self._echo = StdoutWriter()
        self._gate = CircuitBreaker(account, self._pauses.outage)
        self._turns = Turns(account, self._gate, self._try)
        self._trying: dict[int, _Trying] = {}
        self._made: dict[int, float] = {}
        """When uploads were made, on the steady clock."""
        self._loaded = self._clock.mark()
        self._cache = Cache()

    def put(self, uploads: Iterable[Report]) -> None:
        """Take what was just written to the journal: all of it, also what is not to be delivered."""
        for upload in uploads:
            if self._settings.post_stdout:
                self._show(upload)
            if upload.deliver and self._poster is not None:
                self._take(upload)

    def put_again(self, uploads: Iterable[Report]) -> None:
        """Take what is sent again: before newer ones of its chat, and soon, whatever pauses there are."""
        again = [upload for upload in uploads if self._poster is not None]
        for upload in again:
            self._take(upload, pause_s=self._pauses.gather_s)
        if again:
            self._gate.hurry()

    def _take(self, upload: Report, *, pause_s: float = 0.0) -> None:
        self._trying.pop(upload.id, None)
        self._made[upload.id] = self._clock.mark().made(upload.created)
        self._cache.keep(upload)
        self._turns.put(upload.id, upload.chat, pause_s=pause_s)

    def try_now(self, chats: Iterable[str]) -> None:
        """End the pauses of these chats, and the one that all make while nobody is there."""
        self._turns.hurry(chats)

    def has(self, upload_id: int, chat: str) -> bool:
        """Whether this upload waits for its turn or is under way: not one whose medium is still fetched."""
        return self._turns.has(upload_id, chat)

    @property
    def outage(self) -> str:
        """Why nothing is delivered for now; empty while the backend answers."""
        return self._gate.outage

    def progress(self, upload_id: int, chat: str) -> Progress:
        """How it goes with an upload that waits."""
        trying = self._trying.get(upload_id) or _Trying(0, 0)
        left_s = self._turns.next_in_s(upload_id, chat)
        next_try = 0.0 if left_s is None else self._clock() + left_s
        return Progress(trying.posts, trying.status, trying.error, next_try)

    async def run(self) -> None:
        """Deliver for ever: first what the journal still holds, oldest first. A bug comes out."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._echo.run(), name=f"{self._account}: stdout")
            pending: list[tuple[int, str]] = []
            if self._poster is not None:
                self._loaded = self._clock.mark()
                pending = await self._endings.insist(lambda: self._journal.pending(self._account))
            self._turns.start(pending)
            await self._turns.run(tasks)

    async def drained(self, timeout_s: float) -> bool:
        """Wait until everything is delivered; False where the time does not suffice.

        Pauses end, so that what waits gets one more try at once.
        """
        self._turns.hurry_all()
        try:
            async with asyncio.timeout(timeout_s):
                if self._poster is not None:
                    await self._turns.idle.wait()
                await self._echo.drained()
        except TimeoutError:
            return False
        return True

    @property
    def waiting(self) -> int:
        """So many uploads are still to be delivered."""
        return len(self._turns)

    # -- one upload --------------------------------------------------------------------------------

    async def _try(self, chat: str, upload_id: int, probe: bool) -> Again | None:
        """When it is to be tried again; None when it is settled."""
        upload = self._cache.find(upload_id)
        if upload is None:
            upload = await self._endings.insist(lambda: self._journal.upload(upload_id))
        again = None
        if upload is not None:
            with bind(webhook_id=webhook_id_of(upload), event=upload.kind):
                again = await self._try_upload(chat, upload, probe=probe)
        if again is not None:
            self._counts.delivery_retries.inc()
        elif not self._turns.waits(upload_id, chat):
            self._forget(upload_id)
        return again

    def _forget(self, upload_id: int) -> None:
        self._cache.forget(upload_id)
        self._trying.pop(upload_id, None)
        self._made.pop(upload_id, None)

    def _age_s(self, upload: Report) -> float:
        made = self._made.get(upload.id)
        if made is None:
            made = self._made[upload.id] = self._loaded.made(upload.created)
        return self._clock.steady() - made

    async def _try_upload(self, chat: str, upload: Report, *, probe: bool) -> Again | None:
        trying = self._trying.get(upload.id)
        if trying is None:
            trying = self._trying[upload.id] = _Trying(upload.tries, upload.tries)
        age_s = self._age_s(upload)
        if upload.kind in _SOON_STALE and age_s > _STALE_S:
            words, told = "%s: a late %s is dropped", (webhook_id_of(upload), upload.kind)
            metrics.dropped(log, "late_event", words, *told, level=logging.INFO)
            await self._settle(upload, DeliveryStatus.DROPPED, trying, "too late")
            return None
        if age_s > self._settings.max_age and trying.was_tried:
            await self._give_up(upload, trying)
            return None
        assert self._poster is not None
        outcome = await self._poster.post(upload)
        trying.was_tried = True
        trying.posts += 1
        trying.status = outcome.status
        match outcome:
            case Accepted():
                self._opens(self._gate.answered())
                return await self._accept(upload, outcome, trying)
            case Refused():
                self._opens(self._gate.answered())
                return await self._count(upload, outcome, trying, self._pauses.refused)
            case Silent():
                if probe:
                    self._opens(self._gate.reached())
                return await self._count(upload, outcome, trying, self._pauses.silent)
            case NoAnswer():
                again = self._wait(chat, upload, outcome, trying, probe=probe)
                if age_s <= self._settings.max_age:
                    return again
                await self._give_up(upload, trying)
                return None

    async def _give_up(self, upload: Report, trying: _Trying) -> None:
        await self._settle(
            upload, DeliveryStatus.FAILED, trying, f"older than max_age: {trying.error}"
        )

    def _opens(self, was_closed: bool) -> None:
        if was_closed:
            self._turns.end_outage()

    async def _accept(self, upload: Report, outcome: Accepted, trying: _Trying) -> Again | None:
        trying.error = ""
        trying.lost += bool(outcome.lost)
        if outcome.lost and trying.lost < self._settings.tries:
            log.info("%s: the answer broke off: %s", webhook_id_of(upload), outcome.lost)
            return Again(pausing.after(trying.lost, self._pauses.refused))
        if outcome.lost:
            words = "%s: the answer broke off %d times, and is not asked for again: %s"
            told = (webhook_id_of(upload), trying.lost, outcome.lost)
            metrics.dropped(log, "reply", words, *told)
        sends = []
        if outcome.answer is not None and upload.reply_to:
            sends = self._replies(upload, outcome.answer)
        await self._settle(upload, DeliveryStatus.DELIVERED, trying, "", sends)
        return None

    async def _count(
        self,
        upload: Report,
        outcome: Refused | Silent,
        trying: _Trying,
        pauses: Callable[[], Iterator[float]],
    ) -> Again | None:
        """A try that counts."""
        is_news = outcome.error != trying.error
        trying.error = outcome.error
        trying.tries += 1
        if trying.tries >= self._settings.tries:
            await self._settle(
                upload, DeliveryStatus.FAILED, trying, outcome.error, refused=[upload.id]
            )
            return None
        if is_news and isinstance(outcome, Silent):
            log.warning("%s: no answer, tried again: %s", webhook_id_of(upload), outcome.error)
        await self._endings.note_try(upload)
        return Again(pausing.after(trying.tries, pauses))

    def _wait(
        self, chat: str, upload: Report, outcome: NoAnswer, trying: _Trying, *, probe: bool
    ) -> Again:
        is_news = not trying.error and not self._gate.closed
        trying.error = outcome.error
        self._gate.failed(
            chat, outcome.error, down=outcome.down, probe=probe, retry_after_s=outcome.retry_after_s
        )
        if is_news and not self._gate.closed:
            log.warning("%s: no answer, tried again: %s", webhook_id_of(upload), outcome.error)
        absent = max(1, trying.posts - trying.tries)
        return Again(pausing.after(absent, self._pauses.outage), of_outage=True)

    async def _settle(
        self,
        upload: Report,
        fate: DeliveryStatus,
        trying: _Trying,
        error: str,
        sends: Iterable[NewSend] = (),
        refused: Sequence[int] = (),
    ) -> None:
        posts = trying.posts if fate is DeliveryStatus.FAILED else 0
        end = Settled(upload.id, fate, trying.status, error, posts)
        await self._endings.settle(upload, end, sends=sends, refused=refused)

    def _show(self, upload: Report) -> None:
        if allowed(self._settings, upload.kind, msgspec.json.decode(upload.body)):
            self._echo.put(upload)

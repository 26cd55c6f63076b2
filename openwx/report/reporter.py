"""Delivers an account's uploads to ``post_api``: in order within each chat, again until accepted.

Each chat with work stands once in a line; the chat at the head has the first of its uploads tried,
and stands at the end again. While the backend is away (``gate.py``), the head of the line is the
only one who tries. The journal is told how an upload ended, and of its reply, in one unit.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import aiohttp
import msgspec

from openwx import metrics
from openwx.about import about
from openwx.config import Report
from openwx.report.answer import Answer
from openwx.report.echo import Echo
from openwx.report.gate import Gate, growing_pauses
from openwx.report.journal import (
    Fate,
    Journal,
    NewSend,
    Send,
    Settled,
    Unit,
    Upload,
)
from openwx.report.policy import allowed, wanted
from openwx.report.post import Accepted, NoAnswer, Poster, Refused, webhook_id_of

__all__ = ["Answer", "Reporter", "allowed", "wanted"]

log = logging.getLogger("openwx.report")

_AT_ONCE = 64
"""Uploads of one account under way at a time."""
_TRIES = 5
"""After so many refusals of an upload it is the next one's turn."""
_SOON_STALE = ("input_qrcode", "state_change")
_STALE_S = 60.0
_CACHED_UPLOADS = 10_000
_CACHED_BYTES = 16 * 1024 * 1024

_T = TypeVar("_T")


class _Trying(msgspec.Struct):
    """The upload at the head of a chat, while it is tried."""

    pauses: Iterator[float]
    refusals: int
    lost: int = 0
    status: int = 0
    error: str = ""


class _Sent(msgspec.Struct):
    """Of an upload's body: when WeChat says that the message was sent, in seconds."""

    time: str = ""


_read_sent = msgspec.json.Decoder(_Sent).decode


class Reporter:
    """One account's. ``replies`` and ``accepted`` are called on the loop and must not block.

    ``replies`` makes the sends that an answer asks for; ``accepted`` is told those that are in the
    journal, together with the delivery, and that no second delivery can bring again.
    """

    def __init__(
        self,
        account: str,
        settings: Report,
        journal: Journal,
        http: aiohttp.ClientSession,
        *,
        replies: Callable[[Upload, Answer], list[NewSend]],
        accepted: Callable[[list[Send]], None],
        url_client: Callable[[], str | None] = lambda: None,
        pauses: Callable[[], Iterator[float]] = growing_pauses,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._account = account
        self._settings = settings
        self._journal = journal
        self._replies = replies
        self._accepted = accepted
        self._pauses = pauses
        self._clock = clock
        self._poster: Poster | None = None
        if settings.post_api is not None:
            self._poster = Poster(
                settings.post_api,
                http,
                timeout_s=settings.timeout,
                secret=settings.secret,
                url_client=url_client,
                clock=clock,
            )
        self._counts = metrics.of_account(account)
        self._echo = Echo()
        self._gate = Gate(account, pauses)
        self._queues: dict[str, deque[int]] = {}
        self._line: asyncio.Queue[str] = asyncio.Queue()
        self._trying: dict[str, _Trying] = {}
        self._cache: dict[int, Upload] = {}
        self._cached_bytes = 0
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._loaded = False
        self._idle = asyncio.Event()

    def put(self, uploads: Iterable[Upload]) -> None:
        """Take what was just written to the journal: all of it, also what is not to be delivered."""
        for upload in uploads:
            if self._settings.post_stdout:
                self._show(upload)
            if upload.deliver and self._poster is not None:
                self._enqueue(upload.id, upload.chat)
                self._keep(upload)

    @property
    def outage(self) -> str:
        """Why nothing is delivered for now; empty while the backend answers."""
        return self._gate.outage

    def trouble(self, chat: str) -> tuple[int, str]:
        """How the last try of the upload at the head of a chat ended: HTTP status, error."""
        trying = self._trying.get(chat)
        return (trying.status, trying.error) if trying else (0, "")

    async def run(self) -> None:
        """Deliver for ever: first what the journal still holds, oldest first. A bug comes out."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._echo.run(), name=f"{self._account}: stdout")
            await self._load()
            while True:
                await self._slots.acquire()
                chat = await self._line.get()
                if self._gate.closed:
                    self._slots.release()
                    await self._probe(chat, tasks)
                else:
                    tasks.create_task(self._turns(chat, tasks), name=f"{self._account}: uploads")

    async def drained(self, timeout_s: float) -> bool:
        """Wait until everything is delivered; False where the time does not suffice.

        Pauses end, so that what waits gets one more try at once.
        """
        self._gate.hurry()
        try:
            async with asyncio.timeout(timeout_s):
                if self._poster is not None:
                    await self._idle.wait()
                await self._echo.drained()
        except TimeoutError:
            return False
        return True

    @property
    def waiting(self) -> int:
        """So many uploads are still to be delivered."""
        return sum(map(len, self._queues.values()))

    # -- the line ----------------------------------------------------------------------------------

    async def _load(self) -> None:
        """Put what the journal holds before what came meanwhile."""
        pending = []
        if self._poster is not None:
            pending = await self._insist(lambda: self._journal.pending(self._account))
        queues, self._queues = self._queues, {}
        self._loaded = True
        early = [(id_, chat) for chat, queue in queues.items() for id_ in queue]
        for id_, chat in sorted({*pending, *early}):
            self._enqueue(id_, chat)
        if not self._queues:
            self._idle.set()

    def _enqueue(self, upload_id: int, chat: str) -> None:
        queue = self._queues.get(chat)
        if queue is not None:
            queue.append(upload_id)
            return
        self._queues[chat] = deque([upload_id])
        self._idle.clear()
        if self._loaded:
            self._line.put_nowait(chat)

    async def _probe(self, chat: str, tasks: asyncio.TaskGroup) -> None:
        """The turn of the one chat that tries while the backend is away."""
        await self._gate.wait()
        if self._gate.closed:
            await self._turn(chat, tasks, probe=True)
        else:
            self._line.put_nowait(chat)

    async def _turns(self, chat: str, tasks: asyncio.TaskGroup) -> None:
        """A turn, and more for as long as somebody stands in the line."""
        try:
            await self._turn(chat, tasks, probe=False)
            while not self._gate.closed and not self._line.empty():
                await self._turn(self._line.get_nowait(), tasks, probe=False)
        finally:
            self._slots.release()

    async def _turn(self, chat: str, tasks: asyncio.TaskGroup, *, probe: bool) -> None:
        """Try the first upload of a chat once, and let the chat stand in the line again."""
        queue = self._queues[chat]
        pause_s = await self._try(chat, queue[0], probe=probe)
        if pause_s is not None:
            self._counts.delivery_retries.inc()
            if self._gate.closed:  # the line waits as it is
                self._line.put_nowait(chat)
            else:
                tasks.create_task(self._come_back(chat, pause_s), name=f"{self._account}: pause")
            return
        self._forget(queue.popleft())
        self._trying.pop(chat, None)
        if queue:
            self._line.put_nowait(chat)
        else:
            del self._queues[chat]
            if not self._queues:
                self._idle.set()

    async def _come_back(self, chat: str, pause_s: float) -> None:
        await self._gate.pause(pause_s)
        self._line.put_nowait(chat)

    # -- one upload --------------------------------------------------------------------------------

    async def _try(self, chat: str, upload_id: int, *, probe: bool) -> float | None:
        """Seconds until it is to be tried again; None when it is settled."""
        upload = self._cache.get(upload_id)
        if upload is None:
            upload = await self._insist(lambda: self._journal.upload(upload_id))
        if upload is None:
            return None
        with about(webhook_id=webhook_id_of(upload), event=upload.kind):
            return await self._try_upload(chat, upload, probe=probe)

    async def _try_upload(self, chat: str, upload: Upload, *, probe: bool) -> float | None:
        trying = self._trying.get(chat)
        if trying is None:
            trying = self._trying[chat] = _Trying(self._pauses(), upload.tries)
        age_s = self._clock() - upload.created
        if upload.kind in _SOON_STALE and age_s > _STALE_S:
            words, told = "%s: a late %s is dropped", (webhook_id_of(upload), upload.kind)
            metrics.dropped(log, "late_event", words, *told, level=logging.INFO)
            await self._settle(upload, Fate.DROPPED, trying, "too late")
            return None
        if age_s > self._settings.max_age:
            why = trying.error or "its turn never came"
            await self._settle(upload, Fate.FAILED, trying, f"older than max_age: {why}")
            return None
        assert self._poster is not None
        outcome = await self._poster.post(upload)
        trying.status = outcome.status
        match outcome:
            case Accepted():
                self._gate.answered()
                return await self._accept(upload, outcome, trying)
            case Refused():
                self._gate.answered()
                return await self._refuse(upload, outcome, trying)
            case NoAnswer():
                return self._wait(upload, outcome, trying, probe=probe)

    async def _accept(self, upload: Upload, outcome: Accepted, trying: _Trying) -> float | None:
        trying.error = ""
        trying.lost += bool(outcome.lost)
        if outcome.lost and trying.lost < _TRIES:
            log.info("%s: the answer broke off: %s", webhook_id_of(upload), outcome.lost)
            return next(trying.pauses)
        if outcome.lost:
            words = "%s: the answer broke off %d times, and is not asked for again: %s"
            told = (webhook_id_of(upload), trying.lost, outcome.lost)
            metrics.dropped(log, "reply", words, *told)
        sends = []
        if outcome.answer is not None and upload.reply_to:
            sends = self._replies(upload, outcome.answer)
        await self._settle(upload, Fate.DELIVERED, trying, "", sends)
        return None

    async def _refuse(self, upload: Upload, outcome: Refused, trying: _Trying) -> float | None:
        trying.error = outcome.error
        trying.refusals += 1
        if trying.refusals >= _TRIES:
            await self._settle(upload, Fate.FAILED, trying, outcome.error, refused=[upload.id])
            return None
        again = Unit(account=self._account, refused=[upload.id])
        await self._insist(lambda: self._journal.write(again))
        return next(trying.pauses)

    def _wait(self, upload: Upload, outcome: NoAnswer, trying: _Trying, *, probe: bool) -> float:
        is_news = not trying.error and not self._gate.closed
        trying.error = outcome.error
        self._gate.failed(
            upload.chat,
            outcome.error,
            down=outcome.down,
            probe=probe,
            retry_after_s=outcome.retry_after_s,
        )
        if is_news and not self._gate.closed:
            log.warning("%s: no answer, tried again: %s", webhook_id_of(upload), outcome.error)
        return next(trying.pauses)

    async def _settle(
        self,
        upload: Upload,
        fate: Fate,
        trying: _Trying,
        error: str,
        sends: Iterable[NewSend] = (),
        refused: Sequence[int] = (),
    ) -> None:
        if fate is Fate.FAILED:
            log.error(
                "%s: %s of %s given up: %s",
                webhook_id_of(upload),
                upload.kind,
                self._account,
                error,
            )
        unit = Unit(
            account=self._account,
            sends=list(sends),
            refused=refused,
            settled=[Settled(upload.id, fate, trying.status, error)],
        )
        written = await self._insist(lambda: self._journal.write(unit))
        if written.sends:
            self._accepted(written.sends)
        self._counts.settled(fate.name.lower())
        if fate is Fate.DELIVERED and upload.kind == "receive_message":
            self._count_latency(upload)

    def _count_latency(self, upload: Upload) -> None:
        sent_at = _read_sent(upload.body).time
        if sent_at.isdecimal() and (seconds := int(sent_at[:18])):  # some entries have none
            self._counts.latency.observe(max(0.0, self._clock() - seconds))

    async def _insist(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """Do something with the journal, however long that takes."""
        return await self._journal.insist(
            work,
            lambda error: log.error("%s: uploads wait for the journal: %s", self._account, error),
        )

    # -- memory ------------------------------------------------------------------------------------

    def _keep(self, upload: Upload) -> None:
        """Keep a fresh upload while there is room; the others are read again at their turn."""
        size = self._cached_bytes + len(upload.body)
        if len(self._cache) < _CACHED_UPLOADS and size <= _CACHED_BYTES:
            self._cache[upload.id] = upload
            self._cached_bytes = size

    def _forget(self, upload_id: int) -> None:
        upload = self._cache.pop(upload_id, None)
        if upload is not None:
            self._cached_bytes -= len(upload.body)

    def _show(self, upload: Upload) -> None:
        if allowed(self._settings, upload.kind, msgspec.json.decode(upload.body)):
            self._echo.put(upload)

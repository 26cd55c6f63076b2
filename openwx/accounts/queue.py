"""One queue of sends an account: their order, their pace, their tries, and what survives a crash.

A send that somebody waits for lives in memory; one that was accepted for later (``async``, a reply, ``@all``) is
in the journal until the upload that tells how it ended is there. Every try of a send carries the same ClientMsgId.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec

from openwx import metrics
from openwx.accounts.outgoing import OutgoingMessage, SendResult
from openwx.errors import (
    BadResponse,
    CallerError,
    Code,
    NeverReached,
    RateLimited,
    Rejected,
    SessionEnded,
    SystemBusy,
    Unreachable,
)
from openwx.logcontext import bind
from openwx.reporter.post import webhook_id

log = logging.getLogger("openwx.send")

AT_ONCE = 16
"""So many callers are served at a time where no interval is to be kept."""
_LOOK_AHEAD = 100
"""So many waiting orders are looked at for one whose chat is free."""


class QueuedMessage(msgspec.Struct, eq=False):
    """An order in the queue. ``done`` is there where somebody waits; ``begun`` once it may have reached WeChat."""

    order: OutgoingMessage
    done: asyncio.Future[SendResult] | None = None
    names: frozenset[str] = frozenset()
    """What it is in line for."""
    begun: bool = False
    abandoned: bool = False
    """Whoever waited was told how it stands: no new attempt may follow."""
    on_begun: Callable[[], None] | None = None
    outcome: SendResult | None = None
    """How it ended, also while that is still to be written down."""

    def __post_init__(self) -> None:
        self.names = _names(self.order, is_kept=self.done is None)

    def tell(self, outcome: SendResult) -> None:
        """Answer the caller who waits, once."""
        if self.done is not None and not self.done.done():
            self.done.set_result(outcome)


class QueueRules(msgspec.Struct, frozen=True):
    """How a queue behaves; ``pauses`` and ``too_often`` give the waits between tries and after a 1205.
    A caller waits at most ``wait_s``."""

    interval_s: float
    tries: int
    size: int
    pauses: Callable[[], Iterator[float]]
    too_often: Callable[[], Iterator[float]]
    wait_s: float

    @property
    def at_once(self) -> int:
        return 1 if self.interval_s else AT_ONCE


async def _always_safe() -> None:
    """Nothing is to be waited for."""


class SendQueue:
    """Sends one after the other while the account runs.

    Without an interval, callers who wait do so for their own chat alone. What was accepted for later keeps its order
    among all chats.

    ``running`` waits until it does, ``prepare`` does what must be done before and reaches nobody (an upload),
    ``send`` sends one order to WeChat (both raise ``WeChatError``, or ``CallerError`` where its chat is gone) and
    answers chat and message id, ``finish`` records the outcome, and answers the caller before where that takes long;
    ``safe`` waits until an outcome can be recorded; ``retries`` hears of each try beyond the first.
    """

    def __init__(
        self,
        rules: QueueRules,
        *,
        running: Callable[[], Awaitable[object]],
        prepare: Callable[[OutgoingMessage], Awaitable[OutgoingMessage]],
        send: Callable[[OutgoingMessage], Awaitable[SendResult]],
        finish: Callable[[QueuedMessage, SendResult], Awaitable[None]],
        safe: Callable[[], Awaitable[object]] = _always_safe,
        retries: Callable[[], None] = lambda: None,
    ) -> None:
        self._safe = safe
        self._retries = retries
        self._rules = rules
        self._running = running
        self._prepare = prepare
        self._send = send
        self._finish = finish
        self._urgent: deque[QueuedMessage] = deque()
        self._bulk: deque[QueuedMessage] = deque()
        self._some = asyncio.Event()
        self._not_before = 0.0
        self._too_often = rules.too_often()
        self._too_often_at = 0.0
        self._under_way: list[QueuedMessage] = []
        self._closed = False
        self._resting: set[asyncio.Task[Any]] = set()
        """Those of ``run`` that wait: nothing of theirs is on its way."""
        self._gone: CallerError | None = None

    def __len__(self) -> int:
        return len(self._urgent) + len(self._bulk) + len(self._under_way)

    def require_room(self, *, bulk: bool = False) -> None:
        """Raise ``CallerError`` (-7) where too much is waiting already."""
        waiting = len(self._bulk if bulk else self._urgent)
        if waiting >= self._rules.size:
            wait_s = max(1, round(self._rules.interval_s))
            raise CallerError(
                Code.QUEUE_FULL,
                f"{waiting} messages are waiting to be sent, and queue_size is {self._rules.size}: try later",
                retry_after=wait_s,
            )

    def put(self, orders: Iterable[OutgoingMessage]) -> None:
        """Queue orders that are in the journal."""
        for order in orders:
            (self._bulk if order.bulk else self._urgent).append(QueuedMessage(order))
        self._some.set()

    async def send_and_wait(
        self, order: OutgoingMessage, on_begun: Callable[[], None] | None = None
    ) -> SendResult:
        """Queue an order and wait for how it ends; ``on_begun`` is called when it may reach WeChat.

        Raises ``CallerError`` with HTTP 504 after ``wait_s``: withdrawn where it was not begun.
        """
        if self._gone is not None:
            return SendResult("", error=self._gone)
        done: asyncio.Future[SendResult] = asyncio.get_running_loop().create_future()
        ticket = QueuedMessage(order, done, on_begun=on_begun)
        self._urgent.append(ticket)
        self._some.set()
        try:
            async with asyncio.timeout(self._rules.wait_s):
                return await done
        except TimeoutError:
            if done.done() and not done.cancelled():
                return done.result()
            if ticket.outcome is not None:
                return ticket.outcome
        seconds = f"{self._rules.wait_s:.0f} seconds"
        ticket.abandoned = True
        if ticket.begun:
            raise _unknown(f"no answer from WeChat within {seconds}")
        if ticket in self._urgent:
            self._urgent.remove(ticket)
        status = f"not sent within {seconds}, and withdrawn: nothing was sent"
        _withdraw(order, status)
        raise CallerError(Code.UNREACHABLE, status, http_status=504)

    def give_up(self, error: CallerError) -> None:
        """Tell everybody who waits, now or later, that the account stopped. What is in the journal stays there."""
        self._gone = error
        self.refuse(error)
        stopped = _unknown("the account stopped before WeChat answered")
        for ticket in [*self._under_way, *self._urgent]:
            ticket.tell(SendResult("", error=stopped))
        self._urgent.clear()
        self._bulk.clear()

    def refuse(self, error: CallerError) -> None:
        """Withdraw the sends of all callers who wait now, and answer with this error. A send that may have reached
        WeChat stays; where WeChat has answered already, its caller gets that answer."""
        for ticket in [*self._under_way, *self._urgent]:
            if ticket.outcome is not None:
                ticket.tell(ticket.outcome)
            if ticket.done is not None and not ticket.done.done() and not ticket.begun:
                _withdraw(ticket.order, str(error))
                ticket.abandoned = True
                ticket.tell(SendResult("", error=error))
        self._urgent = deque(one for one in self._urgent if not one.abandoned)

    def close(self) -> None:
        """Begin nothing any more; ``run`` returns when what is on its way has ended."""
        self._closed = True
        for task in self._resting:
            task.cancel()

    async def run(self) -> None:
        """Until ``close``. A bug comes out."""
        async with asyncio.TaskGroup() as tasks:
            begin = tasks.create_task(self._begin_all(tasks), name="sends: whose turn it is")
            self._resting.add(begin)

    async def _begin_all(self, tasks: asyncio.TaskGroup) -> None:
        """Begin each send when it may."""
        while not self._closed:
            await self._some.wait()
            await self._ready()
            ticket = self._next()
            if ticket is None:
                self._some.clear()
                continue
            self._under_way.append(ticket)
            tasks.create_task(self._serve(ticket), name="sends: a message")

    async def _serve(self, ticket: QueuedMessage) -> None:
        try:
            with bind(webhook_id=webhook_id(ticket.order.uid)):
                outcome = await self._perform(ticket)
        finally:
            self._rest(self._rules.interval_s)
        if outcome is not None:
            ticket.outcome = outcome
            await self._finish(ticket, outcome)
            ticket.tell(outcome)
        self._under_way.remove(ticket)
        self._some.set()  # what waited for this chat can go now

    def _next(self) -> QueuedMessage | None:
        """The oldest that need not wait for one that is under way, bulk last."""
        if self._closed or len(self._under_way) >= self._rules.at_once:
            return None
        taken = {name for ticket in self._under_way for name in ticket.names}
        for line in (self._urgent, self._bulk):
            for ticket in islice(line, _LOOK_AHEAD):
                if taken.isdisjoint(ticket.names):
                    line.remove(ticket)
                    return ticket
                taken |= ticket.names  # what waits for the same must not overtake it
        return None

    async def _resting_until(self, condition: Awaitable[object]) -> None:
        """Wait for it; ``close`` ends that."""
        task = asyncio.current_task()
        assert task is not None
        self._resting.add(task)
        try:
            await condition
        finally:
            self._resting.discard(task)

    async def _ready(self) -> None:
        """Until a send may begin. The account may have stopped running in a pause: to run is the last condition."""
        await self._running()
        while (pause_s := self._not_before - time.monotonic()) > 0:
            await asyncio.sleep(pause_s)
            await self._running()

    def _rest(self, pause_s: float) -> None:
        """Nothing is sent for so long."""
        self._not_before = max(self._not_before, time.monotonic() + pause_s)

    def _pause(self, began: float) -> float:
        """How long WeChat wants to be left alone, after a 1205 to what began then. Of those that were under way
        together the first one counts."""
        now = time.monotonic()
        if began >= self._too_often_at:
            self._rest(next(self._too_often))
            self._too_often_at = now
        return max(0.0, self._not_before - now)

    def _put_back(self, ticket: QueuedMessage) -> None:
        (self._bulk if ticket.order.bulk else self._urgent).appendleft(ticket)

    async def _attempt(self, ticket: QueuedMessage) -> SendResult | None:
        """One try, unless nobody wants it any more."""
        if not ticket.begun:
            await self._resting_until(self._safe())
        if not ticket.abandoned:
            ticket.order = await self._prepare(ticket.order)
        if not ticket.begun:
            await self._resting_until(self._safe())
        if ticket.abandoned:
            return _abandoned(ticket, _unknown("no answer from WeChat in time"))
        ticket.begun = True
        if ticket.on_begun is not None:
            ticket.on_begun()
        return await self._send(ticket.order)

    async def _perform(self, ticket: QueuedMessage) -> SendResult | None:
        """All tries of one order; None where it went back into the queue to outlive a new login, or was withdrawn."""
        chat_id = ticket.order.to.id
        error: Exception | None = None
        unsure = False
        pauses = self._rules.pauses()
        for number, pause_s in enumerate([*islice(pauses, self._rules.tries - 1), None]):
            if number:
                await self._resting_until(self._ready())
                self._retries()
            uncertain, began = ticket.begun, time.monotonic()
            try:
                outcome = await self._attempt(ticket)
            except SessionEnded as over:
                if ticket.abandoned:
                    return _abandoned(ticket, _told(over, unsure=unsure))
                ticket.begun = uncertain
                self._put_back(ticket)
                self._retries()
                return None
            except CallerError as gone:
                return SendResult(chat_id, error=gone)
            except RateLimited as refusal:
                log.warning("WeChat says %s; the next send in %.0f s", refusal, self._pause(began))
                if ticket.done is not None or pause_s is None:
                    return SendResult(chat_id, error=_told(refusal, unsure=unsure))
                error = refusal
            except (Unreachable, BadResponse, SystemBusy) as failure:
                log.info("a send failed: %s", failure)
                error = failure
                unsure |= not isinstance(failure, NeverReached | SystemBusy)
                if pause_s is not None:
                    self._rest(pause_s)
            except Rejected as refusal:
                return SendResult(chat_id, error=_told(refusal, unsure=unsure))
            else:
                self._too_often = self._rules.too_often()
                return outcome
        return self._gave_up(ticket, error, unsure=unsure)

    def _gave_up(
        self, ticket: QueuedMessage, error: Exception | None, *, unsure: bool
    ) -> SendResult:
        tries = self._rules.tries
        status = f"gave up after {tries} {'try' if tries == 1 else 'tries'}: {error}"
        if unsure and ticket.begun:
            status += "; whether it arrived is unknown"
        return SendResult(ticket.order.to.id, error=CallerError(Code.GAVE_UP, status))


def _withdraw(order: OutgoingMessage, why: str) -> None:
    metrics.dropped(log, "withdrawn_send", "a send to %s: %s", order.uid, why)


def _names(order: OutgoingMessage, *, is_kept: bool) -> frozenset[str]:
    """What an order is in line for: all that tells its chat from others (its id in another login is another one), and
    the order of what was accepted for later."""
    to = order.to
    names = {to.id, to.fingerprint, str(to.uid), "accepted for later" if is_kept else ""}
    return frozenset(names - {""})


def _abandoned(ticket: QueuedMessage, error: CallerError) -> SendResult | None:
    """What is told of an order that nobody waits for any more: nothing where it was withdrawn."""
    return SendResult(ticket.order.to.id, error=error) if ticket.begun else None


def _unknown(why: str) -> CallerError:
    return CallerError(Code.UNREACHABLE, f"{why}: the outcome is unknown", http_status=504)


def _told(refusal: Rejected, *, unsure: bool) -> CallerError:
    """A ``Ret`` of 1000 or more is the answer's code itself, as the original had it. ``unsure``: the answer to a try
    before was lost."""
    code = refusal.ret if refusal.ret >= 1000 else Code.REFUSED
    status = f"{refusal}; an earlier try may have arrived" if unsure else str(refusal)
    return CallerError(code, status, ret=refusal.ret, errmsg=refusal.errmsg)

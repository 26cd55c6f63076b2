"""Questions to friends: a caller sends one, and gets the friend's next message as the answer (``consult``).
The route ``consult`` calls it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from openwx.accounts.recorder import EventRecorder
from openwx.domain.contacts import Friend
from openwx.errors import CallerError, Code
from openwx.reporter.payload import Payload
from openwx.store.records import Report

T = TypeVar("T")

MOST_WAITING = 100
"""Callers that may wait for their turn with one friend."""


class _Question(msgspec.Struct, eq=False):
    """A question to a friend."""

    friend: Friend
    is_owner: bool
    answer: asyncio.Future[Payload]
    recorder: EventRecorder
    asked_after: int | None = None
    """The report that was recorded last when the question may have reached WeChat: later ones may be the answer."""

    def begin(self) -> None:
        self.asked_after = self.recorder.newest_id

    def is_answered_by(self, report: Report, payload: Payload) -> bool:
        """Whether it is a later message of this friend to the account. Its uid lasts when ids change.

        In the account's own chat, the person answers on the phone: that is a message of the account itself.
        """
        if self.asked_after is None or report.id <= self.asked_after:
            return False
        if payload["post_type"] == "event" or payload["type"] != "friend_message":
            return False
        if payload["format"] in ("revoke", "notice"):
            return False
        if payload["post_type"] == "send_message":
            by_hand = payload.get("source") == "outer"
            return bool(self.is_owner and by_hand and payload["receiver_id"] == self.friend.id)
        uid = self.friend.uid
        return bool(
            payload["sender_id"] == self.friend.id or (uid != "" and payload["sender_uid"] == uid)
        )


class _Turn(msgspec.Struct, eq=False):
    """The callers with a question to one friend, one after the other."""

    lock: asyncio.Lock = msgspec.field(default_factory=asyncio.Lock)
    users: int = 0


class Questions:
    """Questions of one account. A friend has one at a time. A subscriber."""

    def __init__(self, recorder: EventRecorder) -> None:
        self._recorder = recorder
        self._turns: dict[str, _Turn] = {}
        self._questions: set[_Question] = set()
        self._ended: CallerError | None = None

    async def ask(
        self,
        friend: Friend,
        send: Callable[[Callable[[], None]], Awaitable[T]],
        timeout_s: float,
        *,
        is_owner: bool = False,
    ) -> tuple[T, Payload | None]:
        """Send a question and wait for the friend's next message. What was sent, and that message or None.

        ``is_owner``: the chat is the account's own, so what its person writes there on the phone is an answer.
        ``send`` calls its argument when the question may have reached WeChat; the time counts from its return. Raises
        what ``send`` raises, and ``CallerError``: too many callers wait (-7), or the account stopped (-4).
        """
        turn = self._turns.setdefault(friend.id, _Turn())
        if turn.users > MOST_WAITING:
            words = f"{MOST_WAITING} questions to {friend.displayname} are waiting: try later"
            raise CallerError(Code.QUEUE_FULL, words)
        turn.users += 1
        try:
            async with turn.lock:
                return await self._ask(friend, send, timeout_s, is_owner=is_owner)
        finally:
            turn.users -= 1
            if not turn.users:
                del self._turns[friend.id]

    async def _ask(
        self,
        friend: Friend,
        send: Callable[[Callable[[], None]], Awaitable[T]],
        timeout_s: float,
        *,
        is_owner: bool,
    ) -> tuple[T, Payload | None]:
        if self._ended is not None:
            raise self._ended
        answer: asyncio.Future[Payload] = asyncio.get_running_loop().create_future()
        question = _Question(friend, is_owner, answer, self._recorder)
        self._questions.add(question)
        try:
            sent = await _to_its_end(send(question.begin))
            await asyncio.wait({answer}, timeout=timeout_s)
            return sent, answer.result() if answer.done() else None
        finally:
            self._questions.discard(question)
            answer.cancel()

    def on_report(self, report: Report, payload: Payload) -> None:
        for question in self._questions:
            if not question.answer.done() and question.is_answered_by(report, payload):
                question.answer.set_result(payload)

    def give_up(self, error: CallerError, asked: CallerError | None = None) -> None:
        """Raise an error for all callers, now or later: the account stopped.

        ``asked`` is that of callers whose question was sent, if it is another.
        """
        self._ended = error
        for question in self._questions:
            if not question.answer.done():
                is_asked = question.asked_after is not None
                question.answer.set_exception(asked if asked and is_asked else error)


async def _to_its_end(sending: Awaitable[T]) -> T:
    """Await a send even when its caller leaves: the next question must not get the answer to this one."""
    task = asyncio.ensure_future(sending)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # mark it as seen: its caller has left
        raise

"""Questions to friends: who asked is told what the friend answers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from openwx.domain.contacts import Friend
from openwx.errors import CallerError, Code
from openwx.reporter.payload import Payload, may_be_replied_to

T = TypeVar("T")

MOST_WAITING = 100
"""So many callers may wait for their turn with one friend."""


class _Question(msgspec.Struct, eq=False):
    """A question to a friend. ``begun``: it is on its way, and what he writes from now on is the answer."""

    friend: Friend
    answer: asyncio.Future[Payload]
    begun: bool = False
    answer_id: str = ""

    def begin(self) -> None:
        self.begun = True

    def is_answered_by(self, payload: Payload) -> bool:
        """Whether it is a message of this friend to the account; his number lasts when ids change."""
        if payload["post_type"] != "receive_message" or payload["type"] != "friend_message":
            return False
        if payload["format"] == "revoke" or not may_be_replied_to(payload):
            return False
        uid = self.friend.uid
        return bool(
            payload["sender_id"] == self.friend.id or (uid != "" and payload["sender_uid"] == uid)
        )


class _Asker(msgspec.Struct, eq=False):
    """Those who want to ask one friend, one after the other."""

    turn: asyncio.Lock = msgspec.field(default_factory=asyncio.Lock)
    users: int = 0


class Questions:
    """One account's questions. A friend has one at a time."""

    def __init__(self) -> None:
        self._lines: dict[str, _Asker] = {}
        self._questions: set[_Question] = set()
        self._gone: CallerError | None = None

    async def ask(
        self, friend: Friend, send: Callable[[Callable[[], None]], Awaitable[T]], timeout_s: float
    ) -> tuple[T, Payload | None]:
        """Send a question, and wait for the friend's next message: what was sent, and its upload; None in vain.

        ``send`` sends, and calls what it is given when the question may have reached WeChat. The time counts from
        its return. Raises what it raises, and ``CallerError``: too many wait (-7), or the account stopped (-4).
        """
        line = self._lines.setdefault(friend.id, _Asker())
        if line.users > MOST_WAITING:
            words = f"{MOST_WAITING} questions to {friend.displayname} are waiting: try later"
            raise CallerError(Code.QUEUE_FULL, words)
        line.users += 1
        try:
            async with line.turn:
                return await self._ask(friend, send, timeout_s)
        finally:
            line.users -= 1
            if not line.users:
                del self._lines[friend.id]

    async def _ask(
        self, friend: Friend, send: Callable[[Callable[[], None]], Awaitable[T]], timeout_s: float
    ) -> tuple[T, Payload | None]:
        if self._gone is not None:
            raise self._gone
        question = _Question(friend, asyncio.get_running_loop().create_future())
        self._questions.add(question)
        try:
            sent = await _to_its_end(send(question.begin))
            await asyncio.wait({question.answer}, timeout=timeout_s)
            return sent, question.answer.result() if question.answer.done() else None
        finally:
            self._questions.discard(question)
            question.answer.cancel()

    def arrived(self, payload: Payload) -> None:
        """A message has come, perhaps still without its medium: a question that is on its way has its answer."""
        for question in self._questions:
            if question.begun and not question.answer_id and question.is_answered_by(payload):
                question.answer_id = payload["id"]

    def heard(self, payload: Payload) -> None:
        """A message is complete, with its medium if it has one."""
        for question in self._questions:
            is_it = question.answer_id and question.answer_id == payload.get("id")
            if is_it and not question.answer.done():
                question.answer.set_result(payload)

    def give_up(self, error: CallerError) -> None:
        """Tell everybody who waits, now or later, that the account stopped."""
        self._gone = error
        for question in self._questions:
            if not question.answer.done():
                question.answer.set_exception(error)


async def _to_its_end(sending: Awaitable[T]) -> T:
    """Also when the caller goes away: the next question must not get the answer to this one."""
    task = asyncio.ensure_future(sending)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # it has been seen: nobody is there to be told
        raise

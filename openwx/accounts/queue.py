"""The messages that an account has to send, and their order: a data structure without I/O, used by the sender."""

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import Callable, Iterator, Set
from itertools import chain, islice

import msgspec

from openwx.accounts.outgoing import OutgoingMessage, SendResult
from openwx.errors import CallerError, Code
from openwx.transports.ratelimit import Priority

_LOOK_AHEAD = 100
"""Waiting messages that are looked at for one whose chat is free."""


class QueuedMessage(msgspec.Struct, eq=False):
    """A message in the queue. ``caller`` is set if a caller waits for its result; else it is in the journal."""

    message: OutgoingMessage
    caller: asyncio.Future[SendResult] | None = None
    on_begun: Callable[[], None] | None = None
    """Called when the message may reach WeChat."""
    order_keys: frozenset[str] = frozenset()
    """Messages that share one of these are sent in the order in which they came."""
    begun: bool = False
    """Whether it may have reached WeChat."""
    accepted: float = math.inf
    """When it was accepted, on the steady clock of ``reporter/clock.py``."""
    was_interrupted: bool = False
    """Whether it had begun when a former process ended. It must not be attempted again."""
    refusals: int = 0
    """How often its person had to write first."""
    abandoned: bool = False
    """Whether its caller has an answer: then no new attempt may follow."""
    result: SendResult | None = None
    """Set once it has ended, also while that is still to be written to the journal."""

    def __post_init__(self) -> None:
        to = self.message.to
        # A chat's id is another one after a new login, so all that tells chats apart counts.
        accepted = "accepted for later" if self.caller is None else ""
        keys = {to.id, to.fingerprint, str(to.uid), accepted}
        self.order_keys = frozenset(keys - {""})

    @property
    def chat_names(self) -> frozenset[str]:
        """What names its chat and no other: namesakes share a fingerprint."""
        to = self.message.to
        return frozenset({to.id, str(to.uid)} - {""})

    @property
    def may_wait(self) -> bool:
        """Whether it may wait for its person: nobody waits for its outcome, which is still open."""
        is_awaited = self.caller is not None or self.message.awaited
        return not is_awaited and not self.was_interrupted

    @property
    def priority(self) -> Priority:
        if self.message.bulk:
            return Priority.BULK_SEND
        return Priority.ACCEPTED_SEND if self.caller is None else Priority.WAITING_SEND

    def resolve(self, result: SendResult) -> None:
        """Answer the caller who waits, once."""
        if self.caller is not None and not self.caller.done():
            self.caller.set_result(result)


class Parked(msgspec.Struct, eq=False):
    """Messages to a chat whose person must write first, in order. ``names`` are those of the chat."""

    names: set[str]
    messages: deque[QueuedMessage]


class SendQueue:
    """Messages that wait, and those under way.

    At most ``at_once`` are under way. A message waits for those before it that share its chat, and an accepted one for
    all accepted ones before it. Messages to ``@all`` go last. Parked messages hold up nothing but what may be parked
    behind them.
    """

    def __init__(self, size: int, *, at_once: int, retry_after_s: int = 1) -> None:
        """``retry_after_s`` goes into the answer to a caller for whom there is no room."""
        self._size = size
        self._at_once = at_once
        self._retry_after_s = retry_after_s
        self._waiting: deque[QueuedMessage] = deque()
        self._bulk: deque[QueuedMessage] = deque()
        self._under_way: list[QueuedMessage] = []
        self._parked: list[Parked] = []
        self._coming = {False: 0, True: 0}
        """How many have a place, but are still being written to the journal: those to ``@all``, and the others."""
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return sum(map(len, (self._waiting, self._bulk, self._under_way, *self._all_parked)))

    def __iter__(self) -> Iterator[QueuedMessage]:
        """Iterate over a copy of all messages, those under way first."""
        lines = (self._under_way, self._waiting, self._bulk, *self._all_parked)
        return iter([*chain.from_iterable(lines)])

    @property
    def priority(self) -> Priority:
        """The priority of the message whose turn it is."""
        queued = self._first()
        return Priority.BULK_SEND if queued is None else queued.priority

    @property
    def _all_parked(self) -> list[deque[QueuedMessage]]:
        return [parked.messages for parked in self._parked]

    def require_room(self, *, bulk: bool = False, behind_parked: bool = False) -> None:
        """Raise ``CallerError`` (-7) if too many messages wait already.

        ``behind_parked``: messages that wait for their person take room, too.
        """
        waiting = len(self._bulk if bulk else self._waiting) + self._coming[bulk]
        if behind_parked:
            parked = chain.from_iterable(self._all_parked)
            waiting += sum(one.message.bulk == bulk for one in parked)
        if waiting >= self._size:
            raise CallerError(
                Code.QUEUE_FULL,
                f"{waiting} messages are waiting to be sent, and queue_size is {self._size}: try later",
                retry_after=self._retry_after_s,
            )

    @contextlib.contextmanager
    def keep_places(self, count: int, *, bulk: bool) -> Iterator[None]:
        """Count so many messages as waiting, so that calls at the same time do not all find the same room."""
        self._coming[bulk] += count
        try:
            yield
        finally:
            self._coming[bulk] -= count

    def put(self, queued: QueuedMessage) -> None:
        """Add a message behind the others, or behind those of its chat that are parked."""
        parked = self.parked_with(queued.chat_names) if queued.may_wait else None
        (self._line_of(queued) if parked is None else parked.messages).append(queued)
        self._changed.set()

    def put_back(self, queued: QueuedMessage) -> None:
        """Have a message that is under way wait again, before the others."""
        self._under_way.remove(queued)
        self._line_of(queued).appendleft(queued)
        self._changed.set()

    async def next(self) -> QueuedMessage:
        """Wait until a message can be sent as far as the order is concerned. It stays until ``pop``."""
        while (queued := self._first()) is None:
            self._changed.clear()
            await self._changed.wait()
        return queued

    def pop(self) -> QueuedMessage | None:
        """Take the message whose turn it is, which is under way until ``done`` or ``put_back``."""
        queued = self._first()
        if queued is not None:
            self._line_of(queued).remove(queued)
            self._under_way.append(queued)
        return queued

    def done(self, queued: QueuedMessage) -> None:
        """Forget a message that was under way; others of its chat may go now."""
        self._under_way.remove(queued)
        self._changed.set()

    def park(self, queued: QueuedMessage) -> Parked:
        """Take a message that is under way, and those that may wait behind it for the same person, out of the lines.

        None of its chat is parked already: it would have joined them. Return what is to be released one day.
        """
        self._under_way.remove(queued)
        self._changed.set()
        parked = Parked(set(queued.chat_names), deque([queued]))
        for line in (self._waiting, self._bulk):
            everything = [*line]
            line.clear()
            for one in everything:
                is_behind = one.may_wait and parked.names & one.chat_names
                (parked.messages if is_behind else line).append(one)
        self._parked.append(parked)
        return parked

    def parked_with(self, chat_names: Set[str]) -> Parked | None:
        """Return what is parked for a chat."""
        return next((one for one in self._parked if one.names & chat_names), None)

    def release(self, parked: Parked) -> None:
        """Put parked messages back, behind those that wait."""
        self._parked.remove(parked)
        for queued in parked.messages:
            self._line_of(queued).append(queued)
        self._changed.set()

    def withdraw(self, queued: QueuedMessage) -> None:
        """Forget a message if it still waits."""
        line = self._line_of(queued)
        if queued in line:
            line.remove(queued)
            self._changed.set()

    def clear(self) -> None:
        """Forget all messages that wait."""
        self._waiting.clear()
        self._bulk.clear()
        self._parked.clear()

    def _line_of(self, queued: QueuedMessage) -> deque[QueuedMessage]:
        return self._bulk if queued.message.bulk else self._waiting

    def _first(self) -> QueuedMessage | None:
        if len(self._under_way) >= self._at_once:
            return None
        taken = set(chain.from_iterable(queued.order_keys for queued in self._under_way))
        for line in (self._waiting, self._bulk):
            for queued in islice(line, _LOOK_AHEAD):
                if taken.isdisjoint(queued.order_keys):
                    return queued
                taken |= queued.order_keys  # what shares its chat must not overtake it
        return None

"""The order of deliveries: a chat's reports oldest first and one at a time, chats side by side. ``Reporter`` fills it.

A chat with reports is in one of three places: among the ready chats, resting until the pause of its first report ends,
or under way. While the circuit is open, only the first ready chat tries, as the probe.
"""

import asyncio
import bisect
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

import msgspec

from openwx.reporter.circuit_breaker import CircuitBreaker

_MAX_CONCURRENT = 64
"""Reports of one account under way at a time."""


class Retry(msgspec.Struct, frozen=True):
    """A report has to be tried again. ``of_outage``: the pause ends with the outage."""

    pause_s: float
    of_outage: bool = False


class _Pause(msgspec.Struct, frozen=True):
    chat: str
    until: float
    """On the loop's clock."""
    of_outage: bool


class _Chat:
    """The waiting reports of one chat: ids, which grow with time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ids: deque[int] = deque()
        self.resting: asyncio.Event | None = None
        """While the chat rests, ends the rest."""

    def __contains__(self, id: int) -> bool:
        place = bisect.bisect_left(self.ids, id)
        return place < len(self.ids) and self.ids[place] == id

    def add(self, id: int) -> None:
        if not self.ids or self.ids[-1] < id:
            self.ids.append(id)
        else:
            bisect.insort(self.ids, id)


class DeliveryQueue:
    """The queue of one account. ``deliver`` tries a report once, as a probe or not; it returns None at the end."""

    def __init__(
        self,
        account: str,
        breaker: CircuitBreaker,
        deliver: Callable[[str, int, bool], Awaitable[Retry | None]],
    ) -> None:
        self._account = account
        self._breaker = breaker
        self._deliver = deliver
        self._chats: dict[str, _Chat] = {}
        self._ready: asyncio.Queue[_Chat] = asyncio.Queue()
        self._pauses: dict[int, _Pause] = {}
        self._slots = asyncio.Semaphore(_MAX_CONCURRENT)
        self._started = False
        self.idle = asyncio.Event()
        """Set while nothing waits, once started."""
        self._under_way: set[int] = set()
        self._settled: asyncio.Event | None = None
        """Once nothing may begin any more: set when nothing is under way."""

    def __len__(self) -> int:
        return sum(len(chat.ids) for chat in self._chats.values()) + len(self._under_way)

    def has(self, id: int, chat: str) -> bool:
        """Return whether a report waits or is under way."""
        return id in self._under_way or self.waits(id, chat)

    def waits(self, id: int, chat: str) -> bool:
        """Return whether a report waits. One that is under way does only if it was added again meanwhile."""
        queue = self._chats.get(chat)
        return queue is not None and id in queue

    def add(self, id: int, chat: str, *, pause_s: float = 0.0) -> None:
        """Add a report behind all older ones of its chat, and before the newer ones."""
        self.idle.clear()
        if pause_s:
            self._pause(id, chat, Retry(pause_s))
        queue = self._chats.get(chat)
        if queue is None:
            queue = self._chats[chat] = _Chat(chat)
            if self._started:
                self._ready.put_nowait(queue)
        queue.add(id)
        if queue.ids[0] == id:
            self._wake(queue)

    def start(self, ids: Iterable[tuple[int, str]]) -> None:
        """Add reports to those that were added before. ``run`` begins with the oldest."""
        waiting = {(id, chat.name) for chat in self._chats.values() for id in chat.ids}
        self._chats.clear()
        self._started = True
        for id, chat in sorted({*ids, *waiting}):
            self.add(id, chat)
        if not self._chats:
            self.idle.set()

    async def run(self, tasks: asyncio.TaskGroup) -> None:
        """Deliver until cancelled."""
        while True:
            await self._slots.acquire()
            chat = await self._ready.get()
            if self._breaker.closed:
                tasks.create_task(
                    self._deliver_ready(chat, tasks), name=f"{self._account}: reports"
                )
            else:
                self._slots.release()
                await self._probe(chat, tasks)

    async def settled(self) -> None:
        """Begin nothing any more, and return when nothing is under way."""
        self._settled = asyncio.Event()
        if self._under_way:
            await self._settled.wait()

    def _note_end(self, id: int) -> None:
        self._under_way.discard(id)
        if self._settled is not None and not self._under_way:
            self._settled.set()

    # -- pauses ------------------------------------------------------------------------------------

    def end_pauses_of(self, chats: Iterable[str]) -> None:
        """End the pauses of these chats, and that of the circuit breaker."""
        for chat in chats:
            if (queue := self._chats.get(chat)) is not None and queue.ids:
                self._end_pause(queue.ids[0])
        self._breaker.probe_now()

    def end_all_pauses(self) -> None:
        """End all pauses of this moment; the next ones are made as usual."""
        for id in [*self._pauses]:
            self._end_pause(id)
        self._breaker.probe_now()

    def end_outage(self) -> None:
        """End the pauses that are due to the outage."""
        for id in [id for id, pause in self._pauses.items() if pause.of_outage]:
            self._end_pause(id)

    def next_try_in_s(self, id: int, chat: str) -> float | None:
        """Return the time until a report is tried; None if others are before it, or it is under way."""
        queue = self._chats.get(chat)
        if queue is None or not queue.ids or queue.ids[0] != id:
            return None
        return max(self._pause_left_s(id), self._breaker.left_s)

    def _pause(self, id: int, chat: str, retry: Retry) -> None:
        until = asyncio.get_running_loop().time() + retry.pause_s
        self._pauses[id] = _Pause(chat, until, retry.of_outage)

    def _pause_left_s(self, id: int) -> float:
        pause = self._pauses.get(id)
        return 0.0 if pause is None else pause.until - asyncio.get_running_loop().time()

    def _end_pause(self, id: int) -> None:
        pause = self._pauses.pop(id, None)
        if pause is not None and pause.chat in self._chats:
            self._wake(self._chats[pause.chat])

    def _wake(self, chat: _Chat) -> None:
        if chat.resting is not None:
            chat.resting.set()

    async def _rest(self, chat: _Chat, ended: asyncio.Event, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await ended.wait()
        chat.resting = None
        self._ready.put_nowait(chat)

    # -- deliveries --------------------------------------------------------------------------------

    async def _probe(self, chat: _Chat, tasks: asyncio.TaskGroup) -> None:
        """Wait until the circuit is half-open, and deliver one report."""
        await self._breaker.until_half_open()
        if self._breaker.closed:
            self._ready.put_nowait(chat)
        else:
            await self._deliver_first(chat, tasks, probe=True)

    async def _deliver_ready(self, chat: _Chat, tasks: asyncio.TaskGroup) -> None:
        """Deliver a report of a ready chat, and of others while there are any."""
        try:
            await self._deliver_first(chat, tasks, probe=False)
            while self._breaker.closed and not self._ready.empty():
                await self._deliver_first(self._ready.get_nowait(), tasks, probe=False)
        finally:
            self._slots.release()

    async def _deliver_first(self, chat: _Chat, tasks: asyncio.TaskGroup, *, probe: bool) -> None:
        """Try the first report of a chat once, and make the chat ready again."""
        if self._settled is not None:
            return
        if (left_s := self._pause_left_s(chat.ids[0])) > 0:
            chat.resting = ended = asyncio.Event()
            tasks.create_task(self._rest(chat, ended, left_s), name=f"{self._account}: pause")
            return
        id = chat.ids.popleft()
        self._pauses.pop(id, None)
        self._under_way.add(id)
        retry = await self._deliver(chat.name, id, probe)
        self._note_end(id)
        if retry is not None:
            if retry.pause_s and (self._breaker.closed or not retry.of_outage):
                self._pause(id, chat.name, retry)
            chat.add(id)
        if chat.ids:
            self._ready.put_nowait(chat)
            return
        del self._chats[chat.name]
        if not self._chats:
            self.idle.set()

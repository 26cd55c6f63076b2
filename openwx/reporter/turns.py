"""Whose turn it is: the uploads of a chat in order, oldest first; chats side by side.

Each chat with work stands once in a line, or rests for as long as the pause of its first upload lasts, or has that one
under way. While the backend is away (``gate.py``), the head of the line is the only one who tries.
"""

import asyncio
import bisect
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

import msgspec

from openwx.reporter.circuit_breaker import CircuitBreaker

_AT_ONCE = 64
"""Uploads of one account under way at a time."""


class Again(msgspec.Struct, frozen=True):
    """An upload is to be tried again. ``of_outage``: the end of an outage ends the pause."""

    pause_s: float
    of_outage: bool = False


class _Pause(msgspec.Struct, frozen=True):
    chat: str
    until: float
    """On the loop's clock."""
    of_outage: bool


class _Chat:
    """What waits of one chat: ids, which grow with age."""

    __slots__ = ("ids", "name", "resting")

    def __init__(self, name: str) -> None:
        self.name = name
        self.ids: deque[int] = deque()
        self.resting: asyncio.Event | None = None
        """Ends the rest, while there is one."""

    def __contains__(self, id: int) -> bool:
        place = bisect.bisect_left(self.ids, id)
        return place < len(self.ids) and self.ids[place] == id

    def add(self, id: int) -> None:
        if not self.ids or self.ids[-1] < id:
            self.ids.append(id)
        else:
            bisect.insort(self.ids, id)


class Turns:
    """One account's. ``take`` tries an upload once, as a probe or not; None when it is settled."""

    def __init__(
        self,
        account: str,
        gate: CircuitBreaker,
        take: Callable[[str, int, bool], Awaitable[Again | None]],
    ) -> None:
        self._account = account
        self._gate = gate
        self._take = take
        self._chats: dict[str, _Chat] = {}
        self._line: asyncio.Queue[_Chat] = asyncio.Queue()
        self._pauses: dict[int, _Pause] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._started = False
        self.idle = asyncio.Event()
        """Nothing waits, once it has started."""
        self._under_way: set[int] = set()

    def __len__(self) -> int:
        return sum(len(chat.ids) for chat in self._chats.values()) + len(self._under_way)

    def has(self, id: int, chat: str) -> bool:
        """Whether it waits here, or is under way."""
        return id in self._under_way or self.waits(id, chat)

    def waits(self, id: int, chat: str) -> bool:
        """Whether it waits here: what is under way does so only where it was put again meanwhile."""
        queue = self._chats.get(chat)
        return queue is not None and id in queue

    def put(self, id: int, chat: str, *, pause_s: float = 0.0) -> None:
        """It waits, behind all older ones of its chat, and before the others."""
        self.idle.clear()
        if pause_s:
            self._pause(id, chat, Again(pause_s))
        queue = self._chats.get(chat)
        if queue is None:
            queue = self._chats[chat] = _Chat(chat)
            if self._started:
                self._line.put_nowait(queue)
        queue.add(id)
        if queue.ids[0] == id:
            self._wake(queue)

    def start(self, ids: Iterable[tuple[int, str]]) -> None:
        """These wait besides those that were put already. ``run`` begins with the oldest."""
        waiting = {(id, chat.name) for chat in self._chats.values() for id in chat.ids}
        self._chats.clear()
        self._started = True
        for id, chat in sorted({*ids, *waiting}):
            self.put(id, chat)
        if not self._chats:
            self.idle.set()

    async def run(self, tasks: asyncio.TaskGroup) -> None:
        """For ever."""
        while True:
            await self._slots.acquire()
            chat = await self._line.get()
            if self._gate.closed:
                self._slots.release()
                await self._probe(chat, tasks)
            else:
                tasks.create_task(self._turns(chat, tasks), name=f"{self._account}: uploads")

    # -- pauses ------------------------------------------------------------------------------------

    def hurry(self, chats: Iterable[str]) -> None:
        """End the pauses of these chats, and that of the gate."""
        for chat in chats:
            if (queue := self._chats.get(chat)) is not None and queue.ids:
                self._end_pause(queue.ids[0])
        self._gate.hurry()

    def hurry_all(self) -> None:
        """End the pauses of this moment, each once."""
        for id in [*self._pauses]:
            self._end_pause(id)
        self._gate.hurry()

    def end_outage(self) -> None:
        """End the pauses that were made since nobody was there."""
        for id in [id for id, pause in self._pauses.items() if pause.of_outage]:
            self._end_pause(id)

    def next_in_s(self, id: int, chat: str) -> float | None:
        """So long until this one is tried; None where others are before it, or it is under way."""
        queue = self._chats.get(chat)
        if queue is None or not queue.ids or queue.ids[0] != id:
            return None
        return max(self._left_s(id), self._gate.left_s)

    def _pause(self, id: int, chat: str, again: Again) -> None:
        until = asyncio.get_running_loop().time() + again.pause_s
        self._pauses[id] = _Pause(chat, until, again.of_outage)

    def _left_s(self, id: int) -> float:
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
        self._line.put_nowait(chat)

    # -- turns -------------------------------------------------------------------------------------

    async def _probe(self, chat: _Chat, tasks: asyncio.TaskGroup) -> None:
        """The turn of the one chat that tries while the backend is away."""
        await self._gate.wait()
        if self._gate.closed:
            await self._turn(chat, tasks, probe=True)
        else:
            self._line.put_nowait(chat)

    async def _turns(self, chat: _Chat, tasks: asyncio.TaskGroup) -> None:
        """A turn, and more for as long as somebody stands in the line."""
        try:
            await self._turn(chat, tasks, probe=False)
            while not self._gate.closed and not self._line.empty():
                await self._turn(self._line.get_nowait(), tasks, probe=False)
        finally:
            self._slots.release()

    async def _turn(self, chat: _Chat, tasks: asyncio.TaskGroup, *, probe: bool) -> None:
        """Try the first upload of a chat once, and let the chat stand in the line again."""
        if (left_s := self._left_s(chat.ids[0])) > 0:
            chat.resting = ended = asyncio.Event()
            tasks.create_task(self._rest(chat, ended, left_s), name=f"{self._account}: pause")
            return
        id = chat.ids.popleft()
        self._pauses.pop(id, None)
        self._under_way.add(id)
        again = await self._take(chat.name, id, probe)
        self._under_way.discard(id)
        if again is not None:
            if again.pause_s and not (again.of_outage and self._gate.closed):
                self._pause(id, chat.name, again)
            chat.add(id)
        if chat.ids:
            self._line.put_nowait(chat)
            return
        del self._chats[chat.name]
        if not self._chats:
            self.idle.set()

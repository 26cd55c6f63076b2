"""What a transport delivers to in tests."""

import asyncio
from collections.abc import Callable

from openwx.domain.events import Event, State, StateChanged
from openwx.domain.messages import Message
from openwx.transports.base import Batch
from tests.patience import PATIENCE_S


class Inbox:
    """Takes batches while it is ``open``, and saves their state."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.saved: dict[str, bytes] = {}
        self.taken: list[str] = []
        """The texts of batches for which ``deliver`` has returned."""
        self.open = asyncio.Event()
        self.open.set()
        self._changed = asyncio.Condition()

    async def deliver(self, batch: Batch) -> None:
        self.batches.append(batch)
        await self._note()
        await self.open.wait()
        self.save(batch)
        self.taken += [message.content for message in batch.messages]
        await self._note()

    def save(self, batch: Batch) -> None:
        for name, value in batch.state.items():
            if value is None:
                self.saved.pop(name, None)
            else:
                self.saved[name] = value

    async def _note(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    @property
    def events(self) -> list[Event]:
        return [event for batch in self.batches for event in batch.events]

    @property
    def changes(self) -> list[StateChanged]:
        return [event for event in self.events if isinstance(event, StateChanged)]

    @property
    def states(self) -> list[State]:
        return [event.new for event in self.changes]

    @property
    def messages(self) -> list[Message]:
        return [message for batch in self.batches for message in batch.messages]

    @property
    def texts(self) -> list[str]:
        return [message.content for message in self.messages]

    async def until(self, done: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(done)

    async def gets(self, count: int) -> list[Message]:
        await self.until(lambda: len(self.messages) >= count)
        return self.messages

    async def enters(self, state: State, times: int = 1) -> None:
        await self.until(lambda: self.states.count(state) >= times)

"""Programs that survive every kill: ``Service``, and the backends with their records. ``wechat`` has the others.
Both crash tests, of one gateway and of nodes, start them.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from .process import Failed, Process
from .receiver import Mood

READY_S = 20.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """A report that a backend recorded."""

    webhook_id: str
    payload: dict[str, Any]
    reply: str = ""
    """The reply that it got; empty for none."""


class Service(Process):
    """A program that prints its address once it listens."""

    def __init__(
        self, name: str, *arguments: str, folder: Path, http: aiohttp.ClientSession
    ) -> None:
        super().__init__(name, *arguments, folder=folder, environment=os.environ)
        self._http = http
        self._ready = asyncio.Event()

    async def start(self) -> None:
        await super().start()
        try:
            async with asyncio.timeout(READY_S):
                await self._ready.wait()
        except TimeoutError:
            raise Failed(f"{self.name} does not start\n{self.tail()}") from None


class Receiver(Service):
    """The program of ``receiver``, and the reports that arrived there."""

    def __init__(self, name: str, seed: int, *, folder: Path, http: aiohttp.ClientSession) -> None:
        """``name`` is that of the target; with the seed it repeats the moods."""
        program = ("openwx.crashtest.receiver", f"{seed}:{name}")
        super().__init__(name, *program, folder=folder, http=http)
        self.url = ""
        self.arrivals: list[Arrival] = []
        self._control = ""
        self._ids: set[str] = set()
        self._mood = Mood.WELL

    def handle_line(self, line: str) -> None:
        if not self._ready.is_set() and line.startswith("{"):
            addresses = json.loads(line)
            self.url, self._control = addresses["hook"], addresses["control"]
            self._ready.set()

    async def set_mood(self, mood: Mood) -> None:
        self._mood = mood
        async with self._http.post(f"{self._control}/mood", data=str(mood)) as response:
            response.raise_for_status()

    @contextlib.asynccontextmanager
    async def calm(self) -> AsyncIterator[None]:
        """Let everything work for a while, then be in the former mood again."""
        former = self._mood
        await self.set_mood(Mood.CALM)
        yield
        await self.set_mood(former)

    async def read_arrivals(self, timeout_s: float) -> int:
        """Wait for new arrivals, read them, and return their number."""
        params = {"after": str(len(self.arrivals)), "timeout_s": str(timeout_s)}
        async with self._http.get(f"{self._control}/arrivals", params=params) as response:
            response.raise_for_status()
            new = [Arrival(**record) for record in await response.json()]
        self.arrivals += new
        self._ids.update(str(arrival.payload.get("id")) for arrival in new)
        return len(new)

    async def wait_for_message(self, message_id: str, timeout_s: float) -> bool:
        """Wait for this message; return whether it arrived in time."""
        try:
            async with asyncio.timeout(timeout_s):
                while message_id not in self._ids:
                    await self.read_arrivals(timeout_s)
        except TimeoutError:
            return False
        return True

"""Between the journal and everybody who is told: what waits for its medium holds up its own chat, and nobody else."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import msgspec

from openwx.reporter.payload import Payload
from openwx.store.records import Report


class RecordedReport(msgspec.Struct):
    """An upload that is in the journal, and what its body says."""

    upload: Report
    payload: Payload


class HoldBack:
    """``pass_on`` gets everything, in order within each chat."""

    def __init__(self, account: str, pass_on: Callable[[RecordedReport], None]) -> None:
        self._account = account
        self._pass_on = pass_on
        self._lines: dict[str, deque[RecordedReport]] = {}
        self._to_complete: asyncio.Queue[RecordedReport] = asyncio.Queue()

    def __len__(self) -> int:
        """So many media are still to be fetched."""
        return sum(bool(told.upload.media) for line in self._lines.values() for told in line)

    def put(self, told: RecordedReport) -> None:
        """Pass it on at once, or when its medium and all before it in its chat are there."""
        line = self._lines.get(told.upload.chat)
        if line is None and not told.upload.media:
            self._pass_on(told)
            return
        if line is None:
            line = self._lines[told.upload.chat] = deque()
        line.append(told)
        if told.upload.media:
            self._to_complete.put_nowait(told)

    async def run(self, complete: Callable[[RecordedReport], Awaitable[RecordedReport]]) -> None:
        """Have media fetched for ever by ``complete``, which answers the upload with its medium. A bug comes out."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                told = await self._to_complete.get()
                tasks.create_task(self._fetch(told, complete), name=f"{self._account}: medium")

    async def _fetch(
        self, told: RecordedReport, complete: Callable[[RecordedReport], Awaitable[RecordedReport]]
    ) -> None:
        done = await complete(told)
        told.upload, told.payload = done.upload, done.payload
        line = self._lines[told.upload.chat]
        while line and not line[0].upload.media:
            self._pass_on(line.popleft())
        if not line:
            del self._lines[told.upload.chat]

"""Holds back a chat's reports until its pending media is downloaded. Other chats are unaffected.
``Account`` and ``Sender`` add to it.
"""

import asyncio
from collections import deque
from collections.abc import Iterable

from openwx.accounts.media_download import MediaDownloader
from openwx.accounts.publisher import Publisher, RecordedReport


class HoldBack:
    """The way from the recorder to the publisher, in order within each chat."""

    def __init__(self, account: str, publisher: Publisher, downloader: MediaDownloader) -> None:
        self._account = account
        self._publisher = publisher
        self._downloader = downloader
        self._held: dict[str, deque[RecordedReport]] = {}
        """Reports by chat key. Each chat's first one waits for its media."""
        self._to_complete: asyncio.Queue[RecordedReport] = asyncio.Queue()

    def __len__(self) -> int:
        """Count the media that are still to be fetched."""
        return sum(bool(held.report.media) for chat in self._held.values() for held in chat)

    def add(self, reports: Iterable[RecordedReport]) -> None:
        """Publish each report at once, or when its media and all before it in its chat are there."""
        for recorded in reports:
            chat = recorded.report.chat
            if chat not in self._held and not recorded.report.media:
                self._publisher.publish(recorded)
                continue
            self._held.setdefault(chat, deque()).append(recorded)
            if recorded.report.media:
                self._to_complete.put_nowait(recorded)

    async def run(self) -> None:
        """Download pending media until cancelled. A bug is raised."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                recorded = await self._to_complete.get()
                tasks.create_task(self._complete(recorded), name=f"{self._account}: media")

    async def _complete(self, recorded: RecordedReport) -> None:
        done = await self._downloader.complete(recorded)
        recorded.report, recorded.payload = done.report, done.payload
        self._release(recorded.report.chat)

    def _release(self, chat: str) -> None:
        """Publish the first reports of a chat, up to the next one whose media is pending."""
        held = self._held[chat]
        while held and not held[0].report.media:
            self._publisher.publish(held.popleft())
        if not held:
            del self._held[chat]

"""What ``check_event`` hands out: the newest uploads since it was asked last."""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable

from openwx import metrics
from openwx.reporter import attachment as attached
from openwx.reporter.post import webhook_id_of
from openwx.store.records import Report

log = logging.getLogger("openwx.account")


class EventBuffer:
    """Keeps the newest ``size`` uploads.

    What falls out before it is handed out is lost to whoever asks, so it is counted; but not while nobody has ever
    asked: then it is nobody's loss. The log tells the first since the last asking, and then how many they were.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: deque[Report] = deque()
        self._some = asyncio.Event()
        self._was_asked = False
        self._fallen = 0
        """So many fell out since somebody asked."""

    def put(self, upload: Report) -> None:
        self._kept.append(upload)
        self._some.set()
        self._make_room()

    async def ready(self, timeout_s: float) -> None:
        """Return as soon as there is something, or when the time is over."""
        self._was_asked = True
        if self._fallen > 1:
            log.warning("%d uploads fell out of check_event's list by now", self._fallen)
        self._fallen = 0
        try:
            async with asyncio.timeout(timeout_s):
                await self._some.wait()
        except TimeoutError:
            return

    def take(self) -> list[Report]:
        """Everything that is kept; it is not kept any longer."""
        taken = list(self._kept)
        self._kept.clear()
        self._some.clear()
        return taken

    def put_back(self, taken: Iterable[Report]) -> None:
        """What was taken for somebody who is not there any more; the oldest may find no room."""
        self._kept.extendleft(reversed(list(taken)))
        self._make_room()
        if self._kept:
            self._some.set()

    def close(self) -> None:
        """Nobody will ask any more."""
        if self._was_asked and self._kept:
            words, left = (
                "%d uploads that nobody asked check_event for end with the account",
                len(self._kept),
            )
            metrics.dropped(log, "feed", words, left, count=left, level=logging.INFO)
        self._kept.clear()

    def _make_room(self) -> None:
        while len(self._kept) > self._size:
            oldest = self._kept.popleft()
            if self._was_asked:
                self._fallen += 1
                level = logging.WARNING if self._fallen == 1 else logging.DEBUG
                words, name = "%s fell out of check_event's list unasked for", webhook_id_of(oldest)
                metrics.dropped(log, "feed", words, name, level=level)


async def encoded(uploads: Iterable[Report]) -> list[bytes]:
    """Their JSON, with the contents of media where they are told."""
    return [
        await asyncio.to_thread(attached.whole, upload.body, upload.attachment)
        if upload.attachment
        else upload.body
        for upload in uploads
    ]

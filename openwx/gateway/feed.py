"""What ``check_event`` hands out: the newest uploads since it was asked last."""

import asyncio
from collections import deque
from collections.abc import Iterable

from openwx.report import attachment as attached
from openwx.report.records import Upload


class Feed:
    """Keeps the newest ``size`` uploads."""

    def __init__(self, size: int) -> None:
        self._kept: deque[Upload] = deque(maxlen=size)
        self._some = asyncio.Event()

    def put(self, upload: Upload) -> None:
        self._kept.append(upload)
        self._some.set()

    async def ready(self, timeout_s: float) -> None:
        """Return as soon as there is something, or when the time is over."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._some.wait()
        except TimeoutError:
            return

    def take(self) -> list[Upload]:
        """Everything that is kept; it is not kept any longer."""
        taken = list(self._kept)
        self._kept.clear()
        self._some.clear()
        return taken

    def put_back(self, taken: Iterable[Upload]) -> None:
        """What was taken for somebody who is not there any more; the oldest may find no room."""
        room = (self._kept.maxlen or 0) - len(self._kept)
        newest = list(taken)[-room:] if room else []
        self._kept.extendleft(reversed(newest))
        if self._kept:
            self._some.set()


async def encoded(uploads: Iterable[Upload]) -> list[bytes]:
    """Their JSON, with the contents of media where they are told."""
    return [
        await asyncio.to_thread(attached.whole, upload.body, upload.attachment)
        if upload.attachment
        else upload.body
        for upload in uploads
    ]

"""What ``check_event`` hands out: the newest uploads since it was asked last."""

import asyncio
from collections import deque


class Feed:
    """Keeps the newest ``size`` encoded uploads."""

    def __init__(self, size: int) -> None:
        self._kept: deque[bytes] = deque(maxlen=size)
        self._some = asyncio.Event()

    def put(self, body: bytes) -> None:
        self._kept.append(body)
        self._some.set()

    async def ready(self, timeout_s: float) -> None:
        """Return as soon as there is something, or when the time is over."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._some.wait()
        except TimeoutError:
            return

    def take(self) -> list[bytes]:
        """Everything that is kept; it is not kept any longer."""
        taken = list(self._kept)
        self._kept.clear()
        self._some.clear()
        return taken

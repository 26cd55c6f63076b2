"""A gate that a test controls by its lease."""

from openwx.lease import Gate
from tests.patience import until


class WatchedGate(Gate):
    """A gate that counts who waits at it."""

    waiting = 0

    async def passed(self, within_s: float | None = None) -> None:
        self.waiting += 1
        try:
            await super().passed(within_s)
        finally:
            self.waiting -= 1

    async def holds(self, n: int) -> None:
        """Wait until so many wait at it."""
        await until(lambda: self.waiting == n)

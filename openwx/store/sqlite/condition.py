"""Whether the journal can be written, as far as is known."""

import asyncio
import logging
import math
import time

from openwx.store.records import WriteBatch
from openwx.store.sqlite.schema import JournalError

log = logging.getLogger("openwx.report")

SAY_EVERY_S = 60.0
"""A trouble that was there so recently is the same one, for the log."""


class Condition:
    """In trouble from the first unit that cannot be written until something can be written again."""

    def __init__(self) -> None:
        self.trouble = ""
        """Why nothing can be written now."""
        self.failed_bytes = 0
        """So many could not be written since the trouble began."""
        self._fails = asyncio.Event()
        self._works = asyncio.Event()
        self._works.set()
        self._said: dict[str, float] = {}
        """When each trouble was logged last: where a little can be written and much cannot, it comes and goes."""
        self._is_logged = False

    def failed(self, error: JournalError, size: int = 0) -> None:
        """Something of that many bytes could not be written."""
        self.trouble = str(error)
        self.failed_bytes += size
        self._works.clear()
        self._fails.set()
        now = time.monotonic()
        if now - self._said.get(self.trouble, -math.inf) > SAY_EVERY_S:
            log.error("%s: nothing is sent or acknowledged for now", self.trouble)
            self._is_logged = True
        self._said[self.trouble] = now

    def works(self) -> None:
        """Something was written after all."""
        if self._is_logged:
            log.warning("the journal can be written again")
        self._is_logged = False
        self.trouble = ""
        self.failed_bytes = 0
        self._fails.clear()
        self._works.set()

    def require(self) -> None:
        """Raise ``JournalError`` while there is trouble."""
        if self.trouble:
            raise JournalError(self.trouble)

    async def until_it_works(self) -> bool:
        """Whether there was something to wait for."""
        waited = False
        while self.trouble:  # it may have begun again when this one's turn comes
            waited = True
            await self._works.wait()
        return waited

    async def until_it_fails(self) -> JournalError:
        while not self.trouble:
            await self._fails.wait()
        return JournalError(self.trouble)


def size_of(unit: WriteBatch) -> int:
    """About as many bytes as it takes to write a unit."""
    parts = [
        *(one.body for one in unit.uploads),
        *(one.body for one in unit.sends),
        *(one.body for one in unit.completed),
        *(value or b"" for value in unit.state.values()),
        *unit.media.values(),
        *unit.keys.values(),
    ]
    return sum(map(len, parts))

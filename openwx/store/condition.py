"""Whether the journal can be written, as far as is known. Both journals note it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from openwx.store.base import JournalError
from openwx.throttle import Throttle

log = logging.getLogger("openwx.report")

T = TypeVar("T")

PROBE_EVERY_S = 0.5
"""How often a store in trouble is asked whether it can be written again, in seconds."""
LOG_EVERY_S = 60.0
"""How often the same trouble is logged when it comes and goes: small batches may fit where large ones do not."""


class Condition:
    """In trouble from the first batch that cannot be written until something can be written again."""

    def __init__(self) -> None:
        self.trouble = ""
        """Why nothing can be written now; empty while it can."""
        self.failed_bytes = 0
        """The size of what could not be written since the trouble began."""
        self._failing = asyncio.Event()
        self._working = asyncio.Event()
        self._working.set()
        self._throttle = Throttle(LOG_EVERY_S)
        self._is_logged = False

    def failed(self, error: JournalError, size: int = 0) -> None:
        """Note that ``size`` bytes could not be written."""
        former, self.trouble = self.trouble, str(error)
        self.failed_bytes += size
        self._working.clear()
        self._failing.set()
        if self.trouble != former and self._throttle.allows(self.trouble):
            log.error("%s: nothing is sent or acknowledged for now", self.trouble)
            self._is_logged = True

    def works(self) -> None:
        """Note that something could be written."""
        if self._is_logged:
            log.warning("the journal can be written again")
        self._is_logged = False
        self.trouble = ""
        self.failed_bytes = 0
        self._failing.clear()
        self._working.set()

    def require(self) -> None:
        """Raise ``JournalError`` while in trouble."""
        if self.trouble:
            raise JournalError(self.trouble)

    async def until_working(self) -> bool:
        """Wait for the end of the trouble. Return whether there was any."""
        waited = False
        while self.trouble:  # it may have begun again before this task runs
            waited = True
            await self._working.wait()
        return waited

    async def until_failing(self) -> JournalError:
        """Wait for trouble, and return it."""
        while not self.trouble:
            await self._failing.wait()
        return JournalError(self.trouble)


class ByCondition:
    """What a journal answers by its ``Condition``: all of ``Writable`` but ``write``."""

    def __init__(self) -> None:
        self._condition = Condition()

    @property
    def trouble(self) -> str:
        return self._condition.trouble

    def require_writable(self) -> None:
        self._condition.require()

    async def until_writable(self) -> bool:
        return await self._condition.until_working()

    async def until_failing(self) -> JournalError:
        return await self._condition.until_failing()

    async def until_done(
        self, work: Callable[[], Awaitable[T]], on_wait: Callable[[JournalError], object]
    ) -> T:
        is_first = True
        while True:
            try:
                return await work()
            except JournalError as error:
                if is_first:
                    on_wait(error)
                is_first = False
            if self.trouble:
                await self.until_writable()
            else:  # it was not a write but a read
                await asyncio.sleep(PROBE_EVERY_S)

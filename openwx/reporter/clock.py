"""How old something is, whatever is done to the wall clock meanwhile.

Boards without a clock of their own start with a wrong time, which NTP corrects in one step. Within a process, ages are
measured with a clock that nobody sets. What is read from the journal only has the wall's time of its making, so the
steps that were noticed are kept beside it (``keep``), and taken off.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from openwx import metrics
from openwx.store.sqlite.journal import Journal, JournalError, WriteBatch

log = logging.getLogger("openwx.report")

STEP_S = 2.0
"""What NTP corrects slowly is no step."""
LOOK_EVERY_S = 5.0
_MOST_STEPS = 16
_OF_ALL = ""
"""The account in the journal's state."""
_KEY = "clock"


def steady() -> float:
    """Seconds since some moment, also while the machine sleeps; nobody sets this clock."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)


def boot_id() -> str:
    """What ``steady`` counts from; empty where that cannot be known."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


class Step(msgspec.Struct, frozen=True, gc=False):
    """The wall clock went ahead."""

    before: float
    """What it would show without the step."""
    size: float


class _Kept(msgspec.Struct):
    boot: str
    offset: float
    """The wall's time less the steady one."""
    steps: list[Step]


class Mark(msgspec.Struct, frozen=True):
    """A moment on both clocks."""

    wall: float
    steady: float
    steps: tuple[Step, ...]

    def made(self, created: float) -> float:
        """When something was made, on the steady clock; ``created`` is what the wall clock showed then."""
        age_s = self.wall - created
        age_s -= sum(step.size for step in self.steps if created <= step.before)
        return self.steady - max(0.0, age_s)


class Clock:
    """A process has one. Calling it gives Unix time."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = steady,
        boot: str | None = None,
    ) -> None:
        self._wall = wall
        self.steady = steady
        self._boot = boot_id() if boot is None else boot
        self._offset = wall() - steady()
        self._steps: list[Step] = []
        self.changes = 0
        """How often it was seen to be set."""

    def __call__(self) -> float:
        return self._wall()

    def mark(self) -> Mark:
        """This moment. What was made before it, perhaps by another process, has its age from here."""
        self.notice()
        return Mark(self._wall(), self.steady(), tuple(self._steps))

    def notice(self) -> None:
        """Look whether the wall clock was set since the last time."""
        now = self.steady()
        offset = self._wall() - now
        size = offset - self._offset
        before, self._offset = now + self._offset, offset
        if abs(size) <= STEP_S:
            return
        self.changes += 1
        log.warning("the clock of this machine was set %+.0f s", size)
        if size > 0:
            self._steps = [*self._steps, Step(before, size)][-_MOST_STEPS:]

    def to_bytes(self) -> bytes:
        """What the next process has to know."""
        return msgspec.json.encode(_Kept(self._boot, self._offset, self._steps))

    def resume(self, kept: bytes) -> None:
        """Know what the last process knew. Steps since then are found where the machine did not start anew."""
        try:
            last = msgspec.json.decode(kept, type=_Kept)
        except msgspec.DecodeError as error:
            words = "which steps the clock took cannot be read, and is forgotten: %s"
            metrics.dropped(log, "saved_state", words, error)
            return
        self._steps = last.steps
        if last.boot and last.boot == self._boot:
            self._offset = last.offset
            self.notice()


async def resume(clock: Clock, journal: Journal) -> None:
    """Raises ``JournalError``."""
    kept = (await journal.state(_OF_ALL)).get(_KEY)
    if kept is not None:
        clock.resume(kept)


async def keep(clock: Clock, journal: Journal) -> None:
    """For ever: look whether the clock was set, and have the next process know of it."""
    kept = -1
    while True:
        clock.notice()
        if clock.changes != kept:
            changes = clock.changes
            try:
                await journal.write(WriteBatch(account=_OF_ALL, state={_KEY: clock.to_bytes()}))
                kept = changes
            except JournalError as error:
                log.debug("that the clock was set is not kept yet: %s", error)
        await asyncio.sleep(LOOK_EVERY_S)

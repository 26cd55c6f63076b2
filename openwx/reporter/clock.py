"""The age of reports, also if the wall clock is set meanwhile. ``Reporter`` and ``Sender`` ask it.

Boards without a clock of their own start with a wrong time, which NTP corrects in one step. Within a process, ages are
measured with a steady clock. Reports in the journal only have the wall clock's time of their creation, so the steps
that were noticed are stored beside them (``save``), and subtracted.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from openwx.errors import LeaseLost
from openwx.steady import steady
from openwx.store.base import InDoubt, Journal, JournalError
from openwx.store.decoding import decode_row
from openwx.store.records import WriteBatch

log = logging.getLogger("openwx.report")

STEP_S = 2.0
"""Smaller changes are no steps: NTP makes them slowly."""
CHECK_EVERY_S = 5.0
_MAX_STEPS = 16
_ALL_ACCOUNTS = ""
"""The name under which the clock's state is stored where one machine has the journal: it has one clock for all
accounts. No account can have this name."""
_KEY = "clock"


def boot_id() -> str:
    """Identify the boot from which ``steady`` counts; empty if that is unknown."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


class Step(msgspec.Struct, frozen=True, gc=False):
    """A step ahead of the wall clock."""

    before: float
    """The time that it would show without the step."""
    size: float


class _Saved(msgspec.Struct):
    boot: str
    offset: float
    """The wall's time less the steady one."""
    steps: list[Step]


class Mark(msgspec.Struct, frozen=True):
    """One moment on both clocks."""

    wall: float
    steady: float
    steps: tuple[Step, ...]

    def to_steady(self, created: float) -> float:
        """Convert a time of the wall clock, before this moment, to the steady clock."""
        age_s = self.wall - created
        age_s -= sum(step.size for step in self.steps if created <= step.before)
        return self.steady - max(0.0, age_s)


class Clock:
    """The clock of a process. Calling it returns Unix time."""

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
        """How often the wall clock was set, as far as noticed."""

    def __call__(self) -> float:
        return self._wall()

    def mark(self) -> Mark:
        """Return this moment, from which the age of older things is measured, also of other processes' ones."""
        self.notice()
        return Mark(self._wall(), self.steady(), tuple(self._steps))

    def notice(self) -> None:
        """Check whether the wall clock was set since the last call."""
        now = self.steady()
        offset = self._wall() - now
        size = offset - self._offset
        before, self._offset = now + self._offset, offset
        if abs(size) <= STEP_S:
            return
        self.changes += 1
        log.warning("the clock of this machine was set %+.0f s", size)
        if size > 0:
            self._steps = [*self._steps, Step(before, size)][-_MAX_STEPS:]

    def to_bytes(self) -> bytes:
        """Return the state for ``resume`` in the next process."""
        return msgspec.json.encode(_Saved(self._boot, self._offset, self._steps))

    def resume(self, saved: bytes) -> None:
        """Continue the last process's state. Steps since then are noticed unless the machine was booted."""
        last = decode_row(saved, _Saved, "the steps of the clock")
        if last is None:
            return
        self._steps = last.steps
        if last.boot and last.boot == self._boot:
            self._offset = last.offset
            self.notice()


async def resume(clock: Clock, journal: Journal) -> None:
    """Load the state that the last process saved. Raise ``JournalError``.

    A node that has saved none begins with that of a journal which was copied: its reports were made by that clock.
    """
    saved = (await journal.state(_account_of(journal))).get(_KEY)
    if saved is None:
        saved = (await journal.state(_ALL_ACCOUNTS)).get(_KEY)
    if saved is not None:
        clock.resume(saved)


async def save(clock: Clock, journal: Journal) -> None:
    """Check until cancelled whether the clock was set, and save its state for the next process."""
    saved = -1
    while True:
        clock.notice()
        if clock.changes != saved:
            changes = clock.changes
            state = {_KEY: clock.to_bytes()}
            try:
                await journal.write(WriteBatch(account=_account_of(journal), state=state))
                saved = changes
            except (JournalError, InDoubt, LeaseLost) as error:  # once more does no harm
                log.debug("the steps of the clock are not saved yet: %s", error)
        await asyncio.sleep(CHECK_EVERY_S)


def _account_of(journal: Journal) -> str:
    """Return the account of the state: where several machines share the journal, each has one."""
    return journal.ownership.own_account if journal.ownership else _ALL_ACCOUNTS

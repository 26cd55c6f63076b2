"""Troubles that the service makes on demand, by the name of a call."""

from __future__ import annotations

import asyncio
import enum
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .pulse import PATIENCE_S

if TYPE_CHECKING:
    from .account import Account


class Fault(enum.Enum):
    """What goes wrong."""

    DROP = "drop"
    """The connection is closed before the call takes effect."""
    LOSE_ANSWER = "lose_answer"
    """The call takes effect, then the connection is closed without an answer."""
    SERVER_ERROR = "server_error"
    """An HTTP status (502 unless told) and a page of HTML; no effect."""
    HANG = "hang"
    """Held until `release()` or for `seconds`; then the call goes its usual way."""
    GARBAGE = "garbage"
    """The call takes effect, and the answer is a page of HTML with status 200."""
    TRUNCATE = "truncate"
    """The call takes effect, and the answer ends in its middle, as if it were complete."""
    EMPTY = "empty"
    """The call takes effect, and the answer is status 200 with an empty body."""
    RET = "ret"
    """`ret` and `errmsg` in the way of the call (Ret, retcode, window.code); no effect.

    The session lives on: use `phone.logs_out_web` for one that is over."""


@dataclass(eq=False)
class Rule:
    """One fault that was asked for. `hits` counts how often it struck."""

    call: str
    fault: Fault
    times: int | None = None
    probability: float = 1.0
    ret: int = -1
    errmsg: str = ""
    status: int = 502
    seconds: float | None = None
    account: Account | None = None
    hits: int = 0
    _released: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    _struck: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    def release(self) -> None:
        """Let all calls go on that hang by this rule; later ones do not hang any more."""
        self._released.set()

    async def strikes(self, timeout_s: float = PATIENCE_S) -> None:
        """Wait until it struck at least once."""
        async with asyncio.timeout(timeout_s):
            await self._struck.wait()

    async def hang(self) -> None:
        try:
            async with asyncio.timeout(self.seconds):
                await self._released.wait()
        except TimeoutError:
            return

    def strike(self) -> None:
        self.hits += 1
        self._struck.set()


class Faults:
    """The faults in force. The oldest that fits a call strikes; with `times` it then wears off."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(f"{seed}:faults")
        self.rules: list[Rule] = []

    def add(
        self, call: str, fault: Fault, *,
        times: int | None = None, probability: float = 1.0, ret: int = -1, errmsg: str = "",
        status: int = 502, seconds: float | None = None, account: Account | None = None,
    ) -> Rule:  # fmt: skip
        """Have `call` (such as `webwxsync`, or `*` for all) go wrong.

        For the next `times` calls or for ever, each with `probability` (from the simulator's seed);
        of one account alone where given. The rule that comes back can be watched and removed.
        """
        rule = Rule(call, fault, times, probability, ret, errmsg, status, seconds, account)
        self.rules.append(rule)
        return rule

    def remove(self, rule: Rule) -> None:
        rule.release()
        if rule in self.rules:
            self.rules.remove(rule)

    def clear(self) -> None:
        """Nothing goes wrong any more, and what hangs goes on."""
        for rule in list(self.rules):
            self.remove(rule)

    def take(self, call: str, account: Account | None) -> Rule | None:
        """The rule that strikes this call."""
        for rule in self.rules:
            fits = rule.call in (call, "*") and rule.account in (None, account)
            if fits and (rule.probability >= 1 or self._random.random() < rule.probability):
                if rule.times is not None:
                    rule.times -= 1
                    if rule.times <= 0:
                        self.rules.remove(rule)
                rule.strike()
                return rule
        return None

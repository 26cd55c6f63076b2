"""Faults of the service on demand, by the name of a call. `service.corruption` applies them."""

from __future__ import annotations

import asyncio
import enum
import random
from dataclasses import dataclass, field

from .notifier import PATIENCE_S


class Fault(enum.Enum):
    """The kind of a fault."""

    DROP = "drop"
    """The connection is closed before the call takes effect."""
    LOSE_ANSWER = "lose_answer"
    """The call takes effect, then the connection is closed without an answer."""
    SERVER_ERROR = "server_error"
    """An HTTP status (502 by default) and a page of HTML; no effect."""
    HANG = "hang"
    """The call is held until `release()` or for `seconds`, then takes effect as usual."""
    GARBAGE = "garbage"
    """The call takes effect, and the answer is a page of HTML with status 200."""
    TRUNCATE = "truncate"
    """The call takes effect, and the first half of the answer is sent as if it were complete."""
    PARTIAL = "partial"
    """Of a medium, the first half of the requested bytes is sent, as status 206 with its Content-Range."""
    EMPTY = "empty"
    """The call takes effect, and the answer is status 200 with an empty body."""
    RET = "ret"
    """`ret` and `errmsg` in the format of the call (Ret, retcode, window.code); no effect.

    The session lives on: use `phone.logs_out_web` to end it."""


@dataclass(eq=False)
class Rule:
    """One requested fault. `hits` counts the calls that it struck."""

    call: str
    fault: Fault
    times: int | None = None
    probability: float = 1.0
    ret: int = -1
    errmsg: str = ""
    status: int = 502
    seconds: float | None = None
    account: object | None = None
    """The account whose calls it strikes; None for all."""
    hits: int = 0
    _released: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    _struck: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    def release(self) -> None:
        """Release all calls that hang by this rule; later ones do not hang any more."""
        self._released.set()

    async def strikes(self, timeout_s: float = PATIENCE_S) -> None:
        """Wait until it has struck at least once."""
        async with asyncio.timeout(timeout_s):
            await self._struck.wait()

    async def hang(self) -> None:
        """Wait for the release, or `seconds`."""
        try:
            async with asyncio.timeout(self.seconds):
                await self._released.wait()
        except TimeoutError:
            return

    def strike(self) -> None:
        """Count a hit."""
        self.hits += 1
        self._struck.set()


class Faults:
    """The active faults. The oldest that matches a call strikes; with `times` it then expires."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(f"{seed}:faults")
        self.rules: list[Rule] = []

    def add(
        self, call: str, fault: Fault, *,
        times: int | None = None, probability: float = 1.0, ret: int = -1, errmsg: str = "",
        status: int = 502, seconds: float | None = None, account: object | None = None,
    ) -> Rule:  # fmt: skip
        """Make `call` fail (such as `webwxsync`, or `*` for all).

        For the next `times` calls or for ever, each with `probability` (from the simulator's seed);
        only of one account where given. The returned rule can be watched and removed.
        """
        rule = Rule(call, fault, times, probability, ret, errmsg, status, seconds, account)
        self.rules.append(rule)
        return rule

    def remove(self, rule: Rule) -> None:
        """Remove a rule, and release the calls that hang by it."""
        rule.release()
        if rule in self.rules:
            self.rules.remove(rule)

    def clear(self) -> None:
        """Remove all rules."""
        for rule in list(self.rules):
            self.remove(rule)

    def strike(self, call: str, account: object | None) -> Rule | None:
        """Return the rule that strikes this call, and count it."""
        for rule in self.rules:
            matches = rule.call in (call, "*") and rule.account in (None, account)
            if matches and (rule.probability >= 1 or self._random.random() < rule.probability):
                if rule.times is not None:
                    rule.times -= 1
                    if rule.times <= 0:
                        self.rules.remove(rule)
                rule.strike()
                return rule
        return None

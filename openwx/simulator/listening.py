"""What somebody hears of the account: waiting for it is the tests' way to see what was sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .pulse import PATIENCE_S
from .timeline import Heard

if TYPE_CHECKING:
    from .account import Account


@dataclass(slots=True, eq=False)
class Listener:
    """What a friend and a group have in common: they hear what the account sends."""

    account: Account = field(repr=False)
    key: int
    """What lasts over logins; unique within the account's world."""
    inbox: list[Heard] = field(default_factory=list, repr=False, kw_only=True)
    _taken: int = field(default=0, repr=False, kw_only=True)

    @property
    def texts(self) -> list[str]:
        """The texts that the account sent to this chat by the web client, oldest first."""
        return [heard.text for heard in self.inbox]

    async def hears(self, n: int = 1, timeout_s: float = PATIENCE_S) -> list[Heard]:
        """The next `n` messages that no `hears` returned before, or TimeoutError."""
        begin = self._taken
        if not await self.account.pulse.until(lambda: len(self.inbox) >= begin + n, timeout_s):
            got = len(self.inbox) - begin
            raise TimeoutError(f"{self} heard {got} of {n} messages within {timeout_s} s")
        self._taken = begin + n
        return self.inbox[begin : begin + n]

    async def hears_text(self, timeout_s: float = PATIENCE_S) -> str:
        """The text of the next message."""
        return (await self.hears(1, timeout_s))[0].text

"""A bot: what one login yields. Its updates, its cursors, and what it may send to whom. The registry keeps them."""

from __future__ import annotations

import base64
import hashlib
import time
from dataclasses import dataclass, field
from typing import TypeAlias

from ..notifier import PATIENCE_S, Notifier
from .model import Arrival, BotMessage, Written
from .options import ILinkOptions

Update: TypeAlias = "Arrival | BotMessage"
_DIGEST = 16


@dataclass(slots=True, eq=False)
class Window:
    """What may be sent to a person: counted from their last message."""

    opened: float
    sends: int = 0
    """Accepted messages since then."""
    tokens: dict[str, float] = field(default_factory=dict)
    """Every `context_token` of the person with its time, the newest last."""

    @property
    def newest(self) -> str:
        return next(reversed(self.tokens), "")

    def left(self, options: ILinkOptions) -> int | None:
        """Return the number of messages that may be sent now; None without a limit."""
        if options.window_s and time.time() - self.opened >= options.window_s:
            return 0
        return max(0, options.budget - self.sends) if options.budget else None


@dataclass(slots=True, eq=False)
class Poll:
    """A held `getupdates`."""

    displaced: bool = False
    """A newer one came, and `second_poller` lets it win."""


class Bot:
    """One login of a person: an id, a token, a queue of updates. It ends when the token goes stale."""

    def __init__(
        self, id: str, token: str, user_id: str, options: ILinkOptions, pulse: Notifier
    ) -> None:
        self.id = id
        self.token = token
        self.user_id = user_id
        """Of the owner."""
        self.pulse = pulse
        self.is_stale = False
        """Every call is answered with -14."""
        self.notified = False
        """Whether `notifystart` came, and no `notifystop` since."""
        self.polled = False
        """Whether a poll for messages ever came."""
        self.updates: list[Update] = []
        """All that it gets, oldest first. Cursors point into it."""
        self.acknowledged = 0
        """The number of updates that a later cursor has acknowledged."""
        self.polls: list[Poll] = []
        """Those that are held now, oldest first."""
        self.windows: dict[str, Window] = {}
        """By the id of the person who wrote."""
        self.sent: list[BotMessage] = []
        """All that was accepted, oldest first, also what nobody sees."""
        self.answers: dict[str, BotMessage] = {}
        """The last message of each `client_id`."""
        self.tickets: dict[str, str] = {}
        """Who is meant by a `typing_ticket`."""
        self.typing: set[str] = set()
        """The persons who see that the bot is typing."""
        self.tries: list[float] = []
        """The times of the latest sends, for the option `burst`."""
        self.paused_until = 0.0
        self._options = options

    def __repr__(self) -> str:
        return f"<Bot {self.id}{' stale' if self.is_stale else ''}>"

    # Its life

    def goes_stale(self) -> None:
        """Answer -14 from now on, held polls at once: rebound elsewhere, or expired."""
        self.is_stale = True
        self.pulse.notify()

    def heals(self) -> None:
        """Accept the token again."""
        self.is_stale = False
        self.pulse.notify()

    # Its updates

    def gets(self, update: Update) -> None:
        """Put something into its updates."""
        self.updates.append(update)
        self.pulse.notify()

    def cursor(self, position: int) -> str:
        """Return the cursor that acknowledges the updates up to `position`."""
        number = position.to_bytes(8)
        return base64.b64encode(self._sign(number) + number).decode()

    def position(self, cursor: str) -> int | None:
        """Return the position of a cursor; None for one that is empty, unknown or of another bot."""
        try:
            raw = base64.b64decode(cursor, validate=True)
        except ValueError:
            return None
        number = raw[_DIGEST:]
        if len(number) != 8 or self._sign(number) != raw[:_DIGEST]:
            return None
        position = int.from_bytes(number)
        return position if position <= len(self.updates) else None

    def begin(self) -> int:
        """Return the position at which an empty cursor begins."""
        backlog = self._options.backlog
        return max(0, len(self.updates) - backlog) if backlog else 0

    def after(self, position: int) -> tuple[list[tuple[int, Update]], int]:
        """Return the updates after a position with their numbers, and the position behind them."""
        oldest = time.time() - self._options.kept_s if self._options.kept_s else 0.0
        found: list[tuple[int, Update]] = []
        for number in range(position, len(self.updates)):
            if len(found) == self._options.batch_size:
                return found, number
            if (update := self.updates[number]).time >= oldest:
                found.append((number, update))
        return found, len(self.updates)

    def acknowledge(self, position: int) -> None:
        """Note that a cursor of this position was used."""
        if position > self.acknowledged:
            self.acknowledged = position
            self.pulse.notify()

    async def acknowledges(self, timeout_s: float = PATIENCE_S) -> None:
        """Wait until its client has acknowledged all that it got so far."""
        end = len(self.updates)
        if not await self.pulse.until(lambda: self.acknowledged >= end, timeout_s):
            missing = end - self.acknowledged
            raise TimeoutError(f"{missing} updates unacknowledged after {timeout_s} s")

    async def takes(self, *messages: Written, timeout_s: float = PATIENCE_S) -> None:
        """Wait until `getupdates` answered all these messages."""

        def taken() -> bool:
            return all(arrival.taken for message in messages for arrival in message.arrivals)

        if not await self.pulse.until(taken, timeout_s):
            raise TimeoutError(f"the bot did not take all messages within {timeout_s} s")

    def _sign(self, number: bytes) -> bytes:
        return hashlib.sha256(self.token.encode() + number).digest()[:_DIGEST]

    # What it sends

    def window_of(self, user_id: str, token: str) -> Window:
        """Open the window of a person who just wrote, with the token of that message."""
        window = self.windows.get(user_id)
        if window is None:
            window = self.windows[user_id] = Window(time.time())
        window.opened, window.sends = time.time(), 0
        window.tokens[token] = window.opened
        return window

    def accept(self, message: BotMessage) -> None:
        """Note an accepted message, which counts against the budget of its receiver."""
        self.sent.append(message)
        self.answers[message.client_id] = message
        if window := self.windows.get(message.to_user_id):
            window.sends += 1
        self.typing.discard(message.to_user_id)
        if self._options.shows_own:
            self.updates.append(message)
        self.pulse.notify()

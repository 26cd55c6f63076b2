"""What may be sent to each person before they must write again, and the ``context_token`` that a send carries.
``sending`` and ``inbound`` keep it.

The service takes messages only after a person has written, ten of them for each message of theirs, and within a day of
it (the feature's announcement, 2026; ten succeed and the eleventh fails in tests of 2026-08). It does not say how many
are left, so they are counted here, and saved. A send whose answer was lost counts; one that was refused does not.
``Inbound`` notes what people write, ``sending`` what is sent; ``Memory`` saves it.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import msgspec

from openwx.errors import BudgetSpent, CallerError, Code
from openwx.transports.base import SendBudget

SENDS = 10
"""The number of messages that may follow one of a person's."""
WINDOW_S = 86_400.0
"""How long after a person's message they may be sent, in seconds."""
CALL = "sendmessage"


class Talk(msgspec.Struct):
    """One person's side: the newest ``context_token``, when its message was written (Unix time in milliseconds), and
    how many messages were sent since. ``spent``: the service said so, whatever the count."""

    token: str = ""
    heard_ms: int = 0
    sends: int = 0
    spent: bool = False


class _Saved(msgspec.Struct):
    bot_id: str
    talks: dict[str, Talk]


class Budgets:
    """The talks of one bot. Another bot knows none of them."""

    def __init__(self, bot_id: str, talks: dict[str, Talk] | None = None) -> None:
        self.bot_id = bot_id
        self._talks = talks or {}
        self._on_their_way: dict[str, int] = {}
        """Messages that are being sent, and count already."""
        self._refused: set[str] = set()
        """To whom a send did not fit since they wrote."""

    def to_bytes(self) -> bytes:
        return msgspec.json.encode(_Saved(self.bot_id, self._talks))

    @classmethod
    def from_bytes(cls, data: bytes, bot_id: str) -> "Budgets":
        """Read what was saved; nothing where that was of another bot. Raises one of ``UNREADABLE``."""
        saved = msgspec.json.decode(data, type=_Saved)
        return cls(bot_id, saved.talks if saved.bot_id == bot_id else None)

    # -- what the person does --------------------------------------------------------------------------------

    def hear(self, person: str, token: str, written_ms: int | None) -> None:
        """Take note of a person's message. One that is older than the newest changes nothing."""
        now_ms = _now_ms()
        heard_ms = min(written_ms or now_ms, now_ms)
        former = self._talks.get(person)
        # One that was heard in the future: the clock was set back.
        if former is None or heard_ms > former.heard_ms or former.heard_ms > now_ms:
            # Another object: a send that began before does not mark this one as spent.
            self._talks[person] = Talk(token or (former.token if former else ""), heard_ms)
            self._refused.discard(person)
        elif heard_ms == former.heard_ms and token:
            former.token = token

    # -- what may be sent ------------------------------------------------------------------------------------

    def left(self, person: str) -> int:
        """Return how many messages may be sent now."""
        talk = self._talks.get(person)
        if talk is None or talk.spent or _now_ms() >= talk.heard_ms + WINDOW_S * 1000:
            return 0
        return max(0, SENDS - talk.sends - self._on_their_way.get(person, 0))

    def of(self, people: Iterable[str]) -> list[SendBudget]:
        """Return the budgets of people; nothing may be sent to those who have not written to this bot."""
        return [
            SendBudget(id=person, sends_left=self.left(person), until=self._until(person))
            for person in people
        ]

    def _until(self, person: str) -> float:
        talk = self._talks.get(person)
        return talk.heard_ms / 1000 + WINDOW_S if talk else 0.0

    def is_sendable(self, person: str) -> bool:
        """Return whether a send may be tried: not while one that did not fit waits for the person."""
        return self.left(person) > 0 and person not in self._refused

    @contextmanager
    def reserved(self, person: str, count: int) -> Iterator["Reserved"]:
        """Reserve ``count`` messages; what was not used is free again afterwards.

        Raises ``BudgetSpent``, and ``CallerError`` where so many never fit.
        """
        if count > SENDS:
            words = (
                f"nothing was sent: it takes {count} messages, and WeChat takes {SENDS} in a row:"
                " send less, or a file"
            )
            raise CallerError(Code.NOT_POSSIBLE, words)
        if self.left(person) < count:
            self._refused.add(person)
            raise BudgetSpent(CALL, 0, self._why(person, count))
        self._count(person, count)
        reserved = Reserved(count, lambda: self._use(person))
        try:
            yield reserved
        finally:
            self._count(person, -reserved.left)

    def talk(self, person: str) -> Talk:
        """Return the talk that a send belongs to; an empty one where there is none."""
        return self._talks.get(person) or Talk()

    def _use(self, person: str) -> None:
        self._count(person, -1)
        self.talk(person).sends += 1

    def _count(self, person: str, change: int) -> None:
        count = self._on_their_way.get(person, 0) + change
        if count:
            self._on_their_way[person] = count
        else:
            self._on_their_way.pop(person, None)

    def _why(self, person: str, count: int) -> str:
        """Say what the person must do."""
        talk = self._talks.get(person)
        if talk is None:
            return (
                "nothing was sent: this person has not written to the bot yet, and must write first"
            )
        if _now_ms() >= talk.heard_ms + WINDOW_S * 1000:
            return "nothing was sent: the person's last message is more than 24 hours old; they must write again"
        left = self.left(person)
        if left:
            return f"nothing was sent: it takes {count} messages, and {left} are left until the person writes again"
        return (
            "nothing was sent: all messages that WeChat takes after the person's last one were sent;"
            " they must write again"
        )


class Reserved:
    """Messages that may be sent. ``left`` of them are not sent yet."""

    def __init__(self, count: int, on_use: Callable[[], None]) -> None:
        self.left = count
        self._on_use = on_use

    def use(self) -> None:
        """Count one as sent, because it was, or because it may have been."""
        self.left -= 1
        self._on_use()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

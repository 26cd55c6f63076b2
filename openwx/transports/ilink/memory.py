"""What an iLink account remembers over a restart, under names of its own in ``Batch.state``. ``ILinkClient`` keeps it.

``session``, ``cursor`` (of one bot), ``budgets`` (of one bot), ``people`` (of one person), ``repeats``,
``keys``.
"""

import logging
from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from openwx import metrics
from openwx.errors import UNREADABLE
from openwx.transports.ilink.budget import Budgets
from openwx.transports.ilink.contacts import People
from openwx.transports.ilink.keys import Keys
from openwx.transports.ilink.repeats import Repeats
from openwx.transports.ilink.session import Cursor, Session

log = logging.getLogger("openwx.account")
T = TypeVar("T")

NAMES = ("session", "cursor", "budgets", "people", "repeats", "keys")


class Memory(msgspec.Struct):
    """The present values. ``session`` may have ended; ``cursor`` is empty for a bot that was never polled."""

    session: Session | None
    cursor: str
    budgets: Budgets
    people: People
    repeats: Repeats
    keys: Keys

    @classmethod
    def of(cls, saved: Mapping[str, bytes], account: str) -> "Memory":
        """Read what was saved. What cannot be read is as if it had never been."""

        def read(name: str, kind: str, parse: Callable[[bytes], T], default: T) -> T:
            if name not in saved:
                return default
            try:
                return parse(saved[name])
            except UNREADABLE:
                words = "%s: %s cannot be read; going on without"
                metrics.dropped(log, "saved_state", words, account, kind)
                return default

        session = read("session", "the saved session", Session.from_bytes, None)
        bot, person = (session.bot_id, session.person_id) if session else ("", "")
        cursor = read("cursor", "the saved cursor", _cursor, Cursor(bot))
        return cls(
            session=session,
            cursor=cursor.value if cursor.bot_id == bot else "",
            budgets=read(
                "budgets", "what was sent", lambda data: Budgets.from_bytes(data, bot), Budgets(bot)
            ),
            people=read(
                "people",
                "the saved people",
                lambda data: People.from_bytes(data, person),
                People(person),
            ),
            repeats=read("repeats", "the last messages' ids", Repeats.from_bytes, Repeats()),
            keys=read("keys", "the keys of files", Keys.from_bytes, Keys()),
        )

    def to_state(self, *names: str) -> dict[str, bytes | None]:
        """Encode some of it, as it will be when its batch is delivered."""
        bot = self.session.bot_id if self.session else ""
        make: dict[str, Callable[[], bytes | None]] = {
            "session": lambda: self.session.to_bytes() if self.session else None,
            "cursor": lambda: msgspec.json.encode(Cursor(bot, self.cursor)),
            "budgets": self.budgets.to_bytes,
            "people": self.people.to_bytes,
            "repeats": self.repeats.to_bytes,
            "keys": self.keys.to_bytes,
        }
        return {name: make[name]() for name in names}

    def begin(self, session: Session) -> None:
        """Follow the bot of ``session`` from now on; another one is polled from its beginning."""
        if self.budgets.bot_id != session.bot_id:
            self.cursor = ""
            self.budgets = Budgets(session.bot_id)
        if self.people.owner != session.person_id:
            self.people = People(session.person_id)
        self.people.use(session)
        self.session = session


def _cursor(data: bytes) -> Cursor:
    return msgspec.json.decode(data, type=Cursor)

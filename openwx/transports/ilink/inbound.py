"""Makes messages and events of an answer of ``getupdates``. ``Client`` delivers them."""

import logging
import time

import msgspec
from msgspec import Raw

from openwx.domain.contacts import Friend
from openwx.domain.events import ChatAdded, Event
from openwx.domain.messages import Message, Parties
from openwx.errors import BadResponse
from openwx.transports.ilink import calls, items, repeats, wire
from openwx.transports.ilink.budget import Budgets
from openwx.transports.ilink.contacts import MOST_PEOPLE, People
from openwx.transports.ilink.repeats import Repeats
from openwx.transports.ilink.session import Session

log = logging.getLogger("openwx.wechat")

LONGEST_CURSOR = 1024 * 1024
"""In characters."""
LONGEST_HOLD_S = 120.0


class Updates(msgspec.Struct, frozen=True):
    """What an answer holds. ``cursor`` is empty where the former one stays; ``hold_s`` is the time that the next poll
    is held, None where the answer does not say."""

    events: list[Event]
    messages: list[Message]
    cursor: str
    hold_s: float | None


class Inbound:
    """Reads the answers to one bot's polls."""

    def __init__(
        self, session: Session, people: People, budgets: Budgets, repeats: Repeats
    ) -> None:
        self._session = session
        self._people = people
        self._budgets = budgets
        self._repeats = repeats

    def read(self, reply: wire.UpdatesReply, cursor: str) -> Updates:
        """Read an answer to a poll with ``cursor``. Raises ``BadResponse`` where it is none."""
        if bytes(reply.msgs).lstrip()[:1] not in (b"[", b"n"):
            raise BadResponse("getupdates", "msgs is no list")
        new_cursor = reply.get_updates_buf or ""
        if not isinstance(new_cursor, str) or len(new_cursor) > LONGEST_CURSOR:
            raise BadResponse("getupdates", "get_updates_buf is no cursor")
        self._repeats.begin()
        events: list[Event] = []
        messages: list[Message] = []
        for number, raw in enumerate(wire.each(reply.msgs)):
            messages += self._read_one(raw, f"{cursor}#{number}", events)
        hold_ms = wire.whole(reply.longpolling_timeout_ms) or 0
        hold_s = min(hold_ms / 1000, LONGEST_HOLD_S) if hold_ms > 0 else None
        return Updates(events, messages, new_cursor, hold_s)

    def _read_one(self, raw: Raw, place: str, events: list[Event]) -> list[Message]:
        """Read an entry. One that makes no sense is the owner's: hardly anybody else can write to a bot."""
        entry = wire.read(raw, wire.Message)
        if entry is None:
            log.warning("a message makes no sense; it is published raw")
            id = repeats.as_digits(repeats.hash_of(place, bytes(raw).decode("utf-8", "replace")))
            if self._repeats.is_one(id, ""):
                return []
            return [items.unknown(raw, id, self._frame(self._session.person_id, None, events))]
        sender = wire.token(entry.from_user_id, 128)
        if wire.whole(entry.message_type) == calls.FROM_BOT or sender == self._session.bot_id:
            return []
        parts = wire.each(entry.item_list)
        id = wire.digits(entry.message_id) or repeats.local_id(entry, parts, place)
        if self._repeats.is_one(id, repeats.mark_of(entry, parts)):
            log.info("the message %s came again; it is one", id)
            return []
        if len(self._people.friends) >= MOST_PEOPLE and sender not in self._people.friends:
            sender = ""
        sender = sender or self._session.person_id
        written_ms = wire.whole(entry.create_time_ms)
        written_ms = written_ms if written_ms and written_ms > 0 else None
        self._budgets.hear(sender, wire.text(entry.context_token, 4096), written_ms)
        frame = self._frame(sender, written_ms, events)
        if not parts:
            return [items.unknown(raw, id, frame)]
        return [items.read(part, _id_of(id, number), frame) for number, part in enumerate(parts)]

    def _frame(self, sender: str, written_ms: int | None, events: list[Event]) -> items.Frame:
        friend = self._meet(sender, events)
        seconds = int(time.time()) if written_ms is None else min(written_ms // 1000, 2**40)
        parties = Parties(chat=friend, sender=friend, receiver=self._people.user, mine=False)
        return items.Frame(time=seconds, parties=parties)

    def _meet(self, sender: str, events: list[Event]) -> Friend:
        is_new = sender not in self._people.friends
        friend = self._people.meet(sender)
        if is_new:
            events.append(ChatAdded(friend))
        return friend


def _id_of(message_id: str, number: int) -> str:
    """Return the id of a message's item: the message's own for the first."""
    if number == 0:
        return message_id
    return repeats.as_digits(repeats.hash_of(message_id, number))

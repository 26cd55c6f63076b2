"""Makes messages and events of an answer of ``getupdates``. ``ILinkClient`` delivers them."""

import logging
import time
from collections.abc import Iterator

import msgspec
from msgspec import Raw

from openwx.domain.contacts import Friend
from openwx.domain.events import ChatAdded, Event
from openwx.domain.messages import Message, Parties
from openwx.errors import BadResponse
from openwx.transports.ilink import calls, items, repeats, wire
from openwx.transports.ilink.budget import Budgets
from openwx.transports.ilink.contacts import People
from openwx.transports.ilink.repeats import Repeats
from openwx.transports.ilink.session import Session

log = logging.getLogger("openwx.wechat")

LONGEST_CURSOR = 1024 * 1024
"""In characters."""
LONGEST_HOLD_S = 120.0
MOST_AT_ONCE = 500
"""Messages of an answer that are delivered together, so that a large answer holds up nothing else."""
MOST_ITEMS = 100
"""Items of one message that are read; the phone sends one. The others together are one more, which is unknown."""


class Updates(msgspec.Struct, frozen=True):
    """What an answer holds, or a part of it. ``cursor`` is empty where the former one stays, as it does until the last
    part; ``hold_s`` is the time that the next poll is held, None where the answer does not say."""

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

    def read(self, reply: wire.UpdatesReply, cursor: str) -> Iterator[Updates]:
        """Read an answer to a poll with ``cursor``, in parts: each is to be delivered before the next is read.

        Raises ``BadResponse`` where it is none.
        """
        entries = wire.read(reply.msgs, list[Raw])
        if entries is None and bytes(reply.msgs).strip() != b"null":
            raise BadResponse("getupdates", "msgs is no list")
        new_cursor = reply.get_updates_buf or ""
        if not isinstance(new_cursor, str) or len(new_cursor) > LONGEST_CURSOR:
            raise BadResponse("getupdates", "get_updates_buf is no cursor")
        hold_ms = wire.whole(reply.longpolling_timeout_ms) or 0
        hold_s = min(hold_ms / 1000, LONGEST_HOLD_S) if hold_ms > 0 else None
        answer = repeats.hash_of(cursor)
        self._repeats.begin()
        events: list[Event] = []
        messages: list[Message] = []
        for number, raw in enumerate(entries or ()):
            messages += self._read_one(raw, f"{answer}#{number}", events)
            if len(messages) >= MOST_AT_ONCE:
                yield Updates(events, messages, "", hold_s)
                self._repeats.begin()
                events, messages = [], []
        yield Updates(events, messages, new_cursor, hold_s)

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
        if not sender and entry.from_user_id:
            # No id that can be used, and never the owner's: a bot may do for the owner what it does for nobody else.
            sender = repeats.hash_of(str(entry.from_user_id)[:1000])
        sender = sender or self._session.person_id
        written_ms = wire.whole(entry.create_time_ms)
        written_ms = written_ms if written_ms and written_ms > 0 else None
        frame = self._frame(sender, written_ms, events)
        if sender in self._people.friends:
            self._budgets.hear(sender, wire.text(entry.context_token, 4096), written_ms)
        if not parts:
            return [items.unknown(raw, id, frame)]
        read = [
            items.read(part, _id_of(id, number), frame)
            for number, part in enumerate(parts[:MOST_ITEMS])
        ]
        if rest := parts[MOST_ITEMS:]:
            log.warning(
                "the message %s has %d items; the last ones are published raw", id, len(parts)
            )
            read.append(items.unknown(_list_of(rest), _id_of(id, MOST_ITEMS), frame))
        return read

    def _frame(self, sender: str, written_ms: int | None, events: list[Event]) -> items.Frame:
        friend = self._meet(sender, events)
        seconds = int(time.time()) if written_ms is None else min(written_ms // 1000, 2**40)
        parties = Parties(chat=friend, sender=friend, receiver=self._people.user, mine=False)
        return items.Frame(time=seconds, parties=parties)

    def _meet(self, sender: str, events: list[Event]) -> Friend:
        is_new = sender not in self._people.friends
        friend = self._people.meet(sender)
        if is_new and sender in self._people.friends:
            events.append(ChatAdded(friend))
        return friend


def _list_of(raws: list[Raw]) -> Raw:
    return Raw(b"[" + b",".join(map(bytes, raws)) + b"]")


def _id_of(message_id: str, number: int) -> str:
    """Return the id of a message's item: the message's own for the first."""
    if number == 0:
        return message_id
    return repeats.as_digits(repeats.hash_of(message_id, number))

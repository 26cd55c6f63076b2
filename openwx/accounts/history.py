"""What was said in each chat, as far as the journal keeps it."""

import time
from collections.abc import Sequence

import msgspec

from openwx.accounts.chat_keys import ChatKeys, shown_chat
from openwx.accounts.outgoing import OutgoingMessage
from openwx.domain.chat_ref import fingerprint_of
from openwx.domain.contact_book import ContactBook
from openwx.domain.contacts import Chat
from openwx.reporter.payload import Payload
from openwx.store.sqlite.journal import Counts, Journal, StoredReport

HOUR_S = 3600.0
_REST = 50
"""So many times as long as counting takes is not counted again."""


class History:
    """One account's. A chat is known by its line, which outlives logins; see ``ChatKeys``."""

    def __init__(self, account: str, journal: Journal, lines: ChatKeys) -> None:
        self._account = account
        self._journal = journal
        self._lines = lines
        self._counts: Counts | None = None
        self._count_again_at = 0.0

    def line_of(self, chat: Chat) -> str:
        return self._lines.of(chat)

    def line_told(self, payload: Payload) -> str:
        """The line of the chat that a message was told of by now; empty for an event."""
        return self._lines.told(payload)

    async def chats(self, limit: int) -> list[StoredReport]:
        """The newest message of each chat, the latest first."""
        return await self._journal.chats(self._account, limit=limit)

    async def of(self, line: str, *, before: int | None, limit: int) -> list[StoredReport]:
        """What was said in a chat, newest first; with a number below ``before`` where that is given."""
        more = {} if before is None else {"before": before}
        return await self._journal.history(self._account, line, limit=limit, **more)

    async def told(self, *, before: int | None, limit: int) -> list[StoredReport]:
        """Messages and events of all chats, newest first."""
        more = {} if before is None else {"before": before}
        return await self._journal.told(self._account, limit=limit, **more)

    async def newest(self) -> int:
        """The number of what happened last: a page that shows this much goes on after it."""
        return await self._journal.newest_shown(self._account)

    async def one(self, upload_id: int) -> StoredReport | None:
        return await self._journal.kept(self._account, upload_id)

    async def shown(self, seq: int) -> StoredReport | None:
        return await self._journal.kept_shown(self._account, seq)

    async def payloads(self, ids: Sequence[int]) -> dict[int, Payload]:
        """What uploads say, by their ids; nothing of those that are not kept."""
        bodies = await self._journal.bodies(self._account, ids)
        return {id: msgspec.json.decode(body) for id, body in bodies.items() if body}

    async def last_hour(self) -> Counts:
        """What happened in it, as of now or of a moment ago: counting must not keep the journal from its work."""
        began = time.monotonic()
        if self._counts is None or began >= self._count_again_at:
            self._counts = await self._journal.counts(self._account, within_s=HOUR_S)
            ended = time.monotonic()
            self._count_again_at = ended + _REST * (ended - began)
        return self._counts

    async def waiting(self, line: str) -> list[OutgoingMessage]:
        """What was accepted for a chat, and is still to be sent; oldest first."""
        sends = await self._journal.waiting_sends(self._account)
        orders = [OutgoingMessage.from_bytes(send.body) for send in sends]
        return [order for order in orders if self._lines.of_target(order.to) == line]


class Whereabouts:
    """Finds the chats of former messages in this login: by id, else for certain by what lasts, as ``find_again`` does.

    What that needs is made once for many messages, and only where ids do not suffice.
    """

    def __init__(self, contacts: ContactBook) -> None:
        self._contacts = contacts
        self._by_print: dict[tuple[str, str], list[Chat]] | None = None

    def of(self, payload: Payload, line: str) -> Chat | None:
        """The chat of a message that stands in this line; None where it cannot be found for certain."""
        kind, role = shown_chat(payload)
        id, uid = payload[f"{role}_id"], payload[f"{role}_uid"]
        chats = self._contacts.groups if kind == "Group" else self._contacts.friends
        if id in chats:
            return chats[id]
        same: list[Chat] = [chat for chat in chats.values() if uid != "" and chat.uid == uid]
        if not same:
            alike = self._prints().get((kind, line), [])
            same = [chat for chat in alike if "" in (chat.uid, uid)]
        return same[0] if len(same) == 1 else None

    def _prints(self) -> dict[tuple[str, str], list[Chat]]:
        if self._by_print is None:
            self._by_print = {}
            for kind, chats in (
                ("Group", self._contacts.groups),
                ("Friend", self._contacts.friends),
            ):
                for chat in chats.values():
                    self._by_print.setdefault((kind, fingerprint_of(chat)), []).append(chat)
        return self._by_print


def payload_of(upload: StoredReport) -> Payload:
    """Its JSON; empty where that is not kept any more."""
    payload: Payload = msgspec.json.decode(upload.body) if upload.body else {}
    return payload

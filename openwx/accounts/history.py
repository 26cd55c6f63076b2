"""The messages of each chat that are in the journal, for ``get_history`` and the console."""

import time
from collections.abc import Sequence

from openwx.accounts.chat_keys import ChatKeys, chat_in
from openwx.accounts.message_search import HistoryPage, MessageSearch
from openwx.accounts.outgoing import OutgoingMessage, message_in
from openwx.domain.chat_ref import fingerprint_of
from openwx.domain.contact_book import ContactBook
from openwx.domain.contacts import Chat
from openwx.reporter.payload import Payload, payload_in
from openwx.store.base import MAX_SEQ, Journal
from openwx.store.records import Counts, StoredReport

HOUR_S = 3600.0
_REST = 50
"""Counts are reused for this multiple of the time that counting took."""


class History:
    """One account's history. A chat is known by its key, which outlives logins; see ``ChatKeys``."""

    def __init__(self, account: str, journal: Journal, chat_keys: ChatKeys) -> None:
        self.chat_keys = chat_keys
        self._account = account
        self._journal = journal
        self._search = MessageSearch(account, journal)
        self._counts: Counts | None = None
        self._count_again_at = 0.0

    async def chats(self, limit: int) -> list[StoredReport]:
        """List the newest message of each chat, the latest first."""
        return await self._journal.chats(self._account, limit=limit)

    async def page(
        self, chat_key: str | None, *, words: str, before: int | None, limit: int
    ) -> HistoryPage:
        """Return the newest messages below ``before``, of a chat or (None) of all, that have all of these words."""
        at = MAX_SEQ if before is None else before
        return await self._search.page(chat_key, words=words, before=at, limit=limit)

    async def published(self, *, before: int | None, limit: int) -> list[StoredReport]:
        """List messages and events of all chats, newest first."""
        more = {} if before is None else {"before": before}
        return await self._journal.log(self._account, limit=limit, **more)

    async def newest(self) -> int:
        """Return the number of the newest published report. A page that shows all up to it continues after it."""
        return await self._journal.newest_published(self._account)

    async def by_id(self, report_id: int) -> StoredReport | None:
        return await self._journal.report(self._account, report_id)

    async def by_seq(self, seq: int) -> StoredReport | None:
        return await self._journal.published_report(self._account, seq)

    async def payloads(self, ids: Sequence[int]) -> dict[int, Payload]:
        """Read the payloads of reports, by their ids; those that are pruned, or cannot be read, are missing."""
        bodies = await self._journal.bodies(self._account, ids)
        return {id: payload for id, body in bodies.items() if (payload := payload_in(body))}

    async def last_hour(self) -> Counts:
        """Count what happened in the last hour. Counts of a moment ago are reused, to spare the journal."""
        began = time.monotonic()
        if self._counts is None or began >= self._count_again_at:
            self._counts = await self._journal.counts(self._account, within_s=HOUR_S)
            ended = time.monotonic()
            self._count_again_at = ended + _REST * (ended - began)
        return self._counts

    async def waiting(self, chat_key: str) -> list[OutgoingMessage]:
        """List the messages that were accepted for a chat and are still to be sent, oldest first."""
        sends = await self._journal.waiting_sends(self._account)
        messages = filter(None, map(message_in, sends))
        return [one for one in messages if self.chat_keys.of_ref(one.to) == chat_key]


class ChatFinder:
    """Finds the chats of former messages in this login: by id, else for certain by what lasts, as ``find_again`` does.

    The index for that is built once for many messages, and only where ids do not suffice.
    """

    def __init__(self, contacts: ContactBook) -> None:
        self._contacts = contacts
        self._by_print: dict[tuple[str, str], list[Chat]] | None = None

    def find(self, payload: Payload, chat_key: str) -> Chat | None:
        """Find the chat of a message, whose key this is; None where it cannot be found for certain."""
        kind, role = chat_in(payload)
        id, uid = payload[f"{role}_id"], payload[f"{role}_uid"]
        chats = self._contacts.groups if kind == "Group" else self._contacts.friends
        if id in chats:
            return chats[id]
        same: list[Chat] = [chat for chat in chats.values() if uid != "" and chat.uid == uid]
        if not same:
            alike = self._prints().get((kind, chat_key), [])
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

"""Quotes of which the service names only the id: ``EventRecorder`` has them looked up in the journal."""

import hashlib
import logging
from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from openwx.domain.messages import Message, PartialText, Quote
from openwx.reporter.payload import Payload, payload_in
from openwx.store.base import Journal, JournalError

log = logging.getLogger("openwx.account")

_MOST_OCCURRENCES = 1000
"""Later occurrences of a text are not looked for."""


class Quotes:
    """Looks up quoted messages of one account."""

    def __init__(self, account: str, journal: Journal) -> None:
        self._account = account
        self._journal = journal

    async def complete(
        self, message: Message, uin: str, unwritten: Mapping[str, Payload]
    ) -> Message:
        """Return a message with the content of what it quotes, as far as that is known here, and was said in its chat:
        a person may name any id, and learns nothing of what another one wrote.

        ``uin`` is the account's lasting number; ``unwritten`` are payloads that are to be written, by ``dedupe``.
        """
        quote = message.quote
        if quote is None or quote.content is not None:
            return message
        dedupe = f"{uin}:{quote.id}"
        payload = unwritten.get(dedupe) or await self._recorded(dedupe)
        if not payload or not _is_of_chat(payload, message.parties.chat.id):
            return message
        return replace(message, quote=_quote_of(quote, payload))

    async def _recorded(self, dedupe: str) -> Payload:
        """Return the payload of a recorded message; empty if it is unknown, or too large to be kept."""

        def note(error: JournalError) -> None:
            log.error("%s: a quoted message cannot be looked up now: %s", self._account, error)

        body = await self._journal.until_done(
            lambda: self._journal.body_of(self._account, dedupe), note
        )
        payload = payload_in(body)
        return payload if "content" in payload else {}  # a friend request has an id, too


def _is_of_chat(payload: Payload, chat_id: str) -> bool:
    ids = (payload.get("group_id"), payload.get("sender_id"), payload.get("receiver_id"))
    return chat_id in ids


def _quote_of(quote: Quote, payload: Payload) -> Quote:
    content = payload["content"]
    return Quote(
        id=quote.id,
        sender=payload.get("sender", ""),
        content=content if quote.part is None else part_of(content, quote.part),
        format=payload["format"],
    )


def part_of(text: str, part: PartialText) -> str:
    """Return the quoted part of a text; all of it if no part has the MD5 that WeChat named.

    The official client (2.4.9) counts occurrences, of ``end`` over the whole text or from ``start`` on, and believes
    the MD5. Whether the first one is 0 or 1 differs, so both are tried.
    """
    for begin in _occurrences(text, part.start, part.start_index, 0):
        for counted_from in (0, begin):
            for last in _occurrences(text, part.end, part.end_index, counted_from):
                quoted = text[begin : last + len(part.end)]
                if _md5(quoted) == part.md5.lower():
                    return quoted
    return text


def _occurrences(text: str, words: str, index: int, begin: int) -> Iterator[int]:
    """Find the occurrences of some words that an index may mean, counted from a position on."""
    at = text.find(words, begin)
    for number in range(min(index, _MOST_OCCURRENCES) + 1):
        if at < 0:
            return
        if number in (index - 1, index):
            yield at
        at = text.find(words, at + 1)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()

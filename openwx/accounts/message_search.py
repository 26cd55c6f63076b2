"""Reads stored messages page by page, and searches them for words, with bounded work for each call."""

import asyncio
from collections.abc import Callable

import msgspec

from openwx.domain.spelling import has_words
from openwx.reporter.payload import payload_in
from openwx.store.base import ReportLog
from openwx.store.decoding import decode_row

SEARCHED = 5_000
"""Reports that one call reads at most."""
SEARCHED_BYTES = 16 * 1024 * 1024
"""Bytes of them."""
ANSWER_BYTES = 4 * 1024 * 1024
"""The size of the messages of one page, except for a single one that is larger."""
_SLICE = 200
_SLICE_BYTES = 1024 * 1024
"""What is read from the journal at a time; other readers and writers have their turns in between."""

_Messages = list[tuple[int, bytes]]


class HistoryPage(msgspec.Struct, frozen=True):
    """Messages, oldest first: their sequence numbers, and the bodies of their reports.

    Older ones have numbers below ``before``; None where there are none.
    """

    messages: list[tuple[int, bytes]]
    before: int | None


class _Content(msgspec.Struct):
    """What is searched of a report."""

    content: str = ""


class MessageSearch:
    """Searches the messages of one account. Several searches take turns, so that they need one thread."""

    def __init__(self, account: str, journal: ReportLog) -> None:
        self._account = account
        self._journal = journal
        self._turn = asyncio.Lock()

    async def page(
        self, chat_key: str | None, *, words: str, before: int, limit: int
    ) -> HistoryPage:
        """Return the newest messages below ``before`` with all of these words, at most ``limit``, of a chat or of all.

        It ends early when it has read ``SEARCHED`` reports or ``SEARCHED_BYTES``: the rest is searched from its
        ``before`` on.
        """
        fits = has_words(words) if words.strip() else None
        found: _Messages = []
        room, read, size = ANSWER_BYTES, 0, 0
        while True:
            rows = min(_SLICE, SEARCHED - read)
            slice_ = await self._journal.messages(
                self._account, chat_key, before=before, rows=rows, size=_SLICE_BYTES
            )
            messages = slice_.messages
            read += rows
            size += sum(len(body) for _, body in messages)
            if fits is not None:
                async with self._turn:
                    messages = await asyncio.to_thread(_matching, messages, fits)
            for number, body in messages:
                if not payload_in(body):
                    continue
                room -= len(body)
                if len(found) == limit or (found and room < 0):
                    return _page(found, before)
                found.append((number, body))
                before = number
            before = slice_.end
            if not slice_.more:
                return _page(found, None)
            if len(found) == limit or read >= SEARCHED or size >= SEARCHED_BYTES:
                return _page(found, before)


def _matching(messages: _Messages, fits: Callable[[str], bool]) -> _Messages:
    return [
        one
        for one in messages
        if (read := decode_row(one[1], _Content, "a report")) and fits(read.content)
    ]


def _page(newest_first: _Messages, before: int | None) -> HistoryPage:
    return HistoryPage(newest_first[::-1], before)

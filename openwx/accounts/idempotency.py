"""Sends that are done once however often they are asked for: by a key that the caller chose.

The key, what was asked, and the orders are written in one unit of the journal before anything is sent; how an order
ended is written with its upload. So the answer to a repetition is that of the first call, also after a crash.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from openwx.accounts.outgoing import OutgoingMessage, SendResult
from openwx.errors import CallerError, Code
from openwx.keyedlock import KeyedLock
from openwx.store.base import Journal

KEPT_S = 24 * 3600.0
"""How long a key is remembered."""


class Ended(msgspec.Struct, frozen=True):
    """How one order of a keyed call ended."""

    chat_id: str
    msg_id: str = ""
    media_id: str = ""
    code: int = 0
    status: str = ""
    http_status: int | None = None
    extra: dict[str, Any] = {}

    def require_success(self) -> None:
        """Raise the ``CallerError`` that it ended with."""
        if self.code != 0:
            raise CallerError(self.code, self.status, http_status=self.http_status, **self.extra)


class Record(msgspec.Struct, frozen=True):
    """A keyed call. ``asked`` is a digest of its parameters; ``ended`` goes by the orders' uids."""

    asked: str
    uids: list[str]
    chats: int
    ended: dict[str, Ended] = {}

    @property
    def is_complete(self) -> bool:
        return len(self.ended) == len(self.uids)


class _Live(msgspec.Struct, eq=False):
    """A call whose orders are on their way."""

    record: Record
    complete: asyncio.Event = msgspec.field(default_factory=asyncio.Event)


class Keys:
    """One account's keyed calls."""

    def __init__(self, account: str, journal: Journal, wait_s: float) -> None:
        self._account = account
        self._journal = journal
        self._wait_s = wait_s
        self._live: dict[str, _Live] = {}
        self._locks = KeyedLock()

    async def claim(self, key: str, asked: str, accept: Callable[[], Awaitable[Record]]) -> Record:
        """The call with this key: the first one's, or what ``accept`` made last, together with its orders.

        Raises what ``accept`` raises, and ``CallerError`` (-2) where the key was used for something else.
        """
        async with self._locks.hold(key):
            record = await self._known(key)
            if record is None:
                record = await accept()
                self._live[key] = _Live(record)
            elif record.asked != asked:
                words = "idempotency_key must be a new one: it was used for a call with other parameters"
                raise CallerError(Code.BAD_PARAMETER, words)
            return record

    async def ended(self, key: str, record: Record) -> Sequence[Ended]:
        """How the orders of a call ended. Raises ``CallerError`` with HTTP 504 where that takes too long."""
        live = self._live.get(key)
        if not record.is_complete and live is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._wait_s):
                    await live.complete.wait()
            record = live.record
        if not record.is_complete:
            words = "not sent yet, but it will be: ask again with the same idempotency_key"
            raise CallerError(Code.UNREACHABLE, words, http_status=504)
        return [record.ended[uid] for uid in record.uids]

    async def with_outcome(self, order: OutgoingMessage, outcome: SendResult) -> dict[str, bytes]:
        """What the journal is to remember now that an order has ended; ``{}`` where it has no key."""
        if not order.key:
            return {}
        record = await self._known(order.key)
        if record is None:
            return {}
        ended = record.ended | {order.uid: _ended(outcome)}
        return {order.key: msgspec.json.encode(replace(record, ended=ended))}

    def settle(self, order: OutgoingMessage, outcome: SendResult) -> None:
        """Tell those who wait for an outcome. It is in the journal now, or as soon as that can be written."""
        live = self._live.get(order.key)
        if live is None:
            return
        live.record = replace(live.record, ended=live.record.ended | {order.uid: _ended(outcome)})
        if live.record.is_complete:
            live.complete.set()

    def kept(self, order: OutgoingMessage) -> None:
        """The outcome of an order is in the journal now."""
        live = self._live.get(order.key)
        if live is not None and live.record.is_complete:
            del self._live[order.key]

    async def _known(self, key: str) -> Record | None:
        live = self._live.get(key)
        if live is not None:
            return live.record
        kept = await self._journal.key(self._account, key)
        if kept is None:
            return None
        record = msgspec.json.decode(kept, type=Record)
        if not record.is_complete:
            live = self._live.setdefault(key, _Live(record))
            return live.record
        return record


def _ended(outcome: SendResult) -> Ended:
    error = outcome.error
    if error is None:
        return Ended(outcome.chat_id, outcome.msg_id, outcome.media_id)
    return Ended(
        outcome.chat_id,
        code=error.code,
        status=error.status,
        http_status=error.http_status,
        extra=error.extra,
    )

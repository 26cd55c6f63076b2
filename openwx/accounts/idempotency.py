"""Sends that are done once however often they are asked for, by the ``Idempotency-Key`` that the caller chose.
``Sender`` uses them.

The key, a digest of its call and the messages are written to the journal in one transaction before anything is sent.
How a message ended is a row of its own, written with its ``send_message`` report. So a repeated call gets the answer of
the first one, also after a crash.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from openwx.accounts.outgoing import OutgoingMessage, SendResult
from openwx.errors import KEY_REUSED, CallerError, Code
from openwx.keyedlock import KeyedLock
from openwx.store.base import Journal
from openwx.store.decoding import decode_row

KEPT_S = 24 * 3600.0
"""How long a key is remembered, in seconds."""


class Outcome(msgspec.Struct, frozen=True):
    """How one message of a keyed call ended."""

    chat_id: str
    msg_id: str = ""
    media_id: str = ""
    code: int = 0
    status: str = ""
    http_status: int | None = None
    extra: dict[str, Any] = {}

    def require_success(self) -> None:
        """Raise the ``CallerError`` with which it ended, if it did."""
        if self.code != 0:
            raise CallerError(self.code, self.status, http_status=self.http_status, **self.extra)


class KeyedCall(msgspec.Struct, frozen=True):
    """A call with a key, as the journal has it. ``asked`` is a digest of its parameters."""

    asked: str
    uids: list[str]
    chats: int
    ended: dict[str, Outcome] = {}
    """Outcomes by the messages' uids. Written by former versions only: now each outcome has its own row."""

    def to_bytes(self) -> bytes:
        return msgspec.json.encode(self)


class _Progress(msgspec.Struct, eq=False):
    """A call some of whose messages are still to be sent."""

    call: KeyedCall
    outcomes: dict[str, Outcome]
    complete: asyncio.Event = msgspec.field(default_factory=asyncio.Event)

    @property
    def is_complete(self) -> bool:
        return len(self.outcomes) >= len(self.call.uids)


class IdempotencyKeys:
    """One account's calls with keys."""

    def __init__(self, account: str, journal: Journal, wait_s: float) -> None:
        self._account = account
        self._journal = journal
        self._wait_s = wait_s
        self._unfinished: dict[str, _Progress] = {}
        self._ended = False
        self._locks = KeyedLock()

    async def claim(
        self, key: str, asked: str, accept: Callable[[], Awaitable[KeyedCall]]
    ) -> KeyedCall:
        """Return the first call with this key, or the one that ``accept`` persists together with its messages.

        Raise what ``accept`` raises, and ``CallerError`` (-2) if the key was used for something else.
        """
        async with self._locks.hold(key):
            known = await self._known(key)
            if known is None:
                call = await accept()
                if call.uids:
                    self._unfinished[key] = _Progress(call, {})
                return call
            if known.call.asked != asked:
                raise CallerError(Code.BAD_PARAMETER, KEY_REUSED)
            return known.call

    async def has_ended(self, key: str) -> bool:
        """Return whether all messages of a claimed call have ended."""
        progress = await self._known(key)
        return progress is not None and progress.is_complete

    async def outcomes(self, key: str) -> Sequence[Outcome]:
        """Wait until the messages of a claimed call have ended.

        Raise ``CallerError`` (HTTP 504) if it takes too long.
        """
        progress = await self._known(key)
        if progress is not None and not progress.is_complete and not self._ended:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._wait_s):
                    await progress.complete.wait()
        if progress is None or not progress.is_complete:
            status = "not sent yet, but it will be: ask again with the same idempotency_key"
            raise CallerError(Code.UNREACHABLE, status, http_status=504)
        return [progress.outcomes[uid] for uid in progress.call.uids]

    def give_up(self) -> None:
        """Have nobody wait any longer: another process ends the calls."""
        self._ended = True
        for progress in self._unfinished.values():
            progress.complete.set()

    def row_of(self, message: OutgoingMessage, result: SendResult) -> Mapping[str, bytes]:
        """Return what the journal has to keep of a result: nothing if the message has no key."""
        if not message.key:
            return {}
        return {_row_key(message.key, message.uid): msgspec.json.encode(_outcome_of(result))}

    def settle(self, message: OutgoingMessage, result: SendResult) -> None:
        """Publish a result to the callers who wait for it. It is in the journal, or will be when that works."""
        progress = self._unfinished.get(message.key)
        if progress is not None:
            progress.outcomes[message.uid] = _outcome_of(result)
            if progress.is_complete:
                progress.complete.set()

    def persisted(self, message: OutgoingMessage) -> None:
        """Forget a call whose results are all in the journal now."""
        progress = self._unfinished.get(message.key)
        if progress is not None and progress.is_complete:
            del self._unfinished[message.key]

    async def _known(self, key: str) -> _Progress | None:
        progress = self._unfinished.get(key)
        if progress is not None:
            return progress
        rows = await self._journal.keys_of(self._account, key)
        if key not in rows:
            return None
        call = decode_row(rows[key], KeyedCall, f"{self._account}: the call with the key {key}")
        if call is None:
            raise _unknown()
        outcomes = dict(call.ended)
        for uid in call.uids:
            if (row := rows.get(_row_key(key, uid))) is not None:
                outcome = decode_row(
                    row, Outcome, f"{self._account}: the outcome of the send {uid}"
                )
                outcomes[uid] = outcome or _outcome_of(SendResult("", error=_unknown()))
        progress = _Progress(call, outcomes)
        if progress.is_complete:
            return progress
        return self._unfinished.setdefault(key, progress)


def _row_key(key: str, uid: str) -> str:
    """Return the key of an outcome's row. No caller's key has a space in it."""
    return f"{key} {uid}"


def _unknown() -> CallerError:
    """Return the answer for what cannot be read any more. It must not be sent again: perhaps it was."""
    words = "what became of the call with this idempotency_key cannot be read any more, so it is unknown"
    return CallerError(Code.UNREACHABLE, words, http_status=504)


def _outcome_of(result: SendResult) -> Outcome:
    error = result.error
    if error is None:
        return Outcome(result.chat_id, result.msg_id, result.media_id)
    return Outcome(
        result.chat_id,
        code=error.code,
        status=error.status,
        http_status=error.http_status,
        extra=error.extra,
    )

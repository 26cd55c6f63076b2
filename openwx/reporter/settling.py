"""How uploads end: written into the journal, however long that takes, counted and said."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

import msgspec

from openwx import metrics
from openwx.reporter.clock import Clock
from openwx.reporter.post import webhook_id_of
from openwx.store.sqlite.journal import (
    DeliveryStatus,
    Journal,
    NewSend,
    Report,
    Send,
    Settled,
    WriteBatch,
)

log = logging.getLogger("openwx.report")

_T = TypeVar("_T")


class _Sent(msgspec.Struct):
    """Of an upload's body: when WeChat says that the message was sent, in seconds."""

    time: str = ""


_read_sent = msgspec.json.Decoder(_Sent).decode


class Endings:
    """One account's. ``accepted`` gets the sends of replies that are in the journal."""

    def __init__(
        self,
        account: str,
        journal: Journal,
        *,
        accepted: Callable[[list[Send]], None],
        clock: Clock,
    ) -> None:
        self._account = account
        self._journal = journal
        self._accepted = accepted
        self._clock = clock
        self._counts = metrics.of_account(account)

    async def note_try(self, upload: Report) -> None:
        """One more try that counts."""
        unit = WriteBatch(account=self._account, refused=[upload.id])
        await self.insist(lambda: self._journal.write(unit))

    async def settle(
        self,
        upload: Report,
        end: Settled,
        *,
        sends: Iterable[NewSend] = (),
        refused: Sequence[int] = (),
    ) -> None:
        """Write its end, the replies to it, and perhaps its last try."""
        if end.fate is DeliveryStatus.FAILED:
            told = (webhook_id_of(upload), upload.kind, self._account, end.error)
            log.error("%s: %s of %s given up: %s", *told)
        unit = WriteBatch(account=self._account, sends=list(sends), refused=refused, settled=[end])
        written = await self.insist(lambda: self._journal.write(unit))
        if written.sends:
            self._accepted(written.sends)
        self._counts.settled(end.fate.name.lower())
        if end.fate is DeliveryStatus.DELIVERED and upload.kind == "receive_message":
            self._count_latency(upload)

    def _count_latency(self, upload: Report) -> None:
        sent_at = _read_sent(upload.body).time
        if sent_at.isdecimal() and (seconds := int(sent_at[:18])):  # some entries have none
            self._counts.latency.observe(max(0.0, self._clock() - seconds))

    async def insist(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """Do something with the journal, however long that takes."""
        return await self._journal.insist(
            work,
            lambda error: log.error("%s: uploads wait for the journal: %s", self._account, error),
        )

"""What is written to the journal with a batch."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

from msgspec.structs import replace

from openwx.accounts.qrcode import LoginQRCode
from openwx.accounts.recorder import EventRecorder
from openwx.config import ReportSettings
from openwx.store.base import Journal
from openwx.store.records import WriteBatch, WriteResult
from openwx.transports.web.client import Batch
from openwx.transports.web.session import Session, SyncKey

from ..transports.web.serving import SESSION


class StateLog:
    """A journal that lists the states that are written to it."""

    def __init__(self) -> None:
        self.states: list[dict[str, Any]] = []

    async def write(self, unit: WriteBatch) -> WriteResult:
        self.states.append(dict(unit.state))
        return WriteResult([None] * len(unit.reports), [], [], [])

    async def until_done(
        self, work: Callable[[], Awaitable[WriteResult]], _: object
    ) -> WriteResult:
        return await work()


async def test_uids_are_saved_with_the_first_session_and_when_they_change(tmp_path: Path) -> None:
    journal = StateLog()
    qrcode = LoginQRCode("default", tmp_path, colour=False)
    recorder = EventRecorder("default", ReportSettings(), cast("Journal", journal), qrcode)
    first = replace(SESSION, uids={"@1": 5})
    second = replace(first, sync_key=SyncKey(((1, 2),)))
    third = replace(second, uids=second.uids | {"@2": 6})
    anew = replace(third, sid="another login", uids={})
    for session in (first, second, third, anew):
        await recorder.record(Batch(session=session), session)
    assert ["uids" in state for state in journal.states] == [True, False, True, True]
    kept: dict[str, Any] = {}
    for session, state in zip((first, second, third, anew), journal.states, strict=True):
        kept |= state
        assert Session.from_bytes(kept["session"], kept["uids"]) == session

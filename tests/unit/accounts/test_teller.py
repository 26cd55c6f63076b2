"""What the journal is told with a batch."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

from msgspec.structs import replace

from openwx.accounts.recorder import EventRecorder
from openwx.accounts.resources import Resources
from openwx.config import ReportSettings
from openwx.store.sqlite.journal import WriteBatch, WriteResult
from openwx.timing import Timing
from openwx.transports.web.client import Batch
from openwx.transports.web.session import Session, SyncKey

from ..transports.web.serving import SESSION


class Noting:
    """A journal that notes what it is told to remember."""

    def __init__(self) -> None:
        self.states: list[dict[str, Any]] = []

    async def write(self, unit: WriteBatch) -> WriteResult:
        self.states.append(dict(unit.state))
        return WriteResult([None] * len(unit.uploads), [], [], [])

    async def insist(self, work: Callable[[], Awaitable[WriteResult]], _: object) -> WriteResult:
        return await work()


async def test_uids_are_saved_with_the_first_session_and_when_they_change() -> None:
    journal = Noting()
    shared = cast("Resources", SimpleNamespace(journal=journal, pace=Timing()))
    teller = EventRecorder("default", ReportSettings(), shared, lambda _: None)
    first = replace(SESSION, uids={"@1": 5})
    second = replace(first, sync_key=SyncKey(((1, 2),)))
    third = replace(second, uids=second.uids | {"@2": 6})
    anew = replace(third, sid="another login", uids={})
    for session in (first, second, third, anew):
        await teller.tell(Batch(session=session), session)
    assert ["uids" in state for state in journal.states] == [True, False, True, True]
    kept: dict[str, Any] = {}
    for session, state in zip((first, second, third, anew), journal.states, strict=True):
        kept |= state
        assert Session.from_bytes(kept["session"], kept["uids"]) == session

"""What the client saves with its batches."""

from typing import Any

from msgspec.structs import replace

from openwx.transports.base import Batch
from openwx.transports.web.client import WebClient
from openwx.transports.web.http import Http
from openwx.transports.web.session import Session, SyncKey

from .serving import SESSION


class Batches:
    """An inbox that lists the states that are saved."""

    def __init__(self) -> None:
        self.states: list[dict[str, Any]] = []

    async def deliver(self, batch: Batch) -> None:
        self.states.append(dict(batch.state))


async def test_uids_are_saved_with_the_first_session_and_when_they_change(http: Http) -> None:
    client, batches = WebClient(http), Batches()
    client._inbox = batches
    first = replace(SESSION, uids={"@1": 5})
    second = replace(first, sync_key=SyncKey(((1, 2),)))
    third = replace(second, uids=second.uids | {"@2": 6})
    anew = replace(third, sid="another login", uids={})
    for session in (first, second, third, anew):
        await client._deliver(session=session)
    assert ["uids" in state for state in batches.states] == [True, False, True, True]
    saved: dict[str, Any] = {}
    for session, state in zip((first, second, third, anew), batches.states, strict=True):
        saved |= state
        assert Session.from_bytes(saved["session"], saved["uids"]) == session

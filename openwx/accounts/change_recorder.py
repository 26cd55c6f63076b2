"""Delivers what calls changed (a group, a remark name), without blocking their callers on a journal in trouble.

``ContactActions`` records each change here, as if WeChat had announced it.
"""

import asyncio
import logging

from openwx import metrics
from openwx.accounts import journal_guard
from openwx.accounts.recorder import EventRecorder
from openwx.domain.events import Event
from openwx.store.base import Journal
from openwx.transports.base import Batch, Inbox

log = logging.getLogger("openwx.account")


class ChangeRecorder:
    """Changes of one account that are still to be recorded. The ``ChangeSink`` of its transport."""

    def __init__(
        self, account: str, journal: Journal, recorder: EventRecorder, inbox: Inbox
    ) -> None:
        self._account = account
        self._journal = journal
        self._recorder = recorder
        self._inbox = inbox
        self._pending: dict[asyncio.Task[None], list[Event]] = {}

    def require_writable(self) -> None:
        """Raise ``CallerError`` while the journal cannot be written: then no change may begin."""
        journal_guard.require(self._journal, "nothing was done")

    async def record(self, events: list[Event]) -> None:
        """Deliver the events of a change. Return when they are recorded, or when the journal cannot be written."""
        if not events:
            return
        name = f"{self._account}: a change"
        recording = asyncio.create_task(self._inbox.deliver(Batch(events=events)), name=name)
        trouble = asyncio.create_task(
            self._journal.until_failing(), name=f"{self._account}: trouble"
        )
        self._pending[recording] = events
        recording.add_done_callback(self._pending.pop)
        try:
            await asyncio.wait({recording, trouble}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            trouble.cancel()
        if recording.done():
            recording.result()

    async def close(self) -> None:
        """Give up what is not recorded by now: the account has ended, and the journal cannot be written."""
        pending = dict(self._pending)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        lost = [
            event
            for task, events in pending.items()
            if task.cancelled()
            for event in events
            if self._recorder.is_reported(event)
        ]
        if lost:
            words = "%s: %d events of changes are lost: the journal does not take them"
            metrics.dropped(log, "change", words, self._account, len(lost), count=len(lost))

"""The connections of one account to the operator's backends: reports to its targets, and calls of ``poll_api``.

Built and run by ``Account``.
"""

import asyncio
import logging
from typing import NamedTuple

import aiohttp

from openwx.accounts import private_targets
from openwx.accounts.media.files import AccountFiles
from openwx.accounts.resources import Resources
from openwx.accounts.sender import Sender
from openwx.accounts.status import AccountStatus
from openwx.config import ReportSettings
from openwx.lease import Gate
from openwx.reporter import retry_schedule
from openwx.reporter.answer import BackendAnswer
from openwx.reporter.poller import poll
from openwx.reporter.reporter import Replies
from openwx.reporter.reporters import Reporters
from openwx.store.records import NewSend, Report, Send

log = logging.getLogger("openwx.account")


class _StoredReplies(NamedTuple):
    """Stores replies for the next start, and sends none."""

    sender: Sender

    async def sends_for(self, report: Report, answer: BackendAnswer) -> list[NewSend]:
        return await self.sender.sends_for(report, answer)

    def accept(self, sends: list[Send]) -> None:
        """Leave them in the journal."""


class Backend:
    """``guarded`` are the ``private_targets.KEYS`` that came from a caller: they may not lead to private addresses."""

    def __init__(
        self,
        account: str,
        settings: ReportSettings,
        resources: Resources,
        guarded: frozenset[str],
        sender: Sender,
        status: AccountStatus,
        gate: Gate,
        files: AccountFiles,
    ) -> None:
        self._files = files
        self._account = account
        self._settings = settings
        self._resources = resources
        self._guarded = guarded
        self._sender = sender
        self._status = status
        self._gate = gate
        self._gated: dict[aiohttp.ClientSession, aiohttp.ClientSession] = {}
        """Sessions of this account, by those whose connections they use."""
        self.targets = settings.all_targets()
        """The backends that reports go to, the first one first."""
        self.reporters = self._new_reporters(sender)

    async def poll(self) -> None:
        """Call ``poll_api`` again and again while the account is running."""
        await poll(
            self._settings,
            self._http_for("poll_api"),
            running=self._status.until_usable,
            url_client=self._url_client,
        )

    async def report_after_a_bug(self) -> None:
        """Deliver what is left, ``stop`` above all; replies wait in the journal for the next start."""
        reporters = self._new_reporters(_StoredReplies(self._sender))
        try:
            async with asyncio.TaskGroup() as tasks:
                run = tasks.create_task(reporters.run(), name=f"{self._account}: last reports")
                await reporters.drained(self._resources.pace.finish_s)
                run.cancel()
        except Exception:
            log.exception("%s: the last reports wait for the next start", self._account)

    def _new_reporters(self, replies: Replies) -> Reporters:
        return Reporters(
            self._account,
            self._settings,
            self._resources.journal,
            self._http_for("post_api"),
            http_of_targets=self._http_for("targets"),
            replies=replies,
            url_client=self._url_client,
            pauses=retry_schedule.of(self._resources.pace),
            clock=self._resources.clock,
            files=self._files,
            gate=self._gate,
        )

    def _http_for(self, key: str) -> aiohttp.ClientSession:
        guard = self._resources.address_guard
        is_guarded = guard is not None and key in self._guarded
        shared = guard.http if guard and is_guarded else self._resources.http
        if self._resources.journal.ownership is None:
            return shared
        assert shared.connector is not None, "it is open as long as there are accounts"
        if shared not in self._gated:
            self._gated[shared] = private_targets.session(shared.connector, self._gate)
        return self._gated[shared]

    async def close(self) -> None:
        """Call nobody any more."""
        for one in self._gated.values():
            await one.close()

    def _url_client(self) -> str | None:
        """Return the parameter ``client`` of URLs; None with a single account."""
        return self._account if self._resources.several else None

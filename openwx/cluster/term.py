"""Runs one account of this node, from its claim to its release.
``node`` runs one for each account that it owns.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any

import msgspec

from openwx.accounts import registry
from openwx.accounts.account import Account
from openwx.accounts.manager import AccountManager
from openwx.cluster.rows import Rows
from openwx.config.models import AccountSettings
from openwx.domain.events import State
from openwx.errors import LeaseLost
from openwx.lease import Gate
from openwx.logcontext import bind
from openwx.store.base import InDoubt, Journal, JournalError, Ownership
from openwx.store.records import WriteBatch
from openwx.transports import by_kind

log = logging.getLogger("openwx.cluster")

STARTING_AT_A_TIME = 4
STARTING_S = 5.0
"""How long an account counts as starting at most, in seconds: one whose proxy is dead must not hold up the others."""
JITTER_S = 0.2
"""A start waits up to so many seconds, so that nodes do not call WeChat at the same moment."""
BASE_URL = "account.base_url"
"""The name under which the state of an account has the ``base_url`` with which it ran last. No transport uses it."""


class Shared(msgspec.Struct, frozen=True):
    """What all terms of a node use."""

    manager: AccountManager
    ownership: Ownership
    journal: Journal
    rows: Rows
    starts: asyncio.Semaphore
    """One for each account that may be starting at a time."""


class Goal(Enum):
    """Why a term ends."""

    HAND_OVER = 1
    STOP = 2


class TermRunner:
    """Runs one account of this node for one term, from its claim to its release."""

    def __init__(self, name: str, shared: Shared) -> None:
        self._name = name
        self._shared = shared
        self._gate: Gate = shared.ownership.gate(name)
        self._account: Account | None = None
        self._settings: AccountSettings | None = None
        """Those with which it was started."""
        self._goal: Goal | None = None
        self._next_node = ""
        self._start = ""
        """The ``start_client`` that it was started for."""
        self._is_wanted_again = False
        self._has_told_stop = False
        """Whether the account has recorded that it has stopped."""
        self._told = asyncio.Event()
        """Set when ``run`` has to look what to do."""

    # -- what the node decides -------------------------------------------------------------------------------

    def hand_over(self, to: str) -> None:
        """End the account here, and have another node take it: ``to``, or any."""
        self._next_node = to
        if self._goal is not Goal.HAND_OVER:
            self._goal = Goal.HAND_OVER
            if self._account is not None:
                self._account.hand_over()
        self._told.set()

    def stop(self, delay_s: float = 0.0) -> None:
        """Stop the account, which is not wanted any more."""
        if self._goal is None:
            self._goal = Goal.STOP
            if self._account is not None:
                self._shared.manager.stop_soon(self._account, delay_s)
            self._told.set()

    def note(self) -> None:
        """Look at the account's row: after another ``start_client``, one that stops or has stopped is started anew.

        So is one whose settings are others by now: between two looks it was stopped, and started with these.
        """
        saved = self._shared.rows.saved.of(self._name)
        if not saved.wanted or saved.settings.start == self._start:
            return
        self._start = saved.settings.start
        account = self._account
        if account is None:
            return
        is_other = self._settings != self._shared.rows.settings_of(self._name)
        if is_other or account.stop_requested or account.state is State.STOP:
            self._is_wanted_again = True
            account.stop()
            self._told.set()

    # -- life ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run the account until it is handed over, stopped or lost, and release it."""
        with bind(account=self._name):
            if self._name in self._shared.rows.untold_stops:
                self._goal = Goal.STOP
            try:
                while self._goal is None and not self._gate.is_closed:
                    await self._run_once()
                if self._goal is Goal.STOP and not self._gate.is_closed:
                    await self._tell_stop()
            except (LeaseLost, InDoubt) as error:
                log.warning("%s: does not start here: %s", self._name, error)
            if not self._gate.is_closed:
                await self._release()

    async def _run_once(self) -> None:
        """Run the account from one start to its end, and wait for a reason to go on."""
        self._told.clear()
        self._is_wanted_again = False
        self._start = self._shared.rows.saved.of(self._name).settings.start
        try:
            async with self._turn_to_start() as may_start:
                if not may_start:
                    return
                account = await self._launch()
                if account is None:
                    return
                await account.until_settled(STARTING_S)
            await account.ended.wait()
            if self._goal is None:  # it ended by itself, and stays so until somebody starts it
                await self._first_of(self._told.wait())
            if self._goal is Goal.STOP and self._is_wanted_again:
                self._goal = None
        finally:
            await self._end()

    async def _end(self) -> None:
        """Forget the account, which has ended, or ends now because of a bug here."""
        account = self._account
        if account is not None:
            if not account.ended.is_set():
                account.hand_over()
                await account.ended.wait()
            self._has_told_stop = account.has_told_stop
            await self._shared.manager.drop(account)
            self._account = None

    async def _tell_stop(self) -> None:
        """Record the stop that a ``stop_client`` asked for, unless the account has done so, and note that it is told.

        What cannot be noted now is told by the next node that sees it.
        """
        shared, name = self._shared, self._name
        settings = shared.rows.settings_of(name)
        if name not in shared.rows.untold_stops or settings is None:
            return
        if not self._has_told_stop:
            self._account = shared.manager.adopt(name, settings, self._gate)
            self._account.stop()  # before it begins: it calls nobody
            await self._account.ended.wait()
            await self._end()
        if not self._has_told_stop or self._goal is Goal.HAND_OVER:
            return
        self._told.clear()
        try:
            await self._unless_told(
                registry.change(
                    shared.journal, shared.ownership, name, lambda saved: saved.with_told_stop(name)
                )
            )
        except JournalError as error:
            log.warning("%s: it could not be noted that its stop was told: %s", name, error)

    @asynccontextmanager
    async def _turn_to_start(self) -> AsyncIterator[bool]:
        """Wait until it is this account's turn to start. False: it is not to start any more."""
        starts = self._shared.starts
        turn = asyncio.ensure_future(starts.acquire())
        try:
            await self._first_of(self._told.wait(), turn)
            if turn.done():
                await self._first_of(self._told.wait(), asyncio.sleep(random.uniform(0, JITTER_S)))
            yield turn.done() and self._goal is None and not self._gate.is_closed
        finally:
            if turn.done() and not turn.cancelled():
                starts.release()
            turn.cancel()

    async def _first_of(self, *waits: Coroutine[Any, Any, object] | asyncio.Future[Any]) -> None:
        """Return when one of these is over, or the account is lost."""
        tasks = [asyncio.ensure_future(one) for one in (*waits, self._gate.until_closed())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in tasks:
                one.cancel()

    async def _unless_told(self, doing: Coroutine[Any, Any, object]) -> bool:
        """Return whether this is done: it is cancelled where the account is handed over or lost meanwhile."""
        task = asyncio.ensure_future(doing)
        await self._first_of(self._told.wait(), task)
        await asyncio.wait({task})
        if task.cancelled():
            return False
        task.result()
        return True

    async def _launch(self) -> Account | None:
        """Start the account with what its row says now. None: it is not to start."""
        shared, name = self._shared, self._name
        settings = None
        while settings is None or settings != shared.rows.settings_of(name):
            # Again where it was stopped, and started with others, meanwhile.
            settings = shared.rows.settings_of(name)
            if settings is None:
                log.error("%s: cannot run on this node: its settings are not known here", name)
                self._goal = Goal.HAND_OVER
                return None
            if not await self._unless_told(self._prepare(settings)) or self._goal is not None:
                return None
        self._settings = settings
        self._account = shared.manager.adopt(name, settings, self._gate)
        return self._account

    async def _prepare(self, settings: AccountSettings) -> None:
        """Save with what the account runs, however long that takes."""
        journal = self._shared.journal
        await journal.until_done(self._note_settings, self._log_wait)
        await journal.until_done(lambda: self._note_base_url(settings), self._log_wait)

    async def _note_settings(self) -> None:
        """Save what the configuration here says of the account, where that is not saved."""
        rows, name = self._shared.rows, self._name
        digest = rows.digest_of(name)
        if rows.saved.of(name).settings.digest != digest:
            shared = self._shared
            await registry.change(
                shared.journal,
                shared.ownership,
                name,
                lambda saved: saved.with_digest(name, digest),
            )

    async def _note_base_url(self, settings: AccountSettings) -> None:
        """Delete a session that was made elsewhere than at the ``base_url`` that a caller gave: it would go there."""
        journal, name = self._shared.journal, self._name
        state = await journal.state(name)
        former, now = state.get(BASE_URL), (settings.base_url or "").encode()
        if former == now or (former is None and not now):
            return
        is_given = name not in self._shared.manager.settings.accounts
        sessions = by_kind.sessions_in(state) if is_given and now else []
        changes = dict.fromkeys(sessions) | {BASE_URL: now}
        await journal.write(WriteBatch(account=name, state=changes))
        if sessions:
            words = "%s: another base_url needs a new login: the saved session is deleted"
            log.warning(words, name)

    def _log_wait(self, error: JournalError) -> None:
        log.warning("%s: starts when the journal can be written: %s", self._name, error)

    async def _release(self) -> None:
        try:
            await self._shared.ownership.release(self._name, to=self._next_node)
        except JournalError as error:
            log.warning("%s: released later, PostgreSQL was not told: %s", self._name, error)
        except LeaseLost:
            pass

"""All accounts of a process: those of the configuration, and those that were started through the API.
The API and the console use it.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextvars import Context
from typing import TypeVar

from openwx import metrics
from openwx.accounts import journal_guard, registry, start_call
from openwx.accounts.account import Account
from openwx.accounts.private_targets import addresses_of, given_by_caller
from openwx.accounts.registry import AccountRegistry, TransportKind
from openwx.accounts.resources import Resources
from openwx.accounts.start_call import StartCall
from openwx.accounts.streams import Slots
from openwx.config import Settings
from openwx.config.models import AccountSettings
from openwx.domain.events import State
from openwx.errors import CallerError, Code
from openwx.lease import Gate
from openwx.logcontext import bind
from openwx.store.base import JournalError
from openwx.store.records import WriteBatch
from openwx.transports import by_kind

log = logging.getLogger("openwx.gateway")


T = TypeVar("T")


def chosen(accounts: Mapping[str, T], name: str | None) -> T:
    """Find the account of that name among these, or the only one. Raises ``CallerError`` (-2)."""
    if name is not None and name in accounts:
        return accounts[name]
    if name is None and len(accounts) == 1:
        return next(iter(accounts.values()))
    if not accounts:
        raise CallerError(Code.BAD_PARAMETER, "client: none of the accounts of this key exists now")
    names = ", ".join(accounts)
    if name is None:
        words = f"client is missing: there are several accounts: {names}"
        raise CallerError(Code.BAD_PARAMETER, words)
    raise CallerError(Code.BAD_PARAMETER, f"client must be one of: {names}")


class AccountManager:
    """Runs the accounts side by side; one that fails does not disturb another.

    A process with one account ends when that has stopped. One with several continues, since they can be started again.
    """

    def __init__(self, settings: Settings, resources: Resources) -> None:
        self.settings = settings
        self.folder = resources.folder
        """The folder for media that callers send with a call."""
        self.started = time.time()
        self.accounts: dict[str, Account] = {}
        self.streams = Slots()
        """The slots for streams; each stream takes one."""
        self.port = 0
        """The first port that the server listens on, once it is known."""
        self._resources = resources
        self._registry = AccountRegistry()
        self._settings_of = dict(settings.accounts)
        self._tasks: asyncio.TaskGroup | None = None
        self._running: set[str] = set()
        self._stops: dict[str, asyncio.TimerHandle] = {}
        """Timers of accounts that stop soon."""
        self._changing = asyncio.Lock()
        """Held while the registry and the accounts change: never for long."""
        self._starts = 0
        """Calls of ``start`` that are under way; during one, the end of the only account is not that of the process."""
        self._ending = asyncio.Event()
        self._is_shared = resources.journal.ownership is not None
        if not self._is_shared:
            for name in settings.accounts:
                self._make(name)

    async def restore(self) -> None:
        """Load the accounts that the API started before the last stop, and the transports that were chosen.

        Where others share the journal, there are none yet: each comes with ``adopt``. Raises ``JournalError``.
        """
        if self._is_shared:
            return
        self._registry = await registry.load(self._resources.journal)
        for name, settings in self._registry.configured(self.settings.accounts).items():
            if settings.transport != self._settings_of[name].transport:
                self._settings_of[name] = settings
                await self.accounts[name].close()
                self._make(name)
        for name, settings in self._registry.accounts(self.settings.accounts):
            self._settings_of[name] = settings
            self._make(name)

    async def accounts_in_journal(self) -> list[str]:
        """Return the accounts that the journal has rows of: also those that were removed from the configuration.

        Those of this process have one when this returns. Raise ``JournalError``, ``InDoubt``, ``LeaseLost``.
        """
        journal = self._resources.journal
        if self._is_shared:
            return [record.account for record in await journal.accounts()]
        async with self._changing:
            return await registry.save_missing(journal, self._registry, self.accounts)

    async def journal_bytes(self) -> int:
        """Return the size of the journal. Raise ``JournalError`` if it is not known."""
        return await self._resources.journal.size()

    @property
    def journal_trouble(self) -> str:
        """Why the journal cannot be written; empty where it can."""
        return self._resources.journal.trouble

    def account(self, name: str | None) -> Account:
        """Find the account of that name, or the only one. Raises ``CallerError`` (-2)."""
        return chosen(self.accounts, name)

    @property
    def has_one_account(self) -> bool:
        """Whether there is one account in all, whose end is that of the process."""
        return not self._is_shared and len(self.accounts) == 1

    def should_run(self, account: Account) -> bool:
        """Whether an account should run: every one but those of several that ``stop_client`` stopped."""
        return self.has_one_account or self._registry.of(account.name).wanted

    # -- starting and stopping -------------------------------------------------------------------------------

    async def start(self, name: str, texts: Mapping[str, str]) -> bool:
        """Start an account, or one that has stopped or is about to, again; False where it runs already.

        Raises ``CallerError``: -2, -4 while the server stops, -5 where that cannot be saved, -7 where there are too
        many, -8 where it gives an address that callers may not name.
        """
        call = start_call.read(name, texts, self.settings.report)
        await self.require_allowed(call)
        self._starts += 1
        try:
            while True:
                await self.finish_stop(name)
                async with self._changing:
                    if not self._is_ending(name):
                        return await self._start(call)
        finally:
            self._starts -= 1

    def _is_ending(self, name: str) -> bool:
        """Whether the account has stopped or will soon, but its task has not ended."""
        if name not in self._running:
            return False
        return name in self._stops or self.accounts[name].state is State.STOP

    async def finish_stop(self, name: str) -> None:
        """Have an account stop now that will soon, and wait for its end."""
        if self._is_ending(name):
            account = self.accounts[name]
            account.stop()
            await account.ended.wait()

    async def _start(self, call: StartCall) -> bool:
        name = call.name
        call.require_no_other_case(self.accounts)
        former = self.accounts.get(name)
        if former is not None and former.state is not State.STOP:
            return False
        alive = [one for one in self.accounts.values() if one.state is not State.STOP]
        if len(alive) >= self.settings.max_clients:
            words = f"max_clients is {self.settings.max_clients}, and so many accounts run: stop one first"
            raise CallerError(Code.QUEUE_FULL, words)
        fresh = call.fresh_settings(self.settings.accounts, is_known=former is not None)
        if fresh is not None:
            await self._drop_session_of_another_host(name, fresh.base_url)
        texts_of_fresh = None if fresh is None else call.parameters
        await self._save(self._registry.with_started(name, texts_of_fresh), name)
        if fresh is not None:
            self._settings_of[name] = fresh
        if former is not None:  # an account that never ran is not closed by its own task
            await former.close()
        if self._ending.is_set():
            raise CallerError(Code.NOT_RUNNING, "the server stops")
        self._forget_stop(name)
        self._make(name)
        self._launch(name)
        return True

    def may_change_transport(self, account: Account) -> bool:
        """Whether ``change_transport`` is possible: it has stopped, and the configuration names no transport for it."""
        configured = self.settings.accounts.get(account.name)
        is_named = configured is not None and registry.names_transport(configured)
        return account.state is State.STOP and not is_named

    def require_changeable(self, account: Account) -> None:
        """Raise ``CallerError`` (101) where ``may_change_transport`` says no."""
        if not self.may_change_transport(account):
            words = f"{account.name} has not stopped, or the configuration names its transport"
            raise CallerError(Code.NOT_POSSIBLE, words)

    async def change_transport(self, account: Account, transport: TransportKind) -> None:
        """Start a stopped account over another transport, and so at each later start of the process.

        Raises ``CallerError``: as ``start``, and 101 where ``may_change_transport`` says no.
        """
        name = account.name
        self.require_changeable(account)
        texts: dict[str, str] = {}
        if name in self.settings.accounts:
            async with self._changing:
                await self._save(self._registry.with_transport(name, transport), name)
                self._settings_of[name] = self._registry.configured(self.settings.accounts)[name]
        else:
            texts = {**self._registry.started.get(name, {}), "transport": transport}
        await self.start(name, texts)

    def _guarded(self, name: str, settings: AccountSettings) -> frozenset[str]:
        """Which addresses of an account came from a caller."""
        if name in self.settings.accounts:
            return frozenset()
        return given_by_caller(self.settings, settings)

    async def require_allowed(self, call: StartCall) -> None:
        """Raise ``CallerError`` (-8) where a caller may not give such an address to a new account."""
        former = self.accounts.get(call.name)
        if self._resources.address_guard is None or (former and former.state is not State.STOP):
            return
        keys = self._guarded(call.name, call.settings)
        await self._resources.address_guard.check(addresses_of(call.settings, keys))

    async def stop_account(self, account: Account, delay_s: float) -> None:
        """Stop an account after the answer was sent; one of several stays stopped until ``start``.

        Raises ``CallerError`` (-5) where that cannot be saved.
        """
        async with self._changing:
            if len(self.accounts) > 1 and self._registry.of(account.name).wanted:
                await self._save(self._registry.with_stopped(account.name), account.name)
            self.stop_soon(account, delay_s)

    def stop_soon(self, account: Account, delay_s: float) -> None:
        """Stop an account after a delay, unless it has ended, or stops soon anyway. This saves nothing."""
        if account.name not in self._stops and not account.ended.is_set():
            loop = asyncio.get_running_loop()
            self._stops[account.name] = loop.call_later(delay_s, account.stop)

    def _forget_stop(self, name: str) -> None:
        if timer := self._stops.pop(name, None):
            timer.cancel()

    async def _save(self, changed: AccountRegistry, name: str) -> None:
        """Save a registry, which differs in one account."""
        try:
            await registry.save(self._resources.journal, changed, name)
        except JournalError as error:
            raise journal_guard.not_kept(error, "cannot be kept safe, so not done") from error
        self._registry = changed

    async def _drop_session_of_another_host(self, name: str, base_url: str | None) -> None:
        """Delete a saved session that was not made at the ``base_url`` that a caller gives: it would be sent there."""
        former = self._settings_of.get(name)
        if not base_url or (former is not None and former.base_url == base_url):
            return
        journal = self._resources.journal
        try:
            dropped = by_kind.sessions_in(await journal.state(name))
            if dropped:
                await journal.write(WriteBatch(account=name, state=dict.fromkeys(dropped)))
        except JournalError as error:
            raise journal_guard.not_kept(error, "not done") from error
        if dropped:
            log.warning(
                "%s: another base_url needs a new login: the saved session is deleted", name
            )

    @property
    def stopping(self) -> bool:
        """Whether the whole server is about to stop."""
        return self._ending.is_set()

    # -- life ------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """End all accounts, and ``run``."""
        self._ending.set()
        for account in self.accounts.values():
            if self._is_shared:
                account.hand_over()
            else:
                account.stop()

    # -- where others share the journal ----------------------------------------------------------------------

    def note(self, saved: AccountRegistry) -> None:
        """Note what is saved of the accounts: other processes change it, too."""
        self._registry = saved

    def adopt(self, name: str, settings: AccountSettings, gate: Gate) -> Account:
        """Run an account that this process owns now."""
        self._settings_of[name] = settings
        self._make(name, gate)
        self._launch(name)
        return self.accounts[name]

    async def drop(self, account: Account) -> None:
        """Forget an account that has ended: another process may run it."""
        if self.accounts.get(account.name) is account:
            del self.accounts[account.name]
        await account.close()

    async def run(self) -> None:
        """Run until ``stop``, or until the only account has stopped, whose bugs come out.

        Where others share the journal, the end of an account ends nothing else.
        """
        try:
            async with asyncio.TaskGroup() as self._tasks:
                for name in self.accounts:
                    if not self._registry.of(name).wanted and len(self.accounts) > 1:
                        log.info(
                            "%s: stays stopped, as stop_client asked; start_client starts it", name
                        )
                        self.accounts[name].stay_stopped()
                        metrics.ended(name)
                    else:
                        self._launch(name)
                await self._ending.wait()
        finally:
            for name in list(self._stops):
                self._forget_stop(name)
            for account in self.accounts.values():
                await account.close()

    def _make(self, name: str, gate: Gate | None = None) -> None:
        settings = self._settings_of[name]
        report = settings.report_over(self.settings.report)
        guarded = self._guarded(name, settings)
        self.accounts[name] = Account(name, settings, report, self._resources, guarded, gate)
        self._resources.several = self._is_shared or len(self.accounts) > 1

    def _launch(self, name: str) -> None:
        """Start the task of an account, unless ``run`` has not begun: it starts those that exist by then."""
        if self._tasks is not None:
            self._running.add(name)
            # A context of its own: the account outlives the call that starts it.
            run = self._run(self.accounts[name])
            self._tasks.create_task(run, name=f"account {name}", context=Context())

    async def _run(self, account: Account) -> None:
        try:
            with bind(account=account.name):
                await account.run()
        except Exception:
            if self.has_one_account:
                raise
            with bind(account=account.name):
                words = "%s: stopped by a bug in openwx; the other accounts go on"
                log.exception(words, account.name)
        finally:
            self._running.discard(account.name)
            self._forget_stop(account.name)
            metrics.ended(account.name)
            account.ended.set()
            if self.has_one_account and not self._starts:
                self._ending.set()

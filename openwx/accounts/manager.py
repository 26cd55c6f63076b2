"""All accounts of a process: those of the configuration, and those that were started through the API."""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextvars import Context
from typing import Literal, TypeVar

from openwx import metrics
from openwx.accounts import journal_guard, registry
from openwx.accounts.account import Account
from openwx.accounts.private_targets import addresses_of, given_by_caller
from openwx.accounts.registry import AccountRegistry
from openwx.accounts.resources import Resources
from openwx.accounts.streams import Slots
from openwx.config import Settings
from openwx.config.given import account_from_texts, check_account_name, on_the_bench, plain
from openwx.config.models import AccountSettings
from openwx.config.values import BadValueError
from openwx.domain.events import State
from openwx.errors import CallerError, Code, ConfigError
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
        for name in settings.accounts:
            self._make(name)

    async def restore(self) -> None:
        """Load the accounts that the API started before the last stop, and the transports that were chosen.

        Raises ``JournalError``.
        """
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
        async with self._changing:
            journal = self._resources.journal
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

    def should_run(self, account: Account) -> bool:
        """Whether an account should run: every one but those of several that ``stop_client`` stopped."""
        return len(self.accounts) == 1 or account.name not in self._registry.stopped

    # -- starting and stopping -------------------------------------------------------------------------------

    async def start(self, name: str, texts: Mapping[str, str]) -> bool:
        """Start an account, or one that has stopped or is about to, again; False where it runs already.

        Raises ``CallerError``: -2, -4 while the server stops, -5 where that cannot be saved, -7 where there are too
        many, -8 where it gives an address that callers may not name.
        """
        try:
            check_account_name(name)
            settings, strange = account_from_texts(texts)
            settings.report_over(self.settings.report).require_recorded_events()
        except (ConfigError, BadValueError) as error:
            raise CallerError(Code.BAD_PARAMETER, str(error)) from None
        await self._check_addresses(name, settings)
        self._starts += 1
        try:
            while True:
                await self._wait_for_end(name)
                async with self._changing:
                    if not self._is_ending(name):
                        return await self._start(name, texts, settings, strange)
        finally:
            self._starts -= 1

    def _is_ending(self, name: str) -> bool:
        """Whether the account has stopped or will soon, but its task has not ended."""
        if name not in self._running:
            return False
        return name in self._stops or self.accounts[name].state is State.STOP

    async def _wait_for_end(self, name: str) -> None:
        if self._is_ending(name):
            account = self.accounts[name]
            account.stop()
            await account.ended.wait()

    async def _start(
        self, name: str, texts: Mapping[str, str], settings: AccountSettings, strange: list[str]
    ) -> bool:
        other = next((one for one in self.accounts if one.lower() == name.lower()), name)
        if other != name:
            words = f"client must differ from {other} in more than case"
            raise CallerError(Code.BAD_PARAMETER, words)
        former = self.accounts.get(name)
        if former is not None and former.state is not State.STOP:
            return False
        alive = [one for one in self.accounts.values() if one.state is not State.STOP]
        if len(alive) >= self.settings.max_clients:
            words = f"max_clients is {self.settings.max_clients}, and so many accounts run: stop one first"
            raise CallerError(Code.QUEUE_FULL, words)
        if strange:
            shown = ", ".join(ascii(one[:40]) for one in strange[:20])
            log.warning("%s: start_client's parameters mean nothing here: %s", name, shown)
        parameters = {
            key: text for key, text in plain(texts).items() if key in settings.model_fields_set
        }
        configured = name in self.settings.accounts
        if configured and parameters:
            log.warning("%s: start_client's settings are ignored: the configuration wins", name)
        fresh = not configured and (bool(parameters) or former is None)
        if fresh:
            settings = self._on_the_bench(settings)
            await self._drop_session_of_another_host(name, settings.base_url)
        texts_of_fresh = parameters if fresh else None
        await self._save(self._registry.with_started(name, texts_of_fresh), name)
        if fresh:
            self._settings_of[name] = settings
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

    async def change_transport(self, account: Account, transport: Literal["web", "ilink"]) -> None:
        """Start a stopped account over another transport, and so at each later start of the process.

        Raises ``CallerError``: as ``start``, and 101 where ``may_change_transport`` says no.
        """
        name = account.name
        if not self.may_change_transport(account):
            words = f"{name} has not stopped, or the configuration names its transport"
            raise CallerError(Code.NOT_POSSIBLE, words)
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

    async def _check_addresses(self, name: str, settings: AccountSettings) -> None:
        """Raise ``CallerError`` (-8) where a caller may not give such an address to a new account."""
        former = self.accounts.get(name)
        if self._resources.address_guard is None or (former and former.state is not State.STOP):
            return
        keys = self._guarded(name, settings)
        await self._resources.address_guard.check(addresses_of(settings, keys))

    def _on_the_bench(self, settings: AccountSettings) -> AccountSettings:
        try:
            return on_the_bench(settings, self.settings.accounts)
        except ConfigError as error:
            raise CallerError(Code.BAD_PARAMETER, str(error)) from None

    async def stop_account(self, account: Account, delay_s: float) -> None:
        """Stop an account after the answer was sent; one of several stays stopped until ``start``.

        Raises ``CallerError`` (-5) where that cannot be saved.
        """
        async with self._changing:
            if len(self.accounts) > 1 and account.name not in self._registry.stopped:
                await self._save(self._registry.with_stopped(account.name), account.name)
            if account.name not in self._stops:
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
        self._ending.set()
        for account in self.accounts.values():
            account.stop()

    async def run(self) -> None:
        """Run until ``stop``, or until the only account has stopped, whose bugs come out."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                for name in self.accounts:
                    if name in self._registry.stopped and len(self.accounts) > 1:
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

    def _make(self, name: str) -> None:
        settings = self._settings_of[name]
        report = settings.report_over(self.settings.report)
        guarded = self._guarded(name, settings)
        self.accounts[name] = Account(name, settings, report, self._resources, guarded)
        self._resources.several = len(self.accounts) > 1

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
            if len(self.accounts) == 1:
                raise
            with bind(account=account.name):
                words = "%s: stopped by a bug in openwx; the other accounts go on"
                log.exception(words, account.name)
        finally:
            self._running.discard(account.name)
            self._forget_stop(account.name)
            metrics.ended(account.name)
            account.ended.set()
            if len(self.accounts) == 1 and not self._starts:
                self._ending.set()

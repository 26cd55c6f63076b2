"""All accounts of a process: those of the configuration, and those that were started through the API."""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextvars import Context

from openwx import metrics
from openwx.accounts import journal_guard, registry
from openwx.accounts.account import Account
from openwx.accounts.private_targets import given_by_caller
from openwx.accounts.registry import AccountRegistry
from openwx.accounts.resources import Resources
from openwx.accounts.streams import Slots
from openwx.config import Settings
from openwx.config.given import account_from_texts, check_account_name, on_the_bench, plain
from openwx.config.models import AccountSettings
from openwx.domain.events import State
from openwx.errors import CallerError, Code, ConfigError
from openwx.logcontext import bind
from openwx.store.base import JournalError

log = logging.getLogger("openwx.gateway")


class AccountManager:
    """Runs the accounts side by side; one that fails does not disturb another.

    With one account the process ends when that has stopped. With several it goes on, for they can be started again.
    """

    def __init__(self, settings: Settings, shared: Resources) -> None:
        self.settings = settings
        self.folder = shared.folder
        """Where media go that callers send along."""
        self.started = time.time()
        self.accounts: dict[str, Account] = {}
        self.streams = Slots()
        """Whoever follows a stream takes one."""
        self.port = 0
        """The first port that is listened on, once it is known."""
        self._shared = shared
        self._roster = AccountRegistry()
        self._settings_of = dict(settings.accounts)
        self._tasks: asyncio.TaskGroup | None = None
        self._running: set[str] = set()
        self._stops: dict[str, asyncio.TimerHandle] = {}
        """The accounts that stop soon."""
        self._changing = asyncio.Lock()
        """Held while the roster and the accounts change: never for long."""
        self._starts = 0
        """So many calls of ``start`` are under way; an end of the only account is then no end of the process."""
        self._ending = asyncio.Event()
        for name in settings.accounts:
            self._make(name)

    async def restore(self) -> None:
        """Bring back what the API started before the last stop. Raises ``JournalError``."""
        self._roster = await registry.load(self._shared.journal)
        for name, settings in self._roster.accounts(self.settings.accounts):
            self._settings_of[name] = settings
            self._make(name)

    @property
    def journal_bytes(self) -> int:
        """How large the journal is."""
        return self._shared.journal.size()

    @property
    def journal_trouble(self) -> str:
        """Why the journal cannot be written; empty where it can."""
        return self._shared.journal.trouble

    def account(self, name: str | None) -> Account:
        """The account of that name, or the only one. Raises ``CallerError`` (-2)."""
        if name in self.accounts:
            return self.accounts[name]
        if name is None and len(self.accounts) == 1:
            return next(iter(self.accounts.values()))
        names = ", ".join(self.accounts)
        if name is None:
            raise CallerError(
                Code.BAD_PARAMETER, f"client is missing: there are several accounts: {names}"
            )
        raise CallerError(Code.BAD_PARAMETER, f"client must be one of: {names}")

    def wants(self, account: Account) -> bool:
        """Whether an account should run: every one but those of several that ``stop_client`` stopped."""
        return len(self.accounts) == 1 or account.name not in self._roster.stopped

    # -- starting and stopping -------------------------------------------------------------------------------

    async def start(self, name: str, texts: Mapping[str, str]) -> bool:
        """Start an account, or one that has stopped, or is about to, again; False where it runs already.

        Raises ``CallerError``: -2, -4 while the server stops, -5 where it cannot be kept, -7 where there are too many,
        -8 where it gives an address that callers may not name.
        """
        try:
            check_account_name(name)
            settings, strange = account_from_texts(texts)
        except ConfigError as error:
            raise CallerError(Code.BAD_PARAMETER, str(error)) from None
        await self._judge_targets(name, settings)
        self._starts += 1
        try:
            while True:
                await self._let_end(name)
                async with self._changing:
                    if not self._is_ending(name):
                        return await self._start(name, texts, settings, strange)
        finally:
            self._starts -= 1

    def _is_ending(self, name: str) -> bool:
        """Whether it still runs but has stopped, or will soon."""
        if name not in self._running:
            return False
        return name in self._stops or self.accounts[name].state is State.STOP

    async def _let_end(self, name: str) -> None:
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
        given = {
            key: text for key, text in plain(texts).items() if key in settings.model_fields_set
        }
        configured = name in self.settings.accounts
        if configured and given:
            log.warning("%s: start_client's settings are ignored: the configuration wins", name)
        fresh = not configured and (bool(given) or former is None)
        if fresh:
            settings = self._on_the_bench(settings)
        await self._keep(self._roster.with_started(name, given if fresh else None))
        if fresh:
            self._settings_of[name] = settings
        if former is not None:  # one that only rested never came to its own end
            await former.close()
        if self._ending.is_set():
            raise CallerError(Code.NOT_RUNNING, "the server stops")
        self._forget_stop(name)
        self._make(name)
        self._launch(name)
        return True

    def _given_by_caller(self, name: str, settings: AccountSettings) -> frozenset[str]:
        """Which addresses of an account are a caller's word."""
        if name in self.settings.accounts:
            return frozenset()
        return given_by_caller(self.settings, settings)

    async def _judge_targets(self, name: str, settings: AccountSettings) -> None:
        """Raise ``CallerError`` (-8) where a caller may not name such an address for an account that is to be made."""
        former = self.accounts.get(name)
        if self._shared.targets is None or (former and former.state is not State.STOP):
            return
        given = self._given_by_caller(name, settings)
        await self._shared.targets.check({key: getattr(settings, key) for key in given})

    def _on_the_bench(self, settings: AccountSettings) -> AccountSettings:
        try:
            return on_the_bench(settings, self.settings.accounts)
        except ConfigError as error:
            raise CallerError(Code.BAD_PARAMETER, str(error)) from None

    async def stop_account(self, account: Account, delay_s: float) -> None:
        """Stop an account after the answer has gone out; of several, it stays stopped until ``start``.

        Raises ``CallerError`` (-5) where that cannot be kept.
        """
        async with self._changing:
            if len(self.accounts) > 1 and account.name not in self._roster.stopped:
                await self._keep(self._roster.with_stopped(account.name))
            if account.name not in self._stops:
                loop = asyncio.get_running_loop()
                self._stops[account.name] = loop.call_later(delay_s, account.stop)

    def _forget_stop(self, name: str) -> None:
        if timer := self._stops.pop(name, None):
            timer.cancel()

    async def _keep(self, changed: AccountRegistry) -> None:
        try:
            await registry.keep(self._shared.journal, changed)
        except JournalError as error:
            raise journal_guard.not_kept(error, "cannot be kept safe, so not done") from error
        self._roster = changed

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
        """Until ``stop``, or until the only account has stopped, whose bugs come out."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                for name in self.accounts:
                    if name in self._roster.stopped and len(self.accounts) > 1:
                        log.info(
                            "%s: stays stopped, as stop_client asked; start_client starts it", name
                        )
                        self.accounts[name].rest()
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
        given = self._given_by_caller(name, settings)
        self.accounts[name] = Account(name, settings, report, self._shared, given)
        self._shared.several = len(self.accounts) > 1

    def _launch(self, name: str) -> None:
        """Let it live; what is made before ``run`` has begun is launched by that."""
        if self._tasks is not None:
            self._running.add(name)
            # A context of its own: it outlives the call that starts it.
            life = self._run(self.accounts[name])
            self._tasks.create_task(life, name=f"account {name}", context=Context())

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

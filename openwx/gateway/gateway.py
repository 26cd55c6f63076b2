"""All accounts of a process: those of the configuration, and those that were started through the API."""

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping

import msgspec

from openwx.config import Settings
from openwx.config.given import account_from_texts, check_account_name
from openwx.config.models import AccountSettings
from openwx.errors import CallerError, Code, ConfigError
from openwx.gateway.account import Account
from openwx.gateway.shared import Shared
from openwx.report.journal import Journal, JournalError, Unit
from openwx.wechat.events import State

log = logging.getLogger("openwx.gateway")

_OF_ALL = ""
"""The journal's name for what belongs to no account."""
_KEY = "accounts"


class Roster(msgspec.Struct, frozen=True):
    """What must outlive a restart: the settings of accounts that the API started, as texts, and who was stopped."""

    started: dict[str, dict[str, str]] = {}
    stopped: list[str] = []


class Gateway:
    """Runs the accounts side by side; one that fails does not disturb another.

    With one account the process ends when that has stopped. With several it goes on, for they can be started again.
    """

    def __init__(self, settings: Settings, shared: Shared) -> None:
        self.settings = settings
        self.folder = shared.folder
        """Where media go that callers send along."""
        self.started = time.time()
        self.accounts: dict[str, Account] = {}
        self.port = 0
        """The first port that is listened on, once it is known."""
        self._shared = shared
        self._roster = Roster()
        self._settings_of = dict(settings.accounts)
        self._timers: list[asyncio.TimerHandle] = []
        self._tasks: asyncio.TaskGroup | None = None
        self._running: set[str] = set()
        self._starting = asyncio.Lock()
        self._ending = asyncio.Event()
        for name in settings.accounts:
            self._make(name)

    async def restore(self) -> None:
        """Bring back what the API started before the last stop. Raises ``JournalError``."""
        self._roster = await _roster(self._shared.journal)
        for name, settings in _started(self._roster, self.settings):
            self._settings_of[name] = settings
            self._make(name)

    def account(self, name: str | None) -> Account:
        """The account of that name, or the only one. Raises ``CallerError`` (-2)."""
        if name is None and len(self.accounts) == 1:
            return next(iter(self.accounts.values()))
        names = ", ".join(self.accounts)
        if name is None:
            raise CallerError(
                Code.BAD_PARAMETER, f"client is missing: there are several accounts: {names}"
            )
        if name not in self.accounts:
            raise CallerError(Code.BAD_PARAMETER, f"client must be one of: {names}")
        return self.accounts[name]

    # -- starting and stopping -------------------------------------------------------------------------------

    async def start(self, name: str, texts: Mapping[str, str]) -> bool:
        """Start an account, or one that has stopped again; False where it runs already.

        Raises ``CallerError``: -2, -5 where it cannot be kept, -7 where there are too many.
        """
        try:
            check_account_name(name)
            settings, strange = account_from_texts(texts)
        except ConfigError as error:
            raise CallerError(Code.BAD_PARAMETER, str(error)) from None
        other = next((one for one in self.accounts if one.lower() == name.lower()), name)
        if other != name:
            words = f"client must differ from {other} in more than case"
            raise CallerError(Code.BAD_PARAMETER, words)
        async with self._starting:
            return await self._start(name, texts, settings, strange)

    async def _start(
        self, name: str, texts: Mapping[str, str], settings: AccountSettings, strange: list[str]
    ) -> bool:
        former = self.accounts.get(name)
        if former is not None and former.state is not State.STOP:
            return False
        alive = [one for one in self.accounts.values() if one.state is not State.STOP]
        if len(alive) >= self.settings.max_clients:
            words = f"max_clients is {self.settings.max_clients}, and so many accounts run: stop one first"
            raise CallerError(Code.QUEUE_FULL, words)
        for unknown in strange:
            log.info(
                "%s: start_client's parameter %s means nothing here", name, ascii(unknown[:100])
            )
        await self._remember_start(name, texts, settings)
        if former is not None:
            former.stop()
            if name in self._running:
                await former.ended.wait()
            await former.close()
        self._make(name)
        self._launch(name)
        return True

    async def _remember_start(
        self, name: str, texts: Mapping[str, str], settings: AccountSettings
    ) -> None:
        started = dict(self._roster.started)
        if name not in self.settings.accounts and (texts or name not in started):
            started[name] = {key: texts[key] for key in sorted(settings.model_fields_set)}
            self._settings_of[name] = settings
        stopped = [one for one in self._roster.stopped if one != name]
        await self._keep(Roster(started, stopped))

    async def stop_account(self, account: Account, delay_s: float) -> None:
        """Stop an account after the answer has gone out; of several, it stays stopped until ``start``.

        Raises ``CallerError`` (-5) where that cannot be kept.
        """
        if len(self.accounts) > 1 and account.name not in self._roster.stopped:
            stopped = [*self._roster.stopped, account.name]
            await self._keep(Roster(self._roster.started, stopped))
        self._timers.append(asyncio.get_running_loop().call_later(delay_s, account.stop))

    async def _keep(self, roster: Roster) -> None:
        try:
            state: dict[str, bytes | None] = {_KEY: msgspec.json.encode(roster)}
            await self._shared.journal.write(Unit(account=_OF_ALL, state=state))
        except JournalError as error:
            raise CallerError(Code.GAVE_UP, f"cannot be kept safe, so not done: {error}") from error
        self._roster = roster

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
                    else:
                        self._launch(name)
                await self._ending.wait()
        finally:
            for timer in self._timers:
                timer.cancel()
            for account in self.accounts.values():
                await account.close()

    def _make(self, name: str) -> None:
        settings = self._settings_of[name]
        report = settings.report_over(self.settings.report)
        self.accounts[name] = Account(name, settings, report, self._shared)
        self._shared.several = len(self.accounts) > 1

    def _launch(self, name: str) -> None:
        assert self._tasks is not None
        self._running.add(name)
        self._tasks.create_task(self._run(self.accounts[name]), name=f"account {name}")

    async def _run(self, account: Account) -> None:
        try:
            await account.run()
        except Exception:
            if len(self.accounts) == 1:
                raise
            log.exception("%s: stopped by a bug in openwx; the other accounts go on", account.name)
        finally:
            self._running.discard(account.name)
            account.ended.set()
            if len(self.accounts) == 1:
                self._ending.set()


async def all_accounts(settings: Settings, journal: Journal) -> dict[str, AccountSettings]:
    """The accounts of the configuration and those that the API started. Raises ``JournalError``."""
    return settings.accounts | dict(_started(await _roster(journal), settings))


async def _roster(journal: Journal) -> Roster:
    kept = (await journal.state(_OF_ALL)).get(_KEY)
    if kept is None:
        return Roster()
    try:
        return msgspec.json.decode(kept, type=Roster)
    except msgspec.DecodeError:
        log.warning("the list of accounts that the API started cannot be read; it is forgotten")
        return Roster()


def _started(roster: Roster, settings: Settings) -> Iterator[tuple[str, AccountSettings]]:
    """The accounts that the API started, as far as they can be had."""
    for name, texts in roster.started.items():
        if name in settings.accounts:
            log.warning("%s: the configuration has this account now, and wins", name)
            continue
        try:
            own, _ = account_from_texts(texts)
        except ConfigError as error:
            log.warning("%s: not started: its settings are not valid any more: %s", name, error)
            continue
        yield name, own

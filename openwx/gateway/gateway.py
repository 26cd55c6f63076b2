"""All accounts of a process."""

import asyncio
import logging
import time

from openwx.config import Settings
from openwx.errors import CallerError, Code
from openwx.gateway.account import Account
from openwx.gateway.shared import Shared

log = logging.getLogger("openwx.gateway")


class Gateway:
    """Runs the accounts of the configuration side by side; one that fails does not disturb another."""

    def __init__(self, settings: Settings, shared: Shared) -> None:
        self.settings = settings
        self.folder = shared.folder
        """Where media go that callers send along."""
        self.started = time.time()
        self.accounts = {
            name: Account(name, account, settings.report_for(name), shared)
            for name, account in settings.accounts.items()
        }
        self.port = 0
        """The first port that is listened on, once it is known."""
        self._timers: list[asyncio.TimerHandle] = []

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

    def stop_later(self, account: Account, delay_s: float) -> None:
        """Stop an account after the answer has gone out; with the last one the process ends."""
        self._timers.append(asyncio.get_running_loop().call_later(delay_s, account.stop))

    def stop(self) -> None:
        for account in self.accounts.values():
            account.stop()

    async def run(self) -> None:
        """Until every account has stopped. A bug in the only account comes out; of several, it stops that one."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for account in self.accounts.values():
                    tasks.create_task(self._run(account), name=f"account {account.name}")
        finally:
            for timer in self._timers:
                timer.cancel()

    async def _run(self, account: Account) -> None:
        try:
            await account.run()
        except Exception:
            if len(self.accounts) == 1:
                raise
            log.exception("%s: stopped by a bug in openwx; the other accounts go on", account.name)

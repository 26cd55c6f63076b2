"""The gateway as one caller sees it: accounts that are not the caller's do not exist."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from openwx.accounts.manager import AccountManager, chosen
from openwx.api.callers import Caller
from openwx.errors import CallerError, Code

if TYPE_CHECKING:
    from openwx.accounts.account import Account
    from openwx.accounts.media.folder import MediaFolder
    from openwx.accounts.streams import Slots
    from openwx.config import Settings


class VisibleGateway:
    """What routes and pages get instead of the ``AccountManager``."""

    def __init__(self, manager: AccountManager, caller: Caller) -> None:
        self._manager = manager
        self._caller = caller

    @property
    def settings(self) -> "Settings":
        return self._manager.settings

    @property
    def folder(self) -> "MediaFolder":
        return self._manager.folder

    @property
    def streams(self) -> "Slots":
        return self._manager.streams

    @property
    def port(self) -> int:
        return self._manager.port

    @property
    def stopping(self) -> bool:
        return self._manager.stopping

    @property
    def has_one_account(self) -> bool:
        """Whether the gateway has one account in all, whose end is that of the process."""
        return len(self._manager.accounts) == 1

    @property
    def accounts(self) -> Mapping[str, "Account"]:
        """The caller's accounts, by name."""
        every, sees = self._manager.accounts, self._caller.sees
        if self._caller.accounts is None:
            return every
        return {name: account for name, account in every.items() if sees(name)}

    def account(self, name: str | None) -> "Account":
        """Find one of the caller's accounts, or the only one. Raises ``CallerError`` (-2)."""
        return chosen(self.accounts, name)

    def should_run(self, account: "Account") -> bool:
        return self._manager.should_run(account)

    async def start(self, name: str, texts: Mapping[str, str]) -> bool:
        """Start an account as ``AccountManager.start`` does. A key for some accounts starts no others (-8)."""
        if self._caller.accounts is not None and name not in self.accounts:
            words = (
                f"the key {self._caller.name} is for some accounts only, and may start no others"
            )
            raise CallerError(Code.FORBIDDEN, words)
        return await self._manager.start(name, texts)

    async def stop_account(self, account: "Account", delay_s: float) -> None:
        await self._manager.stop_account(account, delay_s)

    def may_change_transport(self, account: "Account") -> bool:
        return self._manager.may_change_transport(account)

    async def change_transport(
        self, account: "Account", transport: Literal["web", "ilink"]
    ) -> None:
        await self._manager.change_transport(account, transport)

"""The gateway as one caller sees it: accounts that are not the caller's do not exist.
``Endpoints`` and the console make one for each call.
"""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Protocol

from openwx.accounts.manager import AccountManager, chosen
from openwx.accounts.start_call import Started
from openwx.api import elsewhere
from openwx.api.callers import Caller
from openwx.api.elsewhere import Whereabouts
from openwx.domain.events import State
from openwx.errors import CallerError, Code
from openwx.reasons import ReasonCode
from openwx.schemas import ListedClient
from openwx.store.base import JournalError

if TYPE_CHECKING:
    from openwx.accounts.account import Account
    from openwx.accounts.media.folder import MediaFolder
    from openwx.accounts.registry import TransportKind
    from openwx.accounts.streams import Slots
    from openwx.cluster.node import ClusterNode
    from openwx.config import Settings


class Others(Protocol):
    """What asks the other nodes."""

    async def listed(
        self, caller: Caller, asked: Collection[Whereabouts]
    ) -> dict[str, ListedClient | ReasonCode]:
        """Return what the nodes of these accounts say of them, or why a node that was asked says nothing."""


class VisibleGateway:
    """What routes and pages get instead of the ``AccountManager``.

    ``node``: this process as one of several. ``others``: what asks the others, unless one of them asks.
    """

    def __init__(
        self,
        manager: AccountManager,
        caller: Caller,
        node: "ClusterNode | None" = None,
        others: "Others | None" = None,
    ) -> None:
        self._manager = manager
        self._caller = caller
        self._node = node
        self._others = others

    @property
    def node(self) -> str:
        """The name of this process among several; empty where it is alone."""
        return "" if self._node is None else self._node.name

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
        return self._manager.has_one_account

    @property
    def accounts(self) -> Mapping[str, "Account"]:
        """The caller's accounts in this process, by name."""
        every, caller = self._manager.accounts, self._caller
        if caller.accounts is None:
            return every
        return {name: account for name, account in every.items() if caller.sees(name)}

    @property
    def names(self) -> list[str]:
        """The names of the caller's accounts, also of those that do not run in this process, as it saw them last."""
        if self._node is None:
            return list(self.accounts)
        seen = {one.account for one in self._node.seen.accounts}
        return sorted(filter(self._caller.sees, {*seen, *self.accounts}))

    def account(self, name: str | None) -> "Account | None":
        """Find one of the caller's accounts, or the only one; None if it may be one that does not run in this process.

        Raises ``CallerError`` (-2).
        """
        if self._node is None:
            return chosen(self.accounts, name)
        if name is None:
            names = [*filter(self._caller.sees, self._node.rows.by_name)]
            name = names[0] if len(names) == 1 else None
        return None if name is None else self.accounts.get(name)

    async def whereabouts(self) -> dict[str, Whereabouts]:
        """Return where each of the caller's accounts is, by name; where it was, while the journal cannot be read."""
        if self._node is None:
            return {name: Whereabouts(name) for name in self.accounts}
        found = await self._found(self._node)
        return {name: where for name, where in found.items() if self._caller.sees(name)}

    async def _found(self, node: "ClusterNode") -> dict[str, Whereabouts]:
        directory = node.directory
        try:
            found = elsewhere.all_of(await directory.view())
            if any(one.wanted and not one.node for one in found.values()):
                directory.forget()  # a node may have taken it since
                found = elsewhere.all_of(await directory.view())
        except JournalError:
            return elsewhere.all_of(node.seen)
        return found

    async def where_is(self, name: str | None) -> Whereabouts:
        """Find where one of the caller's accounts is, or the only one. Raise ``CallerError`` (-2)."""
        found = await self.whereabouts()
        if self._node is not None and name is not None and name not in found:
            self._node.directory.forget()
            found = await self.whereabouts()
        return chosen(found, name)

    def transport_of(self, name: str) -> str:
        """Return the transport of an account that does not run in this process, as far as its settings are known."""
        settings = None if self._node is None else self._node.rows.settings_of(name)
        return "web" if settings is None else settings.transport

    async def listed_elsewhere(
        self, asked: Collection[Whereabouts]
    ) -> dict[str, ListedClient | ReasonCode]:
        """Return what other nodes say of these accounts, or why a node that was asked says nothing."""
        if self._others is None:
            return {}
        return await self._others.listed(self._caller, asked)

    def should_run(self, account: "Account") -> bool:
        return self._manager.should_run(account)

    async def start(self, name: str, texts: Mapping[str, str]) -> Started:
        """Start an account as ``AccountManager.start`` does, or ``Starting.start`` where there are several nodes.

        A key for some accounts starts no others (-8).
        """
        if self._caller.accounts is not None and name not in await self.whereabouts():
            words = (
                f"the key {self._caller.name} is for some accounts only, and may start no others"
            )
            raise CallerError(Code.FORBIDDEN, words)
        if self._node is not None:
            has_stopped = await self._has_stopped_elsewhere(name)
            return await self._node.starting.start(name, texts, has_stopped=has_stopped)
        is_new = await self._manager.start(name, texts)
        return Started(is_new, str(self._manager.accounts[name].state), "")

    async def _has_stopped_elsewhere(self, name: str) -> bool:
        """Whether another node has an account that has stopped by itself; False where it cannot be asked."""
        where = (await self.whereabouts()).get(name)
        if where is None or not where.node or where.node == self.node:
            return False
        said = (await self.listed_elsewhere([where])).get(name)
        goes_on = (ReasonCode.HANDED_OVER, ReasonCode.ABANDONED)
        if not isinstance(said, ListedClient):
            return False
        return said.state == State.STOP and said.reason_code not in goes_on

    async def stop_account(self, name: str, delay_s: float) -> None:
        """Stop one of the caller's accounts, wherever it runs, after ``delay_s`` if it is here."""
        if self._node is not None:
            await self._node.starting.stop(name, delay_s)
        else:
            await self._manager.stop_account(self._manager.accounts[name], delay_s)

    def may_change_transport(self, account: "Account") -> bool:
        return self._manager.may_change_transport(account)

    async def change_transport(self, account: "Account", transport: "TransportKind") -> None:
        if self._node is not None:
            await self._node.starting.change_transport(account, transport)
        else:
            await self._manager.change_transport(account, transport)

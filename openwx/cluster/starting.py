"""Starting and stopping accounts from any node: their rows say what is wanted, and their owners do it.
Routes call it through ``api.visible``.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping

from openwx.accounts import journal_guard, registry, start_call
from openwx.accounts.account import Account
from openwx.accounts.manager import AccountManager
from openwx.accounts.registry import AccountRegistry, TransportKind
from openwx.accounts.start_call import StartCall, Started
from openwx.cluster.directory import Directory
from openwx.cluster.rows import Rows
from openwx.config import Settings
from openwx.domain.events import State
from openwx.errors import CallerError, Code
from openwx.steady import steady
from openwx.store.base import Journal, JournalError, Ownership
from openwx.store.records import ClusterView

OWNER_WITHIN_S = 5.0
"""How long a start waits until a node owns the account, in seconds."""
_LOOK_EVERY_S = 0.1
_NOT_DONE = "cannot be kept safe, so not done"


class Starting:
    """What ``start_client`` and ``stop_client`` do on a node."""

    def __init__(
        self,
        settings: Settings,
        manager: AccountManager,
        journal: Journal,
        ownership: Ownership,
        rows: Rows,
        directory: Directory,
        changed: asyncio.Event,
    ) -> None:
        """Set ``changed`` after each change of a row."""
        self._settings = settings
        self._manager = manager
        self._journal = journal
        self._ownership = ownership
        self._rows = rows
        self._directory = directory
        self._changed = changed
        self._changing = asyncio.Lock()
        """Held while this node changes a row."""

    async def start(
        self, name: str, texts: Mapping[str, str], *, has_stopped: bool = False
    ) -> Started:
        """Want an account, and wait a while for a node that owns it. One that is wanted already keeps its settings.

        ``has_stopped``: its node says that it has stopped by itself. Raise ``CallerError``: -2, -5 where that cannot be
        saved, -7 where no node has room, -8 where it gives an address that callers may not name.
        """
        call = start_call.read(name, texts, self._settings.report)
        await self._manager.require_allowed(call)
        await self._manager.finish_stop(name)
        self._require_writable()
        async with self._changing:
            view = await self._view()
            here = self._manager.accounts.get(name)
            if here is not None and here.state is State.STOP:
                has_stopped = not here.goes_on_elsewhere
            is_new = has_stopped or not self._is_wanted(name, view)
            if is_new or here is None:
                # Another node may be quicker: what is saved by the time of the change decides.
                saved = await self._change(
                    name, lambda saved: self._started(call, saved, view, has_stopped=has_stopped)
                )
                is_new = has_stopped or not saved.of(name).wanted or name not in saved.saved
        return await self._with_owner(name, is_new=is_new)

    async def stop(self, name: str, delay_s: float) -> None:
        """Want an account no more; on its own node it stops after ``delay_s``. Raise ``CallerError`` (-5)."""
        self._require_writable()
        async with self._changing:
            await self._change(name, lambda saved: saved.with_untold_stop(name))
            account = self._manager.accounts.get(name)
            if account is not None:
                self._manager.stop_soon(account, delay_s)

    async def change_transport(self, account: Account, transport: TransportKind) -> None:
        """Start a stopped account over another transport. Raise ``CallerError``: as ``start``, and 101."""
        name = account.name
        self._manager.require_changeable(account)
        if name not in self._settings.accounts:
            former = self._rows.saved.started.get(name, {})
            await self.start(name, {**former, "transport": transport})
            return
        self._require_writable()
        async with self._changing:
            await self._change(name, lambda saved: saved.with_transport(name, transport))
        await self.start(name, {})

    # -- rows ------------------------------------------------------------------------------------------------

    def _require_writable(self) -> None:
        """Raise ``CallerError`` (-5) while nothing can be saved: nobody waits in turn for a change in doubt."""
        try:
            self._journal.require_writable()
        except JournalError as error:
            raise journal_guard.not_kept(error, _NOT_DONE) from error

    async def _view(self) -> ClusterView:
        """Return the rows as they are now. Raise ``CallerError`` (-5)."""
        try:
            return await self._directory.look()
        except JournalError as error:
            raise journal_guard.not_kept(error, _NOT_DONE) from error

    async def _change(
        self, name: str, made: Callable[[AccountRegistry], AccountRegistry]
    ) -> AccountRegistry:
        """Change the row of an account, and return what was saved before. Raise ``CallerError`` (-5)."""
        try:
            saved = await registry.change(self._journal, self._ownership, name, made)
        except JournalError as error:
            raise journal_guard.not_kept(error, _NOT_DONE) from error
        self._directory.forget()
        self._changed.set()
        return saved

    def _started(
        self, call: StartCall, saved: AccountRegistry, view: ClusterView, *, has_stopped: bool
    ) -> AccountRegistry:
        """Return what is to be saved for a start. Raise ``CallerError``.

        Its owner starts an account anew that has stopped by itself, which no other node knows.
        """
        start = secrets.token_hex(8)
        call.require_no_other_case({**saved.saved, **self._settings.accounts})
        former = saved.saved.get(call.name)
        is_wanted = former is not None and former.wanted
        if is_wanted and not has_stopped:
            return saved.with_started(call.name, None, start)
        if not is_wanted:
            _require_room(view)
        fresh = call.fresh_settings(self._settings.accounts, is_known=former is not None)
        return saved.with_started(call.name, None if fresh is None else call.parameters, start)

    def _is_wanted(self, name: str, view: ClusterView) -> bool:
        return any(one.wanted for one in view.accounts if one.account == name)

    async def _with_owner(self, name: str, *, is_new: bool) -> Started:
        ends_at = steady() + OWNER_WITHIN_S
        while True:
            try:
                node = await self._owner_of(name)
            except JournalError:
                node = ""
            here = self._manager.accounts.get(name)
            is_here = here is not None and here.state is not State.STOP
            is_known = is_here if node == self._ownership.node else bool(node)
            if is_known or steady() >= ends_at:
                break
            await asyncio.sleep(_LOOK_EVERY_S)
        state = here.state if here is not None and is_here else State.INIT
        return Started(is_new, str(state), node)

    async def _owner_of(self, name: str) -> str:
        view = await self._directory.look()
        row = next((one for one in view.accounts if one.account == name), None)
        owner = None if row is None else view.node_of(row.owner)
        return "" if owner is None else owner.node


def _require_room(view: ClusterView) -> None:
    """Raise ``CallerError`` (-7) where the nodes run as many accounts as they may."""
    room = sum(node.max_clients for node in view.nodes if not node.is_draining)
    if sum(one.wanted for one in view.accounts) >= room:
        words = f"the nodes run {room} accounts at most (max_clients), and so many are wanted: stop one first"
        raise CallerError(Code.QUEUE_FULL, words)

"""What all pages of the console use: accounts, access rules, sessions, templates, and the end of the server."""

import asyncio
import functools
from pathlib import Path
from typing import TYPE_CHECKING

from openwx.api.access import Access
from openwx.console.filters import FILTERS
from openwx.console.session import Sessions, own_sessions, shared_sessions

if TYPE_CHECKING:
    import jinja2

    from openwx.accounts.manager import AccountManager
    from openwx.api.peers.hops import Hops
    from openwx.cluster.node import ClusterNode


class ConsoleServices:
    """One for each console; every ``PageContext`` has it."""

    def __init__(
        self,
        manager: "AccountManager",
        access: Access,
        node: "ClusterNode | None" = None,
        hops: "Hops | None" = None,
    ) -> None:
        self.manager = manager
        self.node = node
        self.hops = hops
        self.access = access
        self.sessions = _sessions(manager, access, node)
        self._stopping = asyncio.Event()

    @property
    def templates(self) -> "jinja2.Environment":
        return _templates()

    def stop(self) -> None:
        """End the streams, because the server stops."""
        self._stopping.set()

    @property
    def is_running(self) -> bool:
        return not self._stopping.is_set()

    async def wait_for_stop(self, within_s: float) -> None:
        """Wait until the server stops, at most this long."""
        try:
            async with asyncio.timeout(within_s):
                await self._stopping.wait()
        except TimeoutError:
            return


def _sessions(manager: "AccountManager", access: Access, node: "ClusterNode | None") -> Sessions:
    """Return the sessions, which nodes with the same secret share."""
    secret = manager.settings.cluster.secret
    visits = None if node is None else node.visits
    if visits is None or secret is None:
        return own_sessions(access, lambda: manager.port)
    return shared_sessions(access, visits, secret)


@functools.cache
def _templates() -> "jinja2.Environment":
    """Load Jinja for the first page only: a gateway whose console nobody opens starts sooner."""
    import jinja2

    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    templates.filters.update(FILTERS)
    return templates

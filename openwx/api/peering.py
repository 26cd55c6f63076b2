"""This node among the others: what it forwards, and the listener for what they forward. ``service`` starts it."""

import ssl
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from openwx.api.access import Access
from openwx.api.app import Pages, make_peer_runner
from openwx.api.parameters import BodyLimits
from openwx.api.peers.client import PeerClient
from openwx.api.peers.forwarding import Forwarding
from openwx.api.peers.gathering import Gathering
from openwx.api.peers.hops import Hops
from openwx.api.peers.listener import Doorman, HopAccess

if TYPE_CHECKING:
    from openwx.accounts.manager import AccountManager
    from openwx.cluster.node import ClusterNode
    from openwx.config import Listen

MakePages = Callable[[Access], Iterable[Pages]]
"""Makes the pages that are served to those whom an ``Access`` admits."""


class Peers:
    """The calls between this node and the others."""

    def __init__(
        self, gateway: "AccountManager", node: "ClusterNode", access: Access, secret: str
    ) -> None:
        settings = gateway.settings
        self._gateway = gateway
        self._node = node
        self._secret = secret
        longest = BodyLimits.for_media(gateway.folder).body
        self._client = PeerClient(node.directory, secret, settings.cluster.tls_cert, longest)
        forwarding = Forwarding(gateway, node, self._client)
        gathering = Gathering(node.directory, self._client)
        self.hops = Hops(forwarding, gathering, access, settings.data_dir)

    async def open(self, stack: AsyncExitStack) -> None:
        """Make it possible to ask other nodes, until the stack closes."""
        await self._client.open(stack)

    async def listen(
        self,
        address: "Listen",
        tls: ssl.SSLContext | None,
        pages: MakePages,
        stack: AsyncExitStack,
    ) -> int:
        """Listen for the other nodes, and return the port. Raise ``OSError``."""
        access = HopAccess(self._gateway.settings.access)
        doorman = Doorman(self._gateway, self._node.directory, self._secret, access)
        runner = make_peer_runner(self._gateway, access, doorman, self._node, pages(access))
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        return await runner.listen(address.host, address.port, tls)

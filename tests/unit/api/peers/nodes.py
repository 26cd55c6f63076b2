"""Nodes that forward calls to each other over real sockets, with a stand-in for the gateway of each."""

import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import aiohttp
from msgspec.structs import replace

from openwx.api.access import Access
from openwx.api.app import make_runner
from openwx.api.callers import Scope
from openwx.api.peering import Peers
from openwx.api.peers.hop import Hop
from openwx.cluster.node import ClusterNode
from openwx.config import AccessSettings, Listen, Settings
from openwx.console import Console
from openwx.store.base import Journal, JournalError, Ownership
from openwx.store.records import ClusterView, Node, OwnedAccount, Visit
from tests.reply import Reply

from ..facade import Account, StandIn

SECRET = "s" * 16 + "ecret-of-the-cluster"
FORM = "application/x-www-form-urlencoded"


class Table:
    """What the store says: members, and accounts with their owners."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.accounts: dict[str, OwnedAccount] = {}
        self.is_away = False
        self.visits = Logins()
        self.later: Callable[[], object] | None = None
        """What happens when the table has been read once."""
        self.readers: list[Callable[[ClusterView], None]] = []
        """Who is told of each change."""

    @property
    def view(self) -> ClusterView:
        return ClusterView(list(self.nodes.values()), list(self.accounts.values()))

    def join(self, name: str) -> None:
        self.nodes[name] = Node(
            incarnation=uuid4(),
            node=name,
            url="",
            version="1",
            beat=1,
            is_draining=False,
            max_clients=100,
        )

    def beat(self) -> None:
        """Have all nodes say that they live."""
        for name, node in self.nodes.items():
            self.nodes[name] = replace(node, beat=node.beat + 1)

    def moves(self, name: str, url: str) -> None:
        """Have a node be reached at another address."""
        self.nodes[name] = replace(self.nodes[name], url=url)

    def give(self, account: str, node: str | None, settings: bytes = b"") -> int:
        """Have a node own an account in a new term, or nobody; return the term. ``settings``: its saved ones."""
        former = self.accounts.get(account)
        epoch = former.epoch + 1 if former else 1000
        self.accounts[account] = OwnedAccount(
            account=account,
            wanted=True,
            settings=settings,
            origin="config",
            owner=self.nodes[node].incarnation if node else None,
            epoch=epoch,
            next="",
        )
        for note in self.readers:
            note(self.view)
        return epoch


class Logins:
    """Implements ``Visits``."""

    def __init__(self) -> None:
        self.began: dict[bytes, Visit] = {}

    async def begin(self, digest: bytes, visit: Visit, lasts_s: float) -> None:
        self.began[digest] = visit

    async def end(self, digest: bytes) -> None:
        self.began.pop(digest, None)

    async def find(self, digest: bytes) -> Visit | None:
        return self.began.get(digest)


class Member:
    """The part of ``Ownership`` that calls need."""

    def __init__(self, table: Table, node: str) -> None:
        self._table = table
        self.node = node

    @property
    def incarnation(self) -> UUID:
        return self._table.nodes[self.node].incarnation

    async def view(self) -> ClusterView:
        if self._table.is_away:
            raise JournalError("the store does not answer")
        self._table.beat()
        view, later = self._table.view, self._table.later
        if later is not None:
            self._table.later = None
            later()
        return view


class OneNode:
    """A node: its gateway, its two listeners, and calls to it."""

    def __init__(
        self,
        name: str,
        table: Table,
        folder: Path,
        access: AccessSettings,
        secret: str,
        certificate: Path | None,
    ) -> None:
        self.name = name
        self.gateway = StandIn(access)
        self.gateway.accounts = {}
        self.gateway.settings = Settings.model_validate(
            {
                "access": access,
                "data_dir": folder,
                "store": {"url": "postgresql://nobody@127.0.0.1/none"},
                "cluster": {
                    "node": name,
                    "secret": secret,
                    "listen": "127.0.0.1:1",
                    "tls_cert": certificate,
                    "tls_key": certificate,
                },
            }
        )
        self._table = table
        table.join(name)
        member = cast("Ownership", Member(table, name))
        journal = cast("Journal", table)  # only its visits: nothing is taken
        gateway = self.gateway.as_gateway()
        self.node = ClusterNode(self.gateway.settings, gateway, journal, member)
        self.port = self.peer_port = 0

    async def start(self, stack: AsyncExitStack) -> None:
        whole = self.gateway.as_gateway()
        stack.callback(self.gateway.close)
        access = Access(whole.settings.access)
        peers = Peers(whole, self.node, access, whole.settings.cluster.secret or "")
        await peers.open(stack)
        self.peer_port = await peers.listen(
            Listen(port=0), self._tls(), lambda hops: [Console(whole, hops, self.node)], stack
        )
        pages = [Console(whole, access, self.node, peers.hops)]
        runner = self.runner = make_runner(whole, access, pages, self.node, peers.hops)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        self.port = await runner.listen("127.0.0.1", 0)
        self.session = await stack.enter_async_context(
            aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        )
        self._table.moves(self.name, self.peer_url)
        self._table.readers.append(self._note)

    def _tls(self) -> ssl.SSLContext | None:
        certificate = self.gateway.settings.cluster.tls_cert
        if certificate is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
        return context

    def _note(self, view: ClusterView) -> None:
        self.node.seen = view
        self.node.rows.note(view)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def peer_url(self) -> str:
        scheme = "http" if self.gateway.settings.cluster.tls_cert is None else "https"
        return f"{scheme}://127.0.0.1:{self.peer_port}"

    def takes(self, account: str) -> Account:
        """Own and run an account from now on."""
        self._table.give(account, self.name)
        found = self.gateway.accounts[account] = Account(account)
        return found

    def loses(self, account: str, to: "OneNode | None" = None) -> None:
        """Do not run it any more; another node owns it, or none."""
        del self.gateway.accounts[account]
        if to is None:
            self._table.give(account, None)
        else:
            to.takes(account)

    def hops(
        self, to: "OneNode", *, account: str, epoch: int, path: str, **more: Any
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Ask another node as this one would."""
        hop = Hop(
            node=self.name,
            account=account,
            epoch=epoch,
            key="anonymous",
            scope=Scope.FULL,
            address="127.0.0.9",
            **more,
        )
        path = f"/openwx/{path}"
        return self.session.get(f"{to.peer_url}{path}", headers=hop.headers(SECRET, "GET", path))

    async def at_peers(self, path: str, **headers: str) -> Reply:
        """Ask at the address for other nodes."""
        async with self.session.get(f"{self.peer_url}{path}", headers=headers) as response:
            return Reply(response.status, await response.read(), dict(response.headers))

    async def call(self, name: str, /, *, method: str = "GET", **request: Any) -> Reply:
        url = f"{self.url}/openwx/{name}"
        async with self.session.request(method, url, **request) as response:
            return Reply(response.status, await response.read(), dict(response.headers))

    async def get(self, name: str, /, **params: str) -> Reply:
        return await self.call(name, params=params)

    async def post(self, name: str, body: Any, content_type: str = FORM, **more: Any) -> Reply:
        headers = {"Content-Type": content_type, **more.pop("headers", {})}
        return await self.call(name, method="POST", data=body, headers=headers, **more)


class Nodes:
    """A cluster. What its nodes read of the table is never old."""

    def __init__(self, stack: AsyncExitStack, folder: Path) -> None:
        self._stack = stack
        self._folder = folder
        self.table = Table()

    async def start(
        self, name: str, *, secret: str = SECRET, certificate: Path | None = None, **access: Any
    ) -> OneNode:
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        node = OneNode(
            name, self.table, folder, AccessSettings.model_validate(access), secret, certificate
        )
        await node.start(self._stack)
        return node

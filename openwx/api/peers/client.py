"""Asks other nodes, at the ``cluster.advertise`` of a member. What they get proves that this one has the secret."""

import asyncio
import io
import socket
import ssl
from contextlib import AsyncExitStack
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar

import aiohttp
from aiohttp import AddrInfoType, hdrs
from msgspec.structs import replace
from pydantic import TypeAdapter, ValidationError
from yarl import URL

from openwx.api.peers.call import PeerCall
from openwx.api.peers.hop import BACK, Hop
from openwx.cancelling import cancel_and_close
from openwx.cluster.directory import Directory, Owner
from openwx.cluster.secret import has_other_secret
from openwx.config.addresses import Origin
from openwx.neterrors import describe
from openwx.reasons import ReasonCode
from openwx.store.base import JournalError
from openwx.store.records import Node

CONNECT_S = 3.0
"""Time for a connection to another node, in seconds."""
WATCH_S = 2.0
"""Interval of looking whether the node that is to answer still owns the account, in seconds."""
READ_S = 30.0
"""The time between two pieces of an answer, in seconds."""
WATCHED = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 15_000}
"""Options of a connection, where the system has them: silent for 5 s, it is asked every 5 s, and broken after 20 s. One
that is written to is broken when the other side has confirmed, or read, nothing for 15 s."""
_NO_HEADERS = (hdrs.USER_AGENT, hdrs.ACCEPT, hdrs.ACCEPT_ENCODING, hdrs.CONTENT_TYPE)
"""What aiohttp would add by itself."""


_ORIGIN = TypeAdapter(Origin)


class NotAsked(Exception):
    """The node was certainly not asked."""


class NotOwner(NotAsked):
    """The node that was asked does not own the account, and did nothing."""


class Lost(Exception):
    """The node was perhaps asked, and its answer did not come, or not all of it."""


class Refusing(NotAsked):
    """The node that was asked does not take calls of this one, whatever they are."""

    code: ClassVar[ReasonCode]


class OtherSecret(Refusing):
    """The node that was asked has another ``cluster.secret``."""

    code = ReasonCode.NODE_OTHER_SECRET

    def __str__(self) -> str:
        return "it has another cluster.secret"


class OtherVersion(Refusing):
    """The node that was asked forwards calls in another way."""

    code = ReasonCode.NODE_OTHER_VERSION

    def __str__(self) -> str:
        return "it has another version of openwx"


class NotForNodes(Refusing):
    """What was asked is the address for callers of a node."""

    code = ReasonCode.NODE_OTHER_ADDRESS

    def __str__(self) -> str:
        return "its cluster.advertise is an address for callers, and not that of a cluster.listen"


_REFUSED: dict[int, type[NotAsked]] = {
    HTTPStatus.MISDIRECTED_REQUEST: NotOwner,
    HTTPStatus.UNAUTHORIZED: OtherSecret,
    HTTPStatus.HTTP_VERSION_NOT_SUPPORTED: OtherVersion,
    HTTPStatus.LOOP_DETECTED: NotForNodes,
}
"""What the listener for peers answers itself (``listener.py``), and that for callers to a hop (``access.py``); routes
and pages have no such answers."""


class PeerClient:
    """The connections of this node to the others."""

    def __init__(
        self, directory: Directory, secret: str, certificate: Path | None, longest: int
    ) -> None:
        self._directory = directory
        self._secret = secret
        self._certificate = certificate
        self.longest = longest
        """The most bytes of a message of a WebSocket, and of an answer that is read whole."""
        self._session: aiohttp.ClientSession | None = None

    async def open(self, stack: AsyncExitStack) -> None:
        """Open the session, until the stack closes."""
        tls = ssl.create_default_context()
        if self._certificate is not None:  # one that all nodes share, or one with its authority
            tls.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            await asyncio.to_thread(tls.load_verify_locations, self._certificate)
        self._session = await stack.enter_async_context(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=tls, socket_factory=watched_socket),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_S),
                auto_decompress=False,
                skip_auto_headers=_NO_HEADERS,
                trust_env=False,
            )
        )

    async def ask(self, owner: Owner, call: PeerCall) -> aiohttp.ClientResponse:
        """Ask the owner of an account, and return its answer up to the body, however long it thinks.

        Raise ``NotAsked``, or ``Lost``, also where it does not own the account any more, or is cut off from here.
        """
        hop = call.hop_to(owner, self._directory.node)
        asking = asyncio.ensure_future(self._request(owner.node, call, hop))
        response: aiohttp.ClientResponse | None = None
        try:
            is_over = False
            while not asking.done():
                await asyncio.wait({asking}, timeout=WATCH_S)
                if is_over and not asking.done():
                    raise Lost(f"{owner.node.node} does not own {call.account} any more")
                is_over = not asking.done() and not await self._still_owns(owner, call.account)
            response = asking.result()
            return response
        finally:
            if response is None:
                cancel_and_close(asking, aiohttp.ClientResponse.close)

    async def connect(self, owner: Owner, call: PeerCall) -> aiohttp.ClientWebSocketResponse:
        """Open a WebSocket to the owner. Raise as ``ask``, and ``aiohttp.WSServerHandshakeError``."""
        hop, url = call.hop_to(owner, self._directory.node), self._url(owner.node, call)
        try:
            async with asyncio.timeout(READ_S):
                return await self._http.ws_connect(
                    url,
                    headers={**call.headers, **self._proof(hop, hdrs.METH_GET, url)},
                    heartbeat=READ_S,
                    max_msg_size=self.longest,
                )
        except aiohttp.WSServerHandshakeError as error:
            if error.status in _REFUSED:
                raise _REFUSED[error.status](f"HTTP {error.status}") from error
            raise
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotAsked(describe(error)) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Lost(describe(error)) from error

    async def give_back(self, owner: Owner, call: PeerCall, name: str) -> None:
        """Give back what the answer to a call has taken. Raise ``NotAsked``, ``Lost``."""
        hop = call.hop_to(owner, self._directory.node)
        back = replace(call, method="POST", query="", headers={BACK: name}, body=None)
        try:
            async with asyncio.timeout(CONNECT_S):
                (await self._request(owner.node, back, hop)).close()
        except TimeoutError as error:
            raise Lost(describe(error)) from error

    async def ask_node(self, node: Node, call: PeerCall, hop: Hop) -> aiohttp.ClientResponse:
        """Ask a node for what is of no one account. Raise ``NotAsked``, ``Lost``. The caller limits the time."""
        return await self._request(node, call, hop)

    @property
    def _http(self) -> aiohttp.ClientSession:
        assert self._session is not None, "opened before it is used"
        return self._session

    async def _still_owns(self, owner: Owner, account: str) -> bool:
        try:
            return owner.is_still(await self._directory.owner_of(account))
        except JournalError:
            return True  # nobody loses an account while nobody reaches the store

    def _url(self, node: Node, call: PeerCall) -> URL:
        """Return where a node takes a call. Raise ``NotAsked`` where it is known that it takes none of this one."""
        if not node.url:
            raise NotAsked(f"{node.node} has no cluster.listen")
        if has_other_secret(node, self._secret):  # to it, a hop would be a wrong guess of its own
            raise OtherSecret
        query = f"?{call.query}" if call.query else ""
        return URL(f"{_origin(node.url)}{call.path}{query}", encoded=True)

    def _proof(self, hop: Hop, method: str, url: URL) -> dict[str, str]:
        return hop.headers(self._secret, method, url.raw_path_qs)

    async def _request(self, node: Node, call: PeerCall, hop: Hop) -> aiohttp.ClientResponse:
        url = self._url(node, call)
        headers = {**call.headers, **self._proof(hop, call.method, url)}
        body: Any = call.body
        if isinstance(body, bytes):
            body = io.BytesIO(body)
        elif body is not None:
            body = body.whole()
            if call.size is not None:
                headers[hdrs.CONTENT_LENGTH] = str(call.size)
        try:
            response = await self._http.request(
                call.method, url, headers=headers, data=body, allow_redirects=False
            )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotAsked(describe(error)) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Lost(describe(error)) from error
        if response.status in _REFUSED:
            response.close()
            raise _REFUSED[response.status](f"HTTP {response.status}")
        return response


def outcome_of(error: Exception) -> str:
    """Return the label of a hop that failed."""
    match error:
        case NotOwner():
            return "not_owner"
        case NotAsked():
            return "not_asked"
        case _:
            return "lost"


@lru_cache(maxsize=1000)
def _origin(url: str) -> str:
    """Return an address of a row in its normal spelling. Raise ``NotAsked`` where it is none."""
    try:
        return _ORIGIN.validate_python(url)
    except ValidationError as error:
        raise NotAsked("its address in the database is not http://HOST:PORT") from error


def watched_socket(address: AddrInfoType) -> socket.socket:
    """Make a socket of which the system notices that the other side is cut off, though nothing is read or written."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in WATCHED.items():
        if hasattr(socket, name):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made

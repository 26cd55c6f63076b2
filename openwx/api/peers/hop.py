"""What a hop says of itself: which member forwards, for which account in which term, and who the caller is.
``client`` writes it; ``listener`` reads it.

It stands in two headers of the forwarded request. A node makes them anew for each hop, and takes them only from the
listener for peers; no header of a caller is forwarded under these names.
"""

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated

import msgspec
from aiohttp import hdrs, web

from openwx.api.callers import Caller, Scope
from openwx.errors import UNREADABLE, CallerError, Code

MAC = "Openwx-Hop-Mac"
"""Proves that the sender has the secret, for this method and address and what ``HOP`` says: not for a body, nor for one
call alone. The secret itself leaves no node: who can write to the store says where nodes are, and must not get it."""
HOP = "Openwx-Hop"
SPEAKS = "Openwx-Hop-Version"
_VERSION = "1"
"""Another one wherever a node of the version before would misunderstand a hop."""
TAKEN = "Openwx-Hop-Taken"
"""With an answer: under this name the events in it can be given back, since nobody may be there to have them."""
BACK = "Openwx-Hop-Back"
"""With a hop that only gives back what was taken."""
REFUSAL = "Openwx-Hop-Refusal"
"""With the refusal of a WebSocket: its body, for whose reader a handshake has none."""
_LONGEST = 1000
_MOST_ACCOUNTS = 10_000
_LONGEST_REFUSAL = 4000

_Text = Annotated[str, msgspec.Meta(max_length=_LONGEST)]
_Names = Annotated[tuple[_Text, ...], msgspec.Meta(max_length=_MOST_ACCOUNTS)]


class Hop(msgspec.Struct, frozen=True, kw_only=True):
    """One forwarded call."""

    node: _Text
    """The name of the node that forwards it."""
    account: _Text = ""
    """The account that it is for; empty where it is for all of the caller's."""
    epoch: int = 0
    """The term of the account's owner, as the sender knows it."""
    key: _Text
    """The name of the caller."""
    scope: Scope
    accounts: _Names | None = None
    """The accounts that the caller sees, as far as they matter for the call; None for all."""
    address: _Text
    """The caller's address."""
    allows_jsonp: bool = False
    """Whether the sender allows JSONP."""

    @property
    def caller(self) -> Caller:
        """Who called the sender, which has judged it."""
        return Caller(
            self.key, self.scope, None if self.accounts is None else frozenset(self.accounts)
        )

    def headers(self, secret: str, method: str, path: str) -> dict[str, str]:
        """Return the headers of a request. ``path``: with its query, as it is sent."""
        said = urlsafe_b64encode(msgspec.json.encode(self)).decode()
        return {MAC: _mac(secret, method, path, said), HOP: said, SPEAKS: _VERSION}


def _mac(secret: str, method: str, path: str, said: str) -> str:
    text = f"openwx hop\n{method}\n{path}\n{said}"
    return hmac.digest(secret.encode(), text.encode("utf-8", "surrogateescape"), "sha256").hex()


def read(request: web.BaseRequest, secret: str) -> Hop:
    """Return what a request to the listener for peers says.

    Raise CallerError: -6 without the secret; -8 with HTTP 505 from a node that forwards in another way.
    """
    headers = request.headers
    said, given = headers.get(HOP, ""), headers.get(MAC, "")
    if said and given and headers.get(SPEAKS) != _VERSION:
        theirs = headers.get(SPEAKS, "")[:20]
        raise _other_version(f"{SPEAKS} is {theirs!a} there, and {_VERSION!a} here")
    right = _mac(secret, request.method, request.raw_path, said)
    if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), right.encode()):
        words = "only the nodes of this cluster may call here; all have the same cluster.secret"
        raise CallerError(Code.UNAUTHENTICATED, words)
    try:
        return msgspec.json.decode(urlsafe_b64decode(said), type=Hop)
    except (binascii.Error, ValueError, *UNREADABLE) as error:
        raise _other_version(f"{HOP}: {error}") from None


def _other_version(why: str) -> CallerError:
    words = f"this node cannot read how the other one forwards calls; update all nodes: {why}"
    status = HTTPStatus.HTTP_VERSION_NOT_SUPPORTED
    return CallerError(Code.FORBIDDEN, words, http_status=status)


class _Refusal(msgspec.Struct):
    """The body of an error."""

    code: int
    status: _Text


def with_refusal(request: web.BaseRequest, response: web.StreamResponse) -> web.StreamResponse:
    """Return the answer to a hop, with its body in a header, too, where it refuses a WebSocket."""
    body = response.body if isinstance(response, web.Response) else None
    if (
        hdrs.UPGRADE in request.headers
        and isinstance(body, bytes)
        and len(body) <= _LONGEST_REFUSAL
    ):
        response.headers[REFUSAL] = urlsafe_b64encode(body).decode()
    return response


def refusal_in(headers: Mapping[str, str]) -> CallerError | None:
    """Return why an owner refused a WebSocket; None where it does not say so."""
    try:
        said = msgspec.json.decode(urlsafe_b64decode(headers.get(REFUSAL, "")), type=_Refusal)
    except (binascii.Error, ValueError, *UNREADABLE):
        return None
    return CallerError(said.code, said.status)

"""A call that is forwarded: what of a caller's request goes to the owner, and nothing else.
``hops`` makes them; ``forwarding`` and ``client`` send them.
"""

from collections.abc import Mapping
from urllib.parse import quote

import msgspec
from aiohttp import hdrs, web

from openwx.api import statuses
from openwx.api.callers import Caller
from openwx.api.peers.hop import Hop
from openwx.api.peers.spool import Spool
from openwx.cluster.directory import Owner

_FORWARDED = (
    hdrs.ACCEPT_LANGUAGE,
    hdrs.CONTENT_ENCODING,
    hdrs.CONTENT_TYPE,
    hdrs.IF_NONE_MATCH,
    "Idempotency-Key",
    "Last-Event-ID",
    statuses.STRICT_HEADER,
)
"""The headers that the owner needs. Those by which a caller is judged are not among them: this node has judged it."""
_OF_PAGES = (hdrs.COOKIE, hdrs.IF_MODIFIED_SINCE, hdrs.IF_RANGE, hdrs.RANGE, "HX-Request")
"""Those that the pages of the console need beside."""
_IN_A_URL = "!#$%&'()*+,/:;=?@[]~{|}^`\"<>\\"
"""What stays as it is in a query, beside letters and digits."""


class PeerCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call, and for which account its caller may make it."""

    account: str
    caller: Caller
    address: str
    """The caller's address."""
    allows_jsonp: bool
    method: str
    path: str
    query: str = ""
    """As it stands in an address."""
    headers: Mapping[str, str] = {}
    body: Spool | bytes | None = None
    size: int | None = None
    """The length of the body, where it is known."""
    is_repeatable: bool
    """Whether it may be made again where nobody knows whether it took effect."""
    only_reads: bool
    """Whether it changes nothing."""

    def hop_to(self, owner: Owner, node: str) -> Hop:
        """Return what this node says to an owner."""
        return Hop(
            node=node,
            account=self.account,
            epoch=owner.epoch,
            key=self.caller.name,
            scope=self.caller.scope,
            accounts=None if self.caller.accounts is None else (self.account,),
            address=self.address,
            allows_jsonp=self.allows_jsonp,
        )


def headers_of(request: web.BaseRequest, *, is_page: bool = False) -> dict[str, str]:
    """Return the headers of a request that are forwarded. ``is_page``: to a page of the console."""
    names = (*_FORWARDED, *_OF_PAGES) if is_page else _FORWARDED
    return {name: request.headers[name] for name in names if name in request.headers}


def query_of(request: web.BaseRequest) -> str:
    """Return the query of a request with each byte beyond ASCII escaped, as old programs do not."""
    query = request.raw_path.partition("?")[2].partition("#")[0]
    return quote(query.encode("utf-8", "surrogateescape"), safe=_IN_A_URL)

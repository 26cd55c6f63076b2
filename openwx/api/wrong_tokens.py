"""Delays the answers to wrong tokens, per address of the caller. A right token is never delayed. ``Access`` asks.

Behind a proxy all callers have its address; ``access.trusted_proxies`` lists proxies whose ``X-Forwarded-For`` counts.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network

from aiohttp import web

from openwx.api import audit
from openwx.origins import address_of

log = logging.getLogger("openwx.web")

FORWARDED_FOR = "X-Forwarded-For"
FREE_TRIES = 5
"""Number of wrong tokens of one address that are answered at once."""
LONGEST_WAIT_S = 60.0
LONGEST_PAUSE_S = 5.0
"""Longest delay of the answer to a wrong token, in seconds."""
MOST_PAUSES = 50
"""Number of answers that are delayed at a time; others are sent at once, so that they do not occupy all connections."""
FORGOTTEN_S = 15 * 60.0
"""Time after which an address without wrong tokens is forgotten, in seconds."""
_MOST_CALLERS = 10_000
_MOST_HOPS = 100

Network = IPv4Network | IPv6Network


class Guesses:
    """Counts wrong tokens."""

    def __init__(
        self,
        trusted_proxies: Sequence[Network] = (),
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._proxies = trusted_proxies
        self._clock = clock
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()
        """Number of wrong tokens and time of the last one by caller, the oldest first."""
        self._pauses = 0

    def wrong(self, request: web.BaseRequest) -> float:
        """Count a wrong token, and return for how many seconds the caller should wait before the next try."""
        caller = self.caller(request)
        now = self._clock()
        number, last = self._wrong.pop(caller, (0, now))
        number = 1 if now - last > FORGOTTEN_S else number + 1
        self._wrong[caller] = number, now
        if len(self._wrong) > _MOST_CALLERS:
            self._wrong.popitem(last=False)
        if number <= FREE_TRIES:
            audit.wrong_token(self.address(request))
            return 0.0
        if number == FREE_TRIES + 1:
            log.warning("%d wrong tokens from %s: its next ones are answered late", number, caller)
        return min(LONGEST_WAIT_S, 2.0 ** min(number - FREE_TRIES - 1, 10))

    async def slow_down(self, request: web.BaseRequest) -> float:
        """Count a wrong token, and wait until its answer may be sent. Returns what ``wrong`` does."""
        wait_s = self.wrong(request)
        if wait_s and self._pauses < MOST_PAUSES:
            self._pauses += 1
            try:
                await asyncio.sleep(min(wait_s, LONGEST_PAUSE_S))
            finally:
                self._pauses -= 1
        return wait_s

    def caller(self, request: web.BaseRequest) -> str:
        """Return the address of the caller; for IPv6 its /64 network, all of which one caller has."""
        return _network(self.address(request))

    def address(self, request: web.BaseRequest) -> str:
        """Return the address of the caller, behind the trusted proxies."""
        remote = request.remote or ""
        if self._proxies and self._is_proxy(remote):
            hops = ",".join(request.headers.getall(FORWARDED_FOR, ())).split(",")
            for hop in reversed(hops[-_MOST_HOPS:]):
                address = _address(hop)
                if not address:
                    break
                remote = address
                if not self._is_proxy(address):
                    break
        return remote

    def _is_proxy(self, remote: str) -> bool:
        address = address_of(remote)
        return address is not None and any(address in network for network in self._proxies)


def _address(hop: str) -> str:
    """Parse an address as proxies write it, perhaps with a port; empty if it is none."""
    hop = hop.strip()
    if hop.startswith("["):
        hop = hop[1:].partition("]")[0]
    elif hop.count(":") == 1:
        hop = hop.partition(":")[0]
    address = address_of(hop)
    return "" if address is None else str(address)


def _network(remote: str) -> str:
    address = address_of(remote)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address) >> 64 << 64, 64)))
    return remote if address is None else str(address)

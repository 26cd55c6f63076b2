"""Wrong tokens cost time, by the address that they come from. A right token costs none, whatever came before it.

Behind a proxy everybody has its address; ``access.trusted_proxies`` names those whose ``X-Forwarded-For`` is believed.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network

from aiohttp import web

from openwx.api.hosts import address_of

log = logging.getLogger("openwx.web")

FORWARDED_FOR = "X-Forwarded-For"
FREE_TRIES = 5
"""So many wrong tokens of one address are answered at once."""
LONGEST_WAIT_S = 60.0
LONGEST_PAUSE_S = 5.0
"""The answer to a wrong token comes so much later at most."""
MOST_PAUSES = 50
"""So many callers wait for such an answer; others are answered at once, so that nobody fills the connections."""
FORGOTTEN_S = 15 * 60.0
"""Who guesses nothing for so long begins anew."""
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
        """How many there were, and when the last one came, by caller; the oldest first."""
        self._pauses = 0

    def wrong(self, request: web.BaseRequest) -> float:
        """Count a wrong token. So many seconds this caller is to wait before he tries again."""
        caller = self.caller(request)
        now = self._clock()
        number, last = self._wrong.pop(caller, (0, now))
        number = 1 if now - last > FORGOTTEN_S else number + 1
        self._wrong[caller] = number, now
        if len(self._wrong) > _MOST_CALLERS:
            self._wrong.popitem(last=False)
        if number <= FREE_TRIES:
            return 0.0
        if number == FREE_TRIES + 1:
            log.warning("%d wrong tokens from %s: its next ones are answered late", number, caller)
        return min(LONGEST_WAIT_S, 2.0 ** min(number - FREE_TRIES - 1, 10))

    async def slow_down(self, request: web.BaseRequest) -> float:
        """Count a wrong token, and return when its answer may go out; the result is that of ``wrong``."""
        wait_s = self.wrong(request)
        if wait_s and self._pauses < MOST_PAUSES:
            self._pauses += 1
            try:
                await asyncio.sleep(min(wait_s, LONGEST_PAUSE_S))
            finally:
                self._pauses -= 1
        return wait_s

    def caller(self, request: web.BaseRequest) -> str:
        """Where a request comes from: an address; of IPv6 the network, since one caller has all of that."""
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
        return _network(remote)

    def _is_proxy(self, remote: str) -> bool:
        address = address_of(remote)
        return address is not None and any(address in network for network in self._proxies)


def _address(hop: str) -> str:
    """An address as proxies write it, perhaps with a port; empty where it is none."""
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

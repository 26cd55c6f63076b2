"""The failure of a proxy, as the connectors of ``sessions`` and ``socks`` raise it among aiohttp's errors.
Both clients catch it.
"""

import aiohttp

from openwx.config.proxies import Proxy
from openwx.errors import ProxyTrouble


class ProxyTroubleError(aiohttp.ClientConnectionError):
    """A proxy failed. ``proxy`` is its address without secrets, ``detail`` says what happened."""

    def __init__(self, trouble: ProxyTrouble, proxy: Proxy, detail: str) -> None:
        super().__init__(detail)
        self.trouble = trouble
        self.proxy = proxy.shown
        self.detail = detail

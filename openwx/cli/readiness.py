"""Reads the state of a running gateway, for ``openwx status`` and ``openwx doctor``.

It stands apart from ``probe.py`` because it needs the API's modules, which take long to import.
"""

import aiohttp
import msgspec
from aiohttp import hdrs

from openwx.api.probes import Readiness
from openwx.cli import probe
from openwx.errors import UNREADABLE
from openwx.neterrors import describe


async def readiness(gateway: probe.RunningGateway, token: str | None) -> Readiness:
    """Read the gateway's state. Raises ``NotReachedError``, also if it has another token."""
    headers = gateway.headers
    if token:
        headers[hdrs.AUTHORIZATION] = f"Bearer {token}"
    url = gateway.url
    try:
        # Our own server, on this machine: its certificate is for the name that others use.
        async with (
            probe.session() as http,
            http.get(f"{url}/readyz", headers=headers, ssl=False, allow_redirects=False) as answer,
        ):
            body, status = await answer.read(), answer.status
    except (aiohttp.ClientError, OSError) as error:
        raise probe.NotReachedError(f"no openwx answers at {url}: {describe(error)}") from None
    try:
        state = msgspec.json.decode(body if status in (200, 503) else b"", type=Readiness)
    except UNREADABLE:
        words = f"the openwx at {url} does not answer as this version does (HTTP {status}); it may be another version"
        raise probe.NotReachedError(words) from None
    if state.accounts is msgspec.UNSET:
        raise probe.NotReachedError(f"the openwx at {url} has another access.token")
    return state

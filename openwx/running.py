"""The gateway that runs with this configuration, as commands beside it find and ask it."""

import os

import aiohttp
import msgspec

from openwx.config import Settings
from openwx.errors import OpenwxError
from openwx.web.health import Readiness

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not listened on here
_TIMEOUT = aiohttp.ClientTimeout(total=15, sock_connect=5)


class NotReachedError(OpenwxError):
    """No gateway answered; its words say where, and why."""


def address(settings: Settings) -> str:
    """Where to call it from this machine, without a path: the first address, at loopback where it is every one."""
    listen = settings.listen[0]
    return listen.model_copy(update={"host": _ANY.get(listen.host, listen.host)}).url


def reason(error: Exception) -> str:
    """Why something was not reached, in the system's words, and without its address, which may hold a secret."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name is not known (DNS)"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        words = getattr(error.certificate_error, "verify_message", "")
        return f"its certificate is not trusted ({words or 'TLS'})"
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    number = getattr(cause, "errno", None)
    return os.strerror(number).lower() if number else type(error).__name__


async def readiness(settings: Settings) -> Readiness:
    """How it is. Raises ``NotReachedError``, also where what answers is no openwx, or wants another token."""
    url = address(settings)
    if settings.listen[0].port == 0:
        words = "listen[0].port is 0, so its port is known to itself alone; its log tells it"
        raise NotReachedError(words)
    headers = {"Host": "localhost"}  # it may be reached by a name that callers may not use
    if settings.access.token:
        headers["Authorization"] = f"Bearer {settings.access.token}"
    try:
        # Our own server, on this machine: its certificate is for the name that others use.
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT, headers=headers) as http,
            http.get(f"{url}/readyz", ssl=False, allow_redirects=False) as response,
        ):
            body, status = await response.read(), response.status
    except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
        raise NotReachedError(f"no openwx answers at {url}: {reason(error)}") from None
    try:
        told = msgspec.json.decode(body if status in (200, 503) else b"", type=Readiness)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        words = f"what answers at {url} is no openwx, or another version of it"
        raise NotReachedError(words) from None
    if told.accounts is msgspec.UNSET:
        raise NotReachedError(f"the openwx at {url} has another access.token")
    return told

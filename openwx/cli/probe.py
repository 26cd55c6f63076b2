"""Finds and queries the gateway that runs with a configuration.

It is the gateway that uses the configuration's ``data_dir``, whatever listens at the configured address; if there is
none, a demo that was started with this configuration. ``openwx/instance.py`` says how it is recognised.
"""

import asyncio
import contextlib
import hmac
import secrets
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import hdrs
from filelock import FileLock, Timeout

from openwx import instance
from openwx.client import Client
from openwx.config import Settings
from openwx.errors import OpenwxError
from openwx.instance import Instance
from openwx.neterrors import describe

_TIMEOUT = aiohttp.ClientTimeout(total=15, sock_connect=5)
CLIENT_TIMEOUT_S = 60.0
_LOOK_S = 1.0


class NotReachedError(OpenwxError):
    """No gateway answered; the text says where, and why."""


class NotRunningError(NotReachedError):
    """No process uses the data folder."""


@dataclass(frozen=True, slots=True)
class RunningGateway:
    """A gateway that has proved its identity, and its address."""

    url: str
    id: str
    is_demo: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every call: another gateway rejects it, and this one accepts it at any address."""
        return {hdrs.HOST: "localhost", instance.WANTED: self.id}

    def client(self, settings: Settings, account: str | None) -> Client:
        """Make a client of it. Raises ``ConfigError`` if no configured key allows everything.

        Its certificate is for the name that other machines use, so it is not checked.
        """
        return Client(
            self.url,
            token=settings.access.own_token,
            account=account,
            timeout_s=CLIENT_TIMEOUT_S,
            retry_for_s=0,
            tls=False,
            headers=self.headers,
        )


async def find(settings: Settings) -> RunningGateway:
    """Find the running gateway. Raises ``NotReachedError``, or ``NotRunningError`` if there is none."""
    folder = settings.data_dir
    found, why = await _ask(_read_instance(folder / instance.RUNNING))
    used = await asyncio.to_thread(_is_used, folder, within_s=0 if found else instance.LOCK_S)
    if found is not None and used is not False:  # else this folder is a copy of the gateway's
        return found
    if used:
        raise NotReachedError(f"an openwx uses data_dir {folder}, but {why}")
    demo, _ = await _ask(_read_instance(folder / instance.DEMO))
    if demo is not None:
        return RunningGateway(demo.url, demo.id, is_demo=True)
    words = f"no openwx runs with data_dir {folder}"
    if await _is_taken(settings):
        words += f"; at {settings.listen[0].url} another program listens, or an openwx with another data_dir"
    raise NotRunningError(words)


def _read_instance(file: Path) -> Instance | None:
    try:
        return instance.left(file)
    except OSError as error:
        words = f"{file} cannot be read: {error.strerror or error}; run this as the user that openwx runs as"
        raise NotReachedError(words) from None


async def _ask(left: Instance | None) -> tuple[RunningGateway | None, str]:
    """Ask the addresses that a gateway left; return the gateway, or why none answered."""
    if left is None:
        words = "it left no address there: it is starting or stopping, or is an older version"
        return None, words
    reasons = []
    async with session() as http:
        for url in left.urls:
            try:
                await _prove(http, url, left.id)
            except NotReachedError as error:
                reasons.append(str(error))
            else:
                return RunningGateway(url, left.id), ""
    return None, "; ".join(reasons)


async def _prove(http: aiohttp.ClientSession, url: str, id: str) -> None:
    """Raise ``NotReachedError`` if another program or gateway answers. It learns neither the id nor a token."""
    challenge = secrets.token_hex(16)
    headers = {hdrs.HOST: "localhost", instance.CHALLENGE: challenge}
    try:
        async with http.get(
            f"{url}/healthz", headers=headers, ssl=False, allow_redirects=False
        ) as answer:
            proof, status = answer.headers.get(instance.PROOF, ""), answer.status
    except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
        raise NotReachedError(f"no openwx answers at {url}: {describe(error)}") from None
    if not hmac.compare_digest(
        proof.encode("utf-8", "surrogateescape"), instance.proof(id, challenge).encode()
    ):
        words = f"another program answers at {url}, or another openwx (HTTP {status})"
        raise NotReachedError(words)


def session() -> aiohttp.ClientSession:
    """Make an HTTP session for short calls."""
    return aiohttp.ClientSession(timeout=_TIMEOUT)


def _is_used(folder: Path, *, within_s: float) -> bool | None:
    """Check whether a process has locked the data folder; None if that is unknown. Blocks for ``within_s``.

    A check like this one holds the lock for a moment, too.
    """
    file = folder / instance.LOCK
    try:
        if not file.exists():
            return None
        with FileLock(file, timeout=within_s, mode=0o600):
            return False
    except Timeout:
        return True
    except OSError:
        return None  # a program that uses the folder reports why it cannot


async def _is_taken(settings: Settings) -> bool:
    """Check whether something listens at the gateway's address, without sending anything."""
    listen = settings.listen[0].from_here
    if listen.port == 0:
        return False
    with contextlib.suppress(OSError):  # TimeoutError is one
        async with asyncio.timeout(_LOOK_S):
            _, writer = await asyncio.open_connection(listen.host, listen.port)
        writer.close()
        return True
    return False

"""Connects to the one of a URL's hosts that can be written, also while another one does not answer at all.
``connections`` makes every connection with it.

All are asked at once. One after the other, a host whose machine is gone would take the time of those behind it; and
from a standby, a read could miss what was written.
"""

import asyncio
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg

from openwx.cancelling import cancel_and_close
from openwx.store.base import JournalError


class InvalidUrl(JournalError):
    """The URL cannot be used. The words of the error are not shown: they may quote a part of a password."""

    def __init__(self) -> None:
        super().__init__(
            "the store's URL is not a valid one of PostgreSQL (is each special character of its password encoded,"
            " such as %40 for @? sslmode=verify-full needs sslrootcert=FILE, too)"
        )


async def connect(url: str, **options: Any) -> asyncpg.Connection:
    """Connect to the host that can be written. ``options`` are those of ``asyncpg.connect``.

    Raise ``InvalidUrl``, or what the connection to one of the hosts raised.
    """
    try:
        tries = [
            asyncio.ensure_future(
                asyncpg.connect(one, target_session_attrs="read-write", **options)
            )
            for one in each_host(url)
        ]
        return await _first_of(tries)
    except (ValueError, asyncpg.ClientConfigurationError):
        raise InvalidUrl from None


def each_host(url: str) -> list[str]:
    """Return a URL for each of the hosts that a URL names, separated by commas, before its path or as ``?host=``.

    Raise ``ValueError``.
    """
    parts = urlsplit(url)
    user, at, before_path = parts.netloc.rpartition("@")
    query = dict(parse_qsl(parts.query))
    hosts = (before_path or query.get("host", "")).split(",")
    if len(hosts) == 1:
        return [url]
    if not any(hosts):
        raise ValueError("commas, and no host")
    if before_path:
        return [urlunsplit(parts._replace(netloc=f"{user}{at}{host}")) for host in hosts if host]
    ports = query.get("port", "").split(",")
    ports *= len(hosts) if len(ports) == 1 else 1
    return [
        f"{url.partition('?')[0]}?{urlencode(query | {'host': host, 'port': port})}"
        for host, port in zip(hosts, ports, strict=True)
        if host
    ]


async def _first_of(tries: list[asyncio.Future[asyncpg.Connection]]) -> asyncpg.Connection:
    """Return the first connection that is made, and end the others. Raise the most telling error if there is none."""
    waiting = set(tries)
    try:
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                if one.exception() is None:
                    tries.remove(one)
                    return one.result()
    finally:  # without a pause, in which a cancellation could lose what has been made
        for one in tries:
            cancel_and_close(one, asyncpg.Connection.terminate)
    errors = [error for one in tries if (error := one.exception()) is not None]
    # A host that is away says less than one that refuses.
    raise next((one for one in errors if not isinstance(one, OSError)), errors[-1])

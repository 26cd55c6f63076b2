"""``poll_api``: GET an address again and again, so that a server outside can call our API."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import aiohttp

from openwx.config import ReportSettings
from openwx.reporter import tls
from openwx.reporter.outcome import words
from openwx.reporter.post import url_for, with_client

log = logging.getLogger("openwx.report")

_TIMEOUT = aiohttp.ClientTimeout(total=120)


async def poll(
    settings: ReportSettings,
    http: aiohttp.ClientSession,
    *,
    running: Callable[[], Awaitable[object]],
    url_client: Callable[[], str | None] = lambda: None,
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Until cancelled: once the account runs, GET ``poll_api``, wait ``poll_interval``, and again.

    Redirects are followed, also to our own addresses; what is answered in the end does not matter.
    """
    if settings.poll_api is None:
        return
    url = url_for(settings.poll_api)
    trusted = tls.trusted(settings)
    works = True
    while True:
        await running()
        try:
            async with http.get(
                with_client(url, url_client()), timeout=_TIMEOUT, ssl=trusted
            ) as response:
                async for _ in response.content.iter_chunked(64 * 1024):
                    pass
                problem = f"HTTP {response.status}" if response.status >= 400 else ""
        # TimeoutError is an OSError; a name that can be no host's, at a redirect, is a UnicodeError.
        except (aiohttp.ClientError, OSError, UnicodeError) as error:
            problem = words(error)
        if problem and works:
            log.warning("poll_api fails: %s", problem)
        elif not problem and not works:
            log.warning("poll_api works again")
        works = not problem
        await pause(settings.poll_interval)

"""``poll_api``: gets an address in intervals, so that a server outside can cause calls of our API."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import aiohttp

from openwx.config import ReportSettings
from openwx.reporter import tls
from openwx.reporter.delivery_error import words_of_network
from openwx.reporter.post import url_for, with_client
from openwx.transports.sessions import HeldBackError

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
    """Get ``poll_api`` with pauses of ``poll_interval``, until cancelled. ``running`` waits until that may be done.

    Redirects are followed, also to our own addresses. The final answer is ignored.
    """
    if settings.poll_api is None:
        return
    url = url_for(settings.poll_api)
    trusted = tls.trusted(settings.ca, verify=settings.verify)
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
        except HeldBackError:
            continue  # nothing was sent; `running` waits for the lease
        # TimeoutError is an OSError. At a redirect, an impossible host name is a UnicodeError, and what ``urls.py``
        # knows of is an IndexError.
        except (aiohttp.ClientError, OSError, UnicodeError, IndexError) as error:
            problem = words_of_network(error)
        if problem and works:
            log.warning("poll_api fails: %s", problem)
        elif not problem and not works:
            log.warning("poll_api works again")
        works = not problem
        await pause(settings.poll_interval)

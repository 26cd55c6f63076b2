"""Serves a few paths at a free port of this machine: what a test puts in the place of others' web servers."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

ALL = "/{path:.*}"
"""Every path."""


@asynccontextmanager
async def served(
    answers: Mapping[str, Answer],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[str]:
    """Answer requests by their path, and yield the address. An answer ends when its caller leaves."""
    app = web.Application(client_max_size=2**28)
    for path, answer in answers.items():
        app.router.add_route("*", path, answer)
    options: dict[str, Any] = {"access_log": None, "shutdown_timeout": 0.1}
    runner = web.AppRunner(app, handler_cancellation=True, **options)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=tls).start()
        yield f"{'https' if tls else 'http'}://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()

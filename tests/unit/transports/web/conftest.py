from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from openwx.transports.network import Way
from openwx.transports.web.http import Http

from .serving import Service


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    service = Service()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", service.answer)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield service
    await runner.cleanup()


@pytest.fixture
async def connector() -> AsyncIterator[aiohttp.TCPConnector]:
    connector = aiohttp.TCPConnector()
    yield connector
    await connector.close()


@pytest.fixture
async def http(service: Service, connector: aiohttp.TCPConnector) -> AsyncIterator[Http]:
    http = Http(Way(connector, base_url=service.url, timeout_s=5))
    yield http
    await http.close()

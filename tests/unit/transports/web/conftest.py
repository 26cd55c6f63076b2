"""A fake web WeChat, of which each test says what it answers."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from openwx.transports.network import Way
from openwx.transports.web.http import Http
from tests.served import ALL, served

from .serving import Service


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    service = Service()
    async with served({ALL: service.answer}) as service.url:
        yield service


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

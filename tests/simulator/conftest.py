"""A running simulator, its first account, and a minimal web client."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from openwx.simulator import Account, Simulator
from tests.control import Control

from .web_client import WebClient


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(1, hold_s=0.05) as simulator:
        yield simulator


@pytest.fixture
def account(simulator: Simulator) -> Account:
    return simulator.account()


@pytest.fixture
async def web(simulator: Simulator) -> AsyncIterator[WebClient]:
    """Yield a web client that is not logged in."""
    client = WebClient(simulator.url)
    yield client
    await client.http.close()


@pytest.fixture
async def client(web: WebClient, account: Account) -> WebClient:
    """Return a web client that is logged in as the first account."""
    await web.log_in(account)
    return web


@pytest.fixture
def control(client: WebClient) -> Control:
    """Return the control API, with a web client that is logged in."""
    return Control(client.url, client.http)

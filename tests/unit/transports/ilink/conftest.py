from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from .fake import Fake
from .running import Case


@pytest.fixture
async def fake() -> AsyncIterator[Fake]:
    fake = Fake()
    app = web.Application(client_max_size=2**28)
    app.router.add_route("*", "/{path:.*}", fake.answer)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    await runner.cleanup()
    assert not fake.complaints


@pytest.fixture
async def case(fake: Fake) -> AsyncIterator[Case]:
    connector = aiohttp.TCPConnector()
    yield Case(fake, connector)
    await connector.close()

from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.served import ALL, served

from .fake import Fake
from .running import Case


@pytest.fixture
async def fake() -> AsyncIterator[Fake]:
    fake = Fake()
    async with served({ALL: fake.answer}) as fake.url:
        yield fake
    assert not fake.complaints


@pytest.fixture
async def case(fake: Fake) -> AsyncIterator[Case]:
    connector = aiohttp.TCPConnector()
    yield Case(fake, connector)
    await connector.close()

"""A fake iLink service, of which each test says what it answers."""

from collections.abc import AsyncIterator

import pytest

from .fake import Fake
from .running import Case, case_of, faked


@pytest.fixture
async def fake() -> AsyncIterator[Fake]:
    async with faked() as fake:
        yield fake


@pytest.fixture
async def case(fake: Fake) -> AsyncIterator[Case]:
    async with case_of(fake) as case:
        yield case

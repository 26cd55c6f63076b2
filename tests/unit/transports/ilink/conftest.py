from collections.abc import AsyncIterator

import pytest

from .fake import Fake
from .running import Case, serving


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    async with serving() as case:
        yield case


@pytest.fixture
def fake(case: Case) -> Fake:
    return case.fake

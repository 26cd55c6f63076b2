"""Serve an API of accounts that a test makes itself, without WeChat."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from .serving import Api, Serve


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    async with AsyncExitStack() as stack:
        yield Serve(stack)


@pytest.fixture
async def api(serve: Serve) -> Api:
    return await serve()

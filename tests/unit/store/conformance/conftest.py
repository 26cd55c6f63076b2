"""What every store must pass. A store joins by a line in ``STORES``: how its URL is made for an empty folder."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from openwx import store
from openwx.store.base import Journal

from ..reports import Clock

STORES: dict[str, Callable[[Path], str]] = {
    "sqlite": lambda folder: f"sqlite://{folder}/journal.db",
}

Open = Callable[[], AbstractAsyncContextManager[Journal]]


@pytest.fixture(params=STORES)
def reopen(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Open:
    """Open the test's store; each time with what was written before."""
    url = STORES[request.param](tmp_path)
    return lambda: store.open(url, clock=clock)


@pytest.fixture
async def journal(reopen: Open) -> AsyncIterator[Journal]:
    async with reopen() as opened:
        yield opened

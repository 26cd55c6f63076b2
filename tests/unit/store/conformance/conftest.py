"""What every store must pass. A store joins by a function in ``STORES``: it says how one is opened."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from openwx import store
from openwx.store.base import Journal
from openwx.store.postgres.connections import Address
from tests import postgres

from ..members import member
from ..reports import Clock

Open = Callable[[], AbstractAsyncContextManager[Journal]]


def _sqlite(request: pytest.FixtureRequest, clock: Clock) -> Open:
    folder: Path = request.getfixturevalue("tmp_path")
    return lambda: store.open(f"sqlite://{folder}/journal.db", clock=clock)


def _postgresql(request: pytest.FixtureRequest, clock: Clock) -> Open:
    url: str = request.getfixturevalue("postgres_url")
    address = Address(url, postgres.new_schema())
    return lambda: member(address, clock=clock)


STORES: dict[str, Callable[[pytest.FixtureRequest, Clock], Open]] = {
    "sqlite": _sqlite,
    "postgresql": _postgresql,
}


@pytest.fixture(params=STORES)
def reopen(request: pytest.FixtureRequest, clock: Clock) -> Open:
    """Open the test's store; each time with what was written before."""
    return STORES[request.param](request, clock)


@pytest.fixture
async def journal(reopen: Open) -> AsyncIterator[Journal]:
    async with reopen() as opened:
        yield opened

"""What every store must pass. A store joins by a function in ``STORES``: it says how one is opened."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from openwx import store
from openwx.store.base import Journal
from openwx.store.postgres.connections import Address
from openwx.store.postgres.journal import PostgresJournal
from tests import postgres
from tests.patience import PATIENCE_S

from ..reports import Clock

Open = Callable[[], AbstractAsyncContextManager[Journal]]

LEASE_S = 3 * PATIENCE_S
"""A server on a busy machine may answer late."""


def _sqlite(request: pytest.FixtureRequest, clock: Clock) -> Open:
    folder: Path = request.getfixturevalue("tmp_path")
    return lambda: store.open(f"sqlite://{folder}/journal.db", clock=clock)


def _postgresql(request: pytest.FixtureRequest, clock: Clock) -> Open:
    url: str = request.getfixturevalue("postgres_url")
    address = Address(url, postgres.new_schema())
    return lambda: PostgresJournal(address, clock=clock, lease_s=LEASE_S)


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

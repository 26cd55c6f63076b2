"""Journals in a schema of a PostgreSQL, directly or through a proxy that cuts connections."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from openwx.store.postgres.connections import Address
from openwx.store.postgres.journal import PostgresJournal
from tests import postgres

from ..members import member
from ..reports import Clock
from .cutting import CuttingProxy

LEASE_S = 6.0


@pytest.fixture
def address(postgres_url: str) -> Address:
    """Name a schema of this test's own."""
    return Address(postgres_url, postgres.new_schema())


@pytest.fixture
async def journal(address: Address, clock: Clock) -> AsyncIterator[PostgresJournal]:
    async with member(address, clock=clock, lease_s=LEASE_S) as opened:
        yield opened


@pytest.fixture
async def operator(address: Address) -> AsyncIterator[asyncpg.Connection]:
    """Connect as one who looks into the tables, and changes them."""
    connection = await address.connect()
    yield connection
    await connection.close()


@pytest.fixture
async def proxy(address: Address) -> AsyncIterator[CuttingProxy]:
    async with CuttingProxy(address.url) as running:
        yield running


@pytest.fixture
async def through(
    proxy: CuttingProxy, address: Address, clock: Clock
) -> AsyncIterator[PostgresJournal]:
    """Open the journal through the proxy."""
    here = address._replace(url=proxy.url)
    async with member(here, clock=clock, lease_s=LEASE_S) as opened:
        yield opened

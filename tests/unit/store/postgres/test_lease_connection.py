"""The connection for what concerns ownership: one uses it at a time, and nobody waits for all of the others."""

import asyncio

import asyncpg
import pytest

from openwx.steady import steady
from openwx.store.postgres.connections import Address
from openwx.store.postgres.lease_connection import LeaseConnection
from tests.patience import PATIENCE_S

WITHIN_S = 0.5


async def hang(_: asyncpg.Connection) -> None:
    await asyncio.Event().wait()


async def backend(connection: asyncpg.Connection) -> int:
    pid: int = await connection.fetchval("SELECT pg_backend_pid()")
    return pid


@pytest.fixture
def connection(address: Address) -> LeaseConnection:
    return LeaseConnection(address, within_s=WITHIN_S)


async def test_many_who_get_no_answer_wait_as_long_as_one(connection: LeaseConnection) -> None:
    began = steady()
    async with asyncio.timeout(PATIENCE_S):
        ends = await asyncio.gather(
            *(connection.do(hang) for _ in range(2000)), return_exceptions=True
        )
    assert {type(one) for one in ends} == {TimeoutError}
    assert steady() - began < 2000 * WITHIN_S / 10


async def test_who_waits_in_vain_does_not_end_what_another_does(
    connection: LeaseConnection,
) -> None:
    began, goes_on = asyncio.Event(), asyncio.Event()

    async def slow(one: asyncpg.Connection) -> int:
        began.set()
        await goes_on.wait()
        return await backend(one)

    async with asyncio.timeout(PATIENCE_S):
        former = await connection.do(backend, within_s=PATIENCE_S)
        using = asyncio.create_task(connection.do(slow, within_s=PATIENCE_S))
        await began.wait()
        with pytest.raises(TimeoutError):
            await connection.do(backend)
        goes_on.set()
        assert await using == former
    connection.drop()

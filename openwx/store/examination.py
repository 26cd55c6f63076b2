"""What ``openwx doctor`` asks of a PostgreSQL. Nothing is changed."""

import asyncio
from typing import NamedTuple

from openwx.store.postgres.checks import CLOCKS_DIFFER_S, Facts, facts
from openwx.store.postgres.connections import READ_S, Address, Unreachable, not_opened
from openwx.store.postgres.schema import VERSION, version_of
from openwx.store.postgres.surroundings import Surroundings, surroundings

__all__ = ["CLOCKS_DIFFER_S", "VERSION", "Examination", "Facts", "Surroundings", "examine"]


class Examination(NamedTuple):
    """What was found. ``version`` is that of the schema, 0 where there is none."""

    server: Facts
    around: Surroundings
    version: int


async def examine(url: str, schema: str) -> Examination:
    """Ask the server. Raise ``JournalError`` where it cannot be reached, or the schema cannot be read."""
    address = Address(url, schema, "doctor")
    address.require_valid()
    try:
        connection = await address.connect()
        try:
            async with asyncio.timeout(READ_S):
                server, around = await facts(connection), await surroundings(connection, schema)
                return Examination(server, around, await version_of(connection, schema))
        finally:
            connection.terminate()
    except Unreachable as error:
        raise not_opened(error) from error

"""Creates and migrates the schema. Migrations only add, so that the version before goes on working beside this one."""

import asyncpg

from openwx.store.base import JournalError
from openwx.store.postgres import functions, tables

VERSION = 1
_STEPS = (tables.OWNERSHIP + tables.REPORTS + tables.VALUES + functions.ALL,)
"""The migrations from each version to the next."""


async def migrate(connection: asyncpg.Connection, schema: str) -> None:
    """Bring a schema to this version, once however many nodes start. Raise ``JournalError`` if a newer one wrote it."""
    if await _version(connection, schema) == VERSION:
        return  # a role that may create nothing can use what is there
    async with connection.transaction():
        await connection.execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext($1))", f"openwx {schema}")
        version = await _version(connection, schema)
        if version == 0:
            await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
            await connection.execute("CREATE TABLE version (version integer NOT NULL)")
            await connection.execute("INSERT INTO version VALUES (0)")
        await connection.execute("".join(_STEPS[version:]))
        await connection.execute("UPDATE version SET version = $1", VERSION)


async def _version(connection: asyncpg.Connection, schema: str) -> int:
    """Return the version of a schema; 0 if there is none."""
    table = f'"{schema}".version'
    if await connection.fetchval("SELECT to_regclass($1)", table) is None:
        return 0
    version: int = await connection.fetchval(f"SELECT version FROM {table}")  # noqa: S608 - checked by `Address`
    if version > VERSION:
        raise JournalError(
            f"the schema {schema} was written by a newer openwx: its version is {version}, this one"
            f" knows {VERSION}"
        )
    return version

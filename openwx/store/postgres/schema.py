"""Creates and migrates the schema. Migrations only add, so that the version before goes on working beside this one.
Each start calls it.

Version 1 is that of the first release. Until then it changes in place, so a schema of an earlier clone is not migrated.
"""

import asyncpg

from openwx.store.base import JournalError
from openwx.store.postgres import files, functions, tables

VERSION = 1
_STEPS = (
    tables.OWNERSHIP + tables.REPORTS + tables.VALUES + tables.VISITS + files.TABLE + functions.ALL,
)
"""The migrations from each version to the next."""
_HAS_VERSION = """
SELECT 1 FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = $1 AND relname = 'version'"""

_IS_THERE = "SELECT 1 FROM pg_namespace WHERE nspname = $1"


async def migrate(connection: asyncpg.Connection, schema: str) -> None:
    """Bring a schema to this version, once however many nodes start. Raise ``JournalError`` if a newer one wrote it."""
    if await version_of(connection, schema) == VERSION:
        return  # a role that may create nothing can use what is there
    async with connection.transaction():
        await connection.execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext($1))", f"openwx {schema}")
        version = await version_of(connection, schema)
        if version == 0:
            # Not by IF NOT EXISTS, for which a role needs the right to create others.
            if await connection.fetchval(_IS_THERE, schema) is None:
                await connection.execute(f'CREATE SCHEMA "{schema}"')
            await connection.execute("CREATE TABLE version (version integer NOT NULL)")
            await connection.execute("INSERT INTO version VALUES (0)")
        if version < VERSION:  # no other node has done it meanwhile
            await connection.execute("".join(_STEPS[version:]))
            await connection.execute("UPDATE version SET version = $1", VERSION)


async def version_of(connection: asyncpg.Connection, schema: str) -> int:
    """Return the version of a schema; 0 if there is none."""
    # Not by `to_regclass`: after the wait for a lock, its cache may not know yet what another node has made.
    if await connection.fetchval(_HAS_VERSION, schema) is None:
        return 0
    version = await connection.fetchval("SELECT version FROM version")
    if not isinstance(version, int):
        raise JournalError(f"the schema {schema} belongs to another program: name another schema")
    if version > VERSION:
        raise JournalError(
            f"the schema {schema} was written by a newer openwx: its version is {version}, this one"
            f" knows {VERSION}"
        )
    return version

"""What ``openwx doctor`` wants to know of a server beside what every start checks. ``examination`` asks."""

from typing import NamedTuple

import asyncpg

_SURROUNDINGS = """
SELECT current_setting('synchronous_standby_names') AS wanted_standbys,
    ARRAY(SELECT coalesce(sync_state, '') FROM pg_stat_replication
        WHERE coalesce(state, 'streaming') IN ('streaming', 'catchup')) AS standbys,
    coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS is_encrypted,
    coalesce(inet_server_addr() <<= ANY (ARRAY['127.0.0.0/8', '::1/128']::inet[]), true) AS is_here,
    coalesce((SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = $1),
        has_database_privilege(current_database(), 'CREATE')) AS may_create"""


class Surroundings(NamedTuple):
    """Standbys, the way to the server, and what its role may do."""

    wanted_standbys: str
    """Which standbys it waits for at a commit; empty for none."""
    standbys: list[str]
    """How each that is there follows: ``sync``, ``quorum``, ``potential`` or ``async``; empty where that is hidden."""
    is_encrypted: bool
    is_here: bool
    """Whether it is reached at this machine alone."""
    may_create: bool
    """Whether the role may create the schema, or tables in it if it is there."""


async def surroundings(connection: asyncpg.Connection, schema: str) -> Surroundings:
    """Ask a server."""
    return Surroundings(*await connection.fetchrow(_SURROUNDINGS, schema))

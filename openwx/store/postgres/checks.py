"""What is checked of a server before it is used, one line each."""

import logging
import time

import asyncpg

from openwx.store.base import JournalError

CLOCKS_DIFFER_S = 2.0
"""More than that between PostgreSQL's clock and ours is said in the log, in seconds."""
MIN_VERSION = 15

log = logging.getLogger("openwx.report")

_FACTS = """
SELECT current_setting('server_version_num')::integer / 10000 AS version, current_setting('fsync') AS fsync,
    current_setting('full_page_writes') AS full_page_writes, pg_is_in_recovery() AS is_in_recovery,
    current_setting('server_encoding') AS encoding,
    extract(epoch FROM clock_timestamp())::double precision AS now"""


async def check(connection: asyncpg.Connection) -> None:
    """Raise ``JournalError`` for a server that would lose what it acknowledged, or cannot be written."""
    facts = await connection.fetchrow(_FACTS)
    troubles = {
        f"version {facts['version']}: {MIN_VERSION} or newer is needed": facts["version"]
        < MIN_VERSION,
        "fsync is off: a crash of its machine would lose what was acknowledged": facts["fsync"]
        != "on",
        "full_page_writes is off: a crash of its machine could damage the journal": facts[
            "full_page_writes"
        ]
        != "on",
        "it is a standby, which cannot be written": facts["is_in_recovery"],
        f"the database's encoding is {facts['encoding']}, not UTF8": facts["encoding"] != "UTF8",
    }
    if found := "; ".join(words for words, is_so in troubles.items() if is_so):
        raise JournalError(f"PostgreSQL cannot keep the journal: {found}")
    apart = facts["now"] - time.time()
    if abs(apart) > CLOCKS_DIFFER_S:
        log.warning("the clock of PostgreSQL differs from that of this machine by %+.0f s", apart)

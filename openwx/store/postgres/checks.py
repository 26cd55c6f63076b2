"""What is checked of a server before it is used, one line each.
``PostgresJournal`` and ``openwx doctor`` run them.
"""

import logging
import time
from typing import NamedTuple

import asyncpg

from openwx.store.base import JournalError

CLOCKS_DIFFER_S = 2.0
"""More than that between PostgreSQL's clock and ours is said in the log, in seconds."""
MIN_VERSION = 15

log = logging.getLogger("openwx.report")

_FACTS = """
SELECT current_setting('server_version_num')::integer / 10000 AS version,
    current_setting('fsync') = 'on' AS is_flushed,
    current_setting('full_page_writes') = 'on' AS has_full_pages, pg_is_in_recovery() AS is_standby,
    current_setting('server_encoding') AS encoding,
    extract(epoch FROM clock_timestamp())::double precision AS clock_ahead_s"""


class Facts(NamedTuple):
    """What a server is like."""

    version: int
    is_flushed: bool
    has_full_pages: bool
    is_standby: bool
    encoding: str
    clock_ahead_s: float
    """Seconds by which its clock is ahead of ours."""

    @property
    def troubles(self) -> list[str]:
        """Why it cannot keep a journal."""
        found = {
            f"version {self.version}: {MIN_VERSION} or newer is needed": self.version < MIN_VERSION,
            "fsync is off: a crash of its machine would lose what was acknowledged": not self.is_flushed,
            "full_page_writes is off: a crash of its machine could damage the journal": not self.has_full_pages,
            "it is a standby, which cannot be written": self.is_standby,
            f"the database's encoding is {self.encoding}, not UTF8": self.encoding != "UTF8",
        }
        return [words for words, is_so in found.items() if is_so]


async def facts(connection: asyncpg.Connection) -> Facts:
    """Ask a server."""
    asked_at = time.time()
    found = Facts(*await connection.fetchrow(_FACTS))
    return found._replace(clock_ahead_s=found.clock_ahead_s - (asked_at + time.time()) / 2)


async def check(connection: asyncpg.Connection) -> None:
    """Raise ``JournalError`` for a server that would lose what it acknowledged, or cannot be written."""
    found = await facts(connection)
    if found.troubles:
        raise JournalError(f"PostgreSQL cannot keep the journal: {'; '.join(found.troubles)}")
    if abs(found.clock_ahead_s) > CLOCKS_DIFFER_S:
        words = "the clock of PostgreSQL differs from that of this machine by %+.0f s"
        log.warning(words, found.clock_ahead_s)

"""Connections to PostgreSQL, and the one that writes, of which no statement is ever cancelled.
All other modules here take them.
"""

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import asyncpg

from openwx.store.base import JournalError, JournalUnavailable
from openwx.store.postgres import hosts
from openwx.store.postgres.errors import Effect, effect_of, worded

CONNECT_S = 10.0
"""How long a connection may take to be there, in seconds."""
READ_S = 10.0
"""How long a query may take, in seconds."""
READERS = 4
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_SETTINGS = {
    "synchronous_commit": "on",
    "idle_in_transaction_session_timeout": "5s",
    "lock_timeout": "3s",
    "statement_timeout": "10s",
    "jit": "off",
    # The server notices within a minute that a node is gone, and has its connections back.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    # A role or a database may have others.
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "client_min_messages": "notice",
}
# The functions look for few rows by their keys, in tables that are empty when the plans are made.
_BY_INDEX = {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off"}
# A claim must not take what another node has taken since its snapshot.
_AS_OF_ONE_MOMENT = {"default_transaction_isolation": "repeatable read"}

_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
"""The parameters of an address that name files."""

Unreachable = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    hosts.InvalidUrl,  # a file that it names may be away for a moment
    OSError,
    TimeoutError,
)
"""What is raised where a connection cannot be had, or is lost."""


class Lost(Exception):
    """The connection was dropped without an answer: the statement was done, or not, or will be."""


class Address(NamedTuple):
    """Where the journal is. ``url`` is a secret."""

    url: str
    schema: str = "openwx"
    node: str = "openwx"
    """The name of this process, as PostgreSQL shows it."""

    def __repr__(self) -> str:
        return f"Address(schema={self.schema!r}, node={self.node!r})"

    def require_valid(self) -> None:
        """Raise ``JournalError`` for a schema that cannot be one."""
        if not _SCHEMA.fullmatch(self.schema):
            raise JournalError(
                "the schema of the store must be up to 63 characters a-z, 0-9 and _, and not begin with a digit"
            )

    async def connect(self, **more: str) -> asyncpg.Connection:
        """Connect, with more settings of the session. Raise one of ``Unreachable``."""
        settings = self._settings | more
        try:
            return await hosts.connect(self.url, timeout=CONNECT_S, server_settings=settings)
        except FileNotFoundError as error:
            raise self._with_its_file(error) from error

    def _with_its_file(self, error: FileNotFoundError) -> FileNotFoundError:
        """Return the error with the file that the URL names and that is not there: OpenSSL does not say which."""
        for _, file in filter(lambda one: one[0] in _FILES, parse_qsl(urlsplit(self.url).query)):
            if not Path(file).exists():
                return FileNotFoundError(error.errno, error.strerror, file)
        return error

    async def connect_to_write(self) -> "WriterConnection":
        """Connect for the statements of the writer. Raise one of ``Unreachable``."""
        return WriterConnection(await self.connect(**_BY_INDEX))

    async def connect_to_own(self) -> asyncpg.Connection:
        """Connect for what concerns ownership. Raise one of ``Unreachable``."""
        return await self.connect(**_AS_OF_ONE_MOMENT)

    def pool(self, most: int = READERS) -> asyncpg.Pool:
        """Return a pool of connections, to be entered."""
        return asyncpg.create_pool(
            self.url,
            connect=hosts.connect,
            min_size=0,  # else it logs a traceback for each second of an outage
            max_size=most,
            timeout=CONNECT_S,
            command_timeout=READ_S,
            reset=_leave,
            server_settings=self._settings,
        )

    @property
    def _settings(self) -> dict[str, str]:
        name = f"openwx/{self.node}"[:63]
        return _SETTINGS | {"application_name": name, "search_path": f'"{self.schema}"'}


async def _leave(connection: asyncpg.Connection) -> None:
    """Leave a reader's connection as it is: no query sets anything, and a reset is another query, which may hang."""


class WriterConnection:
    """A connection whose statements are never cancelled: it is dropped where no answer comes in time."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._is_committed_here_alone = False
        connection.add_log_listener(self._note)

    @property
    def is_lost(self) -> bool:
        return bool(self._connection.is_closed())

    async def ask(self, sql: str, *values: object, within_s: float) -> list[asyncpg.Record]:
        """Return the rows of a statement that is committed by itself, and on a synchronous standby if there is one.

        Raise ``Lost`` where that is not certain, and the server's error where it is certain that nothing was done.
        """
        self._is_committed_here_alone = False
        asking = asyncio.ensure_future(self._connection.fetch(sql, *values))
        await asyncio.wait({asking}, timeout=within_s)
        if not asking.done():
            self.drop()
            await asyncio.wait({asking})
            raise Lost(worded(TimeoutError())) from asking.exception()
        error = asking.exception()
        if error is not None and effect_of(error) is not Effect.UNKNOWN:
            if effect_of(error) is Effect.BROKEN:
                self.drop()
            raise error
        if error is not None or self._is_committed_here_alone:
            self.drop()
            words = (
                worded(error) if error else "PostgreSQL: the synchronous standby did not confirm"
            )
            raise Lost(words) from error
        rows: list[asyncpg.Record] = asking.result()
        return rows

    def drop(self) -> None:
        """End the connection at once, whatever it does."""
        self._connection.terminate()

    async def close(self) -> None:
        """End the connection in good order if possible."""
        with contextlib.suppress(*Unreachable):
            await self._connection.close(timeout=1.0)

    def _note(self, _: object, message: asyncpg.PostgresLogMessage) -> None:
        """Notice that the wait for a standby ended without it (the words are translated, the file's name is not)."""
        if getattr(message, "server_source_filename", "") == "syncrep.c":
            self._is_committed_here_alone = True


class Readers:
    """A few connections for queries, which need no ownership. All are over when a query fails or is cancelled."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def rows(self, sql: str, *values: object) -> Sequence[Any]:
        """Return the rows of a query. Raise ``JournalError``."""
        for is_last in (False, True):
            try:
                async with taken(self._pool) as connection:
                    rows: Sequence[Any] = await connection.fetch(sql, *values)
                    return rows
            except Unreachable as error:
                # One that died unnoticed: another connection may serve.
                if (
                    is_last
                    or effect_of(error) is not Effect.UNKNOWN
                    or isinstance(error, TimeoutError)
                ):
                    raise JournalError(f"the journal cannot be read: {worded(error)}") from error
        raise AssertionError


@asynccontextmanager
async def taken(pool: asyncpg.Pool) -> AsyncIterator[asyncpg.Connection]:
    """Take a connection, which is not used again after an error."""
    async with pool.acquire(timeout=CONNECT_S) as connection:
        try:
            yield connection
        except BaseException:
            connection.terminate()
            raise


@asynccontextmanager
async def opened(address: Address) -> AsyncIterator[Readers]:
    """Open the pool of readers. Raise ``JournalUnavailable``."""
    pool = address.pool()
    try:
        await pool
    except Unreachable as error:
        raise not_opened(error) from error
    try:
        yield Readers(pool)
    finally:
        await close(pool)


async def close(pool: asyncpg.Pool) -> None:
    """Close a pool when its queries are done, or end it after a while."""
    try:
        async with asyncio.timeout(CONNECT_S):
            await pool.close()
    except Unreachable:
        pool.terminate()


def not_opened(error: BaseException) -> JournalError:
    """Return the error of a start that failed: one that may be over later, or a wrong setting."""
    if isinstance(error, hosts.InvalidUrl):
        return error
    is_wrong = isinstance(error, ssl.CertificateError) or (
        isinstance(error, asyncpg.PostgresError)
        and (error.sqlstate or "").startswith(("28", "3D", "42"))
    )
    kind = JournalError if is_wrong else JournalUnavailable
    return kind(f"the store cannot be opened: {worded(error)}")

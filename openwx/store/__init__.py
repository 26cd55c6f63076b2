"""The durable store. ``open`` returns the journal, for ``service`` and commands; ``base.py`` says what it promises."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from openwx.store.base import Journal, JournalError
from openwx.store.files import FileStoreRefusedError, FolderStore, MediaStore
from openwx.store.records import NodeOptions
from openwx.store.sqlite.journal import SQLiteJournal

VISITOR = "visitor"
"""How PostgreSQL shows a process that is no member. A node may have this name, too."""
_POSTGRES = ("postgresql", "postgres")


def open(  # noqa: A001 - read as `store.open`
    location: str | Path,
    *,
    beside: Sequence[Path] = (),
    clock: Callable[[], float] = time.time,
    schema: str = "openwx",
    node: NodeOptions | None = None,
) -> AbstractAsyncContextManager[Journal]:
    """Return the journal at a path or URL (``sqlite:///path``, ``postgresql://…``), to be entered with ``async with``.

    Leaving it completes all writes. ``beside`` are files without which the journal must not be written, such as the
    lock of its folder. In PostgreSQL, ``schema`` has its tables, and this process becomes the member ``node``; without
    one it reads, and writes for no account. Raise ``JournalError`` for an unknown kind of URL.
    """
    if isinstance(location, str) and urlsplit(location).scheme in _POSTGRES:
        return _postgres(location, clock, schema, node)
    return SQLiteJournal(_path(location), beside=beside, clock=clock)


def _postgres(
    url: str, clock: Callable[[], float], schema: str, node: NodeOptions | None
) -> AbstractAsyncContextManager[Journal]:
    try:
        from openwx.store.postgres.connections import Address
        from openwx.store.postgres.journal import PostgresJournal
    except ImportError as error:
        raise JournalError("a store in PostgreSQL needs another package: asyncpg") from error
    return PostgresJournal(Address(url, schema, node.node if node else VISITOR), node, clock=clock)


def _path(location: str | Path) -> Path:
    if isinstance(location, Path) or "://" not in location:
        return Path(location)
    url = urlsplit(location)
    if url.scheme != "sqlite" or url.netloc:
        raise JournalError(
            f"no store for {url.scheme}: URLs; sqlite:///path and postgresql://host/name are known"
        )
    return Path(unquote(url.path))


@asynccontextmanager
async def open_files(
    kind: str, *, url: str | None = None, schema: str = "openwx", node: str = "openwx"
) -> AsyncIterator[MediaStore]:
    """Open the store of media: ``folder``, ``database`` (at the journal's ``url``), or ``s3://bucket/prefix``.

    Whether it works now, its ``check`` finds out. Raise ``FileStoreRefusedError`` where that is impossible.
    """
    if kind == "folder":
        yield FolderStore(is_shared=url is not None)
        return
    async with AsyncExitStack() as stack:
        try:
            if kind == "database":
                from openwx.store.postgres.connections import Address
                from openwx.store.postgres.files import DatabaseStore

                address = Address(url or "", schema, f"{node} media")
                files: MediaStore = await stack.enter_async_context(DatabaseStore(address))
            else:
                from openwx.store.objects import S3Store

                files = S3Store(kind)
        except ImportError as error:
            package = "asyncpg" if kind == "database" else "obstore"
            words = f"this store of media needs another package: {package}"
            raise FileStoreRefusedError(words) from error
        yield files

"""The journal in PostgreSQL, opened by a command that is no node: it reads, and says what nodes shall do.
The commands here, ``doctor``, ``outbox`` and ``logout`` open it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from openwx import store
from openwx.config import Settings
from openwx.errors import ConfigError, NotNowError
from openwx.store.base import Journal, JournalError, JournalUnavailable, Ownership


class SharedJournal(NamedTuple):
    """The journal, and who owns what."""

    journal: Journal
    ownership: Ownership


def require_shared(settings: Settings) -> str:
    """Return ``store.url``. Raise ``ConfigError`` without it."""
    if settings.store.url is None:
        raise ConfigError(
            "store.url is not set: without it there is one process alone, which `openwx status` shows"
        )
    return settings.store.url


@asynccontextmanager
async def open_shared(settings: Settings) -> AsyncIterator[SharedJournal]:
    """Open the journal. Raise ``ConfigError`` where it cannot be had, or fails while it is used."""
    url = require_shared(settings)
    try:
        async with store.open(url, schema=settings.store.schema, node=None) as journal:
            assert journal.ownership is not None
            yield SharedJournal(journal, journal.ownership)
    except JournalError as error:
        raise not_had(error) from error


def not_had(error: JournalError) -> ConfigError:
    """Return the error of a command whose journal is in PostgreSQL."""
    kind = NotNowError if isinstance(error, JournalUnavailable) else ConfigError
    return kind(f"store.url: {error}")

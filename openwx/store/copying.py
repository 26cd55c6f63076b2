"""Copies a journal from SQLite to PostgreSQL while no gateway uses either. Ids and numbers stay."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from openwx.store.base import JournalError
from openwx.store.postgres.checks import check
from openwx.store.postgres.connections import READ_S, Address, Unreachable, not_opened
from openwx.store.postgres.intake import Intake
from openwx.store.postgres.schema import migrate
from openwx.store.records import AccountRecord
from openwx.store.sqlite.export import Export


class Copied(NamedTuple):
    """An account that was copied, with its numbers of reports and sends; ``before`` if a former copy has done it."""

    account: str
    reports: int = 0
    sends: int = 0
    before: bool = False


def _nothing(_: AccountRecord) -> dict[str, bytes]:
    return {}


async def copy(
    path: Path,
    url: str,
    schema: str = "openwx",
    more_state: Callable[[AccountRecord], Mapping[str, bytes]] = _nothing,
) -> AsyncGenerator[Copied, None]:
    """Copy a journal, and yield each account when it is in PostgreSQL. What was interrupted is gone on with.

    ``more_state``: what the state of an account with such a record gets beside. Raise ``JournalError`` where one of
    them cannot be used, or an account is in PostgreSQL already with other content.
    """
    address = Address(url, schema, "copy")
    address.require_valid()
    _require_there(path)
    try:
        connection = await address.connect()
        try:
            async with asyncio.timeout(READ_S):
                await check(connection)
            await migrate(connection, schema)
            with Export(path) as export:
                records = export.records()
                for account in export.accounts():
                    numbers = export.numbers(account)
                    counts = dict.fromkeys(export.tables, 0)
                    async with connection.transaction():
                        intake = Intake(connection, account)
                        is_new = await intake.begin(numbers)
                        for table in export.tables if is_new else ():
                            for rows in export.rows(table, account):
                                await intake.take(table, rows)
                                counts[table] += len(rows)
                        if is_new and account in records:
                            await intake.record(records[account])
                            more = more_state(records[account]).items()
                            await intake.take("state", [(account, *one) for one in more])
                    yield Copied(account, counts["reports"], counts["sends"], before=not is_new)
        finally:
            await connection.close(timeout=5)
    except Unreachable as error:
        raise not_opened(error) from error


def _require_there(path: Path) -> None:
    if not path.is_file():  # else it would be made
        raise JournalError(f"there is no journal at {path}")

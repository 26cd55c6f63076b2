"""``openwx journal copy``: copies the journal in ``data_dir`` into PostgreSQL. ``main`` runs it."""

import asyncio
from contextlib import AsyncExitStack, aclosing
from functools import partial
from typing import Any

import msgspec

from openwx import service
from openwx.accounts import registry
from openwx.accounts.registry import AccountRegistry
from openwx.cli.shell import output
from openwx.cli.status import counted
from openwx.cluster import term
from openwx.config import Settings
from openwx.errors import ConfigError, NotNowError
from openwx.safetext import one_line
from openwx.store.base import JournalError, JournalUnavailable
from openwx.store.copying import Copied, copy
from openwx.store.records import AccountRecord


def main(settings: Settings, url: str, *, as_json: bool) -> int:
    """Copy into the PostgreSQL at ``url``, say what was copied, and return the exit code.

    Raise ``ConfigError`` where there is nothing to copy, a gateway uses it, or PostgreSQL cannot take it.
    """
    copied = asyncio.run(_copy(settings, url, as_json=as_json))
    if as_json:
        output.indented_json({"accounts": [_told(one) for one in copied]})
    else:
        print(_summary(settings, copied))
    return 0


async def _copy(settings: Settings, url: str, *, as_json: bool) -> list[Copied]:
    path = settings.data_dir / service.JOURNAL
    if not path.is_file():  # its folder would be made
        raise ConfigError(f"data_dir {settings.data_dir}: there is no journal to copy")
    copied = []
    async with AsyncExitStack() as stack:
        service.data_folder(settings.data_dir, stack)
        copying = copy(path, url, settings.store.schema, partial(_host_of_session, settings))
        try:
            async for one in await stack.enter_async_context(aclosing(copying)):
                if not one.account:  # what is of no account, such as the state of the clock
                    continue
                copied.append(one)
                if not as_json:
                    print(_line(one), flush=True)
        except JournalError as error:
            kind = NotNowError if isinstance(error, JournalUnavailable) else ConfigError
            done = (
                f"; {counted(len(copied), 'account is', 'accounts are')} copied" if copied else ""
            )
            raise kind(f"the journal is not copied: {one_line(str(error))}{done}") from error
    return copied


def _host_of_session(settings: Settings, record: AccountRecord) -> dict[str, bytes]:
    """Return where an account logged in whose ``base_url`` a caller gave; a node that does not know it lets the account
    log in anew."""
    saved = AccountRegistry({record.account: registry.saved_of(record)})
    account = dict(saved.accounts(settings.accounts)).get(record.account)
    if account is None or not account.base_url:
        return {}
    return {term.BASE_URL: account.base_url.encode()}


def _line(one: Copied) -> str:
    if one.before:
        return f"{one_line(one.account)}: copied before"
    reports, sends = counted(one.reports, "report", "reports"), counted(one.sends, "send", "sends")
    return f"{one_line(one.account)}: {reports}, {sends}"


def _summary(settings: Settings, copied: list[Copied]) -> str:
    return (
        f"{counted(len(copied), 'account is', 'accounts are')} in the schema {settings.store.schema} now."
        f" The journal in {settings.data_dir} stays as it was: start no gateway without store.url on it again."
    )


def _told(one: Copied) -> dict[str, Any]:
    return {name: msgspec.to_builtins(value) for name, value in one._asdict().items()}

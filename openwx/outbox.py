"""``openwx outbox``: look at failed deliveries, send them again, or drop them.

Through the API of the server that runs with this configuration; where none does, in its journal itself.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from typing import Any, Literal

import msgspec

from openwx import running, service
from openwx.client import CallFailed, Client, Delivery, NotConnected
from openwx.config import Settings
from openwx.errors import CallerError, ConfigError
from openwx.gateway.outbox import MOST, Outbox
from openwx.report.journal import Journal, JournalError, ListedUpload
from openwx.terminal import in_json, one_line

State = Literal["failed", "waiting"]
TIMEOUT_S = 60.0


async def run(
    settings: Settings, command: str, ids: Sequence[int] | None, client: str | None, *, state: State
) -> int:
    """Do a command (``list``, ``show``, ``retry`` or ``drop``) and print what comes of it; the exit code.

    ``ids`` None: all. Raises ``ConfigError`` where ``client`` is missing, or neither the server nor its journal can be
    had.
    """
    names = list(settings.accounts)
    if client is None and len(names) > 1:
        raise ConfigError(f"--client is missing: there are several accounts: {', '.join(names)}")
    try:
        try:
            told = await _ask_server(settings, command, ids, client, state)
        except NotConnected:
            told = await _ask_journal(settings, command, ids, client, state)
    except (CallFailed, CallerError) as error:
        print(f"openwx: {one_line(error.status)}", file=sys.stderr)
        return 1
    print(told)
    return 0


async def _ask_server(
    settings: Settings, command: str, ids: Sequence[int] | None, client: str | None, state: State
) -> str:
    # Our own server, on this machine: its certificate is for the name that others use.
    async with Client(
        running.address(settings),
        token=settings.access.token,
        account=client,
        timeout_s=TIMEOUT_S,
        retry_for_s=0,
        tls=False,
    ) as wx:
        match command:
            case "list":
                return _listed(await wx.outbox(state=state, limit=MOST), state)
            case "show":
                return _shown((await wx.outbox_show((ids or [0])[0])).upload)
            case "retry":
                return _done(await wx.outbox_retry("all" if ids is None else ids))
            case _:
                return _done(await wx.outbox_drop("all" if ids is None else ids))


async def _ask_journal(
    settings: Settings, command: str, ids: Sequence[int] | None, client: str | None, state: State
) -> str:
    async with AsyncExitStack() as stack:
        data_dir = service.data_folder(settings.data_dir, stack)
        try:
            journal = await stack.enter_async_context(Journal(data_dir / service.JOURNAL))
            box = Outbox(client or next(iter(settings.accounts)), journal)
            match command:
                case "list":
                    found = await (box.failed() if state == "failed" else box.waiting())
                    return _listed(found, state)
                case "show":
                    _, body = await box.show((ids or [0])[0])
                    return _shown(msgspec.json.decode(body))
                case "retry":
                    return _done(await box.retry(ids))
                case _:
                    return _done(await box.drop(ids))
        except JournalError as error:
            raise ConfigError(f"data_dir {data_dir}: {error}") from error


def _listed(deliveries: Iterable[Delivery | ListedUpload], state: State) -> str:
    lines = []
    for one in deliveries:
        times = "once" if one.tries == 1 else f"{one.tries} times"
        refused = f"refused {times}: " if one.tries else ""
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one.created))
        lines.append(f"{one.id:>8}  {when}  {one.kind:<16} {refused}{one.error or 'not tried yet'}")
    return (
        "\n".join(map(one_line, lines))
        or f"no delivery {'waits' if state == 'waiting' else 'failed'}"
    )


def _shown(upload: Any) -> str:
    return in_json(json.dumps(upload, ensure_ascii=False, indent=2))


def _done(count: int) -> str:
    return f"{count} done"


def main(
    settings: Settings, command: str, ids: Sequence[int] | None, client: str | None, state: State
) -> int:
    """Run it to its end."""
    return asyncio.run(run(settings, command, ids, client, state=state))

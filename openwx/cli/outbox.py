"""``openwx outbox``: look at failed deliveries, send them again, or drop them.

Through the API of the server that runs with this configuration; where none does, in its journal itself.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import msgspec

from openwx import service
from openwx.accounts.outbox import LISTED, Outbox, WaitingReport
from openwx.cli import probe
from openwx.client import CallFailed, Client, Delivery
from openwx.config import Settings
from openwx.errors import CallerError, ConfigError
from openwx.safetext import in_json, one_line
from openwx.store.sqlite.journal import Journal, JournalError, ListedReport

State = Literal["failed", "waiting"]
TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed. ``ids`` None: all that failed. ``sure``: nobody is to be asked about dropping all of them."""

    command: Literal["list", "show", "retry", "drop"] = "list"
    ids: Sequence[int] | None = ()
    client: str | None = None
    state: State = "failed"
    sure: bool = False


def main(settings: Settings, asked: Asked) -> int:
    """Do what is asked and print what comes of it; the exit code.

    Raises ``ConfigError`` where ``client`` is missing, where nobody can be asked whether to drop all, or where neither
    the server nor its journal can be had.
    """
    _require_one(asked.client, list(settings.accounts))
    try:
        if asked.command == "drop" and asked.ids is None and not asked.sure:
            chosen = _confirmed(settings, asked)
            if chosen is None:
                print("openwx: nothing is dropped", file=sys.stderr)
                return 1
            asked = replace(asked, ids=chosen)
        print(asyncio.run(_do(settings, asked)))
    except (CallFailed, CallerError) as error:
        print(f"openwx: {one_line(error.status)}", file=sys.stderr)
        return 1
    except JournalError as error:
        raise ConfigError(f"data_dir {settings.data_dir}: {error}") from error
    return 0


def _require_one(client: str | None, names: Sequence[str]) -> None:
    """Raises ``ConfigError`` where nobody said which of several accounts is meant."""
    if client is None and len(names) > 1:
        raise ConfigError(f"--client is missing: there are several accounts: {', '.join(names)}")


def _confirmed(settings: Settings, asked: Asked) -> list[int] | None:
    """The deliveries that a person says are to be dropped; None for no.

    What fails in the meantime is not among them.
    """
    if not sys.stdin.isatty():
        words = "outbox drop --all: what is dropped cannot be sent again; there is no terminal to ask at, so add --yes"
        raise ConfigError(words)
    found = asyncio.run(_failed(settings, asked.client))
    if not found:
        return []
    count = f"all {len(found)}" if len(found) < LISTED else f"the newest {LISTED}"
    words = f"Drop {count} failed deliveries? They cannot be sent again then. [y/N] "
    print(words, end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):  # Ctrl-D
        print(file=sys.stderr)
    return found if answer.strip().lower() in ("y", "yes") else None


async def _failed(settings: Settings, client: str | None) -> list[int]:
    async with _deliveries(settings, client) as deliveries:
        return [one.id for one in await deliveries.listed("failed")]


async def _do(settings: Settings, asked: Asked) -> str:
    """What to print."""
    async with _deliveries(settings, asked.client) as deliveries:
        match asked.command:
            case "list":
                return _listed(await deliveries.listed(asked.state), asked.state)
            case "show":
                assert asked.ids
                shown = await deliveries.shown(asked.ids[0])
                return in_json(json.dumps(shown, ensure_ascii=False, indent=2))
            case "retry":
                return _done(await deliveries.retry(asked.ids))
            case "drop":
                return _done(await deliveries.drop(asked.ids) if asked.ids != [] else 0)


class Deliveries(Protocol):
    """The outbox of an account, wherever it is. ``ids`` None: all that failed."""

    async def listed(self, state: State) -> Sequence[Delivery | ListedReport]: ...
    async def shown(self, id: int) -> Any: ...
    async def retry(self, ids: Sequence[int] | None) -> int: ...
    async def drop(self, ids: Sequence[int] | None) -> int: ...


class _AtServer:
    """Asked of the gateway that runs."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def listed(self, state: State) -> Sequence[Delivery]:
        return await self._client.outbox(state=state, limit=LISTED)

    async def shown(self, id: int) -> Any:
        return (await self._client.outbox_show(id)).upload

    async def retry(self, ids: Sequence[int] | None) -> int:
        return await self._client.outbox_retry("all" if ids is None else ids)

    async def drop(self, ids: Sequence[int] | None) -> int:
        return await self._client.outbox_drop("all" if ids is None else ids)


class _InJournal:
    """Done in the journal, where no gateway runs."""

    def __init__(self, box: Outbox) -> None:
        self._box = box
        self.retry = box.retry
        self.drop = box.drop

    async def listed(self, state: State) -> Sequence[ListedReport]:
        return await (self._box.failed() if state == "failed" else self._box.waiting())

    async def shown(self, id: int) -> Any:
        _, body = await self._box.show(id)
        return msgspec.json.decode(body)


@asynccontextmanager
async def _deliveries(settings: Settings, client: str | None) -> AsyncIterator[Deliveries]:
    """Those of the gateway that uses the data folder; those in its journal, under its lock, where none does."""
    try:
        gateway = await probe.find(settings)
    except probe.NotRunningError:
        async with AsyncExitStack() as stack:
            data_dir = service.data_folder(settings.data_dir, stack)
            journal = await stack.enter_async_context(Journal(data_dir / service.JOURNAL))
            yield _InJournal(Outbox(client or next(iter(settings.accounts)), journal))
        return
    except probe.NotReachedError as error:
        raise ConfigError(str(error)) from None
    if gateway.is_demo:
        print(f"openwx: these are the deliveries of the demo at {gateway.url}", file=sys.stderr)
    # Our own server, on this machine: its certificate is for the name that others use.
    async with Client(
        gateway.url,
        token=settings.access.token,
        account=client,
        timeout_s=TIMEOUT_S,
        retry_for_s=0,
        tls=False,
        headers=gateway.headers,
    ) as wx:
        if client is None:  # it may have more accounts than its configuration
            _require_one(client, [one.account for one in await wx.check_client()])
        yield _AtServer(wx)


def _listed(deliveries: Iterable[Delivery | ListedReport], state: State) -> str:
    lines = []
    for one in deliveries:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one.created))
        lines.append(f"{one.id:>8}  {when}  {one.kind:<16} {_so_far(one)}")
    shown = "\n".join(map(one_line, lines))
    return shown or f"no delivery {'waits' if state == 'waiting' else 'failed'}"


def _so_far(one: Delivery | ListedReport) -> str:
    """How often it was tried, when it will be again, and how the last time ended."""
    words = []
    if one.tries:
        words.append("tried once" if one.tries == 1 else f"tried {one.tries} times")
    if isinstance(one, Delivery | WaitingReport) and one.next_try:
        words.append(f"next try {time.strftime('%H:%M:%S', time.localtime(one.next_try))}")
    return ": ".join(filter(None, (", ".join(words), one.error))) or "not tried yet"


def _done(count: int) -> str:
    return f"{count} done"

"""``openwx outbox``: lists failed deliveries, retries them, or drops them.

It uses the API of the server that runs with this configuration; if none does, its journal. In a PostgreSQL that nodes
share, deliveries can be listed anywhere, and changed where no node runs the account.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from msgspec import UNSET

from openwx import store
from openwx.accounts import journal_guard
from openwx.accounts.outbox import LISTED, Outbox, WaitingDelivery
from openwx.cli import probe
from openwx.cli.cluster.shared import not_had, open_shared
from openwx.client import CallFailed, Client, Delivery, ListedClient
from openwx.cluster import errand
from openwx.config import Settings
from openwx.config.contract import POST_API
from openwx.errors import CallerError, ConfigError, LeaseLost
from openwx.reporter import delivery_error
from openwx.reporter.payload import payload_in
from openwx.safetext import in_json, one_line
from openwx.store.base import InDoubt, Journal, JournalError
from openwx.store.records import ListedDelivery

State = Literal["failed", "waiting"]


@dataclass(frozen=True, slots=True)
class OutboxCommand:
    """The command line. ``ids`` None: all failed deliveries. ``sure``: drop all of them without a question.

    ``target`` None: deliveries to all targets.
    """

    command: Literal["list", "show", "retry", "drop"] = "list"
    ids: Sequence[int] | None = ()
    client: str | None = None
    state: State = "failed"
    sure: bool = False
    target: str | None = None


def main(settings: Settings, asked: OutboxCommand) -> int:
    """Do what is asked, print the result, and return the exit code.

    Raise ``ConfigError`` if ``client`` is missing, if a confirmation is needed and there is no terminal, or if neither
    the server nor its journal can be used.
    """
    _require_client(asked.client, list(settings.accounts))
    asks = asked.command == "drop" and asked.ids is None and not asked.sure
    if asks and not sys.stdin.isatty():
        words = "outbox drop --all: what is dropped cannot be sent again; there is no terminal to ask at, so add --yes"
        raise ConfigError(words)
    try:
        # The question is asked between two runs of one loop, so that Ctrl-C ends the command at once.
        with asyncio.Runner() as runner, ExitStack() as stack:
            opened = AsyncExitStack()
            stack.callback(lambda: runner.run(opened.aclose()))
            deliveries = runner.run(opened.enter_async_context(_deliveries(settings, asked)))
            if asks:
                chosen = _confirmed([one.id for one in runner.run(deliveries.listed("failed"))])
                if chosen is None:
                    print("openwx: nothing is dropped", file=sys.stderr)
                    return 1
                asked = replace(asked, ids=chosen)
            print(runner.run(_do(deliveries, asked)))
    except (CallFailed, CallerError) as error:
        print(f"openwx: {one_line(error.status)}", file=sys.stderr)
        return 1
    except (InDoubt, LeaseLost) as error:
        print(f"openwx: {one_line(journal_guard.refusal(error).status)}", file=sys.stderr)
        return 1
    except JournalError as error:
        if settings.store.url is not None:
            raise not_had(error) from error
        raise ConfigError(f"data_dir {settings.data_dir}: {error}") from error
    return 0


def _require_client(client: str | None, names: Sequence[str]) -> None:
    """Raise ``ConfigError`` if there are several accounts and none is named."""
    if client is None and len(names) > 1:
        raise ConfigError(f"--client is missing: there are several accounts: {', '.join(names)}")


def _confirmed(failed: list[int]) -> list[int] | None:
    """Ask whether to drop these deliveries. Return them, or None for no."""
    if not failed:
        return []
    count = f"all {len(failed)}" if len(failed) < LISTED else f"the newest {LISTED}"
    words = f"Drop {count} failed deliveries? They cannot be sent again then. [y/N] "
    print(words, end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):  # Ctrl-D
        print(file=sys.stderr)
    return failed if answer.strip().lower() in ("y", "yes") else None


async def _do(deliveries: "DeliverySource", asked: OutboxCommand) -> str:
    """Run the command, and return what to print."""
    match asked.command:
        case "list":
            return _table(await deliveries.listed(asked.state), asked.state)
        case "show":
            assert asked.ids
            report = await deliveries.report(asked.ids[0])
            return in_json(json.dumps(report, ensure_ascii=False, indent=2))
        case "retry":
            return _done(await deliveries.retry(asked.ids))
        case "drop":
            return _done(await deliveries.drop(asked.ids) if asked.ids != [] else 0)


class DeliverySource(Protocol):
    """The outbox of an account, at a server or in a journal. ``ids`` None: all failed deliveries."""

    async def listed(self, state: State) -> Sequence[Delivery | ListedDelivery]: ...
    async def report(self, id: int) -> Any: ...
    async def retry(self, ids: Sequence[int] | None) -> int: ...
    async def drop(self, ids: Sequence[int] | None) -> int: ...


class _AtServer:
    """The outbox of the running server."""

    def __init__(self, client: Client, target: str | None) -> None:
        self._client = client
        self._target = target

    async def listed(self, state: State) -> Sequence[Delivery]:
        return await self._client.outbox(state=state, limit=LISTED, target=self._target)

    async def report(self, id: int) -> Any:
        return (await self._client.outbox_show(id, target=self._target)).upload

    async def retry(self, ids: Sequence[int] | None) -> int:
        return await self._client.outbox_retry("all" if ids is None else ids, target=self._target)

    async def drop(self, ids: Sequence[int] | None) -> int:
        return await self._client.outbox_drop("all" if ids is None else ids, target=self._target)


class _InJournal:
    """The outbox in the journal, if no server runs."""

    def __init__(self, box: Outbox, target: str | None) -> None:
        self._box = box
        self._target = target

    async def listed(self, state: State) -> Sequence[ListedDelivery]:
        list_them = self._box.failed if state == "failed" else self._box.waiting
        return await list_them(target=self._target)

    async def report(self, id: int) -> Any:
        _, body = await self._box.show(id, target=self._target)
        return payload_in(body)

    async def retry(self, ids: Sequence[int] | None) -> int:
        return await self._box.retry(ids, target=self._target)

    async def drop(self, ids: Sequence[int] | None) -> int:
        return await self._box.drop(ids, target=self._target)


class _InPostgres:
    """The outbox of an account in a PostgreSQL that nodes share: any process reads it, a change needs the account."""

    def __init__(self, settings: Settings, account: str, target: str | None) -> None:
        self._settings = settings
        self._account = account
        self._target = target

    async def listed(self, state: State) -> Sequence[ListedDelivery]:
        async with open_shared(self._settings) as shared:
            return await self._in(shared.journal).listed(state)

    async def report(self, id: int) -> Any:
        async with open_shared(self._settings) as shared:
            return await self._in(shared.journal).report(id)

    async def retry(self, ids: Sequence[int] | None) -> int:
        async with self._owned() as journal:
            return await self._in(journal).retry(ids)

    async def drop(self, ids: Sequence[int] | None) -> int:
        async with self._owned() as journal:
            return await self._in(journal).drop(ids)

    def _in(self, journal: Journal) -> _InJournal:
        return _InJournal(Outbox(self._account, journal), self._target)

    @asynccontextmanager
    async def _owned(self) -> AsyncIterator[Journal]:
        from openwx import service  # noqa: PLC0415 - takes long to import, for this case alone

        async with AsyncExitStack() as stack:
            data_dir = service.data_folder(self._settings.data_dir, stack)
            opened = errand.opened(self._settings, data_dir, data_dir / service.JOURNAL)
            journal = await stack.enter_async_context(opened)
            await errand.claim(journal, [self._account])
            yield journal


@asynccontextmanager
async def _deliveries(settings: Settings, asked: OutboxCommand) -> AsyncIterator[DeliverySource]:
    """Use the server that uses the data folder; if none does, its journal, with the folder locked, or PostgreSQL."""
    client, target = asked.client, asked.target
    account = client or next(iter(settings.accounts))
    try:
        gateway = await probe.find(settings)
    except probe.NotRunningError:
        if settings.store.url is not None:
            yield _InPostgres(settings, account, target)
            return
        from openwx import service  # noqa: PLC0415 - takes long to import, for this case alone

        async with AsyncExitStack() as stack:
            data_dir = service.data_folder(settings.data_dir, stack)
            journal = await stack.enter_async_context(store.open(data_dir / service.JOURNAL))
            yield _InJournal(Outbox(account, journal), target)
        return
    except probe.NotReachedError as error:
        raise ConfigError(str(error)) from None
    if gateway.is_demo:
        print(f"openwx: these are the deliveries of the demo at {gateway.url}", file=sys.stderr)
    async with gateway.client(settings, client) as wx:
        accounts = [] if client and settings.store.url is None else await wx.check_client()
        if client is None:  # it may have more accounts than its configuration
            _require_client(client, [one.account for one in accounts])
            account = next((one.account for one in accounts), account)
        if asked.command in ("list", "show") and _is_elsewhere(accounts, account, settings):
            yield _InPostgres(settings, account, target)
            return
        yield _AtServer(wx, target)


def _is_elsewhere(accounts: Sequence[ListedClient], account: str, settings: Settings) -> bool:
    """Return whether another node than this one runs an account, or none does."""
    if settings.store.url is None:
        return False
    return any(
        one.account == account and one.node not in (UNSET, settings.cluster.node)
        for one in accounts
    )


def _table(deliveries: Iterable[Delivery | ListedDelivery], state: State) -> str:
    lines = []
    listed = list(deliveries)
    # Where there is one target, its name says nothing.
    named = any(one.target != POST_API for one in listed)
    width = max((len(one.target) for one in listed), default=0)
    for one in listed:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one.created))
        to = f" to {one.target:<{width}}" if named else ""
        lines.append(f"{one.id:>8}  {when}  {one.kind:<16}{to} {_progress(one)}")
    table = "\n".join(map(one_line, lines))
    return table or f"no delivery {'waits' if state == 'waiting' else 'failed'}"


def _progress(one: Delivery | ListedDelivery) -> str:
    """Say how often it was tried, when it will be again, and how the last try ended."""
    words = []
    if one.tries:
        words.append("tried once" if one.tries == 1 else f"tried {one.tries} times")
    if isinstance(one, Delivery | WaitingDelivery) and one.next_try:
        words.append(f"next try {time.strftime('%H:%M:%S', time.localtime(one.next_try))}")
    error = one.error if isinstance(one, Delivery) else delivery_error.words_of(one.error)
    return ": ".join(filter(None, (", ".join(words), error))) or "not tried yet"


def _done(count: int) -> str:
    return f"{count} done"

"""Processes that have an account one after the other: each runs an ``Account`` with a gate of its own, and all share a
journal. What each of them does is in the books of the simulator, of the receiver, and of ``OwnedJournal``."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import aiohttp
from msgspec.structs import replace

from openwx.accounts import private_targets
from openwx.accounts.account import Account
from openwx.accounts.media.fetcher import Fetcher
from openwx.accounts.media.folder import MediaFolder
from openwx.accounts.media.local import AllowedFiles
from openwx.accounts.resources import Resources
from openwx.domain.contacts import Friend
from openwx.domain.events import State
from openwx.errors import LeaseLost
from openwx.lease import Lease
from openwx.store.base import Journal, Ownership
from openwx.store.records import WriteBatch, WriteResult
from openwx.transports.base import TransportFactory
from openwx.transports.by_kind import TransportsByKind
from openwx.transports.ilink.transport import ILinkTransports
from openwx.transports.network import Network
from openwx.transports.web.transport import WebTransports
from tests.patience import until
from tests.watchedgate import WatchedGate

from .world import PACE, Json, World


class OwnedJournal:
    """A journal as one process sees it: notes what that writes, and lets it write no more once it is ``fenced``."""

    def __init__(self, journal: Journal, *, is_shared: bool) -> None:
        self.written: list[WriteBatch] = []
        self.fenced = False
        self.ownership = cast("Ownership", object()) if is_shared else None
        self._journal = journal

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def write(self, batch: WriteBatch) -> WriteResult:
        if self.fenced:
            raise LeaseLost("another process has taken the account")
        self.written.append(batch)
        return await self._journal.write(batch)


@dataclass
class Owner:
    """One process with the account."""

    account: Account
    lease: Lease
    gate: WatchedGate
    journal: OwnedJournal
    task: asyncio.Task[None] = field(init=False)

    def pauses(self) -> None:
        """Let its lease end."""
        self.lease.renew(0.0)

    def goes_on(self) -> None:
        """Renew its lease."""
        self.lease.renew(math.inf)

    async def reaches(self, state: State) -> None:
        await until(lambda: self.account.state is state or self.task.done())
        assert self.account.state is state, self.account.state_reason

    def friend(self, name: str) -> Friend:
        found = [one for one in self.account.contacts.friends.values() if one.name == name]
        assert len(found) == 1
        return found[0]

    async def ends(self) -> None:
        """Wait for its end, which raises nothing."""
        await self.account.ended.wait()
        await self.task


@asynccontextmanager
async def owner(
    world: World,
    journal: Journal,
    *,
    pace: Json | None = None,
    report: Json | None = None,
    is_shared: bool = True,
    **account: Any,
) -> AsyncIterator[Owner]:
    """Run the account in a process of its own. ``is_shared``: its store is one that several processes share."""
    settings = world.settings(report=report, **account)
    timing = replace(PACE, **(pace or {}))
    own = OwnedJournal(journal, is_shared=is_shared)
    lease = Lease()
    gate = WatchedGate(lease)
    async with AsyncExitStack() as stack:
        connector = await stack.enter_async_context(aiohttp.TCPConnector(limit=0))
        to_backends = await stack.enter_async_context(aiohttp.TCPConnector(limit=0))
        http = await stack.enter_async_context(private_targets.session(to_backends))
        fetcher = Fetcher(settings.media.private_hosts)
        stack.push_async_callback(fetcher.close)
        network = Network(connector)
        by_kind = TransportsByKind(
            {
                "web": lambda: WebTransports(network, timing),
                "ilink": lambda: ILinkTransports(network, timing),
            }
        )
        transports = cast("TransportFactory", world.wechat if in_memory(world) else by_kind)
        resources = Resources(
            journal=cast("Journal", own),
            transports=transports,
            http=http,
            data_dir=world.data_dir,
            folder=MediaFolder(settings.media_dir, max_size=settings.media.max_size),
            fetcher=fetcher,
            address_guard=None,
            local_media=AllowedFiles([]),
            show_messages=False,
            pace=timing,
        )
        reporting = settings.report_for("default")
        running = Account("default", settings.accounts["default"], reporting, resources, gate=gate)
        one = Owner(running, lease, gate, own)
        one.task = asyncio.create_task(running.run())
        try:
            yield one
        finally:
            one.goes_on()
            running.stop()
            await one.task
            await running.close()


def in_memory(world: World) -> bool:
    """Whether its WeChat is in memory."""
    return not hasattr(world.wechat, "calls_of")

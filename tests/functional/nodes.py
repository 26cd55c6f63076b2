"""Several nodes on one PostgreSQL, between a simulated WeChat and a backend: in this process, or each in its own."""

import asyncio
import contextlib
import pickle
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
from msgspec.structs import replace

from openwx import store
from openwx.config import AccountSettings, ReportSettings, Settings
from openwx.config.cluster import ClusterSettings, StoreSettings
from openwx.config.listen import Listen
from openwx.simulator import Account, Simulator
from openwx.store.base import Journal, Ownership
from openwx.store.records import ClusterView
from tests import postgres
from tests.patience import until_seen
from tests.reply import Reply

from .world import ALL_EVENTS, PACE, Api, Command, Gateway, Json, Receiver

LEASE_S = 2.0
JOIN_PAUSE_S = 0.4


class Process(Api):
    """A node in a process of its own."""

    def __init__(self, command: Command, url: str, http: aiohttp.ClientSession) -> None:
        super().__init__(url, http)
        self.command = command

    def signals(self, number: signal.Signals) -> None:
        self.command.process.send_signal(number)

    async def stop(self) -> tuple[int, str]:
        """End it with SIGTERM. Return its exit code and what it wrote."""
        self.signals(signal.SIGTERM)
        code, _, err = await self.command.ends()
        return code, err


Node = Process | Gateway


class Wire:
    """The way to PostgreSQL, which can be cut. Use it as ``async with``."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._there = (parts.hostname, parts.port)
        self._given = url
        self._is_cut = False
        self._pipes: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server

    @property
    def url(self) -> str:
        host, port = self._there
        here = self._listener.sockets[0].getsockname()[1]
        return self._given.replace(f"{host}:{port}", f"127.0.0.1:{here}")

    def cut(self) -> None:
        """End all connections, and refuse others."""
        self._is_cut = True
        for pipe in self._pipes:
            pipe.cancel()

    def mend(self) -> None:
        self._is_cut = False

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        self.cut()
        await asyncio.gather(*self._pipes, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pipe = asyncio.ensure_future(self._pipe(reader, writer))
        self._pipes.add(pipe)
        pipe.add_done_callback(self._pipes.discard)

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_server: asyncio.StreamWriter | None = None
        try:
            if self._is_cut:
                return
            with contextlib.suppress(OSError):
                from_server, to_server = await asyncio.open_connection(*self._there)
                ways = [_carry(reader, to_server), _carry(from_server, writer)]
                tasks = [asyncio.ensure_future(way) for way in ways]
                try:
                    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            for one in (writer, to_server):
                if one is not None:
                    one.transport.abort()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(2**16):
        writer.write(data)
        await writer.drain()


@dataclass
class Cluster:
    """All nodes of a test. ``names`` are the configured accounts."""

    simulator: Simulator
    receiver: Receiver
    folder: Path
    http: aiohttp.ClientSession
    url: str
    names: tuple[str, ...] = ("n0", "n1", "n2")
    account: Json = field(default_factory=dict)
    """Settings of all accounts."""
    lease_s: float = LEASE_S
    join_pause_s: float = JOIN_PAUSE_S
    schema: str = field(default_factory=postgres.new_schema)
    nodes: dict[str, Node] = field(default_factory=dict)
    wechat: dict[str, Account] = field(default_factory=dict)
    """The accounts of WeChat by the names that they have here, once they have logged in."""

    # -- nodes -----------------------------------------------------------------------------------------------

    def settings(
        self,
        node: str,
        *,
        names: tuple[str, ...] | None = None,
        account: Json | None = None,
        url: str = "",
        **more: Any,
    ) -> Settings:
        own = {"base_url": self.simulator.url, "send_interval": 0} | self.account | (account or {})
        report = {
            "post_api": self.receiver.url,
            "post_event": True,
            "post_event_list": ALL_EVENTS,
        }
        settings = Settings(
            data_dir=self.folder / node,
            show_messages=False,
            listen=[Listen(port=0)],
            store=StoreSettings(url=url or self.url, schema=self.schema),
            cluster=ClusterSettings(node=node),
            report=ReportSettings.model_validate(report),
            accounts={
                name: AccountSettings.model_validate(own)
                for name in (self.names if names is None else names)
            },
        )
        quick = {"lease": self.lease_s, "join_pause": self.join_pause_s}
        return settings.model_copy(
            update={"cluster": settings.cluster.model_copy(update=quick)} | more
        )

    async def start(self, node: str, *, pace: Json | None = None, **how: Any) -> Gateway:
        """Start a node in this process."""
        gateway = Gateway(self.settings(node, **how), replace(PACE, **(pace or {})), self.http)
        self.nodes[node] = gateway
        await gateway.start()
        return gateway

    async def spawn(self, node: str, **how: Any) -> Process:
        """Start a node in a process of its own."""
        file = self.folder / f"{node}.settings"
        file.write_bytes(pickle.dumps(self.settings(node, **how)))
        command = await Command.start(
            str(file), cwd=self.folder, program="tests.functional.one_node"
        )
        process = self.nodes[node] = Process(command, "", self.http)
        process.url = await command.url()
        return process

    async def close(self) -> None:
        for node in self.nodes.values():
            if isinstance(node, Process):
                await node.command.kill()
            else:
                await node.stop()

    # -- what there is ---------------------------------------------------------------------------------------

    def visit(self) -> AbstractAsyncContextManager[Journal]:
        """Return the journal as a command has it, to be entered."""
        return store.open(self.url, schema=self.schema)

    async def view(self) -> ClusterView:
        async with self.visit() as journal:
            return await ownership_of(journal).view()

    async def moves(self, account: str, node: str) -> None:
        """Do what ``openwx cluster move`` does."""
        async with self.visit() as journal:
            assert await ownership_of(journal).assign(account, node)

    async def drains(self, node: str, *, on: bool = True) -> None:
        """Do what ``openwx cluster drain`` does."""
        async with self.visit() as journal:
            assert await ownership_of(journal).set_draining(node, is_draining=on)

    async def owners(self) -> dict[str, str]:
        """Return the nodes of the accounts; empty where an account has none."""
        return owners_in(await self.view())

    async def until_owned(
        self, fits: Callable[[dict[str, str]], object] = lambda owners: all(owners.values())
    ) -> dict[str, str]:
        """Wait until the accounts are owned so; by default, until each has a node."""
        async with self.visit() as journal:
            ownership = ownership_of(journal)

            async def look() -> dict[str, str]:
                return owners_in(await ownership.view())

            return await until_seen(look, lambda owners: owners and fits(owners))

    def of(self, name: str, owners: dict[str, str]) -> Node:
        return self.nodes[owners[name]]

    async def state(self, name: str, node: Node) -> str:
        (client,) = (await node.get("check_client", client=name)).json["client"]
        return str(client["state"])

    async def runs(self, *names: str) -> dict[str, str]:
        """Wait until accounts run, each on a node, and return these."""

        async def look() -> dict[str, str]:
            owners = await self.owners()
            return {
                name: owners[name]
                for name in names or self.names
                if owners.get(name)
                and owners[name] in self.nodes
                and await self._runs_on(name, self.nodes[owners[name]])
            }

        return await until_seen(look, lambda found: len(found) == len(names or self.names))

    async def _runs_on(self, name: str, node: Node) -> bool:
        try:
            return await self.state(name, node) == "running"
        except aiohttp.ClientError:
            return False

    async def log_in(self) -> dict[str, str]:
        """Log all accounts in, each with the phone of a person of its own. Return their nodes."""
        people = [self.simulator.account()]
        people += [
            self.simulator.add_account(f"person {number}", friends=3, groups=1)
            for number in range(1, len(self.names))
        ]
        for who in people:
            await who.phone.logs_in()
        owners = await self.runs()
        for number, who in enumerate(people):
            says(who, f"person {number}")
            await self.receiver.get(content=f"person {number}")
        for report in self.receiver.reports:
            if str(report.json.get("content")).startswith("person "):
                number = int(report.json["content"].removeprefix("person "))
                self.wechat[report.query["client"]] = people[number]
        # Events have an order of their own, so those of the login may come after the first messages.
        await self.receiver.gets(len(people), post_type="event", event="login")
        return owners

    def says(self, name: str, text: str) -> None:
        """Have somebody write to an account."""
        says(self.wechat[name], text)

    async def delivers(self, name: str, text: str) -> None:
        """Have somebody write to an account, and wait until the backend has it."""
        self.says(name, text)
        await self.receiver.get(content=text)

    async def sends(self, name: str, node: Node, text: str) -> Reply:
        """Call ``send_friend_message`` on a node."""
        who = self.wechat[name]
        if who.clawbot.is_bound:
            return await node.get("send_friend_message", client=name, id="@owner", content=text)
        return await node.get(
            "send_friend_message", client=name, account="xiaohui2016", content=text
        )


def says(who: Account, text: str) -> None:
    """Have somebody write to an account of WeChat, over the transport that it is reached by."""
    if who.clawbot.is_bound:
        who.clawbot.says(text)
    else:
        who.friend("小灰").says(text)


def ownership_of(journal: Journal) -> Ownership:
    assert journal.ownership is not None
    return journal.ownership


def owners_in(view: ClusterView) -> dict[str, str]:
    nodes = {one.incarnation: one.node for one in view.nodes}
    return {one.account: nodes.get(one.owner, "") if one.owner else "" for one in view.accounts}

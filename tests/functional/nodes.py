"""Several nodes on one PostgreSQL, between a simulated WeChat and a backend: in this process, or each in its own."""

import pickle
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from msgspec.structs import replace

from openwx import store
from openwx.config import AccountSettings, ReportSettings, Settings
from openwx.config.cluster import ClusterSettings, StoreSettings
from openwx.config.listen import Listen
from openwx.simulator import Account, Simulator
from openwx.store.records import ClusterView
from tests import postgres
from tests.patience import until_seen

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


@dataclass
class Cluster:
    """All nodes of a test. ``names`` are the configured accounts."""

    simulator: Simulator
    receiver: Receiver
    folder: Path
    http: aiohttp.ClientSession
    url: str
    names: tuple[str, ...] = ("n0", "n1", "n2", "n3")
    account: Json = field(default_factory=dict)
    """Settings of all accounts."""
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
        quick = {"lease": LEASE_S, "join_pause": JOIN_PAUSE_S}
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

    def visit(self) -> Any:
        """Return the journal as a command has it, to be entered."""
        return store.open(self.url, schema=self.schema)

    async def view(self) -> ClusterView:
        async with self.visit() as journal:
            assert journal.ownership is not None
            return await journal.ownership.view()

    async def owners(self) -> dict[str, str]:
        """Return the nodes of the accounts; empty where an account has none."""
        return owners_in(await self.view())

    async def until_owned(
        self, fits: Callable[[dict[str, str]], object] = lambda owners: all(owners.values())
    ) -> dict[str, str]:
        """Wait until the accounts are owned so; by default, until each has a node."""
        async with self.visit() as journal:
            assert journal.ownership is not None
            ownership = journal.ownership

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
            return "uid" in (await node.get("get_user_info", client=name)).json
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
        for name in self.names:
            user = (await self.of(name, owners).get("get_user_info", client=name)).json
            self.wechat[name] = next(one for one in people if one.uin == user["uid"])
        return owners


def owners_in(view: ClusterView) -> dict[str, str]:
    nodes = {one.incarnation: one.node for one in view.nodes}
    return {one.account: nodes.get(one.owner, "") if one.owner else "" for one in view.accounts}

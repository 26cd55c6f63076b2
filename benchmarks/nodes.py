"""Several nodes on one PostgreSQL: each is ``openwx serve`` in a process of its own."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

import aiohttp
from aiohttp.test_utils import unused_port

from benchmarks import world
from benchmarks.processes import PATIENCE_S, Program
from openwx.simulator import Simulator

SECRET = "the-secret-of-all-nodes-long-enough"


class Node:
    """A running node: its program, and its URL for callers."""

    def __init__(self, name: str, program: Program, url: str) -> None:
        self.name = name
        self.program = program
        self.url = url

    @property
    def port(self) -> int:
        return world.port_of(self.url)


class Cluster:
    """All nodes: ``async with Cluster(…) as cluster``. Leaving kills them.

    ``settings`` of all nodes are environment variables without the prefix ``OPENWX_``.
    """

    def __init__(
        self,
        simulator: Simulator,
        folder: Path,
        url: str,
        settings: Mapping[str, str],
        token: str = "",
    ) -> None:
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.simulator = simulator
        self.nodes: dict[str, Node] = {}
        self._folder = folder
        self._stack = AsyncExitStack()
        self._http: aiohttp.ClientSession
        self._settings = {
            "SHOW_MESSAGES": "false",
            "LISTEN__PORT": "0",
            "STORE__URL": url,
            "CLUSTER__SECRET": SECRET,
            **settings,
        }

    async def __aenter__(self) -> Self:
        self._http = await self._stack.enter_async_context(
            aiohttp.ClientSession(headers=self._headers)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def start(
        self,
        name: str,
        core: set[int],
        *,
        join_pause_s: float = 0,
        environment: Mapping[str, str] | None = None,
    ) -> Node:
        """Start a node, anew or again with its folder, and wait until it has its lease."""
        settings = self._settings | {
            "DATA_DIR": str(self._folder / name),
            "CLUSTER__NODE": name,
            "CLUSTER__LISTEN": f"127.0.0.1:{unused_port()}",
            "CLUSTER__JOIN_PAUSE": str(join_pause_s),
        }
        variables = {f"OPENWX_{key}": value for key, value in settings.items()}
        program = await self._stack.enter_async_context(
            Program(*world.SERVE, core=core, environment=variables | dict(environment or {}))
        )
        url = (await program.prints(r"listens on (http\S+?)/openwx/"))[1]
        await world.ready(url)
        node = self.nodes[name] = Node(name, program, url)
        return node

    async def log_in(self) -> None:
        """Scan the QR codes of all accounts, and wait until they run."""
        for account in self.simulator.accounts:
            await account.phone.logs_in(timeout_s=PATIENCE_S)
        await self.until_running()

    async def until_running(self) -> dict[str, str]:
        """Wait until each account runs, and return their nodes."""
        node = next(iter(self.nodes.values()))
        async with asyncio.timeout(PATIENCE_S):
            while True:
                async with self._http.get(f"{node.url}/openwx/check_client") as answer:
                    listed = (await answer.json()).get("client", [])
                if listed and all(one["state"] == "running" for one in listed):
                    return {one["account"]: one["node"] for one in listed}
                await asyncio.sleep(0.05)

    async def uins(self, accounts: list[str]) -> dict[str, str]:
        """Return WeChat's number of each account."""
        url = f"{next(iter(self.nodes.values())).url}/openwx/get_user_info"
        found = {}
        for name in accounts:
            async with self._http.get(url, params={"client": name}) as answer:
                found[name] = str((await answer.json())["uid"])
        return found


def busiest(owners: Mapping[str, str]) -> str:
    """Return the node that has most accounts."""
    return Counter(owners.values()).most_common(1)[0][0]

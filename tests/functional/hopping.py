"""Nodes that forward calls to each other."""

from typing import Any

from openwx.config import AccessSettings, Settings
from tests.ports import free_port

from .nodes import Cluster

SECRET = "the secret of all nodes, long enough"


class Hopping(Cluster):
    """Nodes with ``cluster.listen``. ``access`` is that of all."""

    access: AccessSettings = AccessSettings()

    def settings(self, node: str, **how: Any) -> Settings:
        settings = super().settings(node, **how)
        listen = {"listen": f"127.0.0.1:{free_port()}", "secret": SECRET}
        cluster = settings.cluster.model_copy(update=listen)
        return settings.model_copy(update={"cluster": cluster, "access": self.access})

    async def begins(self, *nodes: str) -> dict[str, str]:
        """Start nodes in this process, and log all accounts in. Return which node has which account."""
        for node in nodes:
            await self.start(node)
        return await self.log_in()

    async def places(self, **owners: str) -> dict[str, str]:
        """Have accounts run on these nodes."""
        for name, node in owners.items():
            await self.moves(name, node)
        await self.until_owned(lambda found: found == owners)
        return await self.runs()

    def other(self, node: str) -> str:
        """Return a node that is not this one."""
        return next(name for name in self.nodes if name != node)

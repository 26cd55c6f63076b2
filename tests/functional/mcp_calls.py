"""An MCP client of the SDK, with a server of ours in this process, or one that runs as ``openwx mcp``."""

import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp_types import CallToolResult, TextContent

from openwx.cli import probe
from openwx.client import Client as Wx
from openwx.config import McpSettings, Settings
from openwx.mcp.gateway import Gateway
from openwx.mcp.server import make
from tests.patience import PATIENCE_S

from .world import Json, World

ROOT = Path(__file__).parents[2]


class Model:
    """What calls tools: a language model, or whoever persuaded it."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def result(self, tool: str, /, **arguments: Any) -> CallToolResult:
        return await self.client.call_tool(tool, arguments, read_timeout_seconds=PATIENCE_S)

    async def call(self, tool: str, /, **arguments: Any) -> Json:
        """Call a tool that works, and return its data; as text it says the same."""
        result = await self.result(tool, **arguments)
        text = result.content[0]
        assert isinstance(text, TextContent)
        assert not result.is_error, text.text
        assert result.structured_content is not None
        assert json.loads(text.text) == result.structured_content
        data: Json = result.structured_content
        return data

    async def fails(self, tool: str, /, **arguments: Any) -> str:
        """Call a tool that fails, and return what it says."""
        result = await self.result(tool, **arguments)
        text = result.content[0]
        assert isinstance(text, TextContent)
        assert result.is_error, text.text
        return text.text

    async def tools(self) -> dict[str, Any]:
        return {tool.name: tool for tool in (await self.client.list_tools()).tools}


@asynccontextmanager
async def model(
    world: World, *, settings: Settings | None = None, **mcp: Any
) -> AsyncIterator[Model]:
    """Connect to a server with these keys of ``[mcp]``."""
    given = (settings or world.settings()).model_copy(update={"mcp": McpSettings(**mcp)})

    async def find() -> Wx:
        return (await probe.find(given)).client(given, given.mcp.account)

    async with Client(make(Gateway(given, find))) as client:
        yield Model(client)


def environ(world: World, **mcp: Any) -> dict[str, str]:
    """Return the variables with which ``openwx mcp`` finds the gateway of this world."""
    home = str(world.data_dir.parent)
    given = {"OPENWX_DATA_DIR": str(world.data_dir), "HOME": home, "XDG_CONFIG_HOME": home}
    for name, value in mcp.items():
        text = value if isinstance(value, str) else json.dumps(value)
        given[f"OPENWX_MCP__{name.upper()}"] = text
    return given


def command(world: World, *arguments: str, **mcp: Any) -> StdioServerParameters:
    """Return how to start ``openwx mcp`` on standard input and output."""
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "openwx", "mcp", *arguments],
        env=environ(world, **mcp) | {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        cwd=str(world.data_dir.parent),
    )

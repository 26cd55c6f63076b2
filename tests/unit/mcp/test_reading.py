"""Only so many calls of tools may wait for messages at once."""

import asyncio

import pytest
from mcp.server.mcpserver.exceptions import ToolError

from openwx.client import Client
from openwx.config import Settings
from openwx.mcp import reading
from openwx.mcp.gateway import Gateway


async def test_so_many_calls_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_WAITS", 2)

    async def find() -> Client:
        await asyncio.Event().wait()
        raise AssertionError

    tools = reading.Reading(Gateway(Settings(), find))
    waits = [asyncio.create_task(tools.wait_for_message()) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(ToolError, match="2 calls of wait_for_message wait already"):
        await tools.wait_for_message()
    waits[0].cancel()
    await asyncio.wait({waits[0]})
    another = asyncio.create_task(tools.wait_for_message())
    await asyncio.sleep(0)
    assert not another.done()
    for one in (another, waits[1]):
        one.cancel()
    await asyncio.wait({another, waits[1]})

"""``examples/homeassistant.yaml`` in Home Assistant itself: what a friend writes triggers it, and it answers.

HOMEASSISTANT_HOME names a virtual environment that has the package homeassistant. It is too big for CI.
"""

import asyncio
import os
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import unused_port

from openwx.simulator import Account
from tests.patience import PATIENCE_S
from tests.simulator.clients import running

from .world import World

HASS = Path(os.environ.get("HOMEASSISTANT_HOME", ".")) / "bin" / "hass"
EXAMPLE = Path(__file__).parents[2] / "examples" / "homeassistant.yaml"
WEBHOOK = "openwx-a-long-random-text"

pytestmark = pytest.mark.skipif(
    "HOMEASSISTANT_HOME" not in os.environ or not HASS.exists(),
    reason="HOMEASSISTANT_HOME names no virtual environment with homeassistant",
)


async def test_a_friend_asks_and_it_answers(world: World, account: Account, tmp_path: Path) -> None:
    port, configuration = unused_port(), tmp_path / "hass" / "configuration.yaml"
    configuration.parent.mkdir()
    hook = f"http://127.0.0.1:{port}/api/webhook/{WEBHOOK}"
    gateway = await world.run(report={"post_api": hook, "post_event": False})
    text = EXAMPLE.read_text(encoding="utf-8").replace("http://127.0.0.1:3000", gateway.url)
    text += f"\nhttp:\n  server_host: 127.0.0.1\n  server_port: {port}\n"
    configuration.write_text(text, encoding="utf-8")
    command: list[str | Path] = [HASS, "--skip-pip", "-c", configuration.parent]
    async with running(*command):
        await answers(f"http://127.0.0.1:{port}/")
        friend, other = account.friend("小灰"), account.friend("momo")
        other.says("温度")
        friend.says("你好")
        friend.says("温度")
        assert await friend.hears_text() == "客厅 unknown °C"
        assert not other.inbox
        assert len(friend.inbox) == 1


async def answers(url: str) -> None:
    """Wait until something is served there."""
    async with aiohttp.ClientSession() as http, asyncio.timeout(4 * PATIENCE_S):
        while True:
            try:
                async with http.get(url):
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.2)

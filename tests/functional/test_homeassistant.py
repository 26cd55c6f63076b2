"""Home Assistant, as published, with examples/homeassistant.yaml in its configuration, and a gateway beside it.

HASS_HOME names a virtual environment that has homeassistant and what these integrations import (PyPI); `.ci/run`
makes it.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp.test_utils import unused_port

from openwx.simulator import Account
from tests.patience import PATIENCE_S

from .world import Command, Gateway, World

HASS = Path(os.environ.get("HASS_HOME", ".")) / "bin" / "hass"
EXAMPLE = Path(__file__).parents[2] / "examples" / "homeassistant.yaml"
GATEWAY = "http://127.0.0.1:3000"
WEBHOOK = "openwx-a-long-random-text"

pytestmark = pytest.mark.skipif(
    "HASS_HOME" not in os.environ or not HASS.exists(),
    reason="HASS_HOME names no virtual environment that has Home Assistant",
)

CONFIGURATION = """
homeassistant:
  country: CN
  time_zone: Asia/Shanghai
  unit_system: metric
  packages:
    openwx: !include openwx.yaml
http:
  server_host: 127.0.0.1
  server_port: PORT
template:
  - sensor:
      - name: Living room temperature
        state: "21.5"
automation: !include automations.yaml
logger:
  default: warning
  logs:
    homeassistant.components.automation: info
"""
AUTOMATIONS = """
- alias: Log notifications
  trigger:
    - platform: persistent_notification
      update_type: [added]
  action:
    - service: system_log.write
      data:
        message: "notified: {{ trigger.notification.message }}"
"""
"""What a user has beside the example, and how a test sees what Home Assistant shows."""

Run = Callable[[str], Awaitable[Command]]


@pytest.fixture
def port() -> int:
    return unused_port()


@pytest.fixture
async def hass(port: int, tmp_path: Path) -> AsyncIterator[Run]:
    """Return a function that runs Home Assistant with this as the example, until the end of the test."""
    folder = tmp_path / "hass"
    folder.mkdir()
    (folder / "configuration.yaml").write_text(CONFIGURATION.replace("PORT", str(port)), "utf-8")
    (folder / "automations.yaml").write_text(AUTOMATIONS, "utf-8")
    async with AsyncExitStack() as stack:

        async def run(example: str) -> Command:
            (folder / "openwx.yaml").write_text(example, "utf-8")
            process = await asyncio.create_subprocess_exec(
                HASS, "--config", folder, "--skip-pip", "--log-no-color",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            command = Command(process)
            stack.push_async_callback(command.kill)
            for name in ("Log notifications", "Answer on WeChat how warm it is"):
                if f"Initialized trigger {name}" not in command.err:
                    await command.says(f"Initialized trigger {name}", 2 * PATIENCE_S)
            return command

        yield run


async def reporting(world: World, port: int) -> Gateway:
    """Run a gateway that reports to the webhook, events too."""
    return await world.run(report={"post_api": f"http://127.0.0.1:{port}/api/webhook/{WEBHOOK}"})


def example(gateway: Gateway) -> str:
    """Return the example with the address of this gateway."""
    text = EXAMPLE.read_text("utf-8")
    assert GATEWAY in text
    return text.replace(GATEWAY, gateway.url)


async def test_a_question_is_answered(
    world: World, account: Account, hass: Run, port: int
) -> None:
    gateway = await reporting(world, port)
    home = await hass(example(gateway))
    friend, other = account.friend("小灰"), account.friend("momo")
    group = account.group("PERL学习交流")
    other.says("温度")
    group.member_says(group.others[0], "温度")
    friend.says("湿度")
    friend.says("温度")
    assert await friend.hears_text() == "客厅 21.5 °C"
    friend.says("温度")
    assert await friend.hears_text() == "客厅 21.5 °C"
    assert not (other.inbox or group.inbox)
    assert "Error" not in home.err

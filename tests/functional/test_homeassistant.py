"""Home Assistant, as published, with examples/homeassistant.yaml in its configuration, and a gateway beside it.

HASS_HOME names a virtual environment, made with Python 3.11, that has (PyPI):

    homeassistant==2024.3.3 home-assistant-frontend==20240307.0 aiohttp_cors==0.7.0 aiohttp-fast-url-dispatcher==0.3.0
    aiohttp-zlib-ng==0.3.1 fnv-hash-fast==0.5.0 ifaddr==0.2.0 janus==1.0.0 josepy<2 Pillow==10.2.0
    psutil-home-assistant==0.0.1 securetar==2024.2.1 SQLAlchemy==2.0.27

`.ci/run` does not make it: that takes minutes.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from openwx.simulator import Account
from tests.patience import PATIENCE_S
from tests.ports import free_port

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
    return free_port()


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
                    await command.says(f"Initialized trigger {name}", 3 * PATIENCE_S)
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


async def test_a_question_is_answered(world: World, account: Account, hass: Run, port: int) -> None:
    gateway = await reporting(world, port)
    await hass(example(gateway))
    friend, other = account.friend("小灰"), account.friend("momo")
    group = account.group("PERL学习交流")
    other.says("温度")
    group.member_says(group.others[0], "温度")
    friend.says("湿度")
    for _ in range(2):
        friend.says("温度")
        assert await friend.hears_text() == "客厅 21.5 °C"
    assert [len(chat.inbox) for chat in (friend, other, group)] == [2, 0, 0]


async def test_nobody_of_that_name_is_a_failure(
    world: World, account: Account, hass: Run, port: int
) -> None:
    """Home Assistant logs it and shows it. What it does itself, nobody sees: it answers 200 also to a wrong address."""
    gateway = await reporting(world, port)
    to = 'to: "小灰"'
    wrong = example(gateway)
    assert wrong.count(to) == 1
    home = await hass(wrong.replace(to, 'to: "nobody"'))
    account.friend("小灰").says("温度")
    await home.says(r"rest_command.*send_friend_message.*Status code 404")
    await home.says(r"notified: 404: .*'code': 100")
    assert not account.friend("小灰").inbox
    unknown = f"http://127.0.0.1:{port}/api/webhook/no-such-webhook"
    async with world.http.post(unknown, json={"post_type": "receive_message"}) as answer:
        assert answer.status == 200

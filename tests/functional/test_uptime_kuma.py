"""What docs/recipes.md gives for Uptime Kuma's form, sent by its own code for webhooks.

UPTIME_KUMA_HOME names a folder whose `node_modules` holds uptime-kuma (npm); `.ci/run` makes it.
"""

import asyncio
import json
import os
import re
import shutil
from pathlib import Path

import pytest

from openwx.simulator import Account
from tests.patience import PATIENCE_S

from .world import Gateway

NODE = shutil.which("node")
KUMA = Path(os.environ.get("UPTIME_KUMA_HOME", ".")) / "node_modules" / "uptime-kuma"
PAGE = Path(__file__).parents[2] / "docs" / "recipes.md"

pytestmark = pytest.mark.skipif(
    NODE is None or not KUMA.exists(),
    reason="UPTIME_KUMA_HOME names no folder whose node_modules holds uptime-kuma, or there is no node",
)


def shown(what: str) -> str:
    """Return the text that the page gives for a field of Uptime Kuma's form."""
    found = re.search(
        rf"^<!-- uptime kuma: {what} -->\n```\w+\n(.*?)```",
        PAGE.read_text("utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    assert found is not None
    return found[1].strip()


async def notifies(api: Gateway, msg: str, body: str) -> tuple[int | None, str]:
    """Send a message. Returns 0 if Uptime Kuma takes it as sent, and what it would show."""
    notification = {
        "webhookURL": f"{api.url}/openwx/send_friend_message",
        "webhookContentType": "custom",
        "webhookCustomBody": body,
        "webhookAdditionalHeaders": shown("headers"),
    }
    process = await asyncio.create_subprocess_exec(
        str(NODE),
        str(Path(__file__).with_name("uptime_kuma_webhook.cjs")),
        str(KUMA.resolve()),
        json.dumps(notification),
        msg,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE_S):
        out, _ = await process.communicate()
    return process.returncode, out.decode()


async def test_a_monitor_goes_down(api: Gateway, account: Account) -> None:
    msg = '[网站 "A"] [🔴 Down] connect ECONNREFUSED\n{{ name }} \\ </script>'
    assert await notifies(api, msg, shown("body")) == (0, "Sent Successfully.")
    assert await account.friend("小灰").hears_text() == msg


async def test_nobody_of_that_name_is_an_error(api: Gateway) -> None:
    body = shown("body")
    assert "小灰" in body
    code, said = await notifies(api, "down", body.replace("小灰", "nobody"))
    assert code == 1
    assert "404" in said

"""The body that docs/recipes.md gives for Uptime Kuma, rendered by its own engine, and posted as it does.

LIQUIDJS_HOME names a folder whose `node_modules` holds liquidjs (npm); `.ci/run` makes it.
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
LIQUID = Path(os.environ.get("LIQUIDJS_HOME", ".")) / "node_modules" / "liquidjs"
PAGE = Path(__file__).parents[2] / "docs" / "recipes.md"

pytestmark = pytest.mark.skipif(
    NODE is None or not LIQUID.exists(),
    reason="LIQUIDJS_HOME names no folder whose node_modules holds liquidjs, or there is no node",
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


async def rendered(msg: str, name: str) -> str:
    variables = {
        "msg": msg,
        "name": name,
        "status": "🔴 Down",
        "hostnameOrURL": "https://example.com",
        "monitorJSON": {"name": name},
        "heartbeatJSON": {"msg": msg},
    }
    process = await asyncio.create_subprocess_exec(
        str(NODE),
        str(Path(__file__).with_name("uptime_kuma_body.cjs")),
        str(LIQUID.resolve()),
        shown("body"),
        json.dumps(variables),
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE_S):
        out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


async def test_a_monitor_goes_down(api: Gateway, account: Account) -> None:
    headers = json.loads(shown("headers"))
    msg = '[网站 "A"] [🔴 Down] connect ECONNREFUSED\n{{ name }} \\ </script>'
    body = await rendered(msg, '网站 "A"')
    answer = await api.call(
        "send_friend_message", method="POST", data=body.encode(), headers=headers
    )
    assert answer.status == 200, answer.json
    assert await account.friend("小灰").hears_text() == msg


async def test_nobody_of_that_name_is_an_error(api: Gateway) -> None:
    body = (await rendered("down", "site")).replace("小灰", "nobody")
    answer = await api.call(
        "send_friend_message",
        method="POST",
        data=body.encode(),
        headers=json.loads(shown("headers")),
    )
    assert answer.status == 404

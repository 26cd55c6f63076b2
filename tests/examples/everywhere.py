"""Failures that any route can answer."""

import asyncio
from collections.abc import AsyncIterator

from openwx.simulator import Fault
from openwx.transports.web import mutations
from tests.patience import until

from .book import Example, Scene, Topic
from .places import READ_TOKEN

JSON = "application/json"


async def without_end() -> AsyncIterator[bytes]:
    yield b"{"
    await asyncio.Event().wait()


async def more_than_a_mebibyte() -> AsyncIterator[bytes]:
    for _ in range(17):
        yield b" " * 65536


async def one_change_may_wait(scene: Scene) -> None:
    """Fill the queue of changes: one hangs at WeChat, and one waits for its turn."""
    usual, mutations.MAX_PENDING = mutations.MAX_PENDING, 2
    rule = scene.world.simulator.faults.add("webwxoplog", Fault.HANG)
    call = {"account": "xiaohui2016", "new_markname": "灰"}
    hanging = asyncio.create_task(scene.gateway.get("set_markname", **call))
    await rule.strikes()
    waiting = asyncio.create_task(scene.gateway.get("set_markname", **call))
    assert scene.gateway.service is not None
    changes = scene.gateway.service.gateway.account(None).actions
    await until(lambda: changes.pending >= 2)

    async def afterwards() -> None:
        mutations.MAX_PENDING = usual
        rule.release()
        await asyncio.gather(hanging, waiting)

    scene.afterwards.push_async_callback(afterwards)


TOPIC: Topic = {
    "get_user_info": [
        Example("no such account", {"client": "nobody"}, code=-2, status=400),
        Example(
            "a parameter twice", code=-2, status=400, body=(JSON, b'{"client": "a", "client": "b"}')
        ),
        Example("no token", code=-6, status=401, place="guarded"),
        Example(
            "another server's name", code=-8, status=403, headers={"Host": "evil.example"}
        ),
        Example(
            "a web page from elsewhere", code=-8, status=403,
            headers={"Origin": "https://evil.example"},
        ),
        Example("JSONP is off", {"datatype": "jsonp", "callback": "show"}, code=-8, status=403),
        Example(
            "a body that does not end", code=-2, status=408, body=(JSON, without_end),
            place="hasty",
        ),
        Example("a body that is too big", code=-2, status=413, body=(JSON, more_than_a_mebibyte)),
        Example("not logged in yet", code=-4, status=503, place="waiting"),
    ],
    "search_friend": [
        Example("a body that is no JSON", code=-2, status=400, body=(JSON, b"{")),
        Example(
            "a body of another type", code=-2, status=400, body=("text/plain", b"name=hello")
        ),
    ],
    "set_markname": [
        Example(
            "a key that may do less", {"account": "xiaohui2016", "new_markname": "灰"}, code=-8,
            status=403, place="guarded", headers={"Authorization": f"Bearer {READ_TOKEN}"},
        ),
        Example(
            "as many changes wait as may wait", {"account": "sunny_baby", "new_markname": "阳光"},
            code=-7, status=429, given=one_change_may_wait,
        ),
    ],
    "send_group_message": [
        Example(
            "what the account's transport cannot do", {"displayname": "项目组", "content": "大家好"},
            code=-10, status=501, place="elsewhere",
        ),
    ],
    "get_user_infos": [Example("no such route", code=-9, status=404)],
}  # fmt: skip

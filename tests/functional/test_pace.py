"""One pace an account: a 1205 slows sends, changes and recalls alike, and the most urgent goes first."""

import asyncio
import base64
from collections.abc import Callable
from itertools import pairwise

import pytest

from openwx.simulator import Account, Fault, Simulator
from openwx.simulator.media import PNG
from tests.patience import PATIENCE_S, until

from .changing import id_of
from .world import Gateway, Json, Receiver, World

PENALTY_S = 0.5
AT_LEAST_S = 0.35
"""Pauses vary by a fifth."""
PENALTY = {"too_often_first_s": PENALTY_S, "too_often_most_s": PENALTY_S}

Call = Callable[[Gateway], "asyncio.Task[Json]"]


def times(simulator: Simulator, *calls: str) -> list[float]:
    return [made.time for call in calls for made in simulator.calls_of(call)]


async def asks(gateway: Gateway, route: str, **parameters: str) -> Json:
    answer: Json = (await gateway.post(route, **parameters)).json
    return answer


MEETS = {
    "webwxsendmsg": ("send_friend_message", {"id": "filehelper", "content": "x"}),
    "webwxoplog": ("set_markname", {"account": "xiaohui2016", "new_markname": "x"}),
    "webwxupdatechatroom": ("set_group_displayname", {"new_displayname": "x"}),
    "webwxuploadmedia": ("upload_media", {"media_data": base64.b64encode(PNG).decode()}),
    "webwxrevokemsg": ("revoke_message", {}),
}  # fmt: skip
"""A route for each call, and what to ask it for."""


@pytest.mark.parametrize("call", MEETS)
async def test_a_1205_to_any_call_slows_all_that_change_something(
    world: World, account: Account, simulator: Simulator, call: str
) -> None:
    gateway = await world.run(pace=PENALTY)
    sent = await asks(gateway, "send_friend_message", id="filehelper", content="first")
    simulator.faults.add(call, Fault.RET, ret=1205, errmsg="too often", times=1)
    ask = {name: (route, dict(given)) for name, (route, given) in MEETS.items()}
    ask["webwxrevokemsg"][1]["id"] = sent["msg_id"]
    ask["webwxupdatechatroom"][1]["id"] = id_of(account, account.groups[0])
    route, given = ask.pop(call)
    refused = await asks(gateway, route, **given)
    assert refused["ret"] == 1205
    met_at = times(simulator, call)[-1]
    ask.pop("webwxuploadmedia", None)  # reaches nobody
    answers = await asyncio.gather(
        *(asks(gateway, route, **given) for route, given in ask.values())
    )
    assert [answer["code"] for answer in answers] == [0] * len(ask)
    for other in ask:
        assert times(simulator, other)[-1] - met_at > AT_LEAST_S


async def test_what_waits_together_goes_by_its_urgency(
    world: World, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    gateway = await world.run(send_interval=0.01, pace={"call_timeout_s": PATIENCE_S})
    sent = await asks(gateway, "send_friend_message", id="filehelper", content="first")
    hanging = simulator.faults.add("webwxoplog", Fault.HANG, times=1)
    group = id_of(account, account.groups[0])
    tasks = [asyncio.create_task(asks(gateway, "sticky_group", id=group))]
    await hanging.strikes()
    begun = len(simulator.world.calls)
    to_all = await asks(gateway, "send_friend_message", id="@all", content="to all")
    tasks += [
        asyncio.create_task(asks(gateway, route, **given))
        for route, given in (
            ("set_markname", {"account": "xiaohui2016", "new_markname": "x"}),
            ("send_friend_message", {"id": "filehelper", "content": "waiting"}),
            ("revoke_message", {"id": sent["msg_id"]}),
        )
    ]
    await gateway.queues(to_all["count"] + 1)
    assert gateway.service is not None
    actions = gateway.service.gateway.account(None).actions
    await until(lambda: actions.pending == 3)
    await asks(gateway, "send_friend_message", id="filehelper", content="later", **{"async": "1"})
    hanging.release()
    for task in tasks:
        assert (await task)["code"] == 0
    await receiver.gets(to_all["count"] + 3, post_type="send_message")
    order = [
        call.body["Msg"]["Content"] if call.name == "webwxsendmsg" else call.name
        for call in list(simulator.world.calls)[begun:]
        if call.name in ("webwxsendmsg", "webwxrevokemsg", "webwxoplog")
    ]
    assert order[:4] == ["webwxrevokemsg", "waiting", "webwxoplog", "later"]
    assert set(order[4:]) == {"to all"}


async def test_with_an_interval_no_two_calls_are_made_at_once(
    world: World, account: Account, simulator: Simulator
) -> None:
    gateway = await world.run(send_interval=0.01)
    slow = simulator.faults.add("webwxsendmsg", Fault.HANG, times=1)
    sending = asyncio.create_task(
        asks(gateway, "send_friend_message", id="filehelper", content="x")
    )
    await slow.strikes()
    changing = asyncio.create_task(
        asks(gateway, "set_markname", account="xiaohui2016", new_markname="x")
    )
    await asks(gateway, "get_user_info")  # asks WeChat for nothing, and does not wait
    assert not times(simulator, "webwxoplog")
    slow.release()
    assert [(await task)["code"] for task in (sending, changing)] == [0, 0]


async def test_sends_and_changes_keep_their_intervals_and_do_not_wait_for_those_of_each_other(
    world: World, account: Account, simulator: Simulator
) -> None:
    gateway = await world.run(send_interval=0.3)
    ids = [id_of(account, group) for group in account.groups[:2]]
    answers = await asyncio.gather(
        *(asks(gateway, "send_friend_message", id="filehelper", content=id) for id in ids),
        *(asks(gateway, "set_group_displayname", id=id, new_displayname="x") for id in ids),
    )
    assert [answer["code"] for answer in answers] == [0] * 4
    sends, changes = times(simulator, "webwxsendmsg"), times(simulator, "webwxupdatechatroom")
    for kind in (sends, changes):
        assert all(later - earlier >= 0.295 for earlier, later in pairwise(kind))
    assert max(sends[0], changes[0]) < min(sends[1], changes[1])

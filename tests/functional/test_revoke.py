"""Taking messages back."""

from typing import Any

import pytest

from openwx.simulator import Account, Fault, Simulator
from tests.rows import rows

from .changing import STYLES, id_of, is_unknown
from .world import Gateway, Json, Receiver, World


async def sent(api: Gateway, **to: str) -> Json:
    route = "send_group_message" if to.get("id", "").startswith("@@") else "send_friend_message"
    answer: Json = (await api.post(route, content="x", **to)).json
    assert answer["code"] == 0
    return answer


def calls(simulator: Simulator) -> list[dict[str, Any]]:
    return [call.body for call in simulator.calls_of("webwxrevokemsg")]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("which", ["id", "msg_id"])
async def test_a_message_is_taken_back(
    api: Gateway, account: Account, simulator: Simulator, style: str, which: str
) -> None:
    group = account.groups[0]
    for to in ({"account": "xiaohui2016"}, {"id": id_of(account, group)}):
        answer = await sent(api, **to)
        reply = await getattr(api, style)("revoke_message", id=answer[which])
        assert reply.json == {"id": answer[which], "code": 0, "status": "revoke success"}
        (heard,) = [one for one in account.sent if one.msg_id == answer["msg_id"]]
        assert heard.revoked
    bodies = calls(simulator)
    assert all(body["ClientMsgId"] for body in bodies)
    assert len({body["ClientMsgId"] for body in bodies}) == 2
    assert bodies[1]["ToUserName"] == id_of(account, group)


async def test_a_number_in_json(api: Gateway, account: Account) -> None:
    answer = await sent(api, account="xiaohui2016")
    reply = await api.post_json("revoke_message", id=int(answer["msg_id"]))
    assert reply.code == 0
    assert account.sent[-1].revoked


async def test_what_the_phone_sent(api: Gateway, account: Account, receiver: Receiver) -> None:
    message = account.phone.says(account.friend("小灰"), "by hand")
    report = await receiver.get(content="by hand")
    assert (await api.get("revoke_message", id=message.msg_id)).code == 0
    assert message.revoked
    assert (await api.get("revoke_message", id=report["id"])).code == 0


async def test_after_a_restart(world: World, account: Account) -> None:
    first = await world.run()
    answer = await sent(first, account="xiaohui2016")
    await first.stop()
    second = await world.start()
    await second.reaches("running")
    assert (await second.get("revoke_message", id=answer["msg_id"])).code == 0
    assert account.sent[-1].revoked


async def test_after_a_new_login(
    api: Gateway, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    answer = await sent(api, account="xiaohui2016")
    account.phone.logs_out_web()
    await account.phone.sees_push_login()
    account.phone.confirm()
    await receiver.get_event("login")
    await api.reaches("running")
    assert (await api.get("revoke_message", id=answer["id"])).code == 0
    assert (await api.get("revoke_message", id=answer["msg_id"])).code == 0
    assert account.sent[-1].revoked
    new = id_of(account, account.friend("小灰"))
    assert [body["ToUserName"] for body in calls(simulator)] == [new, new]


async def test_messages_that_are_not_the_accounts_own(
    api: Gateway, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    message = account.friend("小灰").says("mine")
    report = await receiver.get(content="mine")
    for id in (message.msg_id, report["id"], "123", "123:@nobody", f"{message.msg_id}:@nobody"):
        reply = await api.get("revoke_message", id=id)
        assert (reply.status, reply.code) == (200, 100), id
        assert id.partition(":")[0] in reply.words
    assert not calls(simulator)
    assert not message.revoked


async def test_a_message_of_another_chat(api: Gateway, account: Account) -> None:
    """A receiver that is named is not second-guessed: WeChat refuses."""
    answer = await sent(api, account="xiaohui2016")
    momo = id_of(account, account.friend("momo"))
    reply = await api.get("revoke_message", id=f"{answer['msg_id']}:{momo}")
    assert (reply.status, reply.code, reply.json["ret"]) == (200, 201, 1)
    assert not account.sent[-1].revoked


@rows("id", [None, "", "abc", "12a", "12:", ":@x", "12:@x:3", "1" * 26, "1\n"])
async def test_ids_that_are_none(
    api: Gateway, account: Account, simulator: Simulator, id: str | None
) -> None:
    for style in STYLES:
        reply = await getattr(api, style)("revoke_message", **({} if id is None else {"id": id}))
        assert (reply.status, reply.code) == (400, -2), reply.body
        assert reply.words.startswith("id ")
    assert not calls(simulator)


async def test_too_late(api: Gateway, account: Account, simulator: Simulator) -> None:
    answer = await sent(api, account="xiaohui2016")
    simulator.settings.revoke_within_s = 0
    reply = await api.get("revoke_message", id=answer["msg_id"])
    assert (reply.status, reply.code) == (200, 201)
    assert reply.json["ret"] == -2
    assert not account.sent[-1].revoked


async def test_refusals_and_silence(api: Gateway, account: Account, simulator: Simulator) -> None:
    answer = await sent(api, account="xiaohui2016")
    simulator.faults.add("webwxrevokemsg", Fault.RET, ret=1205, errmsg="too often", times=1)
    reply = await api.get("revoke_message", id=answer["msg_id"])
    assert (reply.code, reply.json["ret"], reply.json["errmsg"]) == (201, 1205, "too often")
    simulator.faults.add("webwxrevokemsg", Fault.DROP, times=2)
    is_unknown(await api.get("revoke_message", id=answer["msg_id"]))
    simulator.faults.add("webwxrevokemsg", Fault.LOSE_ANSWER, times=1)
    assert (await api.get("revoke_message", id=answer["msg_id"])).code == 0
    first, second = calls(simulator)[-2:]
    assert first["ClientMsgId"] == second["ClientMsgId"]
    await simulator.close()
    reply = await api.get("revoke_message", id=answer["msg_id"])
    assert (reply.status, reply.code) == (200, -1)

"""Work that outlives its login: it finds its chat again, or is reported as failed; it never reaches a namesake."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from openwx.simulator import Account, Fault, Group, Person, Rule, Simulator
from tests.patience import PATIENCE_S

from .world import Gateway, Json, PostedReport, Receiver, World


@dataclass
class SlowReply:
    """A backend that thinks about one message for as long as the test wants."""

    text: str = "late"
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, _: PostedReport) -> web.StreamResponse:
        self.asked.set()
        await self.may_answer.wait()
        return web.json_response({"reply": self.text})


@pytest.fixture
def slow(receiver: Receiver) -> SlowReply:
    slow = SlowReply()
    receiver.behaves(slow, content="question")
    return slow


@pytest.fixture
def nobody_is_numbered(simulator: Simulator) -> None:
    """WeChat sends no lasting numbers but filehelper's."""
    simulator.settings.recent_chats = 0


async def logs_in_anew(gateway: Gateway, account: Account, *, push: bool = True) -> None:
    """End the session and log in again, which changes all ids."""
    logs_out(account, push=push)
    await comes_back(gateway, account, push=push)


def logs_out(account: Account, *, push: bool = True) -> None:
    account.allows_push_login = push
    account.phone.logs_out_web()


async def comes_back(gateway: Gateway, account: Account, *, push: bool = True) -> None:
    if push:
        await account.phone.sees_push_login()
        account.phone.confirm()
    else:
        await account.phone.logs_in()
    await account.comes_online()
    await gateway.reaches("running")


async def ask(chat: Person | Group, slow: SlowReply) -> None:
    if isinstance(chat, Group):
        chat.member_says(chat.others[0], "question")
    else:
        chat.says("question")
    async with asyncio.timeout(PATIENCE_S):
        await slow.asked.wait()


async def report_of(receiver: Receiver, content: str = "late") -> Json:
    """How the send of this text ended."""
    return await receiver.get(post_type="send_message", source="local", content=content)


async def is_not_found(receiver: Receiver, content: str = "late") -> None:
    report = await report_of(receiver, content)
    assert (report["code"], report["msg"]) == (100, "发送失败")
    assert report["info"]


def chat_of(account: Account, kind: str) -> Person | Group:
    return account.friend("小灰") if kind == "friend" else account.group("PERL学习交流")


# -- replies ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("push", [True, False])
@pytest.mark.parametrize("kind", ["friend", "group"])
async def test_a_reply_outlives_a_new_login(
    api: Gateway, account: Account, receiver: Receiver, slow: SlowReply, kind: str, push: bool
) -> None:
    chat = chat_of(account, kind)
    await ask(chat, slow)
    former = account.session
    assert former is not None
    await logs_in_anew(api, account, push=push)
    slow.may_answer.set()
    assert await chat.hears_text() == "late"
    assert account.session is not None
    new_id = account.session.id_of(chat)
    assert chat.inbox[0].msg["ToUserName"] == new_id != former.id_of(chat)
    report = await report_of(receiver)
    assert report["code"] == 0
    assert report["id"].endswith(new_id)
    assert [heard.text for heard in account.sent] == ["late"]


@pytest.mark.parametrize("kind", ["friend", "group"])
async def test_a_chat_that_changed_is_found_by_its_uid(
    api: Gateway, account: Account, slow: SlowReply, kind: str
) -> None:
    chat = chat_of(account, kind)
    await ask(chat, slow)
    logs_out(account)
    if isinstance(chat, Group):
        chat.name = "PERL6学习交流"
        chat.members.popitem()
    else:
        chat.nickname, chat.signature, chat.remark = "小白", "新的", "白"
    await comes_back(api, account)
    slow.may_answer.set()
    assert await chat.hears_text() == "late"


@pytest.mark.usefixtures("nobody_is_numbered")
@pytest.mark.parametrize("kind", ["friend", "group"])
async def test_without_a_uid_the_unchanged_record_counts(
    api: Gateway, account: Account, receiver: Receiver, slow: SlowReply, kind: str
) -> None:
    chat = chat_of(account, kind)
    await ask(chat, slow)
    report = receiver.got(content="question")[0]
    assert report["group_uid" if kind == "group" else "sender_uid"] == ""
    await logs_in_anew(api, account)
    slow.may_answer.set()
    assert await chat.hears_text() == "late"


@pytest.mark.usefixtures("nobody_is_numbered")
@pytest.mark.parametrize("kind", ["friend", "group"])
async def test_without_a_uid_a_changed_record_is_nobody(
    api: Gateway, account: Account, receiver: Receiver, slow: SlowReply, kind: str
) -> None:
    chat = chat_of(account, kind)
    await ask(chat, slow)
    logs_out(account)
    if isinstance(chat, Group):
        chat.members.popitem()
    else:
        chat.signature = "新的"
    await comes_back(api, account)
    slow.may_answer.set()
    await is_not_found(receiver)
    assert account.sent == []


TWIN: dict[str, Any] = {"sex": 1, "province": "广东", "city": "深圳", "signature": "same"}


@pytest.mark.usefixtures("nobody_is_numbered")
async def test_of_two_that_are_alike_neither_is_taken(
    api: Gateway, account: Account, receiver: Receiver, slow: SlowReply
) -> None:
    meant, twin = account.add_friend("双胞胎", **TWIN), account.add_friend("双胞胎", **TWIN)
    await receiver.gets(2, event="new_friend")
    await ask(meant, slow)
    await logs_in_anew(api, account)
    slow.may_answer.set()
    await is_not_found(receiver)
    assert meant.texts == twin.texts == []


async def test_a_namesake_with_another_uid_is_not_taken(
    api: Gateway, account: Account, receiver: Receiver, slow: SlowReply
) -> None:
    meant = account.friend("小灰")
    await ask(meant, slow)
    logs_out(account)
    account.lose_friend(meant)
    namesake = account.add_friend(
        meant.nickname,
        alias=meant.alias,
        sex=meant.sex,
        province=meant.province,
        city=meant.city,
        signature=meant.signature,
    )
    assert namesake.uin != meant.uin
    await comes_back(api, account)
    slow.may_answer.set()
    await is_not_found(receiver)
    assert meant.texts == namesake.texts == []


@pytest.mark.parametrize("kind", ["friend", "group"])
async def test_a_lost_receiver_is_reported_and_the_next_is_sent(
    api: Gateway, account: Account, receiver: Receiver, slow: SlowReply, kind: str
) -> None:
    chat, other = chat_of(account, kind), account.friend("momo")
    await ask(chat, slow)
    logs_out(account)
    if isinstance(chat, Group):
        account.lose_group(chat)
    else:
        account.lose_friend(chat)
    await comes_back(api, account)
    slow.may_answer.set()
    await is_not_found(receiver)
    sent = await api.get("send_friend_message", account="momo_0717", content="next")
    assert sent.code == 0
    assert [heard.text for heard in account.sent] == ["next"]
    assert other.texts == ["next"]


async def test_a_reply_outlives_a_new_login_and_a_restart(
    world: World, account: Account, receiver: Receiver
) -> None:
    """The report is delivered to a backend that is up again, by another process, in another login."""
    gateway = await world.run(pace={"finish_s": 0.1})
    friend = account.friend("小灰")
    receiver.fails(status=503, content="question")
    friend.says("question")
    await receiver.get(content="question")
    await gateway.stop()
    account.phone.logs_out_web()
    gateway = await world.start()
    await comes_back(gateway, account)
    receiver.behaves_well()
    slow = SlowReply()
    slow.may_answer.set()
    receiver.behaves(slow, content="question")
    assert await friend.hears_text() == "late"
    ids = {u.webhook_id for u in receiver.reports if u.json.get("content") == "question"}
    assert len(ids) == 1


# -- queued sends ----------------------------------------------------------------------------------------


async def queue_sends(api: Gateway, simulator: Simulator, *aliases: str) -> tuple[Rule, list[str]]:
    """Queue sends behind one that hangs; return the rule that holds it, and the uids."""
    rule = simulator.faults.add("webwxsendmsg", Fault.HANG, times=1)
    uids = []
    for number, alias in enumerate(aliases):
        reply = await api.post_json(
            "send_friend_message", account=alias, content=f"text {number}", **{"async": 1}
        )
        assert reply.code == 0
        uids.append(reply.json["uid"])
    await rule.strikes()
    return rule, uids


@pytest.mark.parametrize("push", [True, False])
async def test_queued_sends_outlive_a_new_login_in_their_order(
    api: Gateway, account: Account, simulator: Simulator, receiver: Receiver, push: bool
) -> None:
    aliases = ("xiaohui2016", "tomjerry", "xiaohui2016", "sunny_baby")
    rule, uids = await queue_sends(api, simulator, *aliases)
    logs_out(account, push=push)
    rule.release()
    await api.reaches("confirming" if push else "scaning")
    refused = await api.get("send_friend_message", account="tomjerry", content="not now")
    assert refused.code == -4
    await comes_back(api, account, push=push)
    reports = await receiver.gets(4, post_type="send_message", source="local")
    assert {report["uid"]: report["code"] for report in reports} == dict.fromkeys(uids, 0)
    assert [heard.text for heard in account.sent] == [f"text {number}" for number in range(4)]
    assert account.friend("小灰").texts == ["text 0", "text 2"]


async def test_a_waiting_caller_is_answered_after_the_new_login(
    api: Gateway, account: Account, simulator: Simulator
) -> None:
    rule = simulator.faults.add("webwxsendmsg", Fault.HANG, times=1)
    waiting = asyncio.ensure_future(
        api.get("send_friend_message", account="xiaohui2016", content="waiting")
    )
    await rule.strikes()
    logs_out(account)
    rule.release()
    await comes_back(api, account)
    reply = await waiting
    assert reply.code == 0
    friend = account.friend("小灰")
    assert friend.texts == ["waiting"]
    assert account.session is not None
    assert reply.json["id"] == f"{friend.inbox[0].msg_id}:{account.session.id_of(friend)}"


async def test_queued_sends_outlive_a_restart_without_a_session(
    world: World, account: Account, simulator: Simulator, receiver: Receiver
) -> None:
    gateway = await world.run()
    rule, uids = await queue_sends(gateway, simulator, "xiaohui2016", "tomjerry", "momo_0717")
    logs_out(account, push=False)
    rule.release()
    await gateway.reaches("scaning")
    await gateway.stop()
    simulator.codes.expire_all()
    account.lose_friend(account.friend("Tom & Jerry <猫和老鼠>"))
    gateway = await world.start()
    await comes_back(gateway, account, push=False)
    reports = await receiver.gets(3, post_type="send_message", source="local")
    codes = {report["uid"]: report["code"] for report in reports}
    assert codes == {uids[0]: 0, uids[1]: 100, uids[2]: 0}
    assert [heard.text for heard in account.sent] == ["text 0", "text 2"]


# -- somebody else logs in -------------------------------------------------------------------------------


async def test_another_account_gets_nothing_of_the_former_ones_work(
    api: Gateway, account: Account, simulator: Simulator, receiver: Receiver, slow: SlowReply
) -> None:
    # The same people live in both worlds as far as names tell, and filehelper has the same id.
    other = simulator.add_account("other")
    await ask(account.friend("小灰"), slow)
    rule, uids = await queue_sends(api, simulator, "xiaohui2016", "tomjerry")
    waiting = await api.get(
        "send_friend_message", id="filehelper", content="files", **{"async": "1"}
    )
    logs_out(account, push=False)
    rule.release()
    slow.may_answer.set()
    await comes_back(api, other, push=False)
    for content in ("text 0", "text 1", "files", "late"):
        await is_not_found(receiver, content)
    outcomes = receiver.got(post_type="send_message", source="local")
    assert {report["uid"] for report in outcomes} >= {*uids, waiting.json["uid"]}
    assert account.sent == other.sent == []
    sent = await api.get("send_friend_message", account="xiaohui2016", content="mine")
    assert sent.code == 0
    assert other.friend("小灰").texts == ["mine"]
    assert account.sent == []


async def test_what_the_former_account_received_is_still_reported(
    world: World, account: Account, simulator: Simulator, receiver: Receiver
) -> None:
    gateway = await world.run()
    other = simulator.add_account("other")
    receiver.fails(status=503, post_type="receive_message")
    said = account.friend("小灰").says("for the former")
    await receiver.get(content="for the former")
    logs_out(account, push=False)
    await comes_back(gateway, other, push=False)
    other.friend("小灰").says("for the other")
    receiver.behaves_well()
    receiver.forget()
    report = await receiver.get(content="for the former")
    assert report["id"] == said.msg_id
    await receiver.get(content="for the other")
    assert len(receiver.got(content="for the former")) == 1


# -- order over a new login ------------------------------------------------------------------------------


@pytest.mark.parametrize("known_by", ["uid", "record"])
@pytest.mark.parametrize("kind", ["friend", "group"])
async def test_the_order_within_a_chat_is_kept_over_a_new_login(
    api: Gateway,
    account: Account,
    simulator: Simulator,
    receiver: Receiver,
    known_by: str,
    kind: str,
) -> None:
    chat, other = chat_of(account, kind), account.friend("momo")
    receiver.fails(status=503, content="former")
    says(chat, "former")
    await receiver.get(content="former")
    logs_out(account, push=False)
    if known_by == "record":
        simulator.settings.recent_chats = 0
    elif isinstance(chat, Group):
        chat.name = "PERL6学习交流"
    else:
        chat.nickname = "小白"
    await comes_back(api, account, push=False)
    says(chat, "later")
    other.says("elsewhere")
    await receiver.get(content="elsewhere")
    await receiver.gets(5, content="former")
    assert receiver.got(content="later") == []
    receiver.behaves_well()
    await receiver.get(content="later")
    former = [report for report in receiver.answered if report.json.get("content") == "former"]
    assert len(former) == 1


def says(chat: Person | Group, text: str) -> None:
    if isinstance(chat, Group):
        chat.member_says(chat.others[0], text)
    else:
        chat.says(text)

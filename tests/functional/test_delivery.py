"""What WeChat hands out reaches ``post_api``, whatever ``post_api`` does; what it answers is done once."""

import asyncio
import base64
import hashlib
import hmac
import itertools
import logging
import time
from collections import Counter

import pytest
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from openwx.simulator import Account, Fault, Simulator
from openwx.store.base import JournalError
from openwx.store.records import WriteBatch, WriteResult
from openwx.store.sqlite.journal import SQLiteJournal
from tests.memory_wechat import MemoryAccount
from tests.patience import PATIENCE_S

from .world import (
    NO_EVENTS,
    Behaviour,
    Gateway,
    PostedReport,
    Receiver,
    World,
    answers,
    never_answers,
    replies,
    says,
)

pytestmark = pytest.mark.in_memory


class _Broken(web.Response):
    """The connection ends before this answer, or (``torn``) in the middle of it."""

    torn = False

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        assert request.transport is not None
        if self.torn:
            assert isinstance(self.body, bytes)
            head = (
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            )
            request.transport.write(head % len(self.body) + self.body[:-1])
            request.transport.close()
        else:
            request.transport.abort()
        raise ConnectionResetError


def loses_answer(text: str, *, torn: bool = False) -> Behaviour:
    """Take the report and answer it with this reply, but lose the answer on the way."""

    async def answer(_: PostedReport) -> web.StreamResponse:
        broken = _Broken(body=b'{"reply": "%s"}' % text.encode())
        broken.torn = torn
        return broken

    return answer


def contents(receiver: Receiver) -> list[str]:
    """Return the contents of the messages, in the order they came."""
    return [report.json["content"] for report in receiver.reports if "content" in report.json]


def webhook_ids(receiver: Receiver, content: str) -> list[str]:
    return [u.webhook_id for u in receiver.reports if u.json.get("content") == content]


async def everything_is_answered(receiver: Receiver, n: int) -> None:
    await receiver.until(lambda: len(receiver.answered) >= n, f"{n} uploads that are answered")


# -- a backend that is not there -------------------------------------------------------------------------


async def test_a_backend_that_is_down_at_the_start_gets_all_in_order(
    world: World, account: MemoryAccount
) -> None:
    await world.receiver.stop()
    await world.run(report=NO_EVENTS)
    chats = [account.friend("小灰"), account.friend("momo"), account.friends[2]]
    group = account.group("PERL学习交流")
    said = []
    for number in range(8):
        said += [chat.says(f"{chat.nickname} {number}") for chat in chats]
        said.append(group.member_says(group.others[number % 2], f"group {number}"))
    await account.hands_out(*said)
    await world.receiver.start()
    await everything_is_answered(world.receiver, len(said))
    came = contents(world.receiver)
    assert sorted(came) == sorted(message.text for message in said)
    for chat in (*(chat.nickname for chat in chats), "group"):
        assert [text for text in came if text.startswith(chat)] == [f"{chat} {n}" for n in range(8)]


async def test_what_is_pending_outlives_a_restart_with_its_webhook_id(
    world: World, account: MemoryAccount, receiver: Receiver
) -> None:
    gateway = await world.run(report=NO_EVENTS, pace={"finish_s": 0.1})
    receiver.fails(status=503)
    friend, other = account.friend("小灰"), account.friend("momo")
    said = [friend.says("one"), friend.says("two"), other.says("three")]
    await account.hands_out(*said)
    await receiver.gets(2, content="one")
    # The outage of the backend may have been found before the other chat's was tried.
    tried = {text: ids[0] for text in ("one", "three") if (ids := webhook_ids(receiver, text))}
    await gateway.stop()
    receiver.behaves_well()
    receiver.forget()
    await world.start(report=NO_EVENTS)
    await everything_is_answered(receiver, 3)
    came = contents(receiver)
    assert sorted(came) == ["one", "three", "two"]
    assert came.index("one") < came.index("two")
    for text, webhook_id in tried.items():
        assert webhook_ids(receiver, text) == [webhook_id]


async def test_a_refusal_is_taken_five_times_and_then_it_is_the_next_ones_turn(
    world: World, account: MemoryAccount, receiver: Receiver
) -> None:
    gateway = await world.run(report=NO_EVENTS)
    receiver.fails(status=500, content="bad")
    friend, other = account.friend("小灰"), account.friend("momo")
    friend.says("bad")
    friend.says("next")
    other.says("other")
    await receiver.get(content="next")
    await receiver.get(content="other")
    came = contents(receiver)
    assert Counter(came) == {"bad": 5, "next": 1, "other": 1}
    assert came.index("next") > came.index("other")
    assert len({*webhook_ids(receiver, "bad")}) == 1
    await gateway.stop()
    async with SQLiteJournal(world.data_dir / "journal.sqlite3") as journal:
        [failed] = await journal.failed("default")
        assert await journal.pending("default") == []
    assert (failed.kind, failed.http_status) == ("receive_message", 500)
    assert f"msg_{failed.uid}" == webhook_ids(receiver, "bad")[0]


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
async def test_not_now_is_no_refusal(
    world: World, account: MemoryAccount, receiver: Receiver, status: int
) -> None:
    await world.run(report=NO_EVENTS)
    receiver.fails(9, status=status, content="one")
    friend = account.friend("小灰")
    friend.says("one")
    friend.says("two")
    await receiver.get(content="two")
    assert contents(receiver) == [*["one"] * 10, "two"]
    assert len({*webhook_ids(receiver, "one")}) == 1


async def test_a_backend_that_hangs_for_one_chat_does_not_delay_another(
    world: World, account: MemoryAccount, receiver: Receiver
) -> None:
    await world.run(report={**NO_EVENTS, "timeout": 2.0})
    receiver.behaves(never_answers(), times=1, content="slow")
    friend, other = account.friend("小灰"), account.friend("momo")
    friend.says("slow")
    friend.says("after")
    await receiver.get(content="slow")
    other.says("quick")
    await receiver.get(content="quick")
    assert len(receiver.got(content="slow")) == 1
    await receiver.get(content="after")
    came = [text for text in contents(receiver) if text != "quick"]
    assert came == ["slow", "slow", "after"]
    assert len({*webhook_ids(receiver, "slow")}) == 1


@pytest.mark.parametrize("torn", [False, True])
async def test_a_lost_answer_has_the_report_repeated_and_one_reply_executed(
    world: World, account: MemoryAccount, receiver: Receiver, torn: bool
) -> None:
    await world.run(report=NO_EVENTS)
    receiver.behaves(loses_answer("first", torn=torn), times=1, content="question")
    receiver.behaves(replies("second"), content="question")
    friend = account.friend("小灰")
    friend.says("question")
    assert await friend.hears_text() == "second"
    friend.says("and then")
    await receiver.get(content="and then")
    ids = webhook_ids(receiver, "question")
    assert len(ids) == 2
    assert len({*ids}) == 1
    assert friend.texts == ["second"]


NONSENSE = [
    b'{"reply": "x"', b"null", b'"text"', b"", b"  ", b"[]", b"[1]", b"7", b"true", b"{}",
    b'{"reply": null}', b'{"reply": ""}', b'{"reply": {"a": 1}}', b'{"reply": [[]]}',
    b'{"reply": true}', b"\xff\xfe\x00", b"[" * 50_000, b'{"reply": "\xff"}', b"<html></html>",
]  # fmt: skip


async def test_nonsense_as_an_answer_is_no_reply_and_no_failure(
    world: World, account: MemoryAccount, receiver: Receiver
) -> None:
    await world.run(report=NO_EVENTS)
    friend = account.friend("小灰")
    valid = {"reply": "no"}
    behaviours = [
        *(says(body) for body in NONSENSE),
        says(valid, content_type="text/html"),
        says(valid, content_type="text/plain"),
        says(valid, content_type="application/json-patch+json"),
        says(valid, content_type="application/json; charset=no-such"),
        answers(204),
        answers(201),
    ]
    for number, behaviour in enumerate(behaviours):
        receiver.behaves(behaviour, content=f"message {number}")
    receiver.behaves(replies("still here"), content="last")
    for number in range(len(behaviours)):
        friend.says(f"message {number}")
    friend.says("last")
    assert await friend.hears_text() == "still here"
    came = [json["content"] for json in receiver.got(post_type="receive_message")]
    assert came == [*(f"message {n}" for n in range(len(behaviours))), "last"]


# -- replies ---------------------------------------------------------------------------------------------


async def test_only_what_was_received_is_replied_to(
    world: World, account: Account, simulator: Simulator, receiver: Receiver
) -> None:
    gateway = await world.run()
    receiver.behaves(replies("a loop"), post_type="send_message")
    receiver.behaves(replies("a loop"), post_type="event")
    receiver.behaves(replies("a loop"), type="group_notice")
    receiver.behaves(replies("a loop"), format="notice")
    receiver.behaves(replies("answer"), post_type="receive_message")
    friend, group = account.friend("小灰"), account.group("PERL学习交流")
    account.phone.says(friend, "from the phone")
    account.phone.says(group, "from the phone, to all")
    sent = await gateway.get("send_friend_message", account="xiaohui2016", content="from the API")
    assert sent.code == 0
    group.notice("somebody joined")
    friend.sends(10000, "you are not friends")
    group.rename("PERL6学习交流")
    await receiver.gets(3, post_type="send_message")
    await receiver.get(format="notice", content="you are not friends")
    await receiver.get_event("group_property_change")
    friend.says("a question")
    assert [heard.text for heard in await friend.hears(2)] == ["from the API", "answer"]
    group.member_says(group.others[0], "another")
    assert await group.hears_text() == "answer"
    await receiver.gets(5, post_type="send_message")
    # Replies are queued in the order of their reports: a loop would have been heard by now.
    assert [heard.text for heard in account.sent] == ["from the API", "answer", "answer"]


@pytest.mark.parametrize(
    ("answer", "heard"),
    [
        ({"reply": 0}, "0"),
        ({"reply": "0"}, "0"),
        ({"reply": 3.25}, "3.25"),
        ({"reply": -1}, "-1"),
        ('{"reply": 123456789012345678901234567890}', "123456789012345678901234567890"),
        ('{"reply": 1.10}', "1.10"),
        ({"reply": "好😄\n<b> & 'x'", "more": [1]}, "好😄\n<b> & 'x'"),
        (b'\xef\xbb\xbf{"reply": "bom"}', "bom"),
    ],
)
async def test_numbers_are_replies_too(
    api: Gateway, account: MemoryAccount, receiver: Receiver, answer: object, heard: str
) -> None:
    receiver.behaves(says(answer, content_type="text/json"), post_type="receive_message")
    friend = account.friend("小灰")
    friend.says("how many?")
    assert await friend.hears_text() == heard
    report = await receiver.get(post_type="send_message")
    assert (report["content"], report["source"], report["code"]) == (heard, "local", 0)


# -- headers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "secret", [None, "plain-words", "whsec_" + base64.b64encode(b"k" * 24).decode()]
)
async def test_headers_are_those_of_the_standard_webhooks(
    world: World, account: MemoryAccount, receiver: Receiver, secret: str | None
) -> None:
    await world.run(report=NO_EVENTS | ({"secret": secret} if secret else {}))
    account.friend("小灰").says("你好 <&>")
    await receiver.get(content="你好 <&>")
    report = receiver.reports[0]
    assert report.headers["content-type"] == "application/json"
    assert report.webhook_id == f"msg_{report.json['uid']}"
    seconds = report.headers["webhook-timestamp"]
    assert abs(int(seconds) - time.time()) < 30
    if secret is None:
        assert "webhook-signature" not in report.headers
        return
    key = b"k" * 24 if secret.startswith("whsec_") else secret.encode()
    signed = f"{report.webhook_id}.{seconds}.".encode() + report.body
    digest = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert report.headers["webhook-signature"] == f"v1,{digest}"


# -- sends -----------------------------------------------------------------------------------------------


async def test_sends_keep_their_order_and_their_distance(
    world: World, account: MemoryAccount, receiver: Receiver
) -> None:
    gateway = await world.run(report=NO_EVENTS, send_interval=0.15)
    receiver.behaves(replies("reply"), post_type="receive_message")
    chats = ["xiaohui2016", "sunny_baby", "xiaohui2016", "tomjerry", "sunny_baby"]
    for number, alias in enumerate(chats):
        reply = await gateway.post_json(
            "send_friend_message", account=alias, content=f"async {number}", **{"async": 1}
        )
        assert reply.code == 0
    waiting = await gateway.post("send_friend_message", account="tomjerry", content="waiting")
    assert waiting.code == 0
    account.friend("小灰").says("question")
    await account.until(lambda: len(account.sent) == 7, 10)
    assert [heard.text for heard in account.sent] == [
        *(f"async {number}" for number in range(5)),
        "waiting",
        "reply",
    ]
    for earlier, later in itertools.pairwise(account.sent):
        assert later.time - earlier.time >= 0.145


async def test_a_message_to_all_yields_to_others(world: World, account: MemoryAccount) -> None:
    gateway = await world.run(report=NO_EVENTS, send_interval=0.05)
    to_all = await gateway.post("send_friend_message", id="@all", content="to all")
    assert to_all.json["count"] > 10
    waiting = await gateway.post("send_friend_message", account="tomjerry", content="urgent")
    assert waiting.code == 0
    before = [heard.text for heard in account.sent].index("urgent")
    assert before < to_all.json["count"]
    total = to_all.json["count"] + 1
    await account.until(lambda: len(account.sent) == total, 10)
    reached = Counter(heard.to for heard in account.sent if heard.text == "to all")
    assert set(reached.values()) == {1}


@pytest.mark.parametrize(
    "fault", [Fault.DROP, Fault.LOSE_ANSWER, Fault.GARBAGE, Fault.TRUNCATE, Fault.SERVER_ERROR]
)
async def test_a_send_that_is_repeated_is_heard_once(
    api: Gateway, account: Account, simulator: Simulator, receiver: Receiver, fault: Fault
) -> None:
    simulator.faults.add("webwxsendmsg", fault, times=3)
    sent = await api.get("send_friend_message", account="xiaohui2016", content="once")
    assert sent.code == 0
    friend = account.friend("小灰")
    assert friend.texts == ["once"]
    assert sent.json["msg_id"] == friend.inbox[0].msg_id
    calls = simulator.calls_of("webwxsendmsg")
    assert len(calls) == 4
    assert len({call.body["Msg"]["ClientMsgId"] for call in calls}) == 1
    posted = await receiver.get(post_type="send_message")
    assert posted["id"] == sent.json["id"]
    await api.get("send_friend_message", account="xiaohui2016", content="twice")
    await receiver.get(post_type="send_message", content="twice")
    assert [report["content"] for report in receiver.got(post_type="send_message")] == [
        "once",
        "twice",
    ]


async def test_a_send_that_is_given_up_is_reported(
    api: Gateway, account: Account, simulator: Simulator, receiver: Receiver
) -> None:
    rule = simulator.faults.add("webwxsendmsg", Fault.DROP)
    later = await api.get(
        "send_friend_message", account="tomjerry", content="later", **{"async": "1"}
    )
    assert later.code == 0
    report = await receiver.get(post_type="send_message", content="later")
    assert (report["uid"], report["code"], report["msg"]) == (later.json["uid"], -5, "发送失败")
    assert report["info"]
    assert rule.hits == 5
    waiting = await api.get("send_friend_message", account="tomjerry", content="waiting")
    assert waiting.code == -5
    report = await receiver.get(post_type="send_message", content="waiting")
    assert report["code"] == -5
    assert account.sent == []


# -- the journal -----------------------------------------------------------------------------------------


class BadDisk:
    """A journal that cannot be written for a while."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_full = False
        self.failures = 0
        self._changed = asyncio.Condition()
        write = SQLiteJournal.write

        async def flaky(journal: SQLiteJournal, unit: WriteBatch) -> WriteResult:
            if not self.is_full:
                return await write(journal, unit)
            self.failures += 1
            async with self._changed:
                self._changed.notify_all()
            raise JournalError("the journal failed: database or disk is full")

        monkeypatch.setattr(SQLiteJournal, "write", flaky)

    async def fails(self, n: int) -> None:
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(lambda: self.failures >= n)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> BadDisk:
    return BadDisk(monkeypatch)


async def test_nothing_is_acknowledged_before_it_is_in_the_journal(
    api: Gateway,
    account: MemoryAccount,
    receiver: Receiver,
    disk: BadDisk,
    caplog: pytest.LogCaptureFixture,
) -> None:
    friend = account.friend("小灰")
    friend.says("before")
    await receiver.get(content="before")
    disk.is_full = True
    said = [friend.says(f"message {number}") for number in range(3)]
    begin = len(account.timeline) - 3
    with caplog.at_level(logging.ERROR, "openwx"):
        await account.hands_out(said[0])
        await disk.fails(4)
        assert account.acknowledged <= begin
        assert "nothing is acknowledged until it works again" in caplog.text
        assert (await api.client())["state"] == "running"
        refused = await api.get(
            "send_friend_message", account="xiaohui2016", content="x", **{"async": "1"}
        )
        assert refused.code == -5
        assert receiver.got(post_type="receive_message", content="message 0") == []
    disk.is_full = False
    await receiver.get(content="message 2")
    last = friend.says("after")
    await account.hands_out(last)
    assert account.acknowledged > begin
    await receiver.get(content="after")
    expected = ["before", "message 0", "message 1", "message 2", "after"]
    assert contents(receiver) == expected
    assert account.sent == []


async def test_a_delivery_that_cannot_be_noted_is_noted_later_with_one_reply(
    api: Gateway, account: MemoryAccount, receiver: Receiver, disk: BadDisk
) -> None:
    async def breaks(_: PostedReport) -> web.StreamResponse:
        disk.is_full = True
        return web.json_response({"reply": "answer"})

    receiver.behaves(breaks, content="question")
    friend = account.friend("小灰")
    friend.says("question")
    await disk.fails(3)
    assert friend.texts == []
    disk.is_full = False
    assert await friend.hears_text() == "answer"
    friend.says("more")
    await receiver.get(content="more")
    assert friend.texts == ["answer"]
    assert len(receiver.got(content="question")) == 1


@pytest.mark.usefixtures("simulator")
async def test_a_login_waits_for_the_journal(world: World, account: Account, disk: BadDisk) -> None:
    gateway = await world.start(report=NO_EVENTS)
    code = await account.phone.scan()
    disk.is_full = True
    account.phone.confirm()
    await disk.fails(2)
    disk.is_full = False
    await gateway.reaches("running")
    assert code.session is account.session
    assert account.logins == 1


@pytest.mark.usefixtures("simulator")
async def test_order_outlives_a_restart_and_a_new_name(
    world: World, account: Account, receiver: Receiver
) -> None:
    """The chat has no lasting number (the pairing does not tell it), and another record after the restart."""
    gateway = await world.run(pace={"finish_s": 0.3})
    friend = account.add_friend("新朋友")
    friend.says("first")
    await receiver.get(content="first")
    receiver.fails(content="before", status=503)
    friend.says("before")
    await receiver.get(content="before")
    await gateway.stop()
    receiver.forget()
    friend.renames("换了名字")
    friend.changes(signature="又换了", city="成都")
    friend.says("after")
    await (await world.start(pace={"backoff_first_s": 0.2})).reaches("running")
    await receiver.gets(2, content="before")
    assert not receiver.got(content="after")
    receiver.behaves_well()
    await receiver.get(content="after")
    assert contents(receiver)[-2:] == ["before", "after"]

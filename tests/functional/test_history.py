"""``get_history``: the stored messages of a chat, over restarts and logins, in pages, and searched for words."""

import asyncio

import msgspec
import pytest

from openwx import store
from openwx.accounts import message_search
from openwx.client import Client, MediaMessage, TextMessage
from openwx.config.contract import POST_API
from openwx.errors import SessionEnded
from openwx.simulator.samples import PNG
from openwx.store.records import NewReport, WriteBatch, new_uid
from tests.memory_wechat import MemoryAccount

from .streaming import socket
from .world import Gateway, Receiver, World

pytestmark = pytest.mark.in_memory

MANY = 10_000


async def history(api: Gateway, **parameters: object) -> tuple[list[str], int | None]:
    reply = await api.get("get_history", **{key: str(value) for key, value in parameters.items()})
    assert reply.code == 0, reply.words
    return [one["content"] for one in reply.json["messages"]], reply.json["before"]


def report(content: str, *, chat: str = "c", size: int = 0) -> NewReport:
    """Make a report of a message of somebody who is no contact any more."""
    payload = {
        "post_type": "receive_message",
        "class": "recv",
        "format": "text",
        "content": content,
    }
    payload |= {"sender_id": "@gone", "sender_uid": "", "padding": "x" * size}
    body = msgspec.json.encode(payload)
    return NewReport(chat=chat, kind="receive_message", body=body, uid=new_uid(), targets=())


async def write(world: World, reports: list[NewReport]) -> None:
    """Write reports into the journal before the gateway runs."""
    world.data_dir.mkdir(parents=True, exist_ok=True)
    async with store.open(world.data_dir / "journal.sqlite3") as journal:
        await journal.write(WriteBatch(account="default", reports=reports))


# -- what there is ---------------------------------------------------------------------------------------------


async def test_a_chat_in_pages(api: Gateway, account: MemoryAccount, receiver: Receiver) -> None:
    friend, other = account.friend("小灰"), account.friend("momo")
    for n in range(5):
        friend.says(f"mine {n}")
        other.says(f"not mine {n}")
    await receiver.gets(10, post_type="receive_message")
    sent = await api.get("send_friend_message", displayname="小灰", content="ours")
    assert sent.code == 0
    await receiver.get(content="ours")
    found, before = await history(api, displayname="小灰", limit=2)
    assert found == ["mine 4", "ours"]
    found, before = await history(api, id=friend.record.id, limit=3, before=before)
    assert found == ["mine 1", "mine 2", "mine 3"]
    found, before = await history(api, account="xiaohui2016", limit=3, before=before)
    assert (found, before) == (["mine 0"], None)
    exactly, before = await history(api, displayname="小灰", limit=6)
    assert (len(exactly), before) == (6, None)


async def test_who_copies_another_sees_nothing_of_their_history(
    api: Gateway, account: MemoryAccount, receiver: Receiver
) -> None:
    """Everything but the ids can be copied. Nor does a file of theirs hold up the other one."""
    details = {"name": "张伟", "account": ""}
    victim = next(
        one for one in account.friends if details.items() <= msgspec.to_builtins(one.record).items()
    )
    victim.says("a secret")
    await receiver.get(content="a secret")
    copy = account.add_friend("张伟")
    await receiver.get(event="new_friend")
    copy.says("what did I say?")
    await receiver.get(content="what did I say?")
    assert await history(api, id=copy.record.id) == (["what did I say?"], None)
    assert await history(api, id=victim.record.id) == (["a secret"], None)
    hanging = account.hangs("download")
    copy.sends_image(PNG)
    await hanging.strikes()
    victim.says("not held up")
    await receiver.get(content="not held up")
    hanging.release()
    await receiver.get(format="media")


async def test_all_chats_without_events(
    api: Gateway, account: MemoryAccount, receiver: Receiver
) -> None:
    account.group("PERL学习交流").notice("welcome")
    account.friend("小灰").says("hi")
    account.add_friend("新朋友")
    await receiver.get(event="new_friend")
    account.friend("momo").says("last")
    await receiver.get(content="last")
    assert await history(api) == (["welcome", "hi", "last"], None)
    assert await history(api, displayname="PERL学习交流") == (["welcome"], None)
    assert await history(api, displayname="小灰") == (["hi"], None)


async def test_messages_are_their_reports(
    api: Gateway, account: MemoryAccount, receiver: Receiver
) -> None:
    """But for the bytes of their media."""
    account.friend("小灰").sends_image(PNG)
    posted = await receiver.get(format="media")
    assert posted.pop("media_data")
    [message] = (await api.get("get_history")).json["messages"]
    assert message == posted


@pytest.mark.parametrize("ids_last", [True, False])
async def test_over_a_restart_and_a_login(
    world: World, account: MemoryAccount, receiver: Receiver, ids_last: bool
) -> None:
    account.ids_last = ids_last
    api, friend = await world.run(), account.friend("小灰")
    former_id = friend.record.id
    friend.says("before")
    await receiver.get(content="before")
    await api.stop()
    account.end_session(SessionEnded("", ret=1101))
    api = await world.run()
    friend.says("after")
    await receiver.get(content="after")
    assert (friend.record.id == former_id) == ids_last
    assert await history(api, displayname="小灰") == (["before", "after"], None)
    assert await history(api, id=former_id) == (["before", "after"], None)


async def test_while_the_account_is_not_logged_in(world: World) -> None:
    await write(world, [report("old")])
    api = await world.start(login_mode="desktop")
    assert (await history(api))[0] == ["old"]


async def test_over_a_socket_and_in_the_client(
    api: Gateway, account: MemoryAccount, receiver: Receiver
) -> None:
    friend = account.friend("小灰")
    friend.says("one")
    friend.sends_image(PNG)
    await receiver.get(format="media")
    async with socket(api) as ws:
        answer = await ws.call("get_history", displayname="小灰", limit=1)
        assert [one["format"] for one in answer["answer"]["messages"]] == ["media"]
    async with Client(api.url) as wx:
        newest = await wx.get_history(id=friend.record.id, limit=1)
        [picture] = newest.messages
        assert isinstance(picture, MediaMessage)
        assert (picture.data, picture.media_type) == (None, "image")
        [text], before = await wx.get_history(id=friend.record.id, before=newest.before)
        assert isinstance(text, TextMessage)
        assert (text.content, before) == ("one", None)
        assert (await wx.get_history(q="ONE")).messages == [text]


# -- words -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("q", "content"),
    [
        ("hello", "Say HELLO!"),
        ("world hello", "hello, world"),
        ("ＡＢＣ１２３", "abc123"),
        ("abc", "ＡＢＣ"),
        ("ｶﾞ", "ガ"),
        ("ß", "STRASSE"),
        ("学习", "PERL学习交流"),
        ("100%", "100% sure"),
        ('"', 'a "word"'),
        ("\\n", "a \\n literally"),
    ],
)
async def test_words(
    api: Gateway, account: MemoryAccount, receiver: Receiver, q: str, content: str
) -> None:
    account.friend("小灰").says("none of them")
    account.friend("小灰").says(content)
    await receiver.get(content=content)
    assert (await history(api, q=q))[0] == [content]
    assert (await history(api, q=f"{q} missing"))[0] == []


async def test_a_rare_word_among_many(world: World) -> None:
    """A call reads a part of them, and its ``before`` leads on; nothing is missed, and nobody waits for it."""
    contents = [f"{'needle' if n in (1, 7000) else 'hay'} {n}" for n in range(MANY)]
    await write(world, [report(one) for one in contents])
    api = await world.run()
    found, before = await history(api, q="NEEDLE")
    calls = 1
    while before is not None:
        page, before = await history(api, q="NEEDLE", before=before)
        found = page + found
        calls += 1
        assert calls <= MANY // message_search.SEARCHED + 1
    assert found == ["needle 1", "needle 7000"]
    assert calls > 1

    searches = [asyncio.create_task(history(api, q="nothing")) for _ in range(64)]
    assert (await api.get("get_client_info")).code == 0
    assert not all(search.done() for search in searches)
    for search in searches:
        page, before = await search
        assert page == []
        assert before is not None


async def test_large_messages(world: World) -> None:
    """An answer is bounded; what does not fit is on the next page, and a single one always fits."""
    large = message_search.ANSWER_BYTES // 3
    reports = [report(str(n), size=large) for n in range(7)]
    reports.append(report("huge", size=2 * message_search.ANSWER_BYTES))
    await write(world, [msgspec.structs.replace(one, targets=(POST_API,)) for one in reports])
    api = await world.run(report={"post_api": "http://127.0.0.1:9/"}, pace={"finish_s": 0.3})
    pages = []
    page, before = await history(api)
    while page:
        pages.append(page)
        page, before = ([], None) if before is None else await history(api, before=before)
    assert pages == [["huge"], ["5", "6"], ["3", "4"], ["1", "2"], ["0"]]


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ({"q": "朋友1"}, ["朋友1"]),
        ({"q": "朋友"}, [f"朋友{n}" for n in range(6)]),
        ({"q": "MOMO"}, ["momo"]),
        ({"q": "ｍｏｍｏ"}, ["momo"]),
        ({"q": "数学"}, ["momo"]),
        ({"q": " 李老师 "}, ["momo"]),
        ({"q": "sunny"}, ["阳光😄宝贝"]),
        ({"q": "朋友", "account": "friend_3"}, ["朋友3"]),
        ({"q": "朋友", "account": "xiaohui2016"}, []),
        ({"q": "学习", "name": "小灰"}, []),
        ({"q": "nobody"}, []),
    ],
)
async def test_part_of_a_name(api: Gateway, search: dict[str, str], names: list[str]) -> None:
    reply = await api.get("search_friend", **search)
    assert [one["name"] for one in reply.json] == names if names else reply.code == 100
    assert (await api.get("search_group", q="perl")).json[0]["name"] == "PERL学习交流"
    assert (await api.get("search_group", q="perl", name="项目组")).code == 100


async def test_parts_that_are_none(api: Gateway) -> None:
    for route in ("search_friend", "search_group"):
        assert (await api.get(route, q="  ")).code == -2
        for long in ("x" * 201, "x" * 900_000):
            reply = await api.post(route, q=long)
            words = "q must be part of any of the names, at most 200 letters"
            assert (reply.status, reply.code, reply.words) == (400, -2, words)


# -- what is refused -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"limit": "-1"}, "limit must be a whole number from 1 to 200, not '-1'"),
        ({"limit": "201"}, "limit must be a whole number from 1 to 200, not '201'"),
        ({"before": str(2**63)}, f"before must be the number `before` of an earlier answer, not '{2**63}'"),
        ({"before": "0"}, "before must be the number `before` of an earlier answer, not '0'"),
        ({"before": "null"}, "before must be the number `before` of an earlier answer, not 'null'"),
        ({"q": "x" * 201}, "q must be words in the content, at most 200 letters in all"),
        ({"q": "x" * 900_000}, "q must be words in the content, at most 200 letters in all"),
    ],
)  # fmt: skip
async def test_wrong_parameters(api: Gateway, wrong: dict[str, str], status: str) -> None:
    reply = await api.post("get_history", **wrong)
    assert (reply.status, reply.code, reply.words) == (400, -2, status)


async def test_a_chat_that_is_none(api: Gateway, account: MemoryAccount) -> None:
    assert (await api.get("get_history", displayname="nobody")).code == 100
    assert (await api.get("get_history", id="@nobody")).code == 100
    twice = await api.get("get_history", displayname="张伟")
    assert (twice.code, len(twice.json["candidates"])) == (102, 2)
    assert (await api.get("get_history", id=account.user.id)).code == 101
    assert await history(api, before=2**63 - 1) == ([], None)

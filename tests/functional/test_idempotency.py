"""A send with an Idempotency-Key is done once, however often it is asked for."""

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from openwx.service import JOURNAL
from openwx.simulator import Account, Fault, Simulator
from openwx.simulator.media import PNG
from openwx.store.records import WriteBatch, WriteResult
from openwx.store.sqlite.grouping import size_of
from openwx.store.sqlite.journal import SQLiteJournal
from tests.patience import PATIENCE_S
from tests.reply import Reply

from .world import Api, Command, Gateway, Receiver, World

TO = {"id": "filehelper"}


async def keyed(api: Api, key: str, **parameters: str) -> Reply:
    """Send with the header."""
    return await api.call(
        "send_friend_message", params=TO | parameters, headers={"Idempotency-Key": key}
    )


async def test_the_same_key_is_the_same_send(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    first = await keyed(api, "k1", content="once")
    assert (first.status, first.code) == (200, 0)
    for call in (api.get, api.post, api.post_json, api.post_parts):
        again = await call("send_friend_message", idempotency_key="k1", content="once", **TO)
        assert again.body == first.body
    assert account.filehelper.texts == ["once"]
    other = await keyed(api, "k2", content="once")
    assert other.json["msg_id"] != first.json["msg_id"]
    assert account.filehelper.texts == ["once", "once"]
    await receiver.gets(2, post_type="send_message")
    assert len(receiver.got(post_type="send_message")) == 2


async def test_the_same_key_for_something_else(api: Gateway, account: Account) -> None:
    await keyed(api, "k", content="once")
    for parameters in ({"content": "twice"}, {"content": "once", "async": "1"}):
        reply = await keyed(api, "k", **parameters)
        assert (reply.status, reply.code) == (400, -2)
        assert "idempotency_key" in reply.words
    reply = await api.get(
        "send_group_message", displayname="项目组", content="once", idempotency_key="k"
    )
    assert reply.code == -2
    assert account.filehelper.texts == ["once"]


@pytest.mark.parametrize("key", ["x" * 256, "with space", "字", "tab\t"])
async def test_bad_keys(api: Gateway, account: Account, key: str) -> None:
    reply = await api.get("send_friend_message", content="x", idempotency_key=key, **TO)
    assert (reply.status, reply.code) == (400, -2)
    assert "idempotency_key" in reply.words
    assert not account.sent


async def test_an_empty_key_is_none(api: Gateway, account: Account) -> None:
    for _ in range(2):
        assert (await keyed(api, "", content="header")).code == 0
        reply = await api.post("send_friend_message", idempotency_key="", content="form", **TO)
        assert reply.code == 0
    assert account.filehelper.texts == ["header", "form", "header", "form"]


async def test_header_and_parameter_must_agree(api: Gateway) -> None:
    reply = await keyed(api, "a", content="x", idempotency_key="b")
    assert (reply.status, reply.code) == (400, -2)


async def test_a_key_is_nobody_elses_affair(api: Gateway) -> None:
    reply = await api.call(
        "search_friend", params={"name": "momo"}, headers={"Idempotency-Key": "k"}
    )
    assert reply.status == 200


async def test_while_the_first_is_on_its_way(
    api: Gateway, account: Account, simulator: Simulator
) -> None:
    slow = simulator.faults.add("webwxsendmsg", Fault.HANG)
    calls = [asyncio.create_task(keyed(api, "k", content="once")) for _ in range(5)]
    await slow.strikes()
    assert not any(call.done() for call in calls)
    slow.release()
    replies = [await call for call in calls]
    assert len({reply.body for reply in replies}) == 1
    assert replies[0].code == 0
    assert account.filehelper.texts == ["once"]


async def test_async_and_to_all(api: Gateway, account: Account) -> None:
    first = await keyed(api, "k", content="later", **{"async": "1"})
    again = await keyed(api, "k", content="later", **{"async": "1"})
    assert first.body == again.body
    assert first.json["uid"]
    for _ in range(2):
        reply = await api.get(
            "send_friend_message", id="@all", content="to all", idempotency_key="all"
        )
        assert reply.json["count"] == len(account.friends)
    for friend in account.friends:
        assert await friend.hears_text() == "to all"
    assert account.filehelper.texts == ["later"]
    assert len(account.sent) == len(account.friends) + 1


async def test_text_and_media_together(api: Gateway, account: Account) -> None:
    replies = []
    for _ in range(2):
        data = aiohttp.FormData(TO | {"content": "look"})
        data.add_field("media", PNG, filename="a.png")
        replies.append(
            await api.call(
                "send_friend_message",
                method="POST",
                data=data,
                headers={"Idempotency-Key": "k"},
            )
        )
    assert replies[0].body == replies[1].body
    assert replies[0].json["media_id"].endswith(":3")
    assert [heard.msg_type for heard in account.sent] == [1, 3]


async def test_a_failure_is_remembered_too(
    api: Gateway, account: Account, simulator: Simulator
) -> None:
    simulator.faults.add("webwxsendmsg", Fault.RET, times=1, ret=-2, errmsg="not allowed")
    first = await keyed(api, "k", content="x")
    again = await keyed(api, "k", content="x")
    assert (first.status, first.code, first.json["ret"]) == (200, 201, -2)
    assert again.body == first.body
    assert not account.sent


async def test_the_answer_is_given_while_the_account_does_not_run(
    api: Gateway, account: Account
) -> None:
    first = await keyed(api, "k", content="once")
    to_all = {"id": "@all", "content": "x", "idempotency_key": "all"}
    everybody = await api.get("send_friend_message", **to_all)
    later = await keyed(api, "later", content="later", **{"async": "1"})
    assert (first.code, everybody.code, later.code) == (0, 0, 0)
    account.phone.logs_out_web()
    await api.reaches("confirming")
    again = await keyed(api, "k", content="once")
    assert (again.status, again.body) == (first.status, first.body)
    assert (await api.get("send_friend_message", **to_all)).body == everybody.body
    assert (await keyed(api, "later", content="later", **{"async": "1"})).body == later.body
    assert (await keyed(api, "k", content="other")).code == -2
    for new in (
        await keyed(api, "new", content="x"),
        await keyed(api, "", content="x"),
        await keyed(api, "new", content="x", **{"async": "1"}),
        await api.get("send_friend_message", **to_all | {"idempotency_key": "new"}),
        await api.get("send_friend_message", content="once", **TO),
    ):
        assert (new.status, new.code, new.json["state"]) == (503, -4, "confirming")
    await account.phone.sees_push_login()
    account.phone.confirm()
    await api.reaches("running")
    assert (await keyed(api, "new", content="x")).code == 0, "the key is still free"
    assert account.filehelper.texts.count("once") == 1


async def test_an_answer_that_is_not_there_yet_is_not_waited_for_while_the_account_does_not_run(
    api: Gateway, account: Account, simulator: Simulator
) -> None:
    hanging = simulator.faults.add("webwxsendmsg", Fault.HANG, times=1)
    first = asyncio.create_task(keyed(api, "k", content="once"))
    await simulator.gets_call("webwxsendmsg")
    account.phone.logs_out_web()
    await api.reaches("confirming")
    assert (await keyed(api, "k", content="once")).code == -4
    hanging.release()
    await account.phone.sees_push_login()
    account.phone.confirm()
    assert (await first).code == 0
    assert account.filehelper.texts == ["once"]


async def test_what_was_never_accepted_is_not_remembered(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    to = {"account": "late_one", "content": "x", "idempotency_key": "late"}
    assert (await api.get("send_friend_message", **to)).code == 100
    account.add_friend("late", alias="late_one")
    await receiver.get(event="new_friend")
    assert (await api.get("send_friend_message", **to)).code == 0


async def test_a_lost_answer(api: Gateway, account: Account, simulator: Simulator) -> None:
    simulator.faults.add("webwxsendmsg", Fault.LOSE_ANSWER, times=2)
    first = await keyed(api, "k", content="once")
    assert first.code == 0
    assert (await keyed(api, "k", content="once")).body == first.body
    assert account.filehelper.texts == ["once"]


async def test_over_a_restart(world: World, account: Account) -> None:
    gateway = await world.run()
    first = await keyed(gateway, "k", content="once")
    await gateway.stop()
    gateway = await world.start()
    await gateway.reaches("running")
    assert (await keyed(gateway, "k", content="once")).body == first.body
    assert account.filehelper.texts == ["once"]


async def test_a_kill_between_wechats_answer_and_ours(
    world: World,
    simulator: Simulator,
    account: Account,
    tmp_path: Path,
    openwx: Callable[..., Awaitable[Command]],
) -> None:
    """WeChat has the message, nobody here knows it: the repetition finds out, and nothing is heard twice."""
    environ: dict[str, Any] = {
        "OPENWX_DATA_DIR": str(tmp_path / "data"),
        "OPENWX_ACCOUNTS__DEFAULT__BASE_URL": simulator.url,
        "OPENWX_ACCOUNTS__DEFAULT__SEND_INTERVAL": "0",
    }
    command = await openwx("serve", "--port", "0", **environ)
    api = Api(await command.url(), world.http)
    await account.phone.logs_in()
    await api.reaches("running", 30)
    lost = simulator.faults.add("webwxsendmsg", Fault.LOSE_ANSWER)
    calling = asyncio.create_task(keyed(api, "k", content="once"))
    await lost.strikes()
    await command.kill()
    with pytest.raises(aiohttp.ClientError):
        await calling
    simulator.faults.clear()
    command = await openwx("serve", "--port", "0", **environ)
    api.url = await command.url()
    await api.reaches("running", 30)
    reply = await keyed(api, "k", content="once")
    assert (reply.status, reply.code) == (200, 0)
    assert account.filehelper.texts == ["once"]
    assert reply.json["msg_id"] == account.sent[0].msg_id


async def test_fifty_at_once_in_every_style(
    api: Gateway, account: Account, simulator: Simulator
) -> None:
    """While the first is on its way, whatever the style and the spelling of the same values."""
    slow = simulator.faults.add("webwxsendmsg", Fault.HANG)
    to = {"id": "filehelper", "content": "once", "idempotency_key": "k"}
    spelt = [("get", "0"), ("post", "false"), ("post_parts", "no"), ("post_json", False)]
    calls = [
        asyncio.create_task(getattr(api, style)("send_friend_message", **to, **{"async": no}))
        for style, no in (spelt * 13)[:50]
    ]
    await slow.strikes()
    slow.release()
    replies = [await call for call in calls]
    assert {reply.body for reply in replies} == {replies[0].body}
    assert replies[0].code == 0
    assert account.filehelper.texts == ["once"]


async def test_accounts_have_keys_of_their_own(
    world: World, account: Account, simulator: Simulator
) -> None:
    settings = world.settings()
    two = {"default": settings.accounts["default"], "other": settings.accounts["default"]}
    gateway = await world.start(settings=settings.model_copy(update={"accounts": two}))
    other = simulator.add_account()
    for phone in (account.phone, other.phone):
        await phone.logs_in()
    async with asyncio.timeout(PATIENCE_S):
        while any(
            client["state"] != "running"
            for client in (await gateway.get("check_client")).json["client"]
        ):
            await gateway.get("check_event", client="default", timeout="0.1")
    first = await keyed(gateway, "k", content="once", client="default")
    second = await keyed(gateway, "k", content="other", client="other")
    assert (first.code, second.code) == (0, 0)
    assert first.json["msg_id"] != second.json["msg_id"]
    texts = [one.filehelper.texts for one in (account, other)]
    assert sorted(texts) == [["once"], ["other"]]


async def test_what_a_key_costs_for_each_of_many_friends(
    world: World, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes that the journal is given: as many for the last outcome as for the first."""
    for number in range(500 - len(account.friends)):
        account.add_friend(f"friend {number}")
    gateway = await world.run(report={"post_api": None})
    written: dict[str, int] = {"": 0, "k": 0}
    write = SQLiteJournal.write
    key = ""

    async def counted(journal: SQLiteJournal, batch: WriteBatch) -> WriteResult:
        written[key] += size_of(batch)
        return await write(journal, batch)

    monkeypatch.setattr(SQLiteJournal, "write", counted)
    for key in ("", "k"):
        parameters = {"idempotency_key": key} if key else {}
        reply = await gateway.get("send_friend_message", id="@all", content="x", **parameters)
        assert reply.json["count"] == 500
        await gateway.queues(0)
    of_key = written["k"] - written[""]
    assert 500 * 32 < of_key < 500 * 300, "a uid and an outcome for each"
    again = await gateway.get("send_friend_message", id="@all", content="x", idempotency_key="k")
    assert again.json["count"] == 500
    assert len(account.sent) == 1000


async def test_a_call_that_a_former_version_has_begun(world: World, account: Account) -> None:
    """Its outcomes stand in the row of the call."""
    gateway = await world.run()
    first = await keyed(gateway, "k", content="once")
    await gateway.stop()
    path = world.data_dir / JOURNAL
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        rows = dict(db.execute("SELECT key, value FROM keys"))
        call = json.loads(rows["k"])
        (uid,) = call["uids"]
        call["ended"] = {uid: json.loads(rows[f"k {uid}"])}
        db.execute("DELETE FROM keys WHERE key != 'k'")
        db.execute("UPDATE keys SET value = ?", (json.dumps(call).encode(),))
    gateway = await world.start()
    await gateway.reaches("running")
    assert (await keyed(gateway, "k", content="once")).body == first.body
    assert account.filehelper.texts == ["once"]

"""Deliveries that failed are kept, can be looked at, and are sent again when somebody says so."""

import logging

import pytest

from openwx.cli.doctor.process import beside
from openwx.config import Settings
from openwx.simulator import Account
from tests.memory_wechat import MemoryAccount

from .typed import Typed
from .world import Gateway, Json, Receiver, World

pytestmark = pytest.mark.in_memory


async def fails(
    api: Gateway, account: Account | MemoryAccount, receiver: Receiver, *texts: str
) -> list[Json]:
    """Messages that ``post_api`` refuses until they are given up; the deliveries, newest first."""
    receiver.fails(status=400, post_type="receive_message")
    for text in texts:
        account.friend("小灰").says(text)
        await receiver.gets(5, content=text)
    deliveries: list[Json] = []
    while len(deliveries) < len(texts):  # the last answer is noted a moment later
        deliveries = (await api.get("outbox")).json["deliveries"]
    receiver.behaves_well()
    return deliveries


async def test_list_show_and_retry(
    api: Gateway, account: MemoryAccount, receiver: Receiver
) -> None:
    second, first = await fails(api, account, receiver, "first", "second")
    assert {
        name: first[name] for name in ("kind", "tries", "http_status", "error", "error_code")
    } == {
        "kind": "receive_message",
        "tries": 5,
        "http_status": 400,
        "error": "HTTP 400",
        "error_code": "http_status",
    }
    assert first["failed"] >= first["created"] > 0
    shown = (await api.get("outbox_show", id=str(first["id"]))).json
    assert shown["delivery"] == first
    assert shown["upload"]["content"] == "first"
    assert first["webhook_id"] == f"msg_{shown['upload']['uid']}"
    receiver.forget()
    assert (await api.get("outbox_retry", id=str(first["id"]))).json["count"] == 1
    await receiver.get(content="first")
    assert receiver.reports[0].webhook_id == first["webhook_id"]
    assert (await api.get("outbox")).json["deliveries"] == [second]
    assert (await api.get("outbox_retry", id="all")).json["count"] == 1
    await receiver.get(content="second")
    assert (await api.get("outbox")).json["deliveries"] == []


async def test_drop_leaves_a_line_in_the_log(
    api: Gateway, account: MemoryAccount, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    (failed,) = await fails(api, account, receiver, "unwanted")
    with caplog.at_level(logging.WARNING, "openwx"):
        assert (await api.get("outbox_drop", id=str(failed["id"]))).json["count"] == 1
    assert f"delivery {failed['id']} was dropped" in caplog.text
    assert (await api.get("outbox")).json["deliveries"] == []
    assert (await api.get("outbox_retry", id=str(failed["id"]))).code == 100


async def test_what_still_waits(api: Gateway, account: MemoryAccount, receiver: Receiver) -> None:
    receiver.fails(status=503)
    account.friend("小灰").says("waits")
    await receiver.get(content="waits")
    (waiting,) = (await api.get("outbox", state="waiting")).json["deliveries"]
    assert (waiting["kind"], waiting["failed"]) == ("receive_message", 0)
    reply = await api.get("outbox_drop", id=str(waiting["id"]))
    assert (reply.status, reply.code) == (200, 101)
    assert "still tried" in reply.words
    assert (await api.get("outbox")).json["deliveries"] == []


@pytest.mark.parametrize(
    ("route", "params", "word"),
    [
        ("outbox", {"state": "x"}, "state"),
        ("outbox", {"limit": "0"}, "limit"),
        ("outbox_show", {}, "id"),
        ("outbox_show", {"id": "x"}, "id"),
        ("outbox_retry", {"id": "1,x"}, "id"),
        ("outbox_retry", {"id": ""}, "id"),
        ("outbox_drop", {"id": "ALL"}, "id"),
        ("outbox_drop", {"id": "9" * 19}, "id"),
    ],
)
async def test_bad_parameters(
    gateway: Gateway, route: str, params: dict[str, str], word: str
) -> None:
    for call in (gateway.get, gateway.post, gateway.post_json):
        reply = await call(route, **params)
        assert (reply.status, reply.code) == (400, -2)
        assert word in reply.words


async def test_unknown_ones(gateway: Gateway) -> None:
    for route in ("outbox_show", "outbox_retry", "outbox_drop"):
        assert (await gateway.get(route, id="77")).code == 100
    assert (await gateway.get("outbox_retry", id="all")).json["count"] == 0


async def test_the_command_with_and_without_a_server(
    world: World, account: MemoryAccount, receiver: Receiver, typed: Typed
) -> None:
    api = await world.run()
    second, first = await fails(api, account, receiver, "first", "second")

    async def command(*arguments: str) -> tuple[int, str, str]:
        return await typed("outbox", *arguments)

    receiver.forget()
    for server_runs in (True, False):
        one = first if server_runs else second
        code, out, err = await command("list")
        assert (code, err) == (0, "")
        assert f"{one['id']}  " in out
        assert "tried 5 times: HTTP 400" in out
        code, out, _ = await command("show", str(one["id"]))
        assert (code, '"content": "' in out) == (0, True)
        code, out, err = await command("retry", str(one["id"]))
        assert (code, out) == (0, "1 done\n"), err
        if server_runs:
            await receiver.get(content="first")
            await api.stop()
    assert await command("list") == (0, "no delivery failed\n", "")
    code, _, err = await command("show", "77")
    assert (code, "no delivery 77" in err) == (1, True)
    await (await world.start()).reaches("running")
    await receiver.get(content="second")


async def test_the_command_asks_for_an_account_of_the_server(
    world: World, account: MemoryAccount, receiver: Receiver, typed: Typed
) -> None:
    """One that is in no configuration."""
    api = await world.run()
    await fails(api, account, receiver, "first")
    assert (await api.get("start_client", client="shop")).code == 0
    for arguments in ((), ("retry", "--all"), ("drop", "--all", "--yes")):
        code, _, err = await typed("outbox", *arguments)
        assert (code, "--client is missing: there are several accounts: " in err) == (2, True), err
    _, answer, _ = await typed("status")
    assert "1 delivery failed (openwx outbox list --client default)" in answer
    findings = (await beside(Settings(data_dir=world.data_dir))).findings
    (advised,) = (one.advice for one in findings if "1 delivery failed" in one.words)
    assert advised == "openwx outbox list --client default"
    list_it = ("outbox", "list", "--client", "default")
    code, out, err = await typed(*list_it)
    assert (code, "receive_message" in out, err) == (0, True, "")


@pytest.mark.parametrize(
    "arguments", [("retry",), ("show", "--all"), ("drop", "1", "--all"), ("show", "1", "2")]
)
async def test_a_command_that_does_not_say_which(typed: Typed, arguments: tuple[str, ...]) -> None:
    code, _, err = await typed("outbox", *arguments)
    assert code == 2
    assert len(err.splitlines()) == 1


async def test_the_command_asks_which_account(typed: Typed) -> None:
    code, _, err = await typed("outbox", "list", OPENWX_ACCOUNTS='{"home": {}, "work": {}}')
    assert code == 2
    assert "--client is missing: there are several accounts: home, work" in err

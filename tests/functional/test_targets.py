"""Several backends: each gets what its filter lets through, in order, whatever the others do."""

import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from openwx.client import Client
from tests.memory_wechat import MemoryAccount
from tests.patience import until_seen

from . import quick
from .world import NO_EVENTS, Command, Gateway, Json, Receiver, World, answers, replies, says

pytestmark = pytest.mark.in_memory

SECRET = "s3cr3t-of-the-log"


@pytest.fixture
async def log() -> AsyncIterator[Receiver]:
    """Start a second backend."""
    made = Receiver()
    await made.start()
    yield made
    await made.stop()


def settings(log: Receiver, **more: Any) -> Json:
    return {**NO_EVENTS, "targets": [{"name": "log", "url": log.url, **more}]}


def contents(receiver: Receiver) -> list[str]:
    return [report.json["content"] for report in receiver.reports if "content" in report.json]


async def test_one_that_is_down_all_the_time_delays_no_other(
    world: World, account: MemoryAccount, log: Receiver
) -> None:
    await log.stop()
    api = await world.run(report=settings(log), pace={"finish_s": 0.3})
    friends = [account.friend("小灰"), account.friend("momo")]
    for n in range(20):
        friends[n % 2].says(f"{n}")
    await world.receiver.gets(20)
    for chat in range(2):
        got = [int(text) for text in contents(world.receiver) if int(text) % 2 == chat]
        assert got == sorted(got)
    streamed = (await api.get("check_event", timeout="0")).json
    assert [one["content"] for one in streamed] == [f"{n}" for n in range(20)]
    waiting = (await api.get("outbox", state="waiting")).json["deliveries"]
    assert [one["target"] for one in waiting] == ["log"] * 20
    assert (await api.get("outbox", state="waiting", target="post_api")).json["deliveries"] == []
    ready = (await api.get("../readyz")).json["accounts"]["default"]
    assert ready["waiting"]["uploads"] == 20


async def test_filters_and_events(world: World, account: MemoryAccount, log: Receiver) -> None:
    report = settings(log, post_types=["receive_message", "event"], events=["login"])
    report["post_event"] = True
    report["targets"][0]["filter"] = {"sender_name": "momo"}
    api = await world.run(report=report)
    await log.get_event("login")
    account.friend("小灰").says("not for the log")
    account.friend("momo").says("for both")
    await log.get(content="for both")
    await world.receiver.get(content="not for the log")
    friend = (await api.get("search_friend", name="momo")).json[0]
    await api.get("send_friend_message", id=friend["id"], content="sent")
    await world.receiver.get(post_type="send_message")
    assert contents(log) == ["for both"]
    assert {name for name, _ in log.events()} == {"login"}
    assert len(world.receiver.events()) > 1


async def test_only_the_first_replies_unless_another_may(
    world: World, account: MemoryAccount, log: Receiver
) -> None:
    world.receiver.behaves(replies("from post_api"), post_type="receive_message")
    log.behaves(replies("from log"), post_type="receive_message")
    api = await world.run(report=settings(log))
    account.friend("小灰").says("hello")
    await world.receiver.get(post_type="send_message", content="from post_api")
    await log.get(post_type="send_message", content="from post_api")
    await api.stop()
    assert contents(log) == ["hello", "from post_api"]
    await world.start(report=settings(log, reply=True))
    await world.gateways[-1].reaches("running")
    account.friend("小灰").says("again")
    await world.receiver.gets(2, post_type="send_message", content="from post_api")
    await world.receiver.get(post_type="send_message", content="from log")
    sent = [text for text in contents(world.receiver) if text.startswith("from")]
    assert sorted(sent) == ["from log", "from post_api", "from post_api"]


async def test_one_target_is_retried_and_dropped_alone(
    world: World, account: MemoryAccount, log: Receiver
) -> None:
    log.fails(status=400)
    api = await world.run(report=settings(log, tries=1))
    for text in ("one", "two"):
        account.friend("小灰").says(text)
        await world.receiver.get(content=text)
    failed = await have_failed(api, 2)
    assert {(one["target"], one["error"]) for one in failed} == {("log", "HTTP 400")}
    log.behaves_well()
    id = str(failed[-1]["id"])
    wrong = await api.get("outbox_retry", id=id, target="post_api")
    assert (wrong.json["code"], wrong.json["status"]) == (
        100,
        f"there is no delivery {id} to post_api that failed or waits",
    )
    shown = (await api.get("outbox_show", id=id, target="log")).json
    assert (shown["delivery"]["target"], shown["upload"]["content"]) == ("log", "one")
    log.forget()
    assert (await api.get("outbox_retry", id="all", target="log")).json["count"] == 2
    await log.gets(2)
    assert contents(log) == ["one", "two"]
    assert len(contents(world.receiver)) == 2  # nothing came to it again
    async with Client(api.url) as wx:
        assert await wx.outbox(target="log") == []
        assert await wx.outbox_retry("all", target="log") == 0
        assert await wx.outbox_drop("all", target="log") == 0


async def test_what_waits_goes_on_after_a_restart_and_fails_when_its_target_is_gone(
    world: World, account: MemoryAccount, log: Receiver
) -> None:
    await log.stop()
    api = await world.run(report=settings(log), pace={"finish_s": 0.3})
    account.friend("小灰").says("waits")
    await world.receiver.get(content="waits")
    await api.stop()
    api = await world.start(report=NO_EVENTS)
    failed = await have_failed(api)
    assert failed[0]["error"] == "the configuration does not name the target log any more"
    page = await text(api, "/console/accounts/default/deliveries", language="zh")
    assert "配置里已经没有上报目标 log" in page
    assert "没有应答" not in page
    refused = await api.get("outbox_retry", id=str(failed[0]["id"]))
    assert (refused.json["code"], "does not name the target log" in refused.json["status"]) == (
        101,
        True,
    )
    await api.stop()
    await log.start()
    api = await world.start(report=settings(log))
    assert (await api.get("outbox_retry", id="all")).json["count"] == 1
    await log.get(content="waits")
    assert contents(world.receiver) == ["waits"]


async def test_metrics_and_the_console_name_the_target(
    world: World, account: MemoryAccount, log: Receiver
) -> None:
    log.behaves(answers(400))
    api = await world.run(report=settings(log, tries=1))
    account.friend("小灰").says("hello")
    await have_failed(api, target="log")
    await until_seen(lambda: counted(api, "delivered", "post_api"))
    assert await counted(api, "failed", "log")
    metrics = await text(api, "/metrics")
    assert 'openwx_uploads_waiting{account="default",target="log"} 0.0' in metrics
    page = await text(api, "/console/accounts/default/deliveries?target=log")
    assert "Show deliveries to all of them" in page
    assert '<input type="hidden" name="target" value="log">' in page
    assert "显示全部后端的上报" in await text(
        api, "/console/accounts/default/deliveries?target=log", language="zh"
    )
    (failed,) = (await api.get("outbox")).json["deliveries"]
    shown = await text(api, f"/console/accounts/default/delivery?id={failed['id']}")
    assert shown.count("<h2>") == 3  # both targets, and the body
    delivered = await text(api, "/console/accounts/default/deliveries?state=delivered")
    assert '<span class="tag">post_api</span>' in delivered


async def have_failed(api: Gateway, n: int = 1, **of: str) -> list[Json]:
    """Wait until so many deliveries have failed, and return them."""

    async def failed() -> list[Json]:
        listed: list[Json] = (await api.get("outbox", **of)).json["deliveries"]
        return listed

    return await until_seen(failed, lambda listed: len(listed) >= n)


async def counted(api: Gateway, fate: str, target: str) -> bool:
    labels = f'account="default",fate="{fate}",target="{target}"'
    return bool(
        re.search(f"openwx_deliveries_total{{{labels}}} [1-9]", await text(api, "/metrics"))
    )


async def text(api: Gateway, path: str, *, language: str = "en") -> str:
    async with api._http.get(f"{api.url}{path}", headers={"Accept-Language": language}) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.text()


async def test_header_values_are_shown_nowhere(
    world: World, account: MemoryAccount, log: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    log.behaves(says("no", status=403))
    address = log.url.replace("//", f"//user:{SECRET}@")
    more = {"url": address, "headers": {"X-Key": SECRET}, "secret": SECRET, "tries": 1}
    chosen = world.settings(report=settings(log, **more))
    api = await world.run(settings=chosen)
    account.friend("小灰").says("hello")
    await log.get(content="hello")
    assert log.reports[0].headers["x-key"] == SECRET
    (failed,) = await have_failed(api)
    assert failed["error"].startswith("HTTP 403")
    pages = [
        await text(api, path)
        for path in ("/metrics", "/console", "/console/accounts/default/deliveries")
    ]
    said = [repr(chosen), caplog.text, *pages, (await api.get("outbox")).body.decode()]
    said += [repr(chosen.report.all_targets()), (await api.get("check_client")).body.decode()]
    assert not any(SECRET in one for one in said)


async def test_a_killed_gateway_goes_on_with_each_target(
    openwx: Callable[..., Awaitable[Command]], tmp_path: Path, log: Receiver, receiver: Receiver
) -> None:
    """``stop`` and ``state_change`` of its own: an account of web WeChat that waits for a scan needs no simulator."""
    await log.stop()
    config = tmp_path / "config.toml"
    config.write_text(
        f"""
        data_dir = "{tmp_path}/data"
        [[listen]]
        port = 0
        [report]
        post_api = "{receiver.url}"
        post_event = true
        post_event_list = ["stop"]
        [[report.targets]]
        name = "log"
        url = "{log.url}"
        [accounts.default]
        base_url = "{receiver.url.removesuffix("/post_api")}"
        """
    )
    first = await openwx("serve", "--config", str(config), program=quick.PROGRAM)
    await first.url()
    first.process.terminate()
    await first.ends()
    await receiver.get_event("stop")
    second = await openwx("serve", "--config", str(config))
    await second.url()
    await second.kill()
    receiver.forget()
    await log.start()
    third = await openwx("serve", "--config", str(config))
    await third.url()
    await log.get_event("stop")
    assert receiver.events() == []
    listed = await openwx("outbox", "list", "--config", str(config), "--target", "log")
    assert (await listed.ends())[:2] == (0, "no delivery failed\n")

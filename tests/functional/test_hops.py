"""Any node answers for any account: calls, streams and pages, also while an account changes its node."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator

import aiohttp
import pytest

from openwx.api.peers import client
from openwx.config import AccessSettings
from openwx.simulator import Simulator
from tests.patience import PATIENCE_S, until_seen

from .hopping import Hopping
from .nodes import Process
from .streaming import event_source, socket
from .visitor import Visitor
from .world import Json, Receiver

TO = {"account": "xiaohui2016"}
TOKEN = "a-token-that-is-long-enough-to-be-one"


@pytest.fixture
async def cluster(
    simulator: Simulator, receiver: Receiver, tmp_path: object, postgres_url: str
) -> AsyncIterator[Hopping]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        cluster = Hopping(simulator, receiver, tmp_path, http, postgres_url, names=("n0", "n1"))  # type: ignore[arg-type]
        yield cluster
        receiver.behaves_well()
        await cluster.close()


async def test_any_node_answers_for_any_account(cluster: Hopping) -> None:
    await cluster.begins("a", "b")
    for name, who in cluster.wechat.items():
        for node in cluster.nodes.values():
            assert (await node.get("get_user_info", client=name)).json["uid"] == who.uin
            assert (
                await node.post("send_friend_message", client=name, content="hi", **TO)
            ).code == 0
            assert (await node.get("get_client_info", client=name)).json["account"] == name
    unknown = await cluster.nodes["a"].get("get_user_info", client="nobody")
    assert (unknown.code, "n0, n1" in unknown.words) == (-2, True)


async def test_a_stream_over_a_move(cluster: Hopping) -> None:
    """It ends with words and its last id, and goes on from there at any node."""
    owners = await cluster.begins("a", "b")
    name = "n0"
    here, there = cluster.other(owners[name]), owners[name]
    friend = cluster.wechat[name].friend("小灰")
    async with event_source(cluster.nodes[here], client=name, type="receive_message") as source:
        friend.says("one")
        await source.until("one")
        await cluster.moves(name, here)
        end = await source.next()
        assert end is not None
        assert end.name == "end"
        assert end.json["after"] == int(source.last_id)
        last = source.last_id
    friend.says("two")
    assert await cluster.runs(name) == {name: here}
    for node in cluster.nodes.values():
        async with event_source(node, last_id=last, client=name, type="receive_message") as source:
            assert await source.texts(1) == ["two"]
    assert owners[name] == there


async def test_a_stream_whose_node_is_killed(cluster: Hopping) -> None:
    await cluster.start("a")
    process = await cluster.spawn("b")
    await cluster.log_in()
    owners = await cluster.places(n0="a", n1="b")
    name = next(name for name, node in owners.items() if node == "b")
    friend = cluster.wechat[name].friend("小灰")
    here = cluster.nodes["a"]
    async with event_source(here, client=name, type="receive_message") as source:
        friend.says("one")
        await source.until("one")
        process.signals(signal.SIGKILL)
        end = await source.next()
        assert end is not None
        assert end.name == "end"
        assert "does not answer" in end.json["reason"]
        assert end.json["after"] == int(source.last_id)
    # A read waits for the next owner; it is this node.
    reply = await here.get("get_client_info", client=name)
    assert (reply.status, reply.json["node"]) == (200, "a")
    assert await cluster.runs(name) == {name: "a"}


@pytest.fixture
async def frozen(cluster: Hopping, monkeypatch: pytest.MonkeyPatch) -> Process:
    """Freeze the node of the account n1, which answers nothing any more; the node a runs n0."""
    monkeypatch.setattr(client, "WATCH_S", 0.2)
    await cluster.start("a")
    process = await cluster.spawn("b")
    await cluster.log_in()
    await cluster.places(n0="a", n1="b")
    process.signals(signal.SIGSTOP)
    return process


async def test_a_send_with_a_key_outlives_its_node(cluster: Hopping, frozen: Process) -> None:
    """Its node freezes before it answers; the next one does it, once."""
    here, who = cluster.nodes["a"], cluster.wechat["n1"]
    form = {"client": "n1", "content": "once", **TO}
    key = {"Idempotency-Key": "one"}
    reply = await here.call("send_friend_message", method="POST", data=form, headers=key)
    assert (reply.status, reply.code) == (200, 0)
    frozen.signals(signal.SIGCONT)
    again = await here.call("send_friend_message", method="POST", data=form, headers=key)
    assert again.json["msg_id"] == reply.json["msg_id"]
    assert [one.text for one in who.sent].count("once") == 1


async def test_a_send_with_an_empty_key_is_made_once(cluster: Hopping, frozen: Process) -> None:
    """Its node freezes before it answers; no other one makes the call again."""
    form = {"client": "n1", "content": "once", **TO}
    key = {"Idempotency-Key": ""}
    here = cluster.nodes["a"]
    reply = await here.call("send_friend_message", method="POST", data=form, headers=key)
    assert (reply.status, reply.code) == (504, -1)
    assert not [one for one in cluster.wechat["n1"].sent if one.text == "once"]
    frozen.signals(signal.SIGCONT)


async def test_a_socket_calls_for_all_accounts(cluster: Hopping) -> None:
    owners = await cluster.begins("a", "b")
    here = cluster.other(owners["n0"])
    friend = cluster.wechat["n0"].friend("小灰")
    async with socket(cluster.nodes[here], client="n0", type="receive_message") as ws:
        friend.says("one")
        assert await ws.texts(1) == ["one"]
        for name, who in cluster.wechat.items():
            answer = await ws.call("get_user_info", client=name)
            assert answer["answer"]["uid"] == who.uin
        assert (await ws.call("send_friend_message", content="早", **TO))["answer"]["code"] == 0
        assert (await ws.call("get_user_info", client="nobody"))["answer"]["code"] == -2
        await cluster.moves("n0", here)
        end = await ws.next_of("end")
        assert end["after"] > 0
    friend.says("two")
    assert await cluster.runs("n0") == {"n0": here}
    for node in cluster.nodes.values():
        async with socket(node, client="n0", type="receive_message", after=str(end["after"])) as ws:
            assert await ws.texts(1) == ["two"]


async def test_a_long_poll(cluster: Hopping) -> None:
    owners = await cluster.begins("a", "b")
    node = cluster.nodes[cluster.other(owners["n0"])]
    await node.get("check_event", client="n0", timeout="0")
    poll = asyncio.create_task(node.get("check_event", client="n0", timeout="60"))
    cluster.wechat["n0"].friend("小灰").says("one")
    (event,) = (await poll).json
    assert event["content"] == "one"


async def test_all_accounts_with_their_nodes(cluster: Hopping) -> None:
    cluster.lease_s = 12.0  # the node that is silent stays a member while it is asked
    await cluster.start("a")
    process = await cluster.spawn("b")
    await cluster.log_in()
    owners = await cluster.places(n0="a", n1="b")

    async def listed() -> dict[str, Json]:
        clients = (await cluster.nodes["a"].get("check_client")).json["client"]
        return {one["account"]: one for one in clients}

    async with asyncio.timeout(
        PATIENCE_S
    ):  # on a busy machine a node may be silent for two seconds
        found = await listed()
        while "node_silent" in {one["reason_code"] for one in found.values()}:
            found = await listed()
    assert {name: one["node"] for name, one in found.items()} == owners
    assert {one["state"] for one in found.values()} == {"running"}
    assert len({one["pid"] for one in found.values()}) == 2
    process.signals(signal.SIGSTOP)
    (silent,) = [one for one in (await listed()).values() if one["node"] == "b"]
    assert (silent["state"], silent["reason_code"]) == ("init", "node_silent")
    process.signals(signal.SIGCONT)


async def test_the_console_at_any_node(cluster: Hopping, caplog: pytest.LogCaptureFixture) -> None:
    """Who has logged in at one node has at all of them; pages and forms of an account work at each."""
    caplog.set_level(logging.INFO, "openwx.audit")
    cluster.access = AccessSettings(token=TOKEN)
    for node in "ab":
        await cluster.start(node, pace={"refresh_every_s": 0.0})
    people = [cluster.simulator.account(), cluster.simulator.add_account("two", friends=3)]
    for who in people:
        await who.phone.logs_in()
    owners = {"n0": "a", "n1": "b"}
    await cluster.until_owned()
    for name, node in owners.items():
        await cluster.moves(name, node)
    await cluster.until_owned(lambda found: found == owners)
    a, b = (Visitor(cluster.nodes[name].url) for name in "ab")
    b.jar = a.jar
    await b.http.close()
    b.http = aiohttp.ClientSession(cookie_jar=a.jar)
    try:
        await a.logs_in(TOKEN)
        for visitor in (a, b):
            page = await visitor.open("/console")
            assert "on a" in page.text
            assert "on b" in page.text
            for name in owners:
                await visitor.until(f"/console/accounts/{name}", "Running")
                page = await visitor.open(f"/console/accounts/{name}/contacts")
                assert page.status == 200
            # A form from this node's page is taken, whoever owns the account.
            for name in owners:
                await visitor.open(f"/console/accounts/{name}/contacts")
                sent = await visitor.submits(f"/console/accounts/{name}/contacts/refresh")
                assert sent.status == 200, sent.text
            nodes = await visitor.open("/console/nodes")
            assert nodes.status == 200
            assert "Last beat" in nodes.text
        audited = [one for one in caplog.messages if "/contacts/refresh on" in one]
        assert len(audited) == 4  # each once, where it was done
        assert all(one.startswith("token from 127.0.0.1 by console") for one in audited)
        await live_goes_on(a, owners)
        await b.open("/console")
        await b.submits("/console/logout")

        async def at_a() -> str:
            return (await a.open("/console/nodes")).url

        await until_seen(at_a, lambda url: "/console/login" in url)
    finally:
        await a.http.close()
        await b.http.close()


async def live_goes_on(visitor: Visitor, owners: dict[str, str]) -> None:
    for name in owners:
        url = f"{visitor.url}/console/accounts/{name}/live?view=overview"
        async with visitor.http.get(url) as response:
            assert response.status == 200
            assert b"event: " in await response.content.readuntil(b"\n\n")


async def test_one_that_stopped_by_itself_is_started_anew_with_other_settings(
    cluster: Hopping,
) -> None:
    """As where one node is alone; another node knows by asking that it has stopped."""
    await cluster.begins("a", "b")
    settings = {"base_url": cluster.simulator.url, "send_interval": "0"}
    await cluster.nodes["a"].get("start_client", client="new", **settings)
    who = cluster.simulator.add_account("one more", friends=1, groups=1)
    await who.phone.logs_in()
    there = (await cluster.runs("new"))["new"]
    here = cluster.nodes[cluster.other(there)]
    who.refuse_login(1203)
    who.phone.logs_out_web()
    await who.phone.sees_push_login()
    who.phone.confirm()
    await until_seen(lambda: cluster.state("new", here), lambda state: state == "stop")
    again = await here.get("start_client", client="new", transport="ilink", **settings)
    assert again.json["status"] == "success"

    async def kind() -> str:
        (client,) = (await here.get("check_client", client="new")).json["client"]
        return str(client["transport"])

    await until_seen(kind, lambda kind: kind == "ilink")

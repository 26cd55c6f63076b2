"""Several nodes that share the accounts: who runs which, and what callers of any of them are told."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from openwx.cluster import starting
from openwx.config import AccessSettings
from openwx.config.models import AccessKey
from tests.patience import until, until_seen

from .nodes import Cluster
from .test_metrics import DOCUMENT, listed_in, metrics_of
from .typed import Typed
from .world import World

ABC = ("a", "b", "c")


async def starts(cluster: Cluster, *nodes: str) -> dict[str, str]:
    """Start nodes in this process, and log all accounts in."""
    await asyncio.gather(*(cluster.start(node) for node in nodes))
    return await cluster.log_in()


def on(node: str, *names: str) -> Callable[[dict[str, str]], bool]:
    """Whether all of these accounts are owned by a node."""
    return lambda owners: all(owners.get(name) == node for name in names)


async def test_three_nodes_share_the_accounts(either: Cluster) -> None:
    cluster = either
    owners = await starts(cluster, *ABC)
    assert Counter(owners.values()) == {"a": 1, "b": 1, "c": 1}
    for name, owner in owners.items():
        await cluster.delivers(name, f"to {name}")
        assert (await cluster.sends(name, cluster.nodes[owner], "hi")).code == 0


async def test_a_move_hands_an_account_over(either: Cluster) -> None:
    """It goes on elsewhere with the saved session, and nobody is told of a stop."""
    cluster = either
    owners = await starts(cluster, "a", "b")
    cluster.receiver.forget()
    name = cluster.names[0]
    other = {"a": "b", "b": "a"}[owners[name]]
    await cluster.moves(name, other)
    await cluster.until_owned(on(other, name))
    assert (await cluster.runs())[name] == other
    await cluster.delivers(name, "after the move")
    assert (await cluster.sends(name, cluster.nodes[other], "from there")).code == 0
    assert not cluster.receiver.got(event="stop")
    assert not cluster.receiver.got(event="input_qrcode")
    # Nothing moves back by itself, though this node has more than its share.
    for _ in range(3):
        assert (await cluster.runs())[name] == other


async def test_a_node_that_drains_hands_all_over_and_is_not_ready(cluster: Cluster) -> None:
    await starts(cluster, "a", "b")
    await cluster.drains("a")
    await cluster.until_owned(on("b", *cluster.names))
    await cluster.runs()
    node = cluster.nodes["a"]
    async with cluster.http.get(f"{node.url}/readyz") as answer:
        ready = await answer.json()
    assert (answer.status, ready["code"], ready["status"]) == (
        503,
        -4,
        "not ready: the node drains",
    )
    async with cluster.http.get(f"{cluster.nodes['b'].url}/readyz") as answer:
        ready = await answer.json()
    assert (answer.status, ready["node"], ready["lost"]) == (200, "b", [])
    assert ready["accounts"].keys() == set(cluster.names)
    # It does so after a restart, too. It takes what is left once it drains no more.
    await node.stop()
    again = await cluster.start("a")

    async def words() -> str:
        async with cluster.http.get(f"{again.url}/readyz") as answer:
            return str((await answer.json())["status"])

    await until_seen(words, lambda status: status == "not ready: the node drains")
    await cluster.drains("a", on=False)
    await until_seen(words, lambda status: "drains" not in status)
    await cluster.nodes["b"].stop()
    await cluster.until_owned(on("a", *cluster.names))
    await cluster.runs()


async def test_a_call_at_another_node_names_the_one_that_runs_the_account(
    cluster: Cluster,
) -> None:
    cluster.names = ("n0",)
    owners = await starts(cluster, "a", "b")
    there = owners["n0"]
    here = cluster.nodes[{"a": "b", "b": "a"}[there]]
    for params in ({"client": "n0"}, {}):
        for call in ("get_user_info", "get_client_info", "check_event"):
            reply = await here.get(call, **params)
            assert (reply.status, reply.code) == (503, -4)
            assert reply.headers["Retry-After"] == "5"
            assert (reply.json["state"], reply.json["node"]) == ("init", there)
            assert f"node {there}" in reply.words
    reply = await here.get("get_user_info", client="n9")
    assert (reply.status, reply.code) == (400, -2)
    assert "n0" in reply.words
    (client,) = (await here.get("check_client")).json["client"]
    assert (client["account"], client["node"], client["pid"]) == ("n0", there, 0)
    assert client["reason_code"] == "on_another_node"
    (client,) = (await cluster.nodes[there].get("check_client")).json["client"]
    assert (client["state"], client["node"]) == ("running", there)


# -- starting and stopping from any node -----------------------------------------------------------------


async def test_any_node_starts_and_stops_any_account(either: Cluster) -> None:
    cluster = either
    cluster.names = ("n0", "n1")
    owners = await starts(cluster, "a", "b")
    here, there = cluster.nodes[owners["n0"]], owners["n1"]
    stopped = (await here.get("stop_client", client="n1")).json
    assert (stopped["code"], stopped["account"], stopped["node"]) == (0, "n1", there)
    await cluster.receiver.get(event="stop")
    await cluster.until_owned(lambda owners: owners["n1"] == "")
    (client,) = (await here.get("check_client", client="n1")).json["client"]
    assert (client["state"], client["reason_code"]) == ("stop", "stopped_by_stop_client")
    started = (await here.get("start_client", client="n1")).json
    assert (started["code"], started["status"]) == (0, "success")
    assert started["node"] in ("a", "b")
    assert (await cluster.runs("n1"))["n1"]
    again = (await here.get("start_client", client="n1")).json
    assert (again["code"], again["status"]) == (0, "client already exists")
    await cluster.delivers("n1", "once more")


@pytest.mark.usefixtures("stops_soon")
async def test_the_end_of_the_only_account_ends_no_process(cluster: Cluster) -> None:
    cluster.names = ("n0",)
    owners = await starts(cluster, "a")
    node = cluster.nodes[owners["n0"]]
    assert (await node.get("stop_client")).code == 0
    await cluster.until_owned(lambda owners: owners["n0"] == "")
    assert (await node.get("check_client")).json["client"][0]["state"] == "stop"
    assert (await node.get("start_client", client="n0")).json["node"] == "a"
    await cluster.runs()


async def test_a_new_account_runs_on_some_node_and_is_known_to_all(cluster: Cluster) -> None:
    await starts(cluster, *ABC)
    reply = await cluster.nodes["a"].get("start_client", client="new", post_event="1")
    assert reply.json["status"] == "success"
    owner = (await cluster.until_owned(lambda owners: owners.get("new")))["new"]
    assert reply.json["node"] == owner
    for node in cluster.nodes.values():
        listed = (await node.get("check_client")).json["client"]
        assert [one["account"] for one in listed] == [*cluster.names, "new"]
        assert listed[-1]["node"] == owner
    assert (await cluster.nodes["b"].get("start_client", client="NEW")).code == -2
    await cluster.simulator.add_account("one more", friends=1, groups=1).phone.logs_in()
    await cluster.runs("new")
    # It outlives its node.
    await cluster.nodes[owner].stop()
    await cluster.until_owned(lambda owners: owners["new"] not in ("", owner))
    await cluster.runs("new")


async def test_a_start_waits_only_a_while_for_a_node(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No node knows the account: its configuration is nowhere here."""
    cluster.names = ("n0",)
    await starts(cluster, "a")
    await cluster.drains("a")
    await cluster.until_owned(lambda owners: not owners["n0"])
    monkeypatch.setattr(starting, "OWNER_WITHIN_S", 0.5)
    started = (await cluster.nodes["a"].get("start_client", client="n0")).json
    assert (started["code"], started["state"], started["node"]) == (0, "init", "")


async def test_one_that_stopped_by_itself_is_started_from_another_node(cluster: Cluster) -> None:
    cluster.names = ("n0",)
    owners = await starts(cluster, "a", "b")
    there, who = owners["n0"], cluster.wechat["n0"]
    here = cluster.nodes[{"a": "b", "b": "a"}[there]]
    who.refuse_login(1203)
    who.phone.logs_out_web()
    await who.phone.sees_push_login()
    who.phone.confirm()
    await until_seen(
        lambda: cluster.state("n0", cluster.nodes[there]), lambda state: state == "stop"
    )
    who.allow_login()
    assert (await here.get("start_client", client="n0")).code == 0
    await who.phone.sees_push_login()
    who.phone.confirm()
    assert (await cluster.runs())["n0"] == there


async def test_a_stop_while_no_node_has_the_account_is_told_once(cluster: Cluster) -> None:
    cluster.names = ("n0", "n1")
    owners = await starts(cluster, "a", "b")
    there = owners["n1"]
    here = cluster.nodes[owners["n0"]]
    for name in cluster.nodes:
        await cluster.drains(name)
    await cluster.until_owned(lambda owners: not any(owners.values()))
    assert (await here.get("stop_client", client="n1")).code == 0
    await cluster.drains(there, on=False)
    await cluster.receiver.get(event="stop")
    await cluster.runs("n0")
    await cluster.delivers("n0", "later")
    (stop,) = (one for one in cluster.receiver.reports if one.json.get("event") == "stop")
    assert stop.query["client"] == "n1"
    started = (await here.get("start_client", client="n1")).json
    assert started["status"] == "success"
    await cluster.runs("n1")


async def test_a_second_start_changes_no_settings_and_says_so(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of an account that no node has at the moment."""
    monkeypatch.setattr(starting, "OWNER_WITHIN_S", 0.1)
    cluster.names = ("n0",)
    await starts(cluster, "a", "b")
    a, b = cluster.nodes["a"], cluster.nodes["b"]
    settings = {"base_url": cluster.simulator.url, "send_interval": "0", "post_event": "1"}
    assert (await a.get("start_client", client="new", **settings)).json["status"] == "success"
    who = cluster.simulator.add_account("one more", friends=1, groups=1)
    await who.phone.logs_in()
    owners = await cluster.runs("new")

    async def starts_again() -> None:
        for node in (a, b):
            again = await node.get("start_client", client="new", transport="ilink")
            assert again.json["status"] == "client already exists"

    await starts_again()
    for name in cluster.nodes:
        await cluster.drains(name)
    await cluster.until_owned(lambda owners: not any(owners.values()))
    await starts_again()
    await cluster.drains(owners["new"], on=False)
    owner = (await cluster.runs("new"))["new"]
    (client,) = (await cluster.nodes[owner].get("check_client", client="new")).json["client"]
    assert client["transport"] == "web"


# -- limits ----------------------------------------------------------------------------------------------


async def test_max_clients_bounds_each_node_and_the_rest_is_told(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    await asyncio.gather(*(cluster.start(name, max_clients=1) for name in ("a", "b")))
    owners = await cluster.until_owned(lambda owners: sorted(owners.values()) == ["", "a", "b"])
    (left,) = (name for name, owner in owners.items() if not owner)
    node = cluster.nodes["a"]

    async def lost() -> list[str]:
        async with cluster.http.get(f"{node.url}/readyz") as answer:
            return list((await answer.json())["lost"])

    assert await until_seen(lost) == [left]
    await until(lambda: f"{left}: runs nowhere" in caplog.text)
    async with cluster.http.get(f"{node.url}/metrics") as answer:
        text = await answer.text()
    assert "openwx_accounts_unowned 1.0" in text
    alone = {*(await metrics_of(cluster.nodes["b"])).keys()} - {*listed_in(_described()).keys()}
    assert alone == {*listed_in(DOCUMENT.read_text(encoding="utf-8").partition("## Of nodes")[2])}
    reply = await node.get("start_client", client="new")
    assert (reply.status, reply.code) == (429, -7)
    assert "max_clients" in reply.words
    # A third node takes it.
    await cluster.start("c")
    assert (await cluster.until_owned())[left] == "c"
    assert await until_seen(lost, lambda names: not names) == []


def _described() -> str:
    """Return what is said of the metrics of any gateway."""
    return DOCUMENT.read_text(encoding="utf-8").partition("## Of nodes")[0]


async def test_nodes_whose_configurations_differ_take_nothing_from_each_other_at_once(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.names = ("n0", "n1")
    await cluster.start("a")
    await cluster.log_in()
    await cluster.start("b", account={"send_tries": 7})
    await cluster.drains("a")
    await cluster.until_owned(lambda owners: not any(owners.values()))
    await until(
        lambda: "its settings differ from those of the node that ran it last" in caplog.text
    )
    # Nobody else takes them, so the other node does, and its settings are those of the accounts now.
    await cluster.until_owned(on("b", *cluster.names))
    await cluster.runs()
    await cluster.start("c", account={"send_tries": 7})
    await cluster.nodes["b"].stop()
    await cluster.until_owned(on("c", *cluster.names))


async def test_an_account_runs_only_where_it_is_configured(cluster: Cluster) -> None:
    cluster.names = ("n0", "n1")
    await asyncio.gather(cluster.start("a", names=("n0",)), cluster.start("b", names=("n0", "n1")))
    owners = await cluster.until_owned(lambda owners: len(owners) == 2 and all(owners.values()))
    assert owners["n1"] == "b"


# -- who may do what -------------------------------------------------------------------------------------


async def test_a_session_of_a_copied_journal_is_gone_on_with(
    cluster: Cluster,
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Also of an account whose ``base_url`` came from a caller."""
    cluster.names = ("default",)
    alone = await world.start()
    settings = {"base_url": cluster.simulator.url, "send_interval": "0", "post_event": "1"}
    assert (await alone.get("start_client", client="new", **settings)).json["status"] == "success"
    one_more = cluster.simulator.add_account("one more", friends=1, groups=1)
    people = [cluster.simulator.account(), one_more]  # for the configured account, too
    for who in people:
        await who.phone.logs_in()
    await until_seen(lambda: cluster.state("new", alone), lambda state: state == "running")
    await alone.stop()
    typed = Typed(world.data_dir, tmp_path, monkeypatch, capsys)
    where = {"OPENWX_STORE__URL": cluster.url, "OPENWX_STORE__SCHEMA": cluster.schema}
    assert (await typed("journal", "copy", **where)).code == 0
    await cluster.start("a")
    await cluster.runs("default", "new")
    assert [who.logins for who in people] == [1, 1]


@pytest.mark.usefixtures("stops_soon")
async def test_a_session_does_not_go_where_a_caller_sends_the_account(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """Whichever node takes the account: it deletes a session of another ``base_url`` before it starts."""
    cluster.names = ("n0",)
    access = AccessSettings(allow_private_targets=True)
    await asyncio.gather(*(cluster.start(node, access=access) for node in ("a", "b")))
    await cluster.log_in()
    node = cluster.nodes["a"]
    await node.get("start_client", client="new", base_url=cluster.simulator.url)
    await cluster.simulator.add_account("one more", friends=1, groups=1).phone.logs_in()
    await cluster.runs("new")

    async def session() -> bytes | None:
        async with cluster.visit() as journal:
            return (await journal.state("new")).get("session")

    assert await session()
    await node.get("stop_client", client="new")
    await cluster.until_owned(lambda owners: not owners["new"])
    # The same address again: the session is resumed.
    await cluster.nodes["b"].get("start_client", client="new", base_url=cluster.simulator.url)
    await cluster.runs("new")
    assert await session()
    await node.get("stop_client", client="new")
    await cluster.until_owned(lambda owners: not owners["new"])
    assert "another base_url" not in caplog.text
    reply = await cluster.nodes["b"].get(
        "start_client", client="new", base_url="http://127.0.0.1:1"
    )
    assert reply.json["node"]
    await until(lambda: "new: another base_url needs a new login" in caplog.text)
    assert not await session()


async def test_a_key_for_some_accounts_sees_no_others_on_any_node(cluster: Cluster) -> None:
    key = AccessKey(name="one", token="secret-of-one", scope="full", accounts=["n0"])
    access = AccessSettings(token="secret-of-all", keys=[key])
    await asyncio.gather(*(cluster.start(node, access=access) for node in ("a", "b")))
    await cluster.until_owned()
    for node in cluster.nodes.values():
        one = {"token": "secret-of-one"}
        listed = (await node.get("check_client", **one)).json["client"]
        assert [client["account"] for client in listed] == ["n0"]
        for name in ("n1", "n9"):
            for call in ("get_client_info", "stop_client", "check_client"):
                reply = await node.get(call, client=name, **one)
                assert (reply.status, reply.code) == (400, -2)
                assert "n1" not in reply.words
            assert (await node.get("start_client", client=name, **one)).code == -8
    assert all((await cluster.owners()).values())

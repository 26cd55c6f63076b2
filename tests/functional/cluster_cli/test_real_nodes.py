"""Commands beside real nodes, which run accounts: what is written down is done, and the accounts go on."""

import json

import pytest

from openwx.simulator import Account
from openwx.store.records import DeliveryStatus

from ..nodes import Cluster
from ..typed import Typed
from ..world import Receiver, World
from .conftest import Environ


@pytest.fixture
def of_cluster(cluster: Cluster) -> Environ:
    """Return the variables of commands on the machine of the node a."""
    cluster.names = ("n0", "n1")
    return {
        "OPENWX_DATA_DIR": str(cluster.folder / "a"),
        "OPENWX_STORE__URL": cluster.url,
        "OPENWX_STORE__SCHEMA": cluster.schema,
        "OPENWX_CLUSTER__NODE": "a",
        "OPENWX_ACCOUNTS": json.dumps({name: {} for name in ("n0", "n1")}),
    }


async def send(cluster: Cluster, node: str, name: str) -> int:
    """Send a message of an account, as the node that shall run it; return the code."""
    answer = await cluster.nodes[node].get(
        "send_friend_message", client=name, id="filehelper", content="hi"
    )
    return int(answer.code)


async def test_accounts_go_where_an_operator_wants_them(
    cluster: Cluster, typed: Typed, of_cluster: Environ
) -> None:
    for node in "ab":
        await cluster.start(node)
    owners = await cluster.log_in()
    assert sorted(owners.values()) == ["a", "b"]
    name = next(name for name, node in owners.items() if node == "a")

    code, out, err = await typed("cluster", "move", name, "b", **of_cluster)
    assert (code, out, err) == (0, f"{name} is on b now\n", "")
    await cluster.runs(name)
    assert await send(cluster, "b", name) == 0
    assert cluster.simulator.calls_of("webwxlogout") == []

    code, out, _ = await typed("cluster", "rebalance", **of_cluster)
    assert (code, out.splitlines()[-1]) == (0, "1 account is moved")
    assert sorted((await cluster.runs()).values()) == ["a", "b"]

    code, out, err = await typed("cluster", "drain", "b", **of_cluster)
    assert (code, err) == (0, "")
    assert set((await cluster.runs()).values()) == {"a"}
    for each in cluster.names:
        assert await send(cluster, "a", each) == 0
    code, out, _ = await typed("cluster", "status", **of_cluster)
    assert (code, "takes no accounts (drained)" in out) == (0, True)
    assert (await typed("cluster", "drain", "b", "--undo", **of_cluster)).code == 0

    code, out, _ = await typed("status", **of_cluster)
    assert code == 0
    assert out.splitlines()[-1] == "this is the node a; openwx cluster status shows all of them"
    code, out, _ = await typed("status", "--json", **of_cluster)
    assert (json.loads(out)["node"], json.loads(out)["lost"]) == ("a", [])


async def test_the_outbox_of_an_account_on_another_node(
    cluster: Cluster, typed: Typed, of_cluster: Environ
) -> None:
    for node in "ab":
        await cluster.start(node)
    owners = await cluster.log_in()
    there = next(name for name, node in owners.items() if node == "b")
    here = next(name for name, node in owners.items() if node == "a")
    cluster.receiver.fails(status=400, content="refused")
    for name in (there, here):
        cluster.wechat[name].friend("小灰").says("refused")
    async with cluster.visit() as journal:
        for name in (there, here):
            while not await journal.failed(name):
                await cluster.nodes["a"].get("check_client")

        for name in (there, here):
            code, out, err = await typed("outbox", "--client", name, **of_cluster)
            assert (code, err, len(out.splitlines())) == (0, "", 1)
            id = out.split()[0]
            code, out, _ = await typed("outbox", "show", id, "--client", name, **of_cluster)
            assert (code, json.loads(out)["content"]) == (0, "refused")
        code, _, err = await typed(
            "outbox", "drop", "--all", "--yes", "--client", there, **of_cluster
        )
        assert code == 1
        assert f"the account {there} does not run here: the node b has it" in err
        (left,) = await journal.failed(there)
        assert left.status == DeliveryStatus.FAILED
        code, out, _ = await typed(
            "outbox", "drop", "--all", "--yes", "--client", here, **of_cluster
        )
        assert (code, out) == (0, "1 done\n")


async def test_one_process_becomes_several(
    world: World, account: Account, receiver: Receiver, cluster: Cluster, typed: Typed
) -> None:
    """Its login goes on, and readers continue where they were."""
    former = await world.run()
    account.friend("小灰").says("before")
    await receiver.get(content="before")
    before = (await former.get("get_history")).json["messages"]
    await former.stop()
    environ = {
        "OPENWX_DATA_DIR": str(world.data_dir),
        "OPENWX_STORE__URL": cluster.url,
        "OPENWX_STORE__SCHEMA": cluster.schema,
    }
    code, out, err = await typed("journal", "copy", **environ)
    assert (code, err) == (0, "")
    assert out.startswith("default: ")

    cluster.names = ("default",)
    node = await cluster.start("a", data_dir=world.data_dir)
    assert await cluster.runs() == {"default": "a"}
    assert account.logins == 1
    account.friend("小灰").says("after")
    await receiver.get(content="after")
    *since, last = (await node.get("get_history", client="default")).json["messages"]
    assert [one["content"] for one in before] == ["before"]
    assert (since, last["content"]) == (before, "after")

"""What becomes of a call whose account changes its node, or whose node does not answer. Nothing is done twice."""

import asyncio

import pytest

from openwx.api.peers import client, forwarding, listener
from openwx.api.peers.spool import IN_MEMORY
from openwx.errors import CallerError, Code
from tests.patience import until
from tests.reply import Reply

from .liars import Liar
from .nodes import Nodes, OneNode

SEND = {"client": "bob", "id": "@a", "content": "hi"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarding, "PAUSE_S", 0.02)
    monkeypatch.setattr(forwarding, "ASK_S", 1.0)
    monkeypatch.setattr(client, "WATCH_S", 0.05)


@pytest.fixture
async def c(nodes: Nodes) -> OneNode:
    return await nodes.start("c")


def sent(*nodes: OneNode) -> int:
    return sum(
        len(node.gateway.accounts["bob"].outgoing.sent)
        for node in nodes
        if "bob" in node.gateway.accounts
    )


def assert_sent_by(node: OneNode, reply: Reply) -> None:
    """Check that a node has made the call with the key ``k1``, and that this was its answer."""
    outgoing = node.gateway.accounts["bob"].outgoing
    assert (reply.status, reply.json["msg_id"]) == (200, "123")
    assert outgoing.sent == [("@a", "hi")]
    assert list(outgoing.keys.calls) == ["k1"]


async def test_an_account_without_a_node(a: OneNode, b: OneNode) -> None:
    b.loses("bob")
    reply = await a.get("get_user_info", client="bob")
    assert (reply.status, reply.code) == (503, -4)
    assert reply.json["state"] == "init"
    assert reply.headers["Retry-After"] == "5"


async def test_an_account_that_a_node_has_taken_just_now(
    a: OneNode, b: OneNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The view of ``a`` is old: nobody has the account there."""
    b.loses("bob")
    monkeypatch.setattr("openwx.cluster.directory.FRESH_S", 3600.0)
    assert (await a.get("get_user_info", client="bob")).status == 503
    b.takes("bob")
    assert (await a.get("get_user_info", client="bob")).status == 200


async def test_a_node_that_has_lost_the_account_is_asked_once(
    a: OneNode, b: OneNode, c: OneNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The view of ``a`` is old; ``b`` says so, and ``c`` is asked."""
    monkeypatch.setattr("openwx.cluster.directory.FRESH_S", 3600.0)
    assert (await a.get("get_user_info", client="bob")).status == 200
    b.loses("bob", to=c)
    reply = await a.get("send_friend_message", **SEND)
    assert reply.code == 0
    assert sent(c) == 1


async def test_a_hop_never_hops(a: OneNode, b: OneNode, c: OneNode, nodes: Nodes) -> None:
    """An owner that has lost the account forwards nothing, even if the table says who has it."""
    b.loses("bob", to=c)
    epoch = nodes.table.accounts["bob"].epoch
    async with a.hops(b, account="bob", epoch=epoch, path="get_user_info") as response:
        assert response.status == 421


async def test_a_node_that_runs_it_in_another_term(a: OneNode, b: OneNode, nodes: Nodes) -> None:
    epoch = nodes.table.accounts["bob"].epoch
    for other in (epoch - 1, epoch + 1, 0):
        async with a.hops(b, account="bob", epoch=other, path="get_user_info") as response:
            assert response.status == 421
    async with a.hops(b, account="bob", epoch=epoch, path="get_user_info") as response:
        assert response.status == 200


async def test_a_node_that_refuses_connections(a: OneNode, b: OneNode, nodes: Nodes) -> None:
    """The call certainly did not leave. It is tried once more, and then the caller may try later."""
    nodes.table.moves("b", "http://127.0.0.1:9")
    reply = await a.get("send_friend_message", **SEND)
    assert (reply.status, reply.code) == (503, -4)
    assert reply.headers["Retry-After"] == "5"
    assert sent(b) == 0
    nodes.table.moves("b", "")
    assert (await a.get("send_friend_message", **SEND)).status == 503
    nodes.table.moves("b", b.peer_url)
    assert (await a.get("send_friend_message", **SEND)).code == 0


async def test_what_did_not_leave_is_asked_of_the_new_owner(
    a: OneNode, b: OneNode, c: OneNode, nodes: Nodes
) -> None:
    nodes.table.moves("b", "http://127.0.0.1:9")
    nodes.table.later = lambda: b.loses("bob", to=c)
    reply = await a.get("send_friend_message", **SEND)
    assert reply.code == 0
    assert sent(c) == 1


async def lost_in_the_middle(
    a: OneNode, b: OneNode, c: OneNode, nodes: Nodes, name: str, **params: str
) -> Reply:
    """Make a call whose owner takes it and is gone without an answer; another one takes the account."""
    async with Liar.started() as liar:
        nodes.table.moves("b", liar.url)
        liar.then = lambda: b.loses("bob", to=c)
        return await a.get(name, client="bob", **params)


async def test_a_send_whose_node_is_lost_is_unknown(
    a: OneNode, b: OneNode, c: OneNode, nodes: Nodes
) -> None:
    reply = await lost_in_the_middle(a, b, c, nodes, "send_friend_message", id="@a", content="hi")
    assert (reply.status, reply.code) == (504, -1)
    assert "the outcome is unknown" in reply.words
    assert sent(c) == 0


async def test_a_send_with_a_key_is_asked_again(
    a: OneNode, b: OneNode, c: OneNode, nodes: Nodes
) -> None:
    async with Liar.started() as liar:
        nodes.table.moves("b", liar.url)
        liar.then = lambda: b.loses("bob", to=c)
        reply = await a.call(
            "send_friend_message", method="POST", data=SEND, headers={"Idempotency-Key": "k1"}
        )
    assert liar.heads
    assert_sent_by(c, reply)
    assert b"k1" in liar.heads[0]


@pytest.mark.parametrize("place", ["header", "query"])
async def test_a_key_beside_a_long_body_counts(
    place: str, a: OneNode, b: OneNode, c: OneNode, nodes: Nodes
) -> None:
    """The body is not read here."""
    data = {"id": "@a", "content": "hi", "padding": "x" * (2 * IN_MEMORY)}
    params, headers = {"client": "bob"}, {}
    if place == "header":
        headers["Idempotency-Key"] = "k1"
    else:
        params["idempotency_key"] = "k1"
    async with Liar.started() as liar:
        nodes.table.moves("b", liar.url)
        liar.then = lambda: b.loses("bob", to=c)
        reply = await a.call(
            "send_friend_message", method="POST", data=data, headers=headers, params=params
        )
    assert liar.heads
    assert_sent_by(c, reply)


async def test_a_key_is_none_where_the_route_knows_no_keys(
    a: OneNode, b: OneNode, c: OneNode, nodes: Nodes
) -> None:
    async with Liar.started() as liar:
        nodes.table.moves("b", liar.url)
        liar.then = lambda: b.loses("bob", to=c)
        group = {"client": "bob", "friends": "@a,@b"}
        headers = {"Idempotency-Key": "k1"}
        reply = await a.call("create_group", method="POST", data=group, headers=headers)
    assert (reply.status, reply.code) == (504, -1)
    assert "the outcome is unknown" in reply.words


async def test_a_read_is_asked_again(a: OneNode, b: OneNode, c: OneNode, nodes: Nodes) -> None:
    reply = await lost_in_the_middle(a, b, c, nodes, "get_user_info")
    assert (reply.status, reply.json["id"]) == (200, "@me")


async def test_a_read_that_nobody_answers_in_time(
    a: OneNode, b: OneNode, c: OneNode, nodes: Nodes
) -> None:
    async with Liar.started() as liar:
        nodes.table.moves("b", liar.url)
        liar.then = lambda: b.loses("bob")
        reply = await a.get("get_user_info", client="bob")
    assert (reply.status, reply.code) == (503, -4)


async def test_an_owner_that_thinks_is_waited_for_and_one_that_is_replaced_is_not(
    a: OneNode, b: OneNode, c: OneNode, nodes: Nodes
) -> None:
    async with Liar.started(b"") as liar:
        nodes.table.moves("b", liar.url)
        call = asyncio.create_task(a.get("send_friend_message", **SEND))
        await until(lambda: liar.heads)
        done, _ = await asyncio.wait([call], timeout=0.5)
        assert not done
        b.loses("bob", to=c)
        reply = await call
    assert (reply.status, reply.code) == (504, -1)


async def test_the_store_does_not_answer(a: OneNode, b: OneNode, nodes: Nodes) -> None:
    a.takes("alice")
    nodes.table.is_away = True
    assert (await a.get("get_user_info", client="alice")).status == 200
    reply = await a.get("send_friend_message", **SEND)
    assert (reply.status, reply.code) == (503, -4)
    assert sent(b) == 0


async def test_the_store_does_not_answer_the_owner(
    a: OneNode, b: OneNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads nothing of a body meanwhile, so it refuses before it counts as cut off."""
    assert client.WATCHED["TCP_USER_TIMEOUT"] / 2 > listener.OWNER_S * 1000
    monkeypatch.setattr(listener, "OWNER_S", 0.05)

    async def owner_of(_: str) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(b.node.directory, "owner_of", owner_of)
    reply = await a.get("send_friend_message", **SEND)
    assert (reply.status, reply.code) == (503, -4)
    assert "the store does not answer" in reply.words
    assert sent(b) == 0


async def test_an_error_of_the_owner_is_the_answer(a: OneNode, b: OneNode) -> None:
    """It is no reason to ask again."""
    b.gateway.accounts["bob"].outgoing.happens = CallerError(
        Code.QUEUE_FULL, "the queue is full", retry_after=7
    )
    reply = await a.get("send_friend_message", **SEND)
    assert (reply.status, reply.code, reply.headers["Retry-After"]) == (429, -7, "7")

"""Whom nodes believe: no stranger, no header of a caller, and a peer no more than it may say."""

import hmac
import logging
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any, cast

import aiohttp
import msgspec
import pytest
import trustme
from msgspec.structs import replace

from openwx import metrics
from openwx.accounts.streams import StreamEnded
from openwx.api.callers import Scope
from openwx.api.parameters import BodyLimits
from openwx.api.peers import client, forwarding
from openwx.api.peers.hop import HOP, MAC, SPEAKS, Hop
from openwx.api.peers.relay import PeerReader
from openwx.cluster.secret import proof_of
from tests.reply import Reply

from .liars import Liar
from .nodes import SECRET as OURS
from .nodes import Nodes, OneNode

TOKENS: dict[str, Any] = {
    "token": "t" * 32,
    "keys": [
        {"name": "reader", "token": "r" * 32, "scope": "read", "accounts": ["bob"]},
        {"name": "stranger", "token": "o" * 32, "scope": "full", "accounts": ["alice"]},
    ],
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarding, "PAUSE_S", 0.02)
    monkeypatch.setattr(forwarding, "ASK_S", 0.3)
    monkeypatch.setattr(client, "READ_S", 0.3)
    monkeypatch.setattr("openwx.api.wrong_tokens.LONGEST_PAUSE_S", 0.0)
    monkeypatch.setattr("openwx.api.peers.answer.READ_S", 0.3)


def hop(path: str, method: str = "GET", secret: str = OURS, **more: Any) -> dict[str, str]:
    said = Hop(node="a", key="anonymous", scope=Scope.FULL, address="127.0.0.9", **more)
    return said.headers(secret, method, path)


PATHS = ["/openwx/get_user_info", "/openwx/check_client", "/console", "/console/static/x", "/"]


@pytest.mark.parametrize("path", PATHS)
async def test_nobody_comes_in_without_the_secret(path: str, b: OneNode) -> None:
    for headers in (
        {},
        hop(path) | {MAC: ""},
        hop(path) | {MAC: OURS},
        hop(path) | {MAC: hop(path)[MAC][:-1]},
        hop(path) | {HOP: hop(path, epoch=2)[HOP]},
        hop(path, secret=OURS[:-1]),
        hop(path, method="POST"),
        hop(f"{path}?client=bob"),
        {"Openwx-Hop-Secret": OURS, HOP: hop(path)[HOP]},
        {"Authorization": f"Bearer {OURS}"},
    ):
        reply = await b.at_peers(path, **headers)
        assert (reply.status, reply.code) == (401, -6)


async def test_the_log_says_who_does_not_know_the_secret(
    b: OneNode, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openwx.api.wrong_tokens.MOST_PAUSES", 0)
    for _ in range(20):
        await b.at_peers("/openwx/get_user_info", **{MAC: "wrong"})
    words = "127.0.0.1 does not know the cluster.secret of this node"
    assert 1 <= caplog.messages.count(words) < 20


async def test_what_a_hop_says_is_checked(b: OneNode) -> None:
    path = "/openwx/get_user_info"
    nested = urlsafe_b64encode(b'{"x":' + b"[" * 5000).decode()
    for said in ("", "!", "bm8=", "e30=", "//79", nested):
        text = f"openwx hop\nGET\n{path}\n{said}".encode()
        mac = hmac.digest(OURS.encode(), text, "sha256").hex()
        reply = await b.at_peers(path, **{MAC: mac, HOP: said, SPEAKS: hop(path)[SPEAKS]})
        assert (reply.status, reply.code) == (505, -8)


async def test_a_node_of_another_version_is_told_so(
    a: OneNode, b: OneNode, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Who calls, who forwards and who refuses hear it in words, and nothing is done."""
    headers = hop("/openwx/get_user_info")
    for other in (headers | {SPEAKS: "0"}, {MAC: headers[MAC], HOP: headers[HOP]}):
        reply = await b.at_peers("/openwx/get_user_info", **other)
        assert (reply.status, reply.code) == (505, -8)
    write = Hop.headers
    monkeypatch.setattr(Hop, "headers", lambda *of: write(*of) | {SPEAKS: "0"})
    why = "it has another version of openwx"
    for name in ("get_user_info", "send_friend_message"):
        reply = await a.get(name, client="bob", id="@a", content="hi")
        assert (reply.status, reply.code) == (503, -4)
        assert reply.words == f"not done: the node that runs bob takes no calls of this one: {why}"
    (one,) = (await a.get("check_client")).json["client"]
    assert one["reason_code"] == "node_other_version"
    assert one["state_reason"] == "its node b has another version of openwx"
    assert not b.gateway.accounts["bob"].outgoing.sent
    assert f"bob: the node b takes no call of this one: {why}" in caplog.messages
    assert f"b does not say how its accounts are: {why}" in caplog.messages
    (line,) = {one for one in caplog.messages if one.startswith("127.0.0.1: ")}
    assert "cannot read how the other one forwards calls; update all nodes" in line


async def test_nodes_with_different_secrets_say_so(
    nodes: Nodes, a: OneNode, caplog: pytest.LogCaptureFixture
) -> None:
    b = await nodes.start("b", secret=OURS[::-1])
    b.takes("bob")
    reply = await a.get("send_friend_message", client="bob", id="@a", content="hi")
    why = "it has another cluster.secret"
    assert (reply.status, reply.code) == (503, -4)
    assert reply.words == f"not done: the node that runs bob takes no calls of this one: {why}"
    assert f"bob: the node b takes no call of this one: {why}" in caplog.messages
    assert "127.0.0.1 does not know the cluster.secret of this node" in caplog.messages


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"])
async def test_nothing_else_is_served_there(path: str, b: OneNode) -> None:
    assert (await b.at_peers(path, **hop(path))).status == 404


@pytest.mark.parametrize("where", ["b for callers", "a for callers", "a for nodes"])
async def test_an_address_that_is_not_for_nodes(
    where: str, a: OneNode, b: OneNode, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One call is no more than a few hops, is not done, and the log says what is wrong."""
    warned: list[str] = []
    monkeypatch.setattr(forwarding.log, "log", lambda _, words, *more: warned.append(words % more))
    nodes.table.moves("b", {"b": b.url, "a": a.url}[where[0]])
    if where == "a for nodes":
        nodes.table.moves("b", a.peer_url)
    for name, more in (("get_user_info", {}), ("send_friend_message", {"content": "hi"})):
        reply = await a.get(name, client="bob", id="@a", **more)
        assert (reply.status, reply.code) == (503, -4)
    assert not b.gateway.accounts["bob"].outgoing.sent
    assert len(warned) < 50
    page = await a.session.get(f"{a.url}/console/accounts/bob")
    assert page.status == 503
    if where != "a for nodes":
        assert "its cluster.advertise is an address for callers" in warned[0]


async def test_a_caller_cannot_speak_as_a_node(a: OneNode, b: OneNode, nodes: Nodes) -> None:
    """At the public address a hop is refused, and no hop has such headers of a caller."""
    refused = await a.call(
        "get_user_info", headers=hop("/openwx/get_user_info", account="bob", epoch=1)
    )
    assert (refused.status, refused.code) == (508, -8)
    assert (await a.session.get(f"{a.url}/console", headers=hop("/console"))).status == 508
    forged = {
        MAC: hop("/openwx/get_user_info", account="bob", epoch=1)[MAC],
        "Authorization": "Bearer x",
        "Origin": f"http://127.0.0.1:{a.port}",
        "X-Forwarded-For": "1.2.3.4",
        "Cookie": "c=1",
        "Openwx-Client": "bob",
        "Connection": f"close, {MAC}",
    }
    async with Liar.started(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as liar:
        nodes.table.moves("b", liar.url)
        reply = await a.call("get_user_info", headers=forged)
    assert reply.status == 200
    (head,) = liar.heads
    lines = [line.split(b": ", 1) for line in head.strip().split(b"\r\n")[1:]]
    assert {name.decode() for name, _ in lines} == {"Host", MAC, HOP, SPEAKS}
    assert not {(one.encode()) for one in (forged[MAC], OURS)} & {v for _, v in lines}


async def test_a_liar_in_the_table_gets_no_secret(a: OneNode, b: OneNode, nodes: Nodes) -> None:
    """What it gets opens nothing but such calls in that very term."""
    async with Liar.started(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as liar:
        nodes.table.moves("b", liar.url)
        await a.get("get_user_info", client="bob")
        nodes.table.moves("b", b.peer_url)
    (head,) = liar.heads
    assert OURS.encode() not in head
    path = "/openwx/get_user_info?client=bob"
    pairs = [line.split(": ", 1) for line in head.decode().strip().split("\r\n")[1:]]
    kept = {name: value for name, value in pairs if name in (MAC, HOP, SPEAKS)}
    for _ in range(2):
        assert (await b.at_peers(path, **kept)).status == 200
    assert (await b.at_peers("/openwx/get_friend_info?client=bob", **kept)).status == 401
    b.takes("bob")
    assert (await b.at_peers(path, **kept)).status == 421


async def test_who_called_comes_with_the_hop(
    nodes: Nodes, caplog: pytest.LogCaptureFixture
) -> None:
    """The owner has the call in its audit log, once, with the key and the caller's address; its scope counts there."""
    a, b = await nodes.start("a", **TOKENS), await nodes.start("b", **TOKENS)
    b.takes("bob")
    a.takes("alice")
    caplog.set_level(logging.INFO, "openwx.audit")

    async def by(token: str, name: str, **params: str) -> Reply:
        return await a.call(name, params=params, headers={"Authorization": f"Bearer {token * 32}"})

    assert (await by("x", "get_user_info", client="bob")).status == 401
    assert (await by("r", "get_user_info", client="bob")).status == 200
    assert (await by("r", "get_user_info")).status == 200
    refused = await by("r", "send_friend_message", client="bob", id="@a", content="hi")
    assert (refused.status, refused.code) == (403, -8)
    hidden = await by("o", "get_user_info", client="bob")
    assert (hidden.status, hidden.code) == (400, -2)
    assert "bob" not in hidden.words
    caplog.clear()
    assert (await by("t", "send_friend_message", client="bob", id="@a", content="hi")).code == 0
    (line,) = [one for one in caplog.records if one.name == "openwx.audit"]
    assert "token from 127.0.0.1 by http: send_friend_message on bob" in line.message


async def test_the_token_in_the_body(nodes: Nodes) -> None:
    a, b = await nodes.start("a", **TOKENS), await nodes.start("b", **TOKENS)
    b.takes("bob")
    for body, status in ((b"token=" + b"t" * 32, 200), (b"token=" + b"x" * 32, 401)):
        reply = await a.post("get_user_info", body + b"&client=bob")
        assert reply.status == status
        assert (await a.post("get_user_info", body, params={"client": "bob"})).status == status


async def test_pages_and_scripts_are_judged_by_the_node_that_is_called(nodes: Nodes) -> None:
    listed: dict[str, Any] = {"cors_origins": ["https://app.example"]}
    a, b = await nodes.start("a", **listed), await nodes.start("b")
    b.takes("bob")
    foreign = {"Origin": "https://evil.example"}
    assert (await a.call("get_user_info", params={"client": "bob"}, headers=foreign)).status == 403
    ours = {"Origin": "https://app.example"}
    reply = await a.call("get_user_info", params={"client": "bob"}, headers=ours)
    assert reply.headers["Access-Control-Allow-Origin"] == "https://app.example"
    script = await a.get("get_user_info", client="bob", datatype="jsonp", callback="show")
    assert script.body.startswith(b"/**/show({")
    assert (
        await b.get("get_user_info", client="bob", datatype="jsonp", callback="f")
    ).status == 403
    nodes.table.give("carol", None)
    failed = await a.get("get_user_info", client="carol", datatype="jsonp", callback="show")
    assert failed.body.startswith(b'/**/show({"code":-4')
    opened = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    unwanted = await a.call(
        "send_friend_message", params={"client": "bob", "id": "@a", "content": "x"}, headers=opened
    )
    assert unwanted.status == 403
    assert not b.gateway.accounts["bob"].outgoing.sent


GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
LIES: dict[str, tuple[bytes | None, bytes]] = {
    "closes": (None, b""),
    "no HTTP": (b"hello\r\n\r\n", b""),
    "an endless head": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 100),
    "an endless line": (b"HTTP/1.1 200 OK\r\nX: ", b"y" * 10_000),
    "half an answer": (GOOD + b'Content-Length: 100\r\n\r\n{"id":', b""),
    "half of chunks": (GOOD + b'Transfer-Encoding: chunked\r\n\r\n4\r\n{"id\r\n', b""),
    "no such chunks": (GOOD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b""),
    "another secret": (
        b'HTTP/1.1 401 Unauthorized\r\nContent-Length: 31\r\n\r\n{"code":-6,"status":"no entry"}',
        b"",
    ),
    "another version": (b"HTTP/1.1 505 Not Supported\r\nContent-Length: 0\r\n\r\n", b""),
    "an address for callers": (b"HTTP/1.1 508 Loop\r\nContent-Length: 0\r\n\r\n", b""),
}
REFUSALS = {
    "another secret": "node_other_secret",
    "another version": "node_other_version",
    "an address for callers": "node_other_address",
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_peer_that_lies(lie: str, a: OneNode, b: OneNode, nodes: Nodes) -> None:
    """The caller is told what is known, soon, and other calls go on. Who refuses is asked once."""
    a.takes("alice")
    answer, repeats = LIES[lie]
    async with Liar.started(answer) as liar:
        liar.repeats = repeats
        nodes.table.moves("b", liar.url)
        read = await a.get("get_user_info", client="bob")
        asked = len(liar.heads)
        sent = await a.get("send_friend_message", client="bob", id="@a", content="hi")
        assert len(liar.heads) == asked + 1
        assert asked == 1 or lie not in REFUSALS
        clients = (await a.get("check_client", client="bob")).json["client"]
        assert [one["reason_code"] for one in clients] == [REFUSALS.get(lie, "node_silent")]
    assert (read.status, read.code) == (503, -4)
    assert (sent.status, sent.code) == ((503, -4) if lie in REFUSALS else (504, -1))
    assert (await a.get("get_user_info", client="alice")).status == 200


@pytest.mark.parametrize("lie", sorted(REFUSALS))
@pytest.mark.parametrize("name", ["get_user_info", "send_friend_message"])
async def test_after_a_refusal_the_next_owner_is_asked(
    lie: str, name: str, a: OneNode, b: OneNode, nodes: Nodes
) -> None:
    c = await nodes.start("c")
    async with Liar.started(LIES[lie][0]) as liar:
        liar.then = lambda: b.loses("bob", to=c)
        nodes.table.moves("b", liar.url)
        reply = await a.get(name, client="bob", id="@a", content="hi")
        assert (reply.status, len(liar.heads)) == (200, 1)


async def test_a_node_that_shows_another_secret_is_not_asked(
    a: OneNode, b: OneNode, nodes: Nodes, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither by a call, nor for its accounts, nor for its stream."""
    why = "it has another cluster.secret"
    async with Liar.started() as liar:
        nodes.table.moves("b", liar.url)
        nodes.table.nodes["b"] = replace(nodes.table.nodes["b"], proof=proof_of(OURS[::-1]))
        for name in ("get_user_info", "send_friend_message"):
            reply = await a.get(name, client="bob", id="@a", content="hi")
            assert (reply.status, reply.code) == (503, -4)
            assert reply.words.endswith(f"takes no calls of this one: {why}")
        async with a.session.ws_connect(f"{a.url}/openwx/ws?client=bob") as socket:
            assert why in (await socket.receive()).data
        (one,) = (await a.get("check_client")).json["client"]
        assert one["reason_code"] == "node_other_secret"
        nodes.table.give("carol", "b")  # all accounts have a page where there are two
        for language, words in (
            ("en", "Its node has another secret of the cluster"),
            ("zh", "所在节点的集群密钥不同"),
        ):
            page = await a.session.get(f"{a.url}/console", headers={"Accept-Language": language})
            assert words in await page.text()
        assert not liar.heads
    assert f"b does not say how its accounts are: {why}" in caplog.messages
    nodes.table.moves("b", b.peer_url)
    nodes.table.nodes["b"] = replace(nodes.table.nodes["b"], proof=proof_of(OURS))
    assert (await a.get("get_user_info", client="bob")).status == 200


ENDLESS = {
    "of chunks": (b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n%s\r\n" % bytes(0x10000)),
    "of bytes": (b"Content-Length: 999999999999\r\n\r\n", bytes(0x10000)),
    "without a length": (b"Connection: close\r\n\r\n", bytes(0x10000)),
}


@pytest.mark.parametrize("kind", ENDLESS)
async def test_an_endless_answer_is_not_kept(
    kind: str, a: OneNode, b: OneNode, nodes: Nodes, caplog: pytest.LogCaptureFixture
) -> None:
    """One that goes into a message of a WebSocket must be read whole, and what ``check_client`` asks for, too."""
    a.takes("alice")
    longest = BodyLimits.for_media(a.gateway.folder).body
    head, repeats = ENDLESS[kind]
    async with Liar.started(GOOD + head) as liar:
        liar.repeats, liar.most = repeats, 200 * longest
        nodes.table.moves("b", liar.url)
        answers = []
        async with a.session.ws_connect(f"{a.url}/openwx/ws?client=alice") as socket:
            for name in ("get_user_info", "send_friend_message"):
                params = {"client": "bob", "id": "@a", "content": "hi"}
                await socket.send_json({"id": 1, "call": name, "params": params})
                async for message in socket:
                    if (said := message.json())["type"] == "answer":
                        answers.append((said["http_status"], said["answer"]["code"]))
                        break
        await a.get("check_client")
        assert liar.repeated < liar.most / 2, "what the sockets hold comes on top"
    assert answers == [(503, -4), (504, -1)]
    words = f"b does not say how its accounts are: its answer has more than {longest} bytes"
    assert words in caplog.messages


@pytest.mark.parametrize("said", [b"", b"[]", b'{"client":[{}]}', b'{"x":' + b"[" * 100_000])
async def test_a_peer_that_lies_of_its_accounts(
    said: bytes, a: OneNode, b: OneNode, nodes: Nodes
) -> None:
    a.takes("alice")
    async with Liar.started(GOOD + b"Content-Length: %d\r\n\r\n" % len(said) + said) as liar:
        nodes.table.moves("b", liar.url)
        reply = await a.get("check_client")
        assert len(liar.heads) == 1
    reasons = {one["account"]: one["reason_code"] for one in reply.json["client"]}
    assert (reply.status, reasons["bob"]) == (200, "node_silent")


@pytest.mark.parametrize(
    "url",
    [
        *("http://[::1", "file:///etc/passwd", "http+unix:///run/x", "http://u:p@127.0.0.1:1", "x"),
        *("http://127.0.0.1:99999", f"http://{'é' * 300}.com", "http://127.0.0.1:1/x\r\nX: y"),
    ],
)
async def test_an_address_that_is_none(url: str, a: OneNode, b: OneNode, nodes: Nodes) -> None:
    nodes.table.moves("b", url)
    for name in ("get_user_info", "send_friend_message"):
        reply = await a.get(name, client="bob", id="@a", content="hi")
        assert (reply.status, reply.code) == (503, -4)
    (one,) = (await a.get("check_client")).json["client"]
    assert one["reason_code"] == "node_silent"


async def test_a_row_whose_name_no_account_may_have(a: OneNode, b: OneNode, nodes: Nodes) -> None:
    """It hides neither the accounts of its node nor is one itself."""
    for name in ("x" * 5000, "../x", "a\nb"):
        nodes.table.give(name, "b")
    (one,) = (await a.get("check_client")).json["client"]
    assert (one["account"], one["reason_code"]) == ("bob", "in_sync")
    assert (await a.get("get_user_info", client="../x")).code == -2


async def test_a_silent_node_changes_no_transport(a: OneNode, b: OneNode, nodes: Nodes) -> None:
    nodes.table.give("bob", "b", msgspec.json.encode({"started_with": {"transport": "ilink"}}))
    nodes.table.moves("b", "http://127.0.0.1:9")
    (one,) = (await a.get("check_client")).json["client"]
    assert (one["reason_code"], one["transport"]) == ("node_silent", "ilink")


async def test_an_event_of_a_peer_that_cannot_be_read() -> None:
    class Socket:
        async def receive(self) -> aiohttp.WSMessage:
            return aiohttp.WSMessage(aiohttp.WSMsgType.TEXT, '{"x":' + "[" * 100_000, None)

    reader = PeerReader(cast("aiohttp.ClientWebSocketResponse", Socket()), lambda: "")
    with pytest.raises(StreamEnded, match="sent no event"):
        await reader.more(1.0)


async def test_the_secret_goes_nowhere(
    a: OneNode,
    b: OneNode,
    nodes: Nodes,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither to a peer, nor where that sends the caller, nor to a proxy, nor into a log."""
    caplog.set_level(logging.DEBUG)
    async with Liar.started() as other, Liar.started() as liar:
        liar.answer = (
            f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {other.url}/openwx/get_user_info\r\n"
            "Content-Length: 0\r\n\r\n"
        ).encode()
        monkeypatch.setenv("HTTP_PROXY", other.url)
        monkeypatch.setenv("http_proxy", other.url)
        nodes.table.moves("b", liar.url)
        reply = await a.call("get_user_info", params={"client": "bob"}, allow_redirects=False)
        assert reply.status == 307
        liar.answer = None
        await a.get("send_friend_message", client="bob", id="@a", content="hi")
        await a.get("check_client")
        assert liar.heads
        assert not any(OURS.encode() in head for head in liar.heads)
        assert not other.heads
    assert OURS not in caplog.text
    assert OURS not in repr(a.gateway.settings)


async def test_hops_are_counted(a: OneNode, b: OneNode, nodes: Nodes) -> None:
    def count(outcome: str) -> float:
        labels = {"node": "b", "outcome": outcome}
        return metrics.OF_NODES.get_sample_value("openwx_hops_total", labels) or 0.0

    before = count("answered"), count("not_asked")
    await a.get("get_user_info", client="bob")
    nodes.table.moves("b", "http://127.0.0.1:9")
    await a.get("send_friend_message", client="bob", id="@a", content="hi")
    assert (count("answered"), count("not_asked")) == (before[0] + 1, before[1] + 2)


def certificate(authority: trustme.CA, file: Path, *, with_authority: bool) -> Path:
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(file)
    if with_authority:
        authority.cert_pem.write_to_path(file, append=True)
    return file


async def test_https_between_nodes(nodes: Nodes, tmp_path: Path) -> None:
    """A node is trusted if it has the same certificate, or one of the authority that stands in the same file."""
    ours, theirs = trustme.CA(), trustme.CA()
    shared = certificate(ours, tmp_path / "shared.pem", with_authority=False)
    of_a = certificate(ours, tmp_path / "a.pem", with_authority=True)
    of_b = certificate(ours, tmp_path / "b.pem", with_authority=True)
    other = certificate(theirs, tmp_path / "other.pem", with_authority=True)
    for caller, owner, works in (
        (shared, shared, True),
        (of_a, of_b, True),
        (of_a, other, False),
        (None, of_b, False),
    ):
        a = await nodes.start("a", certificate=caller)
        b = await nodes.start("b", certificate=owner)
        b.takes("bob")
        reply = await a.get("get_user_info", client="bob")
        assert reply.status == (200 if works else 503)

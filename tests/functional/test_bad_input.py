"""What is wrong with a call is said in the envelope, at once; nothing is sent, and the server lives on."""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import pytest

from openwx.config import AccessSettings, Settings
from openwx.simulator import Account
from tests.reply import Reply
from tests.rows import rows

from .world import Gateway, World


@pytest.fixture(autouse=True)
async def nothing_is_sent_and_the_server_lives(world: World) -> AsyncIterator[None]:
    yield
    for gateway in world.gateways:
        token = gateway.settings.access.token or ""
        client = (await gateway.get("check_client", token=token)).json["client"][0]
        assert client["state"] == "running"
    assert not world.account.sent


def access(world: World, **rules: Any) -> Settings:
    return world.settings().model_copy(update={"access": AccessSettings.model_validate(rules)})


async def run_with(world: World, token: str = "", **rules: Any) -> Gateway:
    """Start a gateway with these rules and log it in. Calls do not send the token by default."""
    if token:
        rules["token"] = token
    gateway = await world.start(settings=access(world, **rules))
    await world.account.phone.logs_in()
    await world.receiver.get(event="state_change", params=["updating", "running"])
    return gateway


def is_error(reply: Reply, status: int, code: int, *words: str) -> None:
    assert (reply.status, reply.code) == (status, code), reply.body
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    assert reply.words
    for word in words:
        assert word in reply.words


# -- parameters ------------------------------------------------------------------------------------------


@rows(
    ("route", "params", "word"),
    [
        ("send_friend_message", {}, "id"),
        ("send_friend_message", {"id": "filehelper"}, "content"),
        ("send_friend_message", {"id": "filehelper", "content": ""}, "content"),
        ("send_friend_message", {"content": "x"}, "displayname"),
        ("send_friend_message", {"id": "", "account": "", "content": "x"}, "displayname"),
        ("send_friend_message", {"id": "filehelper", "content": "x", "async": "maybe"}, "async"),
        ("send_friend_message", {"id": "filehelper", "content": "x" * 16_385}, "content"),
        ("send_group_message", {}, "id"),
        ("send_group_message", {"displayname": "项目组"}, "content"),
        ("send_group_message", {"id": "@all", "content": "x"}, "@all"),
        ("search_friend", {}, "displayname"),
        ("search_friend", {"send": "x"}, "send"),
        ("search_group", {"member": "x"}, "member"),
        ("check_event", {"timeout": "soon"}, "timeout"),
        ("check_event", {"timeout": "-1"}, "timeout"),
        ("check_event", {"timeout": "301"}, "timeout"),
        ("check_event", {"timeout": "nan"}, "timeout"),
        ("check_client", {"client": "nobody"}, "client"),
        ("get_user_info", {"client": "nobody"}, "client"),
        ("stop_client", {"client": "nobody"}, "client"),
    ],
)
async def test_a_wrong_parameter_is_named(
    api: Gateway, route: str, params: dict[str, str], word: str
) -> None:
    for call in (api.get, api.post, api.post_json, api.post_parts):
        is_error(await call(route, **params), 400, -2, word)


@rows(
    ("body", "content_type"),
    [
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b'"x"', "application/json"),
        (b"null", "application/json"),
        (b'{"content": ["x"], "id": "filehelper"}', "application/json"),
        (b'{"content": {"a": 1}, "id": "filehelper"}', "application/json"),
        (b'{"content": "\\ud800", "id": "filehelper"}', "application/json"),
        (b'{"content": "\xff", "id": "filehelper"}', "application/json"),
        (b'{"id": "filehelper", "id": "@x", "content": "x"}', "application/json"),
        (b'{"id": "filehelper", "content": NaN}', "application/json"),
        (b"[" * 100_000, "application/json"),
        (b"id=filehelper&content=%ff", "application/x-www-form-urlencoded"),
        (b"id=filehelper&content=a%00b", "application/x-www-form-urlencoded"),
        (b"id=filehelper&id=@x&content=x", "application/x-www-form-urlencoded"),
        (b"id=filehelper&content=\xc4\xe3", "application/x-www-form-urlencoded"),
        (b"id=filehelper&content=\xff\xff", "application/x-www-form-urlencoded; charset=gbk"),
        (b"id=filehelper&content=x", "text/plain"),
        (b"<id>filehelper</id>", "application/xml"),
        (b"no parts", "multipart/form-data; boundary=b"),
        (b"--b\r\nbroken", "multipart/form-data; boundary=b"),
        (b"--b--", "multipart/form-data"),
    ],
)
async def test_a_body_that_cannot_be_read(api: Gateway, body: bytes, content_type: str) -> None:
    reply = await api.call(
        "send_friend_message", method="POST", data=body, headers={"Content-Type": content_type}
    )
    is_error(reply, 400, -2)


async def test_a_body_that_is_too_large(api: Gateway) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    most = 2 * api.settings.media.max_size + 2**20
    for route, size in (("set_markname", 2**20), ("send_friend_message", most)):
        body = io.BytesIO(b"id=filehelper&content=" + b"x" * size)
        reply = await api.call(route, method="POST", data=body, headers=headers)
        is_error(reply, 413, -2)


async def test_a_member_that_is_null_is_not_given(api: Gateway) -> None:
    reply = await api.post_json("send_friend_message", id="filehelper", content=None)
    is_error(reply, 400, -2, "content")


async def test_nothing_matches_in_part(api: Gateway, account: Account) -> None:
    """Selectors are no patterns, and an empty one matches nobody."""
    for selectors in ({"displayname": "%"}, {"displayname": "*"}, {"account": ".*"}):
        reply = await api.get("send_friend_message", content="x", **selectors)
        is_error(reply, 200, 100)


# -- routes and methods ----------------------------------------------------------------------------------


@rows("path", ["nothing", "get_user_info//", "get_user_info/x", "", "../etc"])
async def test_an_unknown_route(api: Gateway, path: str) -> None:
    for method in ("GET", "POST"):
        is_error(await api.call(path, method=method), 404, -9)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_a_wrong_method(api: Gateway, method: str) -> None:
    reply = await api.call("send_friend_message", method=method, data={"id": "filehelper"})
    is_error(reply, 405, -9, "GET", "POST")
    assert reply.headers["Allow"]


async def test_what_is_no_http(api: Gateway) -> None:
    host, _, port = api.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.split(b" ", 2)[1] == b"400"
    assert b'{"code":-2,' in answer


# -- access ----------------------------------------------------------------------------------------------


@rows(
    "headers",
    [
        {"Host": "evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Referer": "http://evil.example/page"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_a_web_page_may_not_call(api: Gateway, headers: dict[str, str]) -> None:
    for method in ("GET", "POST"):
        reply = await api.call(
            "send_friend_message",
            method=method,
            params={"id": "filehelper", "content": "x"},
            headers=headers,
        )
        is_error(reply, 403, -8)
        assert "Access-Control-Allow-Origin" not in reply.headers


async def test_jsonp_is_off(api: Gateway) -> None:
    is_error(await api.get("get_user_info", datatype="jsonp", callback="show"), 403, -8)


async def test_a_token_is_asked_for(world: World) -> None:
    gateway = await run_with(world, token="a-long-secret-token")
    sent = {"id": "nobody", "content": "x"}
    for params in ({}, {"token": ""}, {"token": "a-long-secret-tokem"}):
        for route in ("send_friend_message", "get_client_info", "check_event", "stop_client"):
            reply = await gateway.get(route, **sent, **params)
            is_error(reply, 401, -6, "token")
            assert reply.headers["WWW-Authenticate"] == "Bearer"
    bearer = {"Authorization": "Bearer a-long-secret-token"}
    wrong = {"Authorization": "Bearer nothing"}
    assert (await gateway.call("get_user_info", headers=bearer)).status == 200
    assert (await gateway.call("get_user_info", headers=wrong)).status == 401
    for style in (gateway.get, gateway.post, gateway.post_json, gateway.post_parts):
        reply = await style("get_user_info", token="a-long-secret-token")
        assert reply.status == 200
        assert "secret" not in reply.body.decode()


async def test_pages_that_are_listed_may_call(world: World) -> None:
    gateway = await run_with(world, cors_origins=["http://app.example"])
    page = {"Origin": "http://app.example", "Sec-Fetch-Site": "cross-site"}
    reply = await gateway.call("get_user_info", headers=page)
    assert reply.status == 200
    assert reply.headers["Access-Control-Allow-Origin"] == "http://app.example"
    other = {"Origin": "http://other.example"}
    is_error(await gateway.call("get_user_info", headers=other), 403, -8, "cors_origins")
    reply = await gateway.call("get_user_info", method="OPTIONS", headers=page)
    assert reply.status == 204
    assert reply.headers["Access-Control-Allow-Origin"] == "http://app.example"
    assert "POST" in reply.headers["Access-Control-Allow-Methods"]
    is_error(await gateway.call("get_user_info", method="OPTIONS", headers=other), 403, -8)
    script = {"datatype": "jsonp", "callback": "show"}
    for headers in ({}, {"Referer": "http://app.example/page", "Sec-Fetch-Site": "cross-site"}):
        reply = await gateway.call("get_user_info", params=script, headers=headers)
        assert reply.body.startswith(b"/**/show({")
        assert "javascript" in reply.headers["Content-Type"]
    for headers in ({"Referer": "http://other.example/page"}, {"Sec-Fetch-Site": "cross-site"}):
        is_error(await gateway.call("get_user_info", params=script, headers=headers), 403, -8)
    reply = await gateway.get("get_user_info", datatype="jsonp", callback="alert(1)//")
    is_error(reply, 400, -2, "callback")

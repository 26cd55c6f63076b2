"""`strict=1`: what the code of an answer says, its HTTP status says too, for programs that read nothing else."""

from typing import Any

import aiohttp
import pytest

from openwx.api import statuses
from openwx.api.openapi import descriptions
from openwx.client import Ambiguous, Client, NotFound, NotPossible, RefusedByWeChat
from openwx.simulator import Account, Fault, Simulator
from tests.reply import Reply
from tests.rows import rows

from .streaming import socket
from .world import Api, Gateway

NOBODY = {"displayname": "nobody at all", "content": "hi"}


async def in_every_style(api: Api, name: str, **params: str) -> list[Reply]:
    """Call a strict route with the parameters in the query, a form, JSON and multipart, and with the header."""
    return [
        await api.get(name, **params, strict="1"),
        await api.post(name, **params, strict="1"),
        await api.post_json(name, **params, strict=True),
        await api.post_parts(name, **params, strict="1"),
        await api.call(name, params=params, headers={"Openwx-Strict": "1"}),
        await api.call(name, params=params, method="POST", headers={"openwx-strict": "true"}),
    ]


async def test_a_failure_has_the_http_status_of_its_code(api: Gateway, account: Account) -> None:
    usual = await api.get("send_friend_message", **NOBODY)
    assert (usual.status, usual.json["code"]) == (200, 100)
    for strict in await in_every_style(api, "send_friend_message", **NOBODY):
        assert (strict.status, strict.json) == (404, usual.json)
    assert not account.friend("小灰").inbox


async def test_what_works_and_what_has_no_code_is_answered_as_ever(api: Gateway) -> None:
    for name, params in (
        ("send_friend_message", {"id": "filehelper", "content": "hi"}),
        ("send_friend_message", {"id": "filehelper", "content": "hi", "async": "1"}),
        ("search_friend", {"name": "小灰"}),
        ("check_event", {"timeout": "0"}),
        ("get_friend_info", {}),
        ("get_avatar", {"displayname": "小灰"}),
    ):
        usual = await api.get(name, **params)
        strict = await api.get(name, **params, strict="1")
        assert strict.status == usual.status == 200
        assert strict.headers["Content-Type"] == usual.headers["Content-Type"]
        assert "Openwx-Ignored" not in strict.headers


@rows(
    ("route", "params", "code", "status"),
    [
        ("send_friend_message", {"displayname": "张伟", "content": "hi"}, 102, 409),
        ("send_friend_message", {"id": "filehelper", "media_path": "/tmp/none.png"}, -3, 422),
        ("search_group", {"displayname": "nowhere"}, 100, 404),
        ("create_group", {"friends": ","}, 200, 400),
        ("verify_code", {"code": "123456"}, 101, 422),
        ("outbox_show", {"id": "77"}, 100, 404),
        ("get_qrcode", {}, 100, 404),
        ("get_user_info", {"client": "nobody"}, -2, 400),
        ("send_friend_message", {"content": "hi"}, -2, 400),
        ("no_such_route", {}, -9, 404),
    ],
)
async def test_each_code(
    api: Gateway, route: str, params: dict[str, str], code: int, status: int
) -> None:
    answer = await api.get(route, **params, strict="1")
    assert (answer.status, answer.json["code"]) == (status, code)


async def test_refusals_of_wechat(api: Gateway, simulator: Simulator) -> None:
    send = {"id": "filehelper", "content": "hi", "strict": "1"}
    faults = simulator.faults
    for ret, code, status in ((-14, 201, 502), (1204, 1204, 502), (1205, 1205, 429)):
        faults.add("webwxsendmsg", Fault.RET, ret=ret)
        answer = await api.get("send_friend_message", **send)
        assert (answer.status, answer.json["code"]) == (status, code)
        faults.clear()


async def test_a_file_that_is_refused_while_the_body_is_read(api: Gateway) -> None:
    """The parameters of the body are not known then: those of the address and the header count."""

    def body() -> aiohttp.FormData:
        form = aiohttp.FormData({"id": "filehelper"})
        form.add_field("media", b"", filename="empty.txt")
        return form

    ask: dict[str, Any] = {"method": "POST"}
    usual = await api.call("send_friend_message", **ask, data=body())
    assert (usual.status, usual.json["code"]) == (200, -3)
    in_the_query = await api.call(
        "send_friend_message", **ask, data=body(), params={"strict": "yes"}
    )
    in_the_header = await api.call(
        "send_friend_message", **ask, data=body(), headers={"Openwx-Strict": "1"}
    )
    assert in_the_query.status == in_the_header.status == 422


async def test_the_parameter_wins_over_the_header_and_the_body_over_the_query(api: Gateway) -> None:
    header = {"Openwx-Strict": "1"}
    said = await api.call("send_friend_message", params={**NOBODY, "strict": "0"}, headers=header)
    assert said.status == 200
    said = await api.call(
        "send_friend_message?strict=1", method="POST", data={**NOBODY, "strict": "0"}
    )
    assert said.status == 200


async def test_what_is_neither_yes_nor_no_is_refused_and_nothing_done(
    api: Gateway, account: Account
) -> None:
    send = {"displayname": "小灰", "content": "hi"}
    for answer in (
        await api.get("send_friend_message", **send, strict="maybe"),
        await api.post("send_friend_message", **send, strict="maybe"),
        await api.call("send_friend_message", params=send, headers={"Openwx-Strict": "maybe"}),
    ):
        assert (answer.status, answer.json["code"]) == (400, -2)
        assert "strict must be 1" in answer.json["status"]
        assert "not 'maybe'" in answer.json["status"]
    assert not account.friend("小灰").inbox


async def test_a_repeated_key_gets_the_same_answer_however_it_asks(
    api: Gateway, account: Account, simulator: Simulator
) -> None:
    send = {"displayname": "小灰", "content": "once", "idempotency_key": "k1"}
    answers = [
        await api.get("send_friend_message", **send),
        await api.get("send_friend_message", **send, strict="1"),
        await api.get("send_friend_message", **send, strict="0"),
    ]
    assert len({answer.body for answer in answers}) == 1
    assert [one.text for one in account.friend("小灰").inbox] == ["once"]

    simulator.faults.add("webwxsendmsg", Fault.RET, ret=1204)
    send = {**send, "idempotency_key": "k2"}
    strict = [await api.get("send_friend_message", **send, strict="1") for _ in range(2)]
    usual = await api.get("send_friend_message", **send)
    assert [answer.status for answer in (*strict, usual)] == [502, 502, 200]
    assert len({answer.body for answer in (*strict, usual)}) == 1


async def test_the_client_for_programs_raises_the_same_errors(
    api: Gateway, simulator: Simulator
) -> None:
    async with Client(api.url, headers={"Openwx-Strict": "1"}) as wx:
        with pytest.raises(NotFound):
            await wx.send_friend_message("hi", displayname="nobody at all")
        with pytest.raises(Ambiguous) as ambiguous:
            await wx.send_friend_message("hi", displayname="张伟")
        assert len(ambiguous.value.candidates) == 2
        with pytest.raises(NotPossible):
            await wx.call("verify_code", code="123456")
        assert (await wx.send_friend_message("hi", id="filehelper")).msg_id
        simulator.faults.add("webwxsendmsg", Fault.RET, ret=1205)
        with pytest.raises(RefusedByWeChat) as refused:
            await wx.send_friend_message("hi", id="filehelper")
    assert refused.value.ret == 1205
    assert refused.value.http_status == 429


async def test_calls_over_a_socket(api: Gateway) -> None:
    async with socket(api) as ws:
        assert (await ws.call("send_friend_message", **NOBODY))["http_status"] == 200
        strict = await ws.call("send_friend_message", **NOBODY, strict=True)
        assert (strict["http_status"], strict["answer"]["code"]) == (404, 100)
    async with socket(api, strict="1") as ws:
        assert (await ws.call("send_friend_message", **NOBODY))["http_status"] == 404
        usual = await ws.call("send_friend_message", **NOBODY, strict="0")
        assert usual["http_status"] == 200
    async with socket(api, headers={"Openwx-Strict": "1"}) as ws:
        assert (await ws.call("send_friend_message", **NOBODY))["http_status"] == 404


def test_every_code_has_a_status_of_an_error() -> None:
    for code in descriptions.CODES:
        status = statuses.usual(code)
        status = statuses.strict(code) if status == 200 else status
        assert (status == 200) == (code == 0), code
        assert status == 200 or 400 <= status < 600
    assert statuses.strict(1204) == 502

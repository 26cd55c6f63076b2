"""The table of routes, and what handlers make of accounts in memory."""

import os
import sys

import pytest

import openwx
from openwx.api.app import routes
from openwx.api.routes.info import SearchFriend, SearchGroup
from openwx.domain.contacts import Friend
from openwx.domain.events import State
from openwx.errors import CallerError, Code, Unreachable, refused

from .facade import Account
from .serving import Api

ANY_STATE = {
    "get_history",
    "get_client_info",
    "check_client",
    "start_client",
    "stop_client",
    "get_qrcode",
    "verify_code",
    "check_event",
    "events",
    "ws",
    "outbox",
    "outbox_show",
    "outbox_retry",
    "outbox_drop",
}
NEEDS_PARAMETERS = {"start_client", "verify_code", "outbox_show", "outbox_retry", "outbox_drop"}
STREAMS = {"events", "ws"}
"""They do not come to an end; see ``tests/functional/test_streams.py`` and ``test_websocket.py``."""
ENDING = [row for row in routes() if row.name not in STREAMS]


class TestTable:
    def test_every_route_has_words_a_reply_type_and_a_path(self) -> None:
        for row in routes():
            assert row.doc
            assert row.reply is not None
            assert row.paths[0] == f"/openwx/{row.name}"

    def test_these_work_in_every_state(self) -> None:
        assert {row.name for row in routes() if row.any_state} == ANY_STATE

    def test_every_attribute_can_be_searched_for(self) -> None:
        assert SearchFriend.names() == ["q", *Friend.__struct_fields__]
        assert SearchGroup.names() == ["q", "name", "id", "uid", "owner_uid", "displayname"]

    @pytest.mark.parametrize("row", ENDING, ids=lambda row: row.name)
    async def test_while_not_running(self, api: Api, row: object) -> None:
        name = getattr(row, "name", "")
        api.account.state, api.account.state_reason = State.SCANING, "waiting for the phone"
        reply = await api.get(name, timeout="0")
        if name in ANY_STATE:
            expected = 404 if name == "get_qrcode" else 400 if name in NEEDS_PARAMETERS else 200
            assert reply.status == expected
        else:
            assert (reply.status, reply.code) == (503, -4)
            assert reply.json["state"] == "scaning"
            assert reply.json["state_reason"] == "waiting for the phone"

    @pytest.mark.parametrize("row", ENDING, ids=lambda row: row.name)
    async def test_get_and_post_are_alike(self, api: Api, row: object) -> None:
        name = getattr(row, "name", "")
        got = await api.get(name, timeout="0")
        posted = await api.post(name, b"timeout=0", "application/x-www-form-urlencoded")
        assert got.status == posted.status
        assert got.body == posted.body


class TestInfo:
    async def test_user(self, api: Api) -> None:
        reply = await api.get("get_user_info")
        assert reply.status == 200
        assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
        assert list(reply.json) == [
            *("account", "name", "markname", "sex", "display", "city", "signature", "province"),
            *("id", "uid", "displayname"),
        ]

    async def test_friends_bare_and_unescaped(self, api: Api) -> None:
        reply = await api.get("get_friend_info")
        assert isinstance(reply.json, list)
        assert "小灰".encode() in reply.body
        assert next(f for f in reply.json if f["id"] == "@a")["uid"] == 7

    async def test_groups(self, api: Api) -> None:
        (group,) = (await api.get("get_group_info")).json
        assert [member["id"] for member in group["member"]] == ["@a"]
        (basics,) = (await api.get("get_group_basic_info")).json
        assert basics["member_count"] == 1
        assert "member" not in basics


class TestSearch:
    async def test_all_attributes_must_match(self, api: Api) -> None:
        reply = await api.get("search_friend", displayname="小灰", sex="female")
        assert [friend["id"] for friend in reply.json] == ["@b"]

    async def test_an_empty_value_matches_what_is_empty(self, api: Api) -> None:
        reply = await api.get("search_friend", name="Zoë", account="")
        assert [friend["id"] for friend in reply.json] == ["@c"]
        assert (await api.get("search_friend", name="小灰", account="")).code == 100

    async def test_uid_as_text(self, api: Api) -> None:
        assert [f["id"] for f in (await api.get("search_friend", uid="7")).json] == ["@a"]

    async def test_group(self, api: Api) -> None:
        (group,) = (await api.get("search_group", displayname="群")).json
        assert group["member"][0]["id"] == "@a"
        none = await api.get("search_group", displayname="no")
        assert (none.status, none.code) == (200, 100)

    async def test_an_unknown_attribute(self, api: Api) -> None:
        reply = await api.get("search_friend", send="x", displayname="小灰")
        assert (reply.status, reply.code) == (400, -2)
        assert "'send'" in reply.words
        assert "markname" in reply.words

    async def test_reserved_parameters_are_no_attributes(self, api: Api) -> None:
        reply = await api.get(
            "search_friend", id="@a", client="default", token="t", datatype="json", _="1"
        )
        assert [friend["id"] for friend in reply.json] == ["@a"]
        none = await api.get("search_friend", client="default", _="1")
        assert (none.status, none.code) == (400, -2)


class TestSending:
    async def test_text_to_a_friend(self, api: Api) -> None:
        reply = await api.get("send_friend_message", id="@a", content="你好 & co")
        assert reply.json == {
            "status": "发送成功",
            "msg_id": "123",
            "id": "123:@a",
            "code": 0,
        }
        assert api.account.outgoing.sent == [("@a", "你好 & co")]

    async def test_text_to_a_group(self, api: Api) -> None:
        reply = await api.get("send_group_message", displayname="群", content="hi")
        assert reply.json["id"] == "123:@@g"

    @pytest.mark.parametrize("content", ["0", " ", "\n", "[]", "null", "false", "😀"])
    async def test_texts_that_look_like_nothing(self, api: Api, content: str) -> None:
        assert (await api.get("send_friend_message", id="@a", content=content)).code == 0
        assert api.account.outgoing.sent == [("@a", content)]

    @pytest.mark.parametrize("yes", ["1", "true", "TRUE"])
    async def test_async(self, api: Api, yes: str) -> None:
        reply = await api.get("send_group_message", id="@@g", content="x", **{"async": yes})
        assert reply.json == {
            "code": 0,
            "status": "request already in execution",
            "uid": "uid-1",
        }

    @pytest.mark.parametrize("no", ["0", "false", ""])
    async def test_not_async(self, api: Api, no: str) -> None:
        reply = await api.get("send_friend_message", id="@a", content="x", **{"async": no})
        assert reply.json["msg_id"] == "123"

    async def test_to_all(self, api: Api) -> None:
        reply = await api.get("send_friend_message", id="@all", content="x")
        assert (reply.code, reply.json["count"]) == (0, 3)
        assert [chat for chat, _ in api.account.outgoing.sent] == ["@a", "@b", "@c"]

    @pytest.mark.parametrize(
        ("route", "params", "names"),
        [
            ("send_friend_message", {"content": "x"}, "markname"),
            ("send_friend_message", {"content": "x", "displayname": ""}, "markname"),
            ("send_group_message", {"content": "x", "account": "grey"}, "displayname"),
            ("send_friend_message", {"id": "@a"}, "content"),
            ("send_friend_message", {"id": "@a", "content": ""}, "content"),
            ("send_friend_message", {"id": "@a", "content": "字" * 6000}, "16384"),
            ("send_friend_message", {"id": "@a", "content": "x", "async": "maybe"}, "async"),
            ("send_friend_message", {"id": "@all", "account": "x", "content": "x"}, "@all"),
            ("send_group_message", {"id": "@all", "content": "x"}, "@all"),
            ("send_friend_message", {"id": "@a", "content": "x", "client": "no"}, "client"),
        ],
    )
    async def test_wrong_parameters(
        self, api: Api, route: str, params: dict[str, str], names: str
    ) -> None:
        reply = await api.get(route, **params)
        assert (reply.status, reply.code) == (400, -2)
        assert names in reply.words
        assert "pydantic" not in reply.words
        assert api.account.outgoing.sent == []

    @pytest.mark.parametrize("parameter", ["media_path", "media_id", "media_data"])
    async def test_a_file_comes_after_the_text(self, api: Api, parameter: str) -> None:
        reply = await api.get("send_friend_message", id="@a", content="x", **{parameter: "/a"})
        assert (reply.status, reply.code) == (200, 0)
        assert api.account.outgoing.sent == [("@a", "x"), ("@a", "a medium")]

    async def test_several_media_at_once(self, api: Api) -> None:
        reply = await api.get("send_friend_message", id="@a", media_path="/a", media_id="@b:3")
        assert (reply.status, reply.code) == (400, -2)
        assert "media_id" in reply.words
        assert api.account.outgoing.sent == []

    async def test_the_longest_text_fits_into_a_query(self, api: Api) -> None:
        text = "字" * (16 * 1024 // 3)
        assert (await api.get("send_friend_message", id="@a", content=text)).code == 0

    async def test_none_and_several(self, api: Api) -> None:
        none = await api.get("send_friend_message", account="nobody", content="x")
        assert (none.status, none.code) == (200, 100)
        several = await api.get("send_friend_message", displayname="小灰", content="x")
        assert (several.status, several.code) == (200, 102)
        assert [c["id"] for c in several.json["candidates"]] == ["@a", "@b"]
        assert api.account.outgoing.sent == []
        one = await api.get("send_friend_message", displayname="小灰", account="ash", content="x")
        assert one.code == 0


class TestErrors:
    @pytest.mark.parametrize(
        ("error", "status", "code", "header"),
        [
            (CallerError(1205, "too often"), 200, 1205, None),
            (CallerError(Code.GAVE_UP, "gave up"), 200, -5, None),
            (CallerError(Code.QUEUE_FULL, "full"), 429, -7, ("Retry-After", "5")),
            (
                CallerError(Code.QUEUE_FULL, "full", retry_after=2.5),
                *(429, -7, ("Retry-After", "3")),
            ),
            (CallerError(-1, "no answer in time", http_status=504), 504, -1, None),
            (Unreachable("webwxsendmsg", "no answer"), 200, -1, None),
            (refused("webwxsendmsg", 1101, "gone"), 200, 201, None),
        ],
    )
    async def test_status(
        self,
        api: Api,
        error: Exception,
        status: int,
        code: int,
        header: tuple[str, str] | None,
    ) -> None:
        api.account.outgoing.happens = error
        reply = await api.get("send_friend_message", id="@a", content="x")
        assert (reply.status, reply.code) == (status, code)
        if header:
            assert reply.headers[header[0]] == header[1]

    async def test_ret_and_errmsg(self, api: Api) -> None:
        api.account.outgoing.happens = refused("webwxsendmsg", 1101, "gone")
        reply = await api.get("send_friend_message", id="@a", content="x")
        assert (reply.json["ret"], reply.json["errmsg"]) == (1101, "gone")

    async def test_a_bug(self, api: Api, caplog: pytest.LogCaptureFixture) -> None:
        api.account.outgoing.happens = ZeroDivisionError("secret detail")
        reply = await api.get("send_friend_message", id="@a", content="x")
        assert (reply.status, reply.code) == (500, -1)
        assert b"secret detail" not in reply.body
        assert b"Traceback" not in reply.body
        assert "secret detail" in caplog.text


class TestClient:
    async def test_get_client_info(self, api: Api) -> None:
        info = (await api.get("get_client_info")).json
        assert list(info)[:4] == ["code", "account", "pid", "os"]
        assert info["account"] == "default"
        assert info["pid"] == os.getpid()
        assert info["os"] == sys.platform
        assert info["version"] == openwx.__version__
        assert 99 <= info["runtime"] <= 160
        assert info["starttime"] == int(api.account.starttime)
        assert (info["state"], info["status"], info["code"]) == ("running", "success", 0)
        assert info["log_path"] is None
        assert info["log_encoding"] is None

    async def test_stop_client(self, api: Api) -> None:
        reply = await api.get("stop_client")
        assert reply.words == f"success, client({os.getpid()}) will stop in 3 seconds"
        assert api.gateway.stopping == [("default", 3)]

    async def test_check_client(self, api: Api) -> None:
        api.gateway.accounts["b"] = Account("b")
        every = (await api.get("check_client")).json
        assert [client["account"] for client in every["client"]] == ["default", "b"]
        assert every["status"] == "success"
        one = (await api.get("check_client", client="b")).json
        assert [client["account"] for client in one["client"]] == ["b"]
        assert one["client"][0]["port"] == 3000
        assert (await api.get("check_client", client="c")).code == -2

    async def test_several_accounts_want_a_name(self, api: Api) -> None:
        api.gateway.accounts["b"] = Account("b")
        reply = await api.get("get_user_info")
        assert (reply.status, reply.code) == (400, -2)
        assert "client" in reply.words
        assert (await api.get("get_user_info", client="b")).status == 200

    async def test_qrcode(self, api: Api) -> None:
        missing = await api.get("get_qrcode")
        assert (missing.status, missing.code) == (404, 100)
        api.account.qrcode_png = b"\x89PNG"
        reply = await api.get("get_qrcode")
        assert (reply.status, reply.body) == (200, b"\x89PNG")
        assert reply.headers["Content-Type"] == "image/png"
        assert reply.headers["Cache-Control"] == "no-cache"

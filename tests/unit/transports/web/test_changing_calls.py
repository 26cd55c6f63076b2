"""The calls that change something, as they go out."""

from typing import Any

from openwx.transports.web import avatar, friends, groups, send, wire
from openwx.transports.web.http import Call

from .serving import SESSION

QUERY = {"lang": "zh_CN", "pass_ticket": SESSION.pass_ticket}


def said(call: Call[Any]) -> dict[str, Any]:
    """Return the body, without the BaseRequest that all calls carry."""
    assert call.method == "POST"
    assert call.path == f"/cgi-bin/mmwebwx-bin/{call.name}"
    assert call.body is not None
    base = SESSION.base_request()
    assert call.body["BaseRequest"] == {**base, "DeviceID": call.body["BaseRequest"]["DeviceID"]}
    return {name: value for name, value in call.body.items() if name != "BaseRequest"}


def asked(call: Call[Any]) -> dict[str, Any]:
    return {name: value for name, value in call.query.items() if name != "r"}


class TestGroups:
    def test_create(self) -> None:
        call = groups.create(SESSION, ["@a", "@b"], "群 & <名>")
        assert call.name == "webwxcreatechatroom"
        assert call.reply is wire.CreateGroupReply
        assert asked(call) == QUERY
        assert "r" in call.query
        assert said(call) == {
            "MemberCount": 2,
            "MemberList": [{"UserName": "@a"}, {"UserName": "@b"}],
            "Topic": "群 & <名>",
        }

    def test_update(self) -> None:
        for call, fun, body in (
            (groups.add(SESSION, "@@g", ["@a", "@b"]), "addmember", {"AddMemberList": "@a,@b"}),
            (groups.invite(SESSION, "@@g", ["@a"]), "invitemember", {"InviteMemberList": "@a"}),
            (groups.remove(SESSION, "@@g", ["@a"]), "delmember", {"DelMemberList": "@a"}),
            (groups.rename(SESSION, "@@g", "新"), "modtopic", {"NewTopic": "新"}),
        ):
            assert call.name == "webwxupdatechatroom"
            assert asked(call) == {"fun": fun, **QUERY}
            assert said(call) == {"ChatRoomName": "@@g", **body}


class TestFriends:
    def test_set_markname(self) -> None:
        call = friends.set_markname(SESSION, "@a", "老师")
        assert call.name == "webwxoplog"
        assert asked(call) == QUERY
        assert said(call) == {"CmdId": 2, "RemarkName": "老师", "UserName": "@a"}

    def test_stick_keeps_the_remark_name(self) -> None:
        for on in (True, False):
            call = friends.stick(SESSION, "@a", "老师", on=on)
            assert call.name == "webwxoplog"
            body = {"CmdId": 3, "OP": int(on), "RemarkName": "老师", "UserName": "@a"}
            assert said(call) == body

    def test_verify(self) -> None:
        for call, opcode, ticket, words in (
            (friends.ask(SESSION, "@a", "你好"), 2, "", "你好"),
            (friends.accept(SESSION, "@a", "v2_x@stranger"), 3, "v2_x@stranger", ""),
        ):
            assert call.name == "webwxverifyuser"
            assert asked(call) == QUERY
            assert said(call) == {
                "Opcode": opcode,
                "VerifyUserListSize": 1,
                "VerifyUserList": [{"Value": "@a", "VerifyUserTicket": ticket}],
                "VerifyContent": words,
                "SceneListCount": 1,
                "SceneList": [33],
                "skey": SESSION.skey,
            }


class TestAvatar:
    def test_of_a_person(self) -> None:
        call = avatar.of_person(SESSION, "@a")
        assert call.path == "/cgi-bin/mmwebwx-bin/webwxgeticon"
        assert call.query == {"username": "@a", "skey": SESSION.skey, "type": "big"}
        call = avatar.of_person(SESSION, "@a", "@room")
        assert call.query["chatroomid"] == "@room"

    def test_of_a_group(self) -> None:
        call = avatar.of_group(SESSION, "@@g")
        assert call.path == "/cgi-bin/mmwebwx-bin/webwxgetheadimg"
        assert call.query == {"username": "@@g", "skey": SESSION.skey}


def test_revoke() -> None:
    call = send.revoke(SESSION, "123", "@a", "16000000000001234")
    assert call.name == "webwxrevokemsg"
    assert asked(call) == QUERY
    assert said(call) == {
        "ClientMsgId": "16000000000001234",
        "SvrMsgId": "123",
        "ToUserName": "@a",
    }

"""Calls compare as values; the answers of synccheck, the pairing and the messages are read."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from openwx.domain import send_ids
from openwx.errors import BadResponse, RateLimited, Rejected, SessionEnded, SystemBusy, refused
from openwx.transports.web import send, sync, wire
from openwx.transports.web.http import Call
from openwx.transports.web.messages.base import split_sender
from openwx.transports.web.messages.registry import reader_of
from openwx.transports.web.messages.text import read_text, read_unknown
from openwx.transports.web.session import Session, SyncKey

from .serving import SESSION


def entry(**fields: Any) -> wire.Message:
    base = {"MsgId": "1", "FromUserName": "@a", "ToUserName": "@me", "MsgType": 1}
    return msgspec.convert(base | fields, wire.Message, strict=False)


def test_a_text_carries_its_client_msg_id_in_both_fields() -> None:
    call = send.text(SESSION, "@me", "@you", "你好\n<b>", "17000000000001234")
    assert call.body is not None
    assert call.body["Scene"] == 0
    assert call.body["Msg"] == {
        "Type": 1,
        "Content": "你好\n<b>",
        "FromUserName": "@me",
        "ToUserName": "@you",
        "LocalID": "17000000000001234",
        "ClientMsgId": "17000000000001234",
    }
    assert call.body["BaseRequest"]["Uin"] == 2501234567
    assert call.body["BaseRequest"]["DeviceID"].startswith("e")
    assert len(call.body["BaseRequest"]["DeviceID"]) == 16


def test_no_two_messages_have_one_client_msg_id() -> None:
    assert len({send_ids.new_send_id() for _ in range(20_000)}) == 20_000


def test_the_check_uses_the_sync_key_until_there_is_a_check_key() -> None:
    assert sync.check(SESSION, 1, 5).query["synckey"] == "1_2|3_4"
    later = msgspec.structs.replace(SESSION, sync_check_key=SyncKey(((1, 9),)))
    assert sync.check(later, 1, 5).query["synckey"] == "1_9"
    body = sync.sync(later).body
    assert body is not None
    assert body["SyncKey"] == {"Count": 2, "List": [{"Key": 1, "Val": 2}, {"Key": 3, "Val": 4}]}


def test_batches_hold_fifty_entries() -> None:
    calls = list(sync.batch_get_contact(SESSION, (f"@@{n}" for n in range(120))))
    assert [call.body and call.body["Count"] for call in calls] == [50, 50, 20]
    assert not list(sync.batch_get_contact(SESSION, []))


def test_a_session_is_saved_and_read_back_and_keeps_its_secrets_to_itself() -> None:
    assert Session.from_bytes(SESSION.to_bytes()) == SESSION
    assert "sid" not in repr(SESSION).replace("Session", "")
    assert "@crypt" not in repr(SESSION)


@pytest.mark.parametrize(
    ("answer", "news"),
    [
        (b'window.synccheck={retcode:"0",selector:"0"}', False),
        (b'window.synccheck={retcode:"0",selector:"2"}', True),
        (b'window.synccheck = { retcode : "0" , selector : "7" }', True),
    ],
)
def test_read_check(answer: bytes, news: bool) -> None:
    assert sync.read_check(answer) is news


@pytest.mark.parametrize("ret", [1100, 1101, 1102])
def test_a_session_that_ended(ret: int) -> None:
    with pytest.raises(SessionEnded) as ended:
        sync.read_check(f'window.synccheck={{retcode:"{ret}",selector:"0"}}'.encode())
    assert ended.value.ret == ret


@given(st.binary())
def test_any_answer_to_a_check_is_read_or_refused(answer: bytes) -> None:
    with pytest.raises(BadResponse):
        sync.read_check(answer)


@pytest.mark.parametrize(
    ("ret", "kind"),
    [(1101, SessionEnded), (1205, RateLimited), (-1, SystemBusy), (1, Rejected), (1204, Rejected)],
)
def test_one_table_maps_ret_to_class(ret: int, kind: type[Rejected]) -> None:
    assert type(refused("x", ret)) is kind


def test_pairing_needs_lists_of_the_same_length() -> None:
    content = "&lt;msg&gt;&lt;op id='4'&gt;&lt;username&gt;11,wxid_a,0,44@chatroom&lt;/username&gt;&lt;/op&gt;"
    notify = entry(MsgType=51, Content=content, StatusNotifyUserName="@1,@2,@3,@@4")
    assert sync.pairing(notify) == {"@1": 11, "@2": "wxid_a", "@@4": "44@chatroom"}
    notify = entry(MsgType=51, Content=content, StatusNotifyUserName="@1,@2")
    assert sync.pairing(notify) == {}
    assert sync.pairing(entry(MsgType=51)) == {}


@pytest.mark.parametrize(
    ("content", "sender", "text"),
    [
        ("@abc:<br/>hi", "@abc", "hi"),
        ("@abc:<br/>@def:<br/>hi", "@abc", "@def:<br/>hi"),
        ("@abc:<br/>", "@abc", ""),
        ("@abc:\nhi", "@abc", "hi"),
        ("hi @abc:<br/>", "", "hi @abc:<br/>"),
        ("@abc: hi", "", "@abc: hi"),
        ("@a b:<br/>hi", "", "@a b:<br/>hi"),
        ("", "", ""),
    ],
)
def test_the_sender_is_split_off_in_a_group(content: str, sender: str, text: str) -> None:
    assert split_sender(entry(FromUserName="@@g", Content=content), "@me") == (sender, text)


def test_only_what_others_write_in_a_group_has_a_sender() -> None:
    content = "@abc:<br/>hi"
    assert split_sender(entry(Content=content), "@me") == ("", content)
    mine = entry(FromUserName="@me", ToUserName="@@g", Content=content)
    assert split_sender(mine, "@me") == ("", content)


def test_a_kind_that_nobody_claims_is_unknown() -> None:
    assert reader_of(entry()) is read_text
    assert reader_of(entry(MsgType=777)) is read_unknown


def test_pairing_is_by_place() -> None:
    content = "<msg><op id='4'><username>11,,33,</username></op></msg>"
    notify = entry(MsgType=51, Content=content, StatusNotifyUserName="@1,@2,@3,")
    assert sync.pairing(notify) == {"@1": 11, "@3": 33}
    notify = entry(MsgType=51, Content=content, StatusNotifyUserName="@1,,@3")
    assert sync.pairing(notify) == {"@1": 11, "@3": 33}


@given(st.text("<>username/,@1 ;&lt&gt", max_size=60), st.text("@1,", max_size=20))
def test_any_pairing_is_paired_or_ignored(content: str, ids: str) -> None:
    for id, uid in sync.pairing(entry(Content=content, StatusNotifyUserName=ids)).items():
        assert id
        assert uid not in ("", 0)


@pytest.mark.parametrize("retcode", ["9" * 5_000, "x", "", "1.0"])
def test_a_retcode_that_is_no_number(retcode: str) -> None:
    with pytest.raises(BadResponse):
        sync.read_check(f'window.synccheck={{retcode:"{retcode}",selector:"0"}}'.encode())


def test_batches_of_fifty() -> None:
    calls = list(sync.batch_get_contact(SESSION, (f"@{n}" for n in range(120))))
    bodies = [call.body for call in calls if call.body is not None]
    assert [body["Count"] for body in bodies] == [len(body["List"]) for body in bodies]
    assert [body["Count"] for body in bodies] == [50, 50, 20]
    assert bodies[0]["List"][0] == {"UserName": "@0", "EncryChatRoomId": ""}
    assert not list(sync.batch_get_contact(SESSION, []))


def test_calls_compare_as_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "base_request", lambda _: {"Uin": 1})
    call = sync.status_notify(SESSION, "@me")
    assert call.body is not None
    assert call == Call(
        name="webwxstatusnotify",
        path="/cgi-bin/mmwebwx-bin/webwxstatusnotify",
        method="POST",
        reply=wire.Reply,
        query={"lang": "zh_CN", "pass_ticket": "a%2Bb"},
        body={
            "BaseRequest": {"Uin": 1},
            "Code": 3,
            "FromUserName": "@me",
            "ToUserName": "@me",
            "ClientMsgId": call.body["ClientMsgId"],
        },
    )
    assert sync.log_out(SESSION) == Call(
        name="webwxlogout",
        path="/cgi-bin/mmwebwx-bin/webwxlogout",
        method="POST",
        reply=bytes,
        query={"redirect": 1, "type": 1, "skey": "@crypt_1"},
        form={"sid": "sid+/=", "uin": "2501234567"},
    )
    one, two = (send.text(SESSION, "@me", "@you", "hi", id) for id in ("1", "2"))
    assert one == send.text(SESSION, "@me", "@you", "hi", "1")
    assert one != two


def test_the_poll_goes_by_the_check_key_and_the_fetch_by_the_sync_key() -> None:
    both = replace(SESSION, sync_check_key=SyncKey(((9, 9),)))
    assert sync.check(SESSION, 1, 5).query["synckey"] == "1_2|3_4"
    assert sync.check(both, 1, 5).query["synckey"] == "9_9"
    body = sync.sync(both).body
    assert body is not None
    assert body["SyncKey"] == {"Count": 2, "List": [{"Key": 1, "Val": 2}, {"Key": 3, "Val": 4}]}


def test_control_characters_are_not_sent() -> None:
    call = send.text(SESSION, "@me", "@you", "a\x01\x1b\x7fb\tc\nd\r", "1")
    assert call.body is not None
    assert call.body["Msg"]["Content"] == "ab\tc\nd\r"

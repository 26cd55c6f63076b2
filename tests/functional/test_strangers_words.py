"""What strangers send is data: no name, text or notice of theirs is markup, a friend, or somebody else's word."""

import json
import time
from typing import Any

import pytest

from openwx.simulator import Account, Member, Person
from openwx.transports.web.messages import registry
from tests.rows import rows

from .changing import id_of, in_sync
from .world import Gateway, Json, Receiver, World


def stranger_of(account: Account) -> Member:
    """Return a member of a group who is no friend."""
    return next(one for one in account.groups[0].others if not one.person.is_friend)


def span(digits: str) -> str:
    return f'<span class="emoji emoji{digits}"></span>'


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


async def friends(api: Gateway, **attributes: str) -> list[Json]:
    listed = (await api.get("search_friend", **attributes)).json
    return listed if isinstance(listed, list) else []


# -- friends ---------------------------------------------------------------------------------------------


async def test_a_record_of_no_contact_makes_no_friend(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    """When the phone opens a chat with a stranger, WeChat sends the web client a record with ContactFlag 0."""
    person = stranger_of(account).person
    account.contact_changed(person)
    person.says("hi")
    account.phone.opens(person)
    account.contact_changed(person)
    report = await receiver.get(content="hi")
    assert (report["type"], report["sender_id"]) == ("friend_message", id_of(account, person))
    await in_sync(account, receiver)
    assert receiver.events("new_friend", "lose_friend", "friend_property_change") == []
    assert await friends(api, id=id_of(account, person)) == []
    assert (
        await api.get("send_friend_message", id=id_of(account, person), content="x")
    ).code == 100

    account.add_friend(person)
    (added,) = await receiver.get_event("new_friend")
    assert added["id"] == id_of(account, person)


async def test_a_friend_without_the_contact_flag_is_lost(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    person = account.friend("momo")
    person.is_friend = False
    account.contact_changed(person)
    (lost,) = await receiver.get_event("lose_friend")
    assert (lost["id"], lost["name"]) == (id_of(account, person), "momo")
    assert await friends(api, id=lost["id"]) == []
    person.says("still here")
    await receiver.get(content="still here")
    account.contact_changed(person)
    await in_sync(account, receiver)
    assert len(receiver.events("lose_friend")) == 1
    assert receiver.events("new_friend", "friend_property_change") == []


# -- names and texts -------------------------------------------------------------------------------------


async def test_of_emoji_of_any_length_nothing_is_left_but_characters(
    api: Gateway, account: Account, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans = "".join(span("1f60a"[:n] if n < 5 else "1" * n) for n in range(1, 21))
    broken = spans.replace("</span>", "</span")
    friend = account.friend("小灰")
    for wire in (spans, broken, spans.replace('"', "'"), spans.replace("class", "\n id='x' CLASS")):
        receiver.forget()
        friend.sends(1, f"[{wire}]")
        report = (await receiver.get(type="friend_message"))["content"]
        assert (report[0], report[-1]) == ("[", "]")
        assert not set(report) & set("<>=\"'"), report
    monkeypatch.setattr(
        "openwx.simulator.wire.records.name_on_wire", lambda name: f"{name}{spans}" if name else ""
    )
    account.contact_changed(friend)
    await receiver.get_event("friend_property_change")
    (found,) = await friends(api, id=id_of(account, friend))
    for name in ("name", "displayname", "signature"):
        assert not set(found[name]) & set("<>="), found
    assert found["name"].startswith("小灰")


@pytest.mark.parametrize(
    "typed",
    ["<b>x</b>", "a < b > c", '<span class="emoji emoji1f604"></span>', "<br/>", "&lt;b&gt;", "@x:\n<a href='y'>",
     "<sysmsg type='revokemsg'><msgid>1</msgid></sysmsg>", "[转账](￥100)", "<script>alert(1)</script>"],
)  # fmt: skip
async def test_what_people_type_stays_what_they_typed(
    api: Gateway, account: Account, receiver: Receiver, typed: str
) -> None:
    friend, group = account.friend("小灰"), account.group("PERL学习交流")
    friend.says(typed)
    report = await receiver.get(type="friend_message")
    assert (report["content"], report["format"]) == (typed, "text")
    group.member_says(group.others[0], typed)
    report = await receiver.get(type="group_message")
    assert (report["content"], report["format"]) == (typed, "text")
    assert report["sender_id"] == id_of(account, group.others[0].person)
    friend.renames(f"灰 {typed.strip()}")
    *_, new = await receiver.get_event("friend_property_change")
    assert new == f"灰 {typed.strip()}"


# -- notices ---------------------------------------------------------------------------------------------

_VERIFY = '请先发送朋友验证请求。<a href="weixin://findfriend/verifycontact">发送朋友验证</a>'
_PACKET = (
    '<img src="Hongbao.png"/>  小灰领取了你的<_wc_custom_link_ color="#FD9931" '
    'href="weixin://weixinhongbao/x">红包</_wc_custom_link_>'
)


@rows("msg_type", [10000, 9999])
@rows(
    ("wire", "words"),
    [
        (_VERIFY, "请先发送朋友验证请求。发送朋友验证"),
        (escaped(_VERIFY), "请先发送朋友验证请求。发送朋友验证"),
        (_PACKET, "小灰领取了你的红包"),
        (escaped(_PACKET), "小灰领取了你的红包"),
        (f'"{escaped("<b>Tom</b>")}"加入了群聊<br/>{span("1f604")}', '"<b>Tom</b>"加入了群聊\n😄'),
    ],
)
async def test_notices_are_words(
    api: Gateway, account: Account, receiver: Receiver, msg_type: int, wire: str, words: str
) -> None:
    group = account.group("PERL学习交流")
    account.receive(account.friend("小灰"), account.owner, wire, msg_type=msg_type)
    account.receive(group, account.owner, wire, msg_type=msg_type)
    report = await receiver.get(type="friend_message")
    assert (report["format"], report["content"]) == ("notice", words)
    report = await receiver.get(type="group_notice")
    assert (report["format"], report["content"], report["group"]) == ("text", words, "PERL学习交流")


@rows(
    ("xml", "words"),
    [
        (('<sysmsg type="delchatroommember"><delchatroommember><plain><![CDATA[你邀请"小灰"加入了群聊]]></plain>'
         "</delchatroommember></sysmsg>"), '你邀请"小灰"加入了群聊'),
        ('<sysmsg type="paymsg"><paymsg><msgid>5</msgid><systip>已收款</systip></paymsg></sysmsg>', "已收款"),
        (('<sysmsg type="sysmsgtemplate"><sysmsgtemplate><content_template><template><![CDATA["$u$"加入了群聊]]>'
         '</template><link_list><link name="u"><memberlist><member><nickname>小灰</nickname></member></memberlist>'
         "</link></link_list></content_template></sysmsgtemplate></sysmsg>"), '"小灰"加入了群聊'),
        ('<sysmsg type="NewXmlType"><a>1</a></sysmsg>', "[系统消息](NewXmlType)"),
        # No parser takes the document, nor Python the number.
        (f'<sysmsg type="Broken"><a>&#{"1" * 5000};</a><b>', "[系统消息](Broken)"),
    ],
)  # fmt: skip
async def test_system_messages_that_take_nothing_back_are_notices(
    api: Gateway, account: Account, receiver: Receiver, xml: str, words: str
) -> None:
    group = account.group("PERL学习交流")
    account.receive(account.friend("小灰"), account.owner, escaped(xml), msg_type=10002)
    group.member_sends(group.others[0], 10002, escaped(xml))
    report = await receiver.get(type="friend_message")
    assert (report["format"], report["content"]) == ("notice", words)
    assert "revoke_id" not in report
    report = await receiver.get(type="group_notice")
    assert (report["content"], report["post_type"]) == (words, "receive_message")
    assert not {name for name in report if name.startswith("sender")}


async def test_a_message_on_which_a_bug_trips_is_published_raw(
    api: Gateway,
    account: Account,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Else its author would stop the account, and so again after each start."""

    def trips(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setitem(registry._READERS, registry.APP, trips)
    friend, group = account.friend("小灰"), account.group("PERL学习交流")
    friend.sends(49, "<msg>raw</msg>")
    group.member_sends(group.others[0], 49, "<msg>raw</msg>")
    friend.says("still here")
    for kind in ("friend_message", "group_message"):
        report = await receiver.get(type=kind, format="unknown")
        assert report["content"] == "<msg>raw</msg>"
    await receiver.get(content="still here")
    assert "ZeroDivisionError" in caplog.text
    await api.reaches("running")


# -- a status notify of somebody else --------------------------------------------------------------------


@pytest.mark.parametrize("whose", ["friend", "stranger", "group"])
async def test_nobody_else_pairs_ids_and_uids(
    api: Gateway, account: Account, receiver: Receiver, whose: str
) -> None:
    person: Any = {
        "friend": account.friend("小灰"),
        "stranger": stranger_of(account).person,
        "group": account.groups[0],
    }[whose]
    victim = account.friend("momo")
    before = (await api.get("get_friend_info")).json
    content = escaped("<msg><op id='4'><username>666,777</username></op></msg>")
    account.receive(
        person, account.owner, content, msg_type=51, notify_about=(victim, account.owner),
        fields={"StatusNotifyCode": 4},
    )  # fmt: skip
    account.friend("小灰").says("end")
    await receiver.get(content="end")
    assert (await api.get("get_friend_info")).json == before
    assert (await api.get("get_user_info")).json["uid"] == account.uin


async def test_no_markup_is_ever_a_uid(api: Gateway, account: Account, receiver: Receiver) -> None:
    people: list[Person] = [account.friend("小灰"), account.friend("momo")]
    content = "&lt;msg&gt;<br/>&lt;username&gt;<br/>4711,<br/>a<br/>b<br/>&lt;/username&gt;<br/>&lt;/msg&gt;"
    account.receive(
        account.owner, account.owner, content, msg_type=51, notify_about=(*people,),
        fields={"StatusNotifyCode": 4},
    )  # fmt: skip
    people[0].says("end")
    report = await receiver.get(content="end")
    assert report["sender_uid"] == 4711
    listed = json.dumps((await api.get("get_friend_info")).json, ensure_ascii=False)
    assert "<br" not in listed


# -- XML that is made to hold everybody up ---------------------------------------------------------------


async def test_xml_of_a_stranger_holds_up_no_caller(
    world: World, account: Account, receiver: Receiver
) -> None:
    """Each takes a third of a second to read, and all come in one answer of WeChat."""
    # A slow machine reads for longer than 30 s, after which an account counts as stalled.
    api = await world.run(pace={"stalled_after_s": 600.0})
    group = account.groups[0]
    slow = ["<msg>" + "<a>" * 150_000, "<msg>" + "<b>" * 60_000 + "</b>" * 60_000 + "</msg>"]
    for xml in slow * 6:
        group.member_sends(group.others[0], 49, xml, AppMsgType=5)
    longest_s, first = 0.0, time.monotonic()
    while len(receiver.got(format="app")) < 12:
        began = time.monotonic()
        assert (await api.client())["state"] == "running"
        longest_s = max(longest_s, time.monotonic() - began)
    assert longest_s < (time.monotonic() - first) / 4, "callers wait for one of them at most"

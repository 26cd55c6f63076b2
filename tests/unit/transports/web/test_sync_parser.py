"""Answers of webwxsync become messages and events, and nothing in them is ever lost."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwx.domain import events
from openwx.domain.contacts import FRIEND, Friend, Group, User
from openwx.domain.messages import MediaMessage, Message, Notice, Text, Unknown
from openwx.errors import SessionEnded
from openwx.transports.web import wire
from openwx.transports.web.contact_loader import load_contacts
from openwx.transports.web.contacts import WebContacts
from openwx.transports.web.http import Http
from openwx.transports.web.sync_parser import SyncParser

from .serving import SESSION, Service, recorded

ME, HUI, TOM = "@6c2f1a90b7d4e35f", "@5f1d0c7b9a3e2846", "@aa34bb90cc12dd78"
GROUP, WANG = "@@b3c1d5e7f9a2846b", "@0d9e8f7a6b5c4d3e"


def answer(*entries: object, **lists: Any) -> wire.SyncReply:
    body = {"BaseResponse": {"Ret": 0}, "AddMsgList": entries, **lists}
    return wire.decode("webwxsync", msgspec.json.encode(body), wire.SyncReply)


def entry(**fields: Any) -> dict[str, Any]:
    base = {"MsgId": "1", "FromUserName": HUI, "ToUserName": ME, "MsgType": 1, "Content": "hi"}
    return base | fields


class Account:
    """A digest over contacts that are loaded."""

    def __init__(self, http: Http, contacts: WebContacts) -> None:
        self.contacts = contacts
        self.ended: list[SessionEnded] = []
        self.digest = SyncParser(http, contacts, self.ended.append)

    async def reads(self, *entries: object, **lists: Any) -> tuple[list[Message], list[Any]]:
        messages, happened, _ = await self.digest.read(answer(*entries, **lists), SESSION)
        return messages, happened

    async def reads_recorded(self, name: str) -> tuple[list[Message], list[Any], dict[str, Any]]:
        reply = wire.decode("webwxsync", recorded(name), wire.SyncReply)
        return await self.digest.read(reply, SESSION)


def known() -> WebContacts:
    contacts = WebContacts(User(id=ME))
    contacts.put_user(wire.Contact(ME, NickName="灰灰"))
    contacts.put_friend(wire.Contact(HUI, NickName="小灰"))
    contacts.put_friend(wire.Contact(TOM, NickName="Tom"))
    members = [{"UserName": id, "NickName": name} for id, name in ((ME, "灰灰"), (HUI, "小灰"))]
    raw = [msgspec.Raw(msgspec.json.encode(member)) for member in members]
    contacts.put_group(wire.Contact(GROUP, NickName="周末", MemberList=raw))
    return contacts


@pytest.fixture
def account(http: Http, service: Service) -> Account:
    service.tells()
    return Account(http, known())


# -- a whole account, as recorded ------------------------------------------------------------------------


@pytest.fixture
async def loaded(http: Http, service: Service) -> Account:
    init = wire.decode("webwxinit", recorded("webwxinit.json"), wire.InitReply)
    service.answers("webwxgetcontact", recorded("webwxgetcontact.json"))
    service.answers("webwxbatchgetcontact", recorded("webwxbatchgetcontact.json"))
    return Account(http, await load_contacts(http, SESSION, init))


async def test_everybody_is_loaded(loaded: Account) -> None:
    contacts = loaded.contacts
    assert contacts.user.displayname == "灰灰😄"
    assert (contacts.user.signature, contacts.user.city) == ("Life & co", "海淀")
    assert (contacts.user.uid, contacts.user.account) == (2501234567, "huihui")
    hui = contacts.friends[HUI]
    assert (hui.name, hui.displayname, hui.signature) == ("小灰🇨🇳", "灰机", "a\nb")
    assert contacts.friends[TOM].name == "Tom & Jerry"
    assert {friend.category for friend in contacts.friends.values()} == {
        "好友",
        "公众号",
        "系统帐号",
    }
    (group,) = contacts.groups.values()
    assert (group.name, group.owner_uid) == ("周末⚽", 2501234567)
    assert [member.displayname for member in group.members.values()] == [
        "灰灰😄",
        "队长<1>",
        "老王",
    ]
    assert group.members[HUI].sex == "female"


async def test_recorded_messages(loaded: Account) -> None:
    messages, happened, _ = await loaded.reads_recorded("webwxsync_messages.json")
    assert [(type(one), one.content[:12]) for one in messages] == [
        (Text, "你好\n<b>😁\u2005"),
        (Text, "@灰灰\u2005 0"),
        (Notice, '"老王"邀请"Tom"加'),
        (Text, "phone"),
        (Text, "to the group"),
        (MediaMessage, "[media]()"),
    ]
    parties = [one.parties for one in messages]
    assert [one.chat.id for one in parties] == [HUI, GROUP, GROUP, HUI, GROUP, HUI]
    assert [one.sender and one.sender.id for one in parties] == [HUI, HUI, None, ME, ME, HUI]
    assert [one.receiver and one.receiver.id for one in parties] == [ME, ME, ME, HUI, None, ME]
    assert [one.mine for one in parties] == [False, False, False, True, True, False]
    assert messages[0].id == "1346394356049810001"
    assert not happened


async def test_recorded_pairing(loaded: Account) -> None:
    messages, happened, uids = await loaded.reads_recorded("webwxsync_pairing.json")
    assert uids == {
        "filehelper": "filehelper",
        GROUP: "7654321098@chatroom",
        HUI: 1753203428,
        TOM: "wxid_novlwrv3lqwv11",
    }
    assert not messages
    assert not happened
    assert loaded.contacts.groups[GROUP].members[HUI].uid == 1753203428


async def test_recorded_changes(loaded: Account) -> None:
    contacts = loaded.contacts
    _, happened, _ = await loaded.reads_recorded("webwxsync_contacts.json")
    assert [
        (type(one).__name__, getattr(one, "name", ""), getattr(one, "new", "")) for one in happened
    ] == [
        ("PropertyChanged", "name", "小灰灰"),
        ("PropertyChanged", "name", "大灰"),
        ("PropertyChanged", "signature", "new"),
        ("PropertyChanged", "displayname", "大灰"),
        ("ChatLost", "", ""),
    ]
    assert contacts.user.city == "海淀"
    assert (contacts.friends[HUI].sex, contacts.friends[HUI].displayname) == ("female", "灰机")
    assert list(contacts.groups[GROUP].members) == [ME, HUI, WANG]


# -- entries that are odd --------------------------------------------------------------------------------


async def test_a_broken_entry_keeps_its_place_and_its_neighbours(account: Account) -> None:
    messages, _ = await account.reads(
        entry(MsgId="1"), entry(MsgId="2", Content=["odd"]), entry(MsgId="3")
    )
    assert [(type(one), one.id) for one in messages] == [(Text, "1"), (Unknown, "2"), (Text, "3")]
    assert '"odd"' in messages[1].content
    assert messages[1].parties.chat.id == HUI


@pytest.mark.parametrize("odd", [7, None, "text", [], {}, {"MsgId": {}}, {"MsgType": "x"}])
async def test_whatever_is_in_the_list_is_a_message(account: Account, odd: object) -> None:
    ((message,), _) = await account.reads(odd)
    assert isinstance(message, Unknown)
    assert msgspec.json.decode(message.content) == odd
    assert message.id


async def test_a_broken_entry_of_a_group_belongs_to_the_group(account: Account) -> None:
    ((message,), _) = await account.reads(entry(FromUserName=GROUP, MsgType="?"))
    assert isinstance(message.parties.chat, Group)
    assert message.parties.sender is None


async def test_a_broken_entry_of_mine_is_mine(account: Account) -> None:
    """Otherwise an answer to it would go to its sender, the account itself."""
    ((message,), _) = await account.reads(
        entry(FromUserName=ME, ToUserName=HUI, MsgType=None, Content=1)
    )
    assert message.parties.mine
    assert message.parties.chat.id == HUI


async def test_null_is_a_field_that_is_not_there(account: Account) -> None:
    ((message,), _) = await account.reads(
        entry(StatusNotifyCode=None, CreateTime=None, StatusNotifyUserName=[])
    )
    assert isinstance(message, Text)
    assert message.content == "hi"


@pytest.mark.parametrize("id", ["", "0", 0])
async def test_messages_without_an_id_are_not_one_message(account: Account, id: object) -> None:
    """It identifies reports: a second one with the same would be dropped."""
    messages, _ = await account.reads(
        entry(MsgId=id, Content="a"), entry(MsgId=id, Content="b"), entry(MsgId=id, Content="a")
    )
    first, second, repeated = (one.id for one in messages)
    assert first == repeated != second
    assert len(first) == 64


async def test_an_endless_id_is_one_id(account: Account) -> None:
    """Stores find reports by it, and no index takes any length."""
    endless = "".join(f"{n:x}" for n in range(10_000))
    messages, _ = await account.reads(
        entry(MsgId=endless, Content="a"),
        entry(MsgId=endless + "0", Content="b"),
        entry(MsgId=endless, Content="a"),
        {"MsgId": endless, "MsgType": "odd"},
    )
    first, second, repeated, unreadable = (one.id for one in messages)
    assert first == repeated == unreadable != second
    assert len(first) == 64
    sent = wire.decode(
        "webwxsendmsg",
        b'{"BaseResponse": {"Ret": 0}, "MsgID": "%s"}' % endless.encode(),
        wire.SendReply,
    )
    assert sent.id == first, "what WeChat gives back of a send is that send"


async def test_bytes_that_are_no_utf8_cost_no_message(account: Account) -> None:
    body = msgspec.json.encode(
        {"BaseResponse": {"Ret": 0}, "AddMsgList": [entry(Content="aXb"), entry(MsgId="2")]}
    )
    for odd in (b"\xff", b"\x01", b"\\ud83d"):
        reply = wire.decode("webwxsync", body.replace(b"X", odd), wire.SyncReply)
        messages, _, _ = await account.digest.read(reply, SESSION)
        assert [type(one) for one in messages] == [Text, Text]
        assert messages[0].content in ("a\ufffdb", "a\x01b", "a?b")


async def test_zero_is_a_text(account: Account) -> None:
    ((message,), _) = await account.reads(entry(Content="0"))
    assert message.content == "0"


@pytest.mark.parametrize("msg_type", [40, 50, 51, 52, 53])
async def test_what_clients_ignore(account: Account, msg_type: int) -> None:
    assert await account.reads(entry(MsgType=msg_type)) == ([], [])


# -- groups ----------------------------------------------------------------------------------------------


async def test_what_i_write_in_a_group_is_mine_however_it_comes(account: Account) -> None:
    ((message,), _) = await account.reads(entry(FromUserName=GROUP, Content=f"{ME}:<br/>hi"))
    assert (message.parties.mine, message.parties.receiver, message.content) == (True, None, "hi")


async def test_only_the_first_sender_counts(account: Account) -> None:
    ((message,), _) = await account.reads(
        entry(FromUserName=GROUP, Content=f"{HUI}:<br/>{TOM}:<br/>give me money")
    )
    assert message.parties.sender is not None
    assert message.parties.sender.id == HUI
    assert message.content == f"{TOM}:\ngive me money"


async def test_who_joined_just_now_is_fetched_once(account: Account, service: Service) -> None:
    members = [{"UserName": id, "NickName": id} for id in (ME, HUI, TOM)]
    service.tells({"UserName": GROUP, "NickName": "周末", "MemberList": members})
    said = entry(FromUserName=GROUP, Content=f"{TOM}:<br/>hi")
    ((message,), happened) = await account.reads(said)
    assert message.parties.sender is not None
    assert message.parties.sender.name == TOM
    assert [one.member.id for one in happened if isinstance(one, events.MemberAdded)] == [TOM]
    await account.reads(said)
    assert service.asked == [[GROUP]]


async def test_unknown_contacts_are_not_fetched_with_every_message(
    account: Account, service: Service
) -> None:
    members = [{"UserName": id} for id in (ME, HUI)]
    service.tells({"UserName": GROUP, "NickName": "周末", "MemberList": members})
    for _ in range(3):
        ((message,), _) = await account.reads(entry(FromUserName=GROUP, Content="@x:<br/>hi"))
        assert message.parties.sender is not None
        assert (message.parties.sender.id, message.content) == ("@x", "hi")
    await account.reads(entry(FromUserName=GROUP, Content="@y:<br/>hi"))
    assert service.asked == [[GROUP], [GROUP]]


async def test_a_new_group(account: Account, service: Service) -> None:
    service.tells({"UserName": "@@new", "NickName": "新群", "MemberList": [{"UserName": "@x"}]})
    ((message,), happened) = await account.reads(
        entry(FromUserName="@@new", Content="@x:<br/>welcome")
    )
    assert [type(one) for one in happened] == [events.ChatAdded]
    assert isinstance(message.parties.chat, Group)
    assert message.parties.chat.name == "新群"


@pytest.mark.parametrize(("status", "body"), [(500, ""), (200, "<html>"), (200, "{}")])
async def test_a_fetch_that_fails_loses_no_message(
    account: Account, service: Service, status: int, body: str
) -> None:
    service.says(body, status)
    messages, _ = await account.reads(
        entry(FromUserName="@@new", Content="@x:<br/>a"), entry(FromUserName="@stranger")
    )
    assert [(one.parties.chat.id, one.content) for one in messages] == [
        ("@@new", "a"),
        ("@stranger", "hi"),
    ]
    service.tells({"UserName": "@@new", "NickName": "n", "MemberList": [{"UserName": "@x"}]})
    await account.reads(entry(FromUserName="@@new", Content="@x:<br/>a"))
    assert account.contacts.groups["@@new"].name == "n"


async def test_a_session_that_ends_in_a_fetch_is_reported_and_loses_no_message(
    account: Account, service: Service
) -> None:
    service.says('{"BaseResponse":{"Ret":1101,"ErrMsg":""}}')
    ((message,), _) = await account.reads(entry(FromUserName="@stranger"))
    assert message.content == "hi"
    assert [error.ret for error in account.ended] == [1101]


async def test_a_change_whose_fetch_fails_makes_nobody_leave(
    account: Account, service: Service
) -> None:
    """The record itself may hold a part of the members only."""
    service.says("", 500)
    part = {
        "UserName": GROUP,
        "NickName": "新名",
        "MemberCount": 2,
        "MemberList": [{"UserName": ME}],
    }
    _, happened = await account.reads(ModContactList=[part])
    assert {type(one) for one in happened} == {events.PropertyChanged}
    assert list(account.contacts.groups[GROUP].members) == [ME, HUI]


# -- people ----------------------------------------------------------------------------------------------


async def test_a_stranger_is_no_friend(account: Account, service: Service) -> None:
    service.tells({"UserName": "@s", "NickName": "路人"})
    for _ in range(2):
        ((message,), happened) = await account.reads(entry(FromUserName="@s"))
        assert isinstance(message.parties.chat, Friend)
        assert message.parties.chat.name == "路人"
        assert not happened
    assert "@s" not in account.contacts.friends
    assert len(service.asked) == 1


def recent_chats(*ids: str, code: int = 4) -> dict[str, Any]:
    names = ",".join(f"wxid_{number}" for number, _ in enumerate(ids))
    content = f"&lt;msg&gt;&lt;username&gt;{names}&lt;/username&gt;&lt;/msg&gt;"
    joined = ",".join(ids)
    return entry(
        FromUserName=ME,
        MsgType=51,
        StatusNotifyCode=code,
        StatusNotifyUserName=joined,
        Content=content,
    )


async def test_whom_the_phone_names_is_fetched_once(account: Account, service: Service) -> None:
    service.tells(
        {"UserName": "@friend", "NickName": "friend", "ContactFlag": 3},
        {"UserName": "@stranger", "NickName": "stranger", "ContactFlag": 0},
    )
    named = recent_chats("@friend", "@stranger", "@silent", HUI, ME, "weixin")
    messages, happened = await account.reads(named)
    assert not messages
    assert [(type(one), one.chat.name) for one in happened] == [(events.ChatAdded, "friend")]
    assert [sorted(ids) for ids in service.asked] == [["@friend", "@silent", "@stranger"]]
    assert account.contacts.friends.keys() >= {"@friend", HUI}
    assert not account.contacts.friends.keys() & {"@stranger", "@silent"}
    assert account.contacts.friends["@friend"].uid == "wxid_0"
    (message,), happened = await account.reads(named, entry(FromUserName="@stranger"))
    assert message.parties.sender is not None
    assert (message.parties.sender.name, message.parties.sender.uid) == ("stranger", "wxid_1")
    assert len(service.asked) == 1
    assert not happened


async def test_who_could_not_be_fetched_is_asked_for_again(
    account: Account, service: Service
) -> None:
    service.says("", status=502)
    assert await account.reads(recent_chats("@friend")) == ([], [])
    service.tells({"UserName": "@friend", "NickName": "friend", "ContactFlag": 3})
    _, happened = await account.reads(recent_chats("@friend"))
    assert len(happened) == 1


async def test_only_the_list_of_recent_chats_is_the_pairing(account: Account) -> None:
    for named in (recent_chats(HUI, code=2), recent_chats(), entry(MsgType=51, StatusNotifyCode=4)):
        await account.reads(named)
        assert not account.digest.paired
    await account.reads(recent_chats(HUI))
    assert account.digest.paired
    assert account.contacts.friends[HUI].uid == "wxid_0"


async def test_who_writes_and_is_gone_in_one_answer(account: Account) -> None:
    ((message,), happened) = await account.reads(entry(), DelContactList=[{"UserName": HUI}])
    assert message.parties.sender is not None
    assert message.parties.sender.name == "小灰"
    assert [type(one) for one in happened] == [events.ChatLost]
    _, happened = await account.reads(DelContactList=[{"UserName": HUI}])
    assert not happened


async def test_a_nameless_record_is_no_new_friend(account: Account) -> None:
    _, happened = await account.reads(ModContactList=[{"UserName": "@gone"}])
    assert not happened
    assert "@gone" not in account.contacts.friends


async def test_one_broken_contact_costs_only_itself(account: Account) -> None:
    odd = [{"UserName": []}, {"UserName": HUI, "NickName": "新", "Sex": None, "VerifyFlag": {}}]
    _, happened = await account.reads(ModContactList=odd, DelContactList=[1, None])
    assert [one.new for one in happened] == ["新", "新"]
    assert account.contacts.friends[HUI].category == FRIEND


@pytest.mark.parametrize("profile", [None, 1, {"BitFlag": None}, {"BitFlag": 190, "Sex": {}}])
async def test_an_empty_profile(account: Account, profile: object) -> None:
    assert await account.reads(Profile=profile) == ([], [])


# -- anything at all -------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
IDS = st.sampled_from([ME, HUI, GROUP, "", "@", "@@", "@new", "@@new", "filehelper"])
ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        "MsgId": st.sampled_from(["1", 2, ""]) | JSON,
        "FromUserName": IDS | JSON,
        "ToUserName": IDS | JSON,
        "MsgType": st.sampled_from([1, 3, 51, 9999, 10000]) | JSON,
        "Content": st.sampled_from([f"{HUI}:<br/>x", "&#99999999999;", "@a:\n"]) | JSON,
        "CreateTime": JSON,
        "StatusNotifyUserName": st.sampled_from([f"{HUI},{GROUP},"]) | JSON,
    },
)


class Nowhere(Http):
    """Fetches fail at once."""

    def __init__(self) -> None:
        pass

    async def send(self, call: Any) -> Any:
        raise SessionEnded(call.name, 1101)


@given(st.lists(ENTRIES | JSON, max_size=4), JSON, JSON)
async def test_no_entry_is_ever_lost(entries: list[Any], contacts: Any, profile: Any) -> None:
    account = Account(Nowhere(), known())
    messages, _ = await account.reads(
        *entries,
        ModContactList=[contacts, {"UserName": HUI, "NickName": contacts}],
        Profile=profile,
    )
    silent = [one for one in entries if isinstance(one, dict) and str(one.get("MsgType")) == "51"]
    assert len(entries) - len(silent) <= len(messages) <= len(entries)
    for message in messages:
        msgspec.json.encode(message)

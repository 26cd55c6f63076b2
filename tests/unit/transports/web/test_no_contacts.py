"""A person who is no contact never becomes a friend, and nobody but the phone pairs ids and uids."""

from typing import Any

import msgspec
import pytest

from openwx.domain import events
from openwx.transports.web import wire
from openwx.transports.web.contact_loader import load_contacts
from openwx.transports.web.contacts import WebContacts
from openwx.transports.web.contacts_snapshot import difference
from openwx.transports.web.http import Http

from .serving import SESSION, Service
from .test_sync_parser import GROUP, HUI, ME, TOM, Account, answer, entry, known, recent_chats

NO_CONTACT = (0, 2, 8, 2048, 2050)
"""Nothing; chatted with, blocked, pinned: none of it makes a contact."""
CONTACT = (1, 3, 9, 65, 2051)


@pytest.fixture
def account(http: Http, service: Service) -> Account:
    service.tells()
    return Account(http, known())


def happened(stated: list[Any]) -> list[tuple[type, str]]:
    return [(type(one), one.chat.id) for one in stated]


@pytest.mark.parametrize("flag", NO_CONTACT)
async def test_no_contact_is_no_new_friend(account: Account, flag: int) -> None:
    record = {"UserName": "@s", "NickName": "路人", "RemarkName": "x", "ContactFlag": flag}
    assert await account.reads(ModContactList=[record]) == ([], [])
    assert "@s" not in account.contacts.friends
    record["ContactFlag"] = flag | 1
    _, changed = await account.reads(ModContactList=[record])
    assert happened(changed) == [(events.ChatAdded, "@s")]


@pytest.mark.parametrize("flag", CONTACT)
async def test_a_contact_is_one_however_else_it_is_flagged(account: Account, flag: int) -> None:
    record = {"UserName": "@f", "NickName": "f", "ContactFlag": flag}
    _, changed = await account.reads(ModContactList=[record])
    assert happened(changed) == [(events.ChatAdded, "@f")]


@pytest.mark.parametrize("flag", NO_CONTACT)
async def test_a_friend_who_is_no_contact_any_more_is_lost_once(
    account: Account, flag: int
) -> None:
    record = {"UserName": HUI, "NickName": "小灰", "ContactFlag": flag}
    (message,), changed = await account.reads(
        entry(), ModContactList=[record], DelContactList=[{"UserName": HUI}]
    )
    assert message.parties.sender is not None
    assert message.parties.sender.name == "小灰"
    assert happened(changed) == [(events.ChatLost, HUI)]
    assert await account.reads(ModContactList=[record]) == ([], [])
    assert HUI not in account.contacts.friends
    assert HUI in account.contacts.groups[GROUP].members


async def test_the_last_word_of_an_answer_counts(account: Account) -> None:
    gone, there = ({"UserName": HUI, "NickName": "小灰", "ContactFlag": flag} for flag in (0, 3))
    assert await account.reads(ModContactList=[gone, there]) == ([], [])
    _, changed = await account.reads(ModContactList=[there, gone])
    assert happened(changed) == [(events.ChatLost, HUI)]


async def test_without_a_flag_a_record_is_a_friends(account: Account) -> None:
    for flag in ({}, {"ContactFlag": None}, {"ContactFlag": "what?"}):
        id = f"@f{len(account.contacts.friends)}"
        _, changed = await account.reads(ModContactList=[{"UserName": id, "NickName": "f", **flag}])
        assert happened(changed) == [(events.ChatAdded, id)]


async def test_of_system_accounts_and_oneself_the_flag_says_nothing(account: Account) -> None:
    await account.reads(ModContactList=[{"UserName": "weixin", "NickName": "微信团队"}])
    records = [{"UserName": id, "ContactFlag": 0} for id in ("weixin", "filehelper", ME)]
    assert await account.reads(ModContactList=records) == ([], [])
    assert account.contacts.friends.keys() >= {"weixin", "filehelper"}


async def test_a_stranger_is_known_by_the_newest_name(account: Account, service: Service) -> None:
    service.tells({"UserName": "@s", "NickName": "路人", "ContactFlag": 0})
    await account.reads(entry(FromUserName="@s"))
    record = {"UserName": "@s", "NickName": "过客", "ContactFlag": 0}
    (message,), changed = await account.reads(entry(FromUserName="@s"), ModContactList=[record])
    assert message.parties.sender is not None
    assert (message.parties.sender.name, changed) == ("过客", [])


# -- the list after a login ------------------------------------------------------------------------------


async def loaded(
    http: Http, service: Service, *records: dict[str, Any], former: WebContacts | None = None,
    recent: tuple[dict[str, Any], ...] = (), count: int | None = None,
) -> WebContacts:  # fmt: skip
    listed = {"BaseResponse": {"Ret": 0}, "MemberList": records, "Seq": 0}
    listed["MemberCount"] = len(records) if count is None else count
    service.answers("webwxgetcontact", msgspec.json.encode(listed))
    nobody = {"BaseResponse": {"Ret": 0}, "ContactList": []}
    service.answers("webwxbatchgetcontact", msgspec.json.encode(nobody))
    init = {"BaseResponse": {"Ret": 0}, "User": {"UserName": ME, "NickName": "灰灰"}}
    init |= {"SyncKey": {"Count": 0}, "ContactList": recent, "ChatSet": f"{HUI},@s,"}
    reply = wire.decode("webwxinit", msgspec.json.encode(init), wire.InitReply)
    return await load_contacts(http, SESSION, reply, former)


async def test_the_list_makes_friends_of_contacts_alone(http: Http, service: Service) -> None:
    stranger = {"UserName": "@s", "NickName": "路人", "ContactFlag": 0}
    tom = {"UserName": TOM, "NickName": "Tom"}
    fmessage = {"UserName": "fmessage", "NickName": "朋友推荐消息", "ContactFlag": 0}
    contacts = await loaded(
        http, service, {"UserName": HUI, "NickName": "小灰", "ContactFlag": 3}, tom, stranger,
        {"UserName": "@blocked", "NickName": "b", "ContactFlag": 2}, fmessage,
        recent=({"UserName": "@r", "NickName": "recent", "ContactFlag": 3}, stranger),
    )  # fmt: skip
    assert contacts.friends.keys() == {HUI, TOM, "filehelper", "fmessage"}


@pytest.mark.parametrize("whole", [True, False])
async def test_who_is_no_contact_after_a_start_is_lost(
    http: Http, service: Service, whole: bool
) -> None:
    old = known()
    records = [{"UserName": HUI, "NickName": "小灰", "ContactFlag": 0}]
    if whole:
        records.append({"UserName": TOM, "NickName": "Tom", "ContactFlag": 3})
    new = await loaded(http, service, *records, former=old, count=2)
    assert new.friends.keys() == {TOM, "filehelper"}
    changed = await difference(old, new)
    assert [(type(one), one.chat.id) for one in changed if isinstance(one, events.ChatLost)] == [
        (events.ChatLost, HUI)
    ]


# -- the pairing of ids and uids -------------------------------------------------------------------------


@pytest.mark.parametrize("sender", [HUI, "@stranger", GROUP, "weixin", ""])
async def test_nobody_but_the_phone_pairs(account: Account, service: Service, sender: str) -> None:
    service.tells({"UserName": "@s", "NickName": "s", "ContactFlag": 3})
    fake = recent_chats(HUI, ME, "@s") | {"FromUserName": sender}
    messages, found, uids = await account.digest.read(answer(fake), SESSION)
    assert (messages, found, uids) == ([], [], {})
    assert account.contacts.user.uid == account.contacts.friends[HUI].uid == ""
    assert not account.digest.paired
    assert service.asked == []


@pytest.mark.parametrize(
    ("names", "uids"),
    [
        ("1,<br/>wxid_2", {HUI: 1, TOM: "wxid_2"}),
        ("1,\nwxid_2\n", {HUI: 1, TOM: "wxid_2"}),
        ("<br/>1,wxid_2<br/>", {HUI: 1, TOM: "wxid_2"}),
        ("&lt;br/&gt;,wxid_2", {TOM: "wxid_2"}),
        ("1<br/>2,wxid_2", {TOM: "wxid_2"}),
        ("<b>1</b>,wxid_2", {TOM: "wxid_2"}),
        ('1,a href="x"', {HUI: 1}),
        ("<br/>", {}),
        ("1,2,3", {}),
        ("1", {}),
        ("", {}),
    ],
)
@pytest.mark.parametrize("escaped", [True, False])
async def test_no_markup_becomes_a_uid(
    account: Account, names: str, uids: dict[str, int | str], escaped: bool
) -> None:
    xml = f"<msg><br/><op id='4'><br/><username>{names}</username><br/></op></msg>"
    if escaped:  # as WeChat does: the newlines alone are tags
        parts = [part.replace("&", "&amp;").replace("<", "&lt;") for part in xml.split("<br/>")]
        xml = "<br/>".join(parts).replace(">", "&gt;").replace("<br/&gt;", "<br/>")
    notify = recent_chats(HUI, TOM) | {"Content": xml}
    *_, paired = await account.digest.read(answer(notify), SESSION)
    assert paired == uids

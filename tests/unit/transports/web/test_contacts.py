"""Records become contacts, are looked up, compared, and found again after a new login."""

from typing import Any

import msgspec
import pytest

from openwx.domain import events
from openwx.domain.chat_ref import ref_of
from openwx.domain.contacts import User
from openwx.errors import CallerError, Code
from openwx.transports.web import wire
from openwx.transports.web.contacts import WebContacts
from openwx.transports.web.contacts_snapshot import difference


def record(id: str, **fields: Any) -> wire.Contact:
    return msgspec.convert({"UserName": id} | fields, wire.Contact, strict=False)


def group_record(id: str, *members: dict[str, Any], **fields: Any) -> wire.Contact:
    raw = [msgspec.Raw(msgspec.json.encode(member)) for member in members]
    return msgspec.structs.replace(record(id, **fields), MemberList=raw)


@pytest.fixture
def contacts() -> WebContacts:
    contacts = WebContacts(User(id="@me"))
    contacts.put_user(record("@me", NickName="我", Uin=100))
    return contacts


@pytest.mark.parametrize(
    ("fields", "displayname"),
    [
        ({}, "昵称未知"),
        ({"NickName": "名"}, "名"),
        ({"NickName": "名", "RemarkName": "备注"}, "备注"),
        ({"NickName": "名", "RemarkName": "备注", "DisplayName": "显示"}, "显示"),
    ],
)
def test_displayname_of_a_friend(contacts: WebContacts, fields: Any, displayname: str) -> None:
    contacts.put_friend(record("@1", **fields))
    assert contacts.friends["@1"].displayname == displayname


def test_displayname_of_a_group(contacts: WebContacts) -> None:
    contacts.put_group(group_record("@@1"))
    assert contacts.groups["@@1"].displayname == "群名未知"
    members = [{"UserName": f"@{n}", "NickName": f"n{n}"} for n in range(5)]
    contacts.put_group(group_record("@@1", {"UserName": "@me", "NickName": "我"}, *members))
    assert contacts.groups["@@1"].displayname == "n0、n1、n2"
    contacts.put_group(record("@@1", NickName="有名"))
    assert contacts.groups["@@1"].displayname == "有名"


@pytest.mark.parametrize(
    ("id", "flag", "category"),
    [("@1", 0, "好友"), ("@1", 8, "公众号"), ("@1", 24, "公众号"), ("weixin", 56, "系统帐号")],
)
def test_category(contacts: WebContacts, id: str, flag: int, category: str) -> None:
    contacts.put_friend(record(id, VerifyFlag=flag))
    assert contacts.friends[id].category == category


def test_filehelper_is_always_a_friend(contacts: WebContacts) -> None:
    assert contacts.find_friend(displayname="文件传输助手").id == "filehelper"


def test_a_partial_record_keeps_what_it_does_not_show(contacts: WebContacts) -> None:
    contacts.put_friend(
        record("@1", NickName="名", Sex=2, City="深圳", Signature="s", Alias="acc", Uin=7)
    )
    (event,) = contacts.put_friend(record("@1", NickName="新名", DisplayName="", Uin=0))[:1]
    friend = contacts.friends["@1"]
    assert (friend.sex, friend.city, friend.signature) == ("female", "深圳", "s")
    assert (friend.account, friend.uid) == ("acc", 7)
    assert event == events.PropertyChanged(friend, "name", "名", "新名")


def test_abridged_members_keep_their_details(contacts: WebContacts) -> None:
    detailed = {"UserName": "@1", "NickName": "m", "Sex": 1, "Signature": "s", "City": "c"}
    contacts.put_group(group_record("@@1", detailed, NickName="g"))
    abridged = {"UserName": "@1", "NickName": "m", "Sex": 0, "Signature": "", "City": ""}
    assert not contacts.put_group(group_record("@@1", abridged, NickName="g"))
    member = contacts.groups["@@1"].members["@1"]
    assert (member.sex, member.signature, member.city) == ("male", "s", "c")


def test_members_who_are_friends_have_their_remark_name(contacts: WebContacts) -> None:
    contacts.put_friend(record("@1", NickName="名", RemarkName="备注", Uin=9))
    contacts.put_group(
        group_record("@@1", {"UserName": "@1", "NickName": "名"}, {"UserName": "@me"})
    )
    group = contacts.groups["@@1"]
    assert (group.members["@1"].displayname, group.members["@1"].uid) == ("备注", 9)
    assert group.members["@me"].uid == 100


def test_members_come_and_go(contacts: WebContacts) -> None:
    contacts.put_group(group_record("@@1", {"UserName": "@1"}, {"UserName": "@2"}, NickName="g"))
    changed = contacts.put_group(
        group_record(
            "@@1", {"UserName": "@2", "DisplayName": "d"}, {"UserName": "@3"}, NickName="g"
        )
    )
    assert [type(event) for event in changed] == [
        events.MemberAdded,
        events.MemberLost,
        events.MemberPropertyChanged,
        events.MemberPropertyChanged,
    ]


def test_look_ups(contacts: WebContacts) -> None:
    contacts.put_friend(record("@1", NickName="张伟", Alias="a"))
    contacts.put_friend(record("@2", NickName="张伟", Alias="b"))
    assert contacts.find_friend(displayname="张伟", account="b").id == "@2"
    assert contacts.find_friend(id="@1").id == "@1"
    with pytest.raises(CallerError) as ambiguous:
        contacts.find_friend(displayname="张伟")
    assert ambiguous.value.code == Code.AMBIGUOUS
    assert [one["id"] for one in ambiguous.value.extra["candidates"]] == ["@1", "@2"]
    for selectors in ({"id": "@3"}, {"id": "@1", "account": "b"}, {"displayname": "张"}):
        with pytest.raises(CallerError) as absent:
            contacts.find_friend(**selectors)
        assert absent.value.code == Code.NOT_FOUND


def test_uids_are_paired_with_everybody(contacts: WebContacts) -> None:
    contacts.put_friend(record("@1"))
    contacts.put_group(group_record("@@1", {"UserName": "@1"}))
    contacts.pair_uids({"@1": 11, "@@1": 22, "@later": 33})
    contacts.put_friend(record("@later"))
    assert contacts.friends["@1"].uid == 11
    assert contacts.groups["@@1"].uid == 22
    assert contacts.groups["@@1"].members["@1"].uid == 11
    assert contacts.friends["@later"].uid == 33
    assert [friend.id for friend in contacts.search_friends(uid="11")] == ["@1"]


def again(*records: wire.Contact, uids: dict[str, int | str] | None = None) -> WebContacts:
    """Return the contacts of the next login."""
    contacts = WebContacts(User(id="@me2"))
    for one in records:
        contacts.put_friend(one)
    contacts.pair_uids(uids or {})
    return contacts


def test_found_again_by_uid_whatever_else_changed(contacts: WebContacts) -> None:
    contacts.put_friend(record("@1", NickName="a"))
    contacts.pair_uids({"@1": 5})
    target = ref_of(contacts.friends["@1"], None)
    found = again(record("@x", NickName="b"), record("@y", NickName="a"), uids={"@x": 5, "@y": 6})
    assert (chat := found.find_again(target)) is not None
    assert chat.id == "@x"


def test_found_again_by_the_unchanged_record_and_never_a_namesake(contacts: WebContacts) -> None:
    contacts.put_friend(record("@1", NickName="a", City="c"))
    target = ref_of(contacts.friends["@1"], None)
    same = record("@x", NickName="a", City="c")
    assert (chat := again(same).find_again(target)) is not None
    assert chat.id == "@x"
    assert again(record("@x", NickName="a")).find_again(target) is None
    assert again(same, record("@y", NickName="a", City="c")).find_again(target) is None


def test_somebody_with_another_uid_is_somebody_else(contacts: WebContacts) -> None:
    contacts.put_friend(record("@1", NickName="a"))
    contacts.pair_uids({"@1": 5})
    target = ref_of(contacts.friends["@1"], None)
    assert again(record("@x", NickName="a"), uids={"@x": 6}).find_again(target) is None


def test_groups_are_found_again_by_name_owner_and_members(contacts: WebContacts) -> None:
    contacts.put_group(group_record("@@1", {"UserName": "@1", "NickName": "m"}, NickName="g"))
    target = ref_of(contacts.groups["@@1"], None)
    later = WebContacts(User(id="@me2"))
    later.put_group(group_record("@@a", {"UserName": "@9", "NickName": "other"}, NickName="g"))
    assert later.find_again(target) is None
    later.put_group(group_record("@@b", {"UserName": "@8", "NickName": "m"}, NickName="g"))
    assert (chat := later.find_again(target)) is not None
    assert chat.id == "@@b"


async def test_difference_between_two_loads(contacts: WebContacts) -> None:
    contacts.put_friend(record("@1", NickName="a"))
    contacts.put_friend(record("@2", NickName="b"))
    contacts.put_group(group_record("@@1", NickName="g"))
    later = WebContacts(User(id="@me"))
    later.put_user(record("@me", NickName="我", Uin=100))
    later.put_friend(record("@1", NickName="A"))
    later.put_friend(record("@3"))
    changed = {type(event).__name__ for event in await difference(contacts, later)}
    assert changed == {"PropertyChanged", "ChatAdded", "ChatLost"}
    assert not await difference(later, later)


# -- records that do not tell all ------------------------------------------------------------------------


def test_a_partial_record_keeps_the_category(contacts: WebContacts) -> None:
    contacts.put_friend(record("@1", NickName="n", VerifyFlag=24))
    assert not contacts.put_friend(record("@1", NickName="n"))
    assert contacts.friends["@1"].category == "公众号"
    contacts.put_friend(record("@1", VerifyFlag=0))
    assert contacts.friends["@1"].category == "好友"


def test_a_partial_member_keeps_the_names(contacts: WebContacts) -> None:
    named = {"UserName": "@1", "NickName": "n", "DisplayName": "d", "Uin": 5}
    contacts.put_group(group_record("@@1", named, NickName="g"))
    assert not contacts.put_group(group_record("@@1", {"UserName": "@1"}, NickName="g"))
    member = contacts.groups["@@1"].members["@1"]
    assert (member.name, member.display, member.displayname, member.uid) == ("n", "d", "d", 5)


def test_a_name_in_the_group_can_be_taken_back(contacts: WebContacts) -> None:
    contacts.put_group(group_record("@@1", {"UserName": "@1", "NickName": "n", "DisplayName": "d"}))
    contacts.put_group(group_record("@@1", {"UserName": "@1", "NickName": "n", "DisplayName": ""}))
    assert contacts.groups["@@1"].members["@1"].displayname == "n"


def test_the_name_in_the_group_is_not_the_friends_display(contacts: WebContacts) -> None:
    contacts.put_friend(record("@1", NickName="n", DisplayName="f"))
    contacts.put_group(group_record("@@1", {"UserName": "@1", "NickName": "n"}))
    assert contacts.groups["@@1"].members["@1"].displayname == "n"


def test_a_list_that_is_not_whole_makes_nobody_leave(contacts: WebContacts) -> None:
    everybody = [{"UserName": f"@{n}", "NickName": "n"} for n in range(3)]
    contacts.put_group(group_record("@@1", *everybody, NickName="g", MemberCount=3))
    part = group_record("@@1", everybody[0], NickName="g", MemberCount=3)
    assert not contacts.put_group(part)
    broken = group_record("@@1", everybody[0], {"UserName": 7}, {}, NickName="g")
    assert not contacts.put_group(broken)
    left = group_record("@@1", *everybody[:2], NickName="g", MemberCount=2)
    assert [type(event) for event in contacts.put_group(left)] == [events.MemberLost]


def test_a_group_without_a_list_keeps_its_members_and_owner(contacts: WebContacts) -> None:
    contacts.put_group(group_record("@@1", {"UserName": "@1"}, NickName="g", OwnerUin=7))
    assert not contacts.put_group(record("@@1", OwnerUin=0))
    group = contacts.groups["@@1"]
    assert (group.name, group.owner_uid, list(group.members)) == ("g", 7, ["@1"])


def test_filehelper_cannot_be_lost(contacts: WebContacts) -> None:
    assert not contacts.lose("filehelper")
    assert "filehelper" in contacts.friends


def test_a_profile_changes_what_it_shows(contacts: WebContacts) -> None:
    contacts.put_user(record("@me", NickName="我", Sex=1, City="c", Alias="a"))
    changed = contacts.put_profile(wire.Profile(190, NickName=wire.Buffer("新"), Signature="s"))
    assert {(one.name, one.new) for one in changed if isinstance(one, events.PropertyChanged)} == {
        ("name", "新"),
        ("displayname", "新"),
        ("signature", "s"),
    }
    assert (contacts.user.sex, contacts.user.city, contacts.user.account) == ("male", "c", "a")


def test_a_uid_is_never_wiped(contacts: WebContacts) -> None:
    contacts.pair_uids({"@1": 11, "@@1": "1@chatroom"})
    for uin in (0, "0", ""):
        contacts.put_friend(record("@1", NickName="n", Uin=uin))
        contacts.put_group(group_record("@@1", {"UserName": "@1", "Uin": uin}, Uin=uin))
        assert contacts.friends["@1"].uid == 11
        assert contacts.groups["@@1"].uid == "1@chatroom"
        assert contacts.groups["@@1"].members["@1"].uid == 11


# -- found again -----------------------------------------------------------------------------------------


def test_two_with_one_uid_are_nobody(contacts: WebContacts) -> None:
    contacts.put_friend(record("@1", NickName="a"))
    contacts.pair_uids({"@1": 5})
    target = ref_of(contacts.friends["@1"], None)
    both = again(record("@x", NickName="a"), record("@y", NickName="b"), uids={"@x": 5, "@y": 5})
    assert both.find_again(target) is None


@pytest.mark.parametrize("change", ["Alias", "NickName", "RemarkName", "City", "Province"])
def test_every_change_makes_a_record_another(contacts: WebContacts, change: str) -> None:
    fields = {"Alias": "a", "NickName": "n", "RemarkName": "r", "City": "c", "Province": "p"}
    contacts.put_friend(record("@1", **fields))
    target = ref_of(contacts.friends["@1"], None)
    assert again(record("@x", **fields)).find_again(target)
    assert again(record("@x", **fields | {change: "other"})).find_again(target) is None


def test_fields_do_not_run_into_each_other(contacts: WebContacts) -> None:
    contacts.put_friend(record("@1", NickName="ab", RemarkName="c"))
    target = ref_of(contacts.friends["@1"], None)
    assert again(record("@x", NickName="a", RemarkName="bc")).find_again(target) is None


def test_a_group_is_no_friend_of_the_same_record(contacts: WebContacts) -> None:
    contacts.put_group(group_record("@@1", NickName="n"))
    target = ref_of(contacts.groups["@@1"], None)
    assert again(record("@x", NickName="n")).find_again(target) is None


def test_filehelper_is_found_again(contacts: WebContacts) -> None:
    target = ref_of(contacts.friends["filehelper"], None)
    assert (chat := again().find_again(target)) is not None
    assert chat.id == "filehelper"


# -- look-ups and differences ----------------------------------------------------------------------------


def test_groups_are_looked_up_too(contacts: WebContacts) -> None:
    contacts.put_group(group_record("@@1", NickName="g", OwnerUin=7))
    contacts.put_group(group_record("@@2", NickName="g", OwnerUin=8))
    assert contacts.find_group(displayname="g", owner_uid="8").id == "@@2"
    assert contacts.search_groups(name="g", id="@@1")[0].id == "@@1"
    with pytest.raises(CallerError) as ambiguous:
        contacts.find_group(displayname="g")
    assert ambiguous.value.code == Code.AMBIGUOUS
    assert not contacts.search_groups(id="@1")


async def test_a_load_without_members_makes_nobody_leave(contacts: WebContacts) -> None:
    contacts.put_group(group_record("@@1", {"UserName": "@1", "NickName": "n"}))
    later = WebContacts(contacts.user)
    later.put_group(record("@@1"))
    assert not await difference(contacts, later)
    assert list(later.groups["@@1"].members) == ["@1"]
    assert later.groups["@@1"].displayname == "n"


# -- oneself, members and owners -------------------------------------------------------------------------


@pytest.mark.parametrize("selectors", [{"id": "@me"}, {"account": "mine"}])
def test_oneself_is_no_friend_of_ones_own(contacts: WebContacts, selectors: dict[str, str]) -> None:
    contacts.put_user(record("@me", Alias="mine"))
    with pytest.raises(CallerError) as refused:
        contacts.find_friend(**selectors)
    assert refused.value.code == Code.NOT_POSSIBLE
    assert "itself" in refused.value.status


def test_an_empty_account_is_nobodys(contacts: WebContacts) -> None:
    with pytest.raises(CallerError) as absent:
        contacts.find_friend(account="", name="nobody")
    assert absent.value.code == Code.NOT_FOUND


def test_members_are_looked_up(contacts: WebContacts) -> None:
    contacts.put_group(group_record("@@1", {"UserName": "@1"}, NickName="g"))
    contacts.put_group(group_record("@@2", {"UserName": "@1"}, {"UserName": "@2"}, NickName="h"))
    first, second = contacts.groups["@@1"], contacts.groups["@@2"]
    assert contacts.find_member(second, "@1") is second.members["@1"]
    assert contacts.find_member_anywhere("@1") == (first.members["@1"], first)
    assert contacts.find_member_anywhere("@2") == (second.members["@2"], second)
    with pytest.raises(CallerError) as absent:
        contacts.find_member(first, "@2")
    assert absent.value.code == Code.NOT_FOUND
    with pytest.raises(CallerError) as absent:
        contacts.find_member_anywhere("@3")
    assert absent.value.code == Code.NOT_FOUND


def test_members_are_removed(contacts: WebContacts) -> None:
    people = [{"UserName": f"@{n}", "NickName": f"n{n}"} for n in range(3)]
    contacts.put_group(group_record("@@1", *people))
    former = contacts.groups["@@1"]
    before = ref_of(former, None).fingerprint
    changed = contacts.remove_members("@@1", ["@0", "@2", "@nobody"])
    group = contacts.groups["@@1"]
    assert list(group.members) == ["@1"]
    assert changed == [
        events.MemberLost(former.members["@0"], group),
        events.MemberLost(former.members["@2"], group),
        events.PropertyChanged(group, "displayname", "n0、n1、n2", "n1"),
    ]
    assert ref_of(group, None).fingerprint != before
    # When the sync tells the same, it is known.
    assert not contacts.put_group(group_record("@@1", people[1]))
    assert not contacts.remove_members("@@1", ["@0"])
    assert not contacts.remove_members("@@none", ["@1"])


def test_a_contact_change_does_not_wipe_what_is_known_of_members(contacts: WebContacts) -> None:
    """WeChat's lists of members are abridged, and so are its records of changes."""
    contacts.put_friend(record("@1", NickName="n", Sex=2, Signature="s", City="c", Province="p"))
    contacts.put_group(group_record("@@1", {"UserName": "@1", "NickName": "n"}, NickName="g"))
    contacts.put_friend(record("@1", NickName="n", RemarkName="r"))
    contacts.put_group(group_record("@@1", {"UserName": "@1", "NickName": "n", "Sex": 0}))
    member = contacts.groups["@@1"].members["@1"]
    assert (member.sex, member.signature, member.city, member.province) == ("female", "s", "c", "p")
    assert (member.markname, member.displayname) == ("r", "r")
    contacts.lose("@1")
    changed = contacts.put_group(group_record("@@1", {"UserName": "@1", "NickName": "n"}))
    assert not changed
    assert contacts.groups["@@1"].members["@1"].signature == "s"


def test_a_friend_who_changes_does_so_in_groups_too(contacts: WebContacts) -> None:
    contacts.put_friend(record("@1", NickName="n", Signature="s", Sex=1))
    contacts.put_group(group_record("@@1", {"UserName": "@1", "NickName": "n"}, NickName="g"))
    (event,) = contacts.put_friend(record("@1", Signature=""))
    assert event == events.PropertyChanged(contacts.friends["@1"], "signature", "s", "")
    assert contacts.groups["@@1"].members["@1"].signature == ""
    assert not contacts.put_group(group_record("@@1", {"UserName": "@1", "NickName": "n"}))
    assert contacts.groups["@@1"].members["@1"].sex == "male"


def test_the_uid_of_a_groups_owner(contacts: WebContacts) -> None:
    def owners() -> list[int | str]:
        return [contacts.groups[id].owner_uid for id in ("@@1", "@@2", "@@3")]

    contacts.put_group(group_record("@@1", {"UserName": "@1"}, OwnerUin=0, ChatRoomOwner="@1"))
    contacts.put_group(group_record("@@2", {"UserName": "@1"}, OwnerUin=7, ChatRoomOwner="@1"))
    contacts.put_group(group_record("@@3", {"UserName": "@me"}, ChatRoomOwner="@me"))
    assert owners() == ["", 7, 100]
    contacts.pair_uids({"@1": 5})
    assert owners() == [5, 7, 100]
    # A record that says nothing of the owner changes nothing, one of another owner does.
    assert not contacts.put_group(record("@@1"))
    assert owners() == [5, 7, 100]
    (event,) = contacts.put_group(record("@@2", OwnerUin=8))
    assert event == events.PropertyChanged(contacts.groups["@@2"], "owner_uid", 7, 8)
    assert not contacts.put_group(record("@@1", ChatRoomOwner="@unknown"))
    assert owners() == ["", 8, 100]


def test_a_group_is_found_again_whether_or_not_its_owners_uid_is_known(
    contacts: WebContacts,
) -> None:
    members = [{"UserName": "@1", "NickName": "m"}, {"UserName": "@me", "NickName": "我"}]
    contacts.put_group(group_record("@@1", *members, NickName="g", ChatRoomOwner="@1"))
    target = ref_of(contacts.groups["@@1"], None)
    for owner, found in (("@x", True), ("@me2", False)):
        later = WebContacts(User(id="@me2"))
        later.pair_uids({"@x": 5})
        there = [{"UserName": "@x", "NickName": "m"}, {"UserName": "@me2", "NickName": "我"}]
        later.put_group(group_record("@@a", *there, NickName="g", ChatRoomOwner=owner))
        assert (later.find_again(target) is not None) is found

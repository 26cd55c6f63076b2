"""Changes of contacts over a gap: reported where they are certain, with the new ids."""

import random
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from openwx.domain import events
from openwx.domain.contacts import User
from openwx.transports.web import wire
from openwx.transports.web.contacts import WebContacts
from openwx.transports.web.contacts_snapshot import ContactsSnapshot, difference

OWN = {"NickName": "我", "Alias": "me", "Uin": 100}


def record(id: str, **fields: Any) -> wire.Contact:
    return msgspec.convert({"UserName": id} | fields, wire.Contact, strict=False)


def person(id: str, name: str, **fields: Any) -> dict[str, Any]:
    """Make a record in which all fields are set, and most are empty."""
    empty = dict.fromkeys(["RemarkName", "Alias", "Province", "City", "Signature"], "")
    return {"UserName": id, "NickName": name, "DisplayName": "", "Sex": 0, "VerifyFlag": 0} | (
        empty | fields
    )


class Login:
    """The contacts of one login; each has a new id, and the same key over the logins."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.contacts = WebContacts(User(id=self.id("me")))
        self.contacts.put_user(record(self.id("me"), **OWN))

    def id(self, key: str) -> str:
        return f"@{self.number}{key}"

    def friend(self, key: str, name: str, uid: int | str = "", **fields: Any) -> str:
        self.contacts.put_friend(
            msgspec.convert(person(self.id(key), name, **fields), wire.Contact)
        )
        self._pair(self.id(key), uid)
        return self.id(key)

    def group(
        self, key: str, name: str, *members: tuple[str, ...], uid: int | str = "", **fields: Any
    ) -> str:
        """Members are keys and names; a third text is the name in the group. Oneself is in it."""
        id = f"@{self.id(key)}"
        everybody = [person(self.id("me"), "我")] if members else []
        for who, nickname, *display in members:
            everybody.append(person(self.id(who), nickname, DisplayName="".join(display)))
        raw = [msgspec.Raw(msgspec.json.encode(one)) for one in everybody]
        found = record(id, NickName=name, **fields)
        self.contacts.put_group(msgspec.structs.replace(found, MemberList=raw))
        self.contacts.saved.add(id)
        self._pair(id, uid)
        return id

    def _pair(self, id: str, uid: int | str) -> None:
        if uid != "":
            self.contacts.pair_uids({id: uid})


@pytest.fixture
def old() -> Login:
    return Login(1)


@pytest.fixture
def new() -> Login:
    return Login(2)


async def events_of(old: Login, new: Login) -> list[tuple[Any, ...]]:
    """Return the events as tuples: their name, ids, and for a change the property and its values."""
    return [short(event) for event in await difference(old.contacts, new.contacts)]


def short(event: events.Event) -> tuple[Any, ...]:
    match event:
        case events.ChatAdded(chat):
            return "new", chat.id
        case events.ChatLost(chat):
            return "lose", chat.id
        case events.MemberAdded(member, group):
            return "new", member.id, group.id
        case events.MemberLost(member, group):
            return "lose", member.id, group.id
        case events.PropertyChanged(owner, name, before, after):
            return "change", owner.id, name, before, after
        case events.MemberPropertyChanged(member, group, name, before, after):
            return "change", member.id, group.id, name, before, after
    raise AssertionError(event)


# -- friends ---------------------------------------------------------------------------------------------


async def test_nothing_is_reported_where_only_ids_and_uids_are_other_ones(
    old: Login, new: Login
) -> None:
    for login in (old, new):
        login.friend("a", "甲", uid=1)
        login.friend("b", "乙", Alias="acc")
        login.friend("c", "丙", City="深圳")
        login.group("g", "群", ("a", "甲"), ("s", "生人"), uid=7)
    new.contacts.pair_uids({"@2b": "wxid_b"})
    assert await events_of(old, new) == []


async def test_friends_come_and_go(old: Login, new: Login) -> None:
    lost, added = old.friend("a", "甲", uid=1), new.friend("b", "乙", uid=2)
    assert await events_of(old, new) == [("new", added), ("lose", lost)]


@pytest.mark.parametrize("sign", [{"uid": 5}, {"Alias": "acc"}])
async def test_changes_are_reported_with_the_new_id(old: Login, new: Login, sign: Any) -> None:
    old.friend("a", "甲", **sign)
    id = new.friend("a", "子", **sign, Signature="s")
    assert await events_of(old, new) == [
        ("change", id, "name", "甲", "子"),
        ("change", id, "signature", "", "s"),
        ("change", id, "displayname", "甲", "子"),
    ]


async def test_a_uid_counts_more_than_an_account(old: Login, new: Login) -> None:
    old.friend("a", "甲", uid=1, Alias="x")
    old.friend("b", "乙", uid=2, Alias="y")
    first, second = new.friend("a", "甲", uid=1, Alias="y"), new.friend("b", "乙", uid=2, Alias="x")
    assert await events_of(old, new) == [
        ("change", first, "account", "x", "y"),
        ("change", second, "account", "y", "x"),
    ]


async def test_two_uids_are_two_people_whatever_else_is_the_same(old: Login, new: Login) -> None:
    lost, added = old.friend("a", "甲", uid=1, Alias="x"), new.friend("b", "甲", uid=2, Alias="x")
    assert await events_of(old, new) == [("new", added), ("lose", lost)]


async def test_a_number_and_a_name_may_be_one_and_the_same(old: Login, new: Login) -> None:
    old.friend("a", "甲", uid=1)
    new.friend("a", "甲", uid="wxid_a")
    assert await events_of(old, new) == []


@pytest.mark.parametrize(
    "change",
    [{"NickName": "子"}, {"Signature": "s"}, {"City": "c"}, {"RemarkName": "r"}, {"Sex": 1}],
)
async def test_without_a_sure_sign_a_changed_record_is_in_doubt(
    old: Login, new: Login, change: dict[str, Any]
) -> None:
    old.friend("a", "甲")
    new.friend("a", name=change.pop("NickName", "甲"), **change)
    assert await events_of(old, new) == []


async def test_of_namesakes_nothing_is_reported(old: Login, new: Login) -> None:
    old.friend("a", "张伟")
    old.friend("b", "张伟")
    new.friend("b", "张伟")
    assert await events_of(old, new) == []
    assert await events_of(new, old) == []


async def test_a_namesake_of_somebody_who_is_merely_alike_is_in_doubt(
    old: Login, new: Login
) -> None:
    old.friend("a", "张伟")
    new.friend("a", "张伟", Signature="new")
    new.friend("b", "张伟")
    other = new.friend("c", "李娜", City="c")
    assert await events_of(old, new) == [("new", other)]


async def test_doubt_about_some_does_not_hide_others(old: Login, new: Login) -> None:
    old.friend("a", "张伟")
    old.friend("b", "张伟")
    lost = old.friend("c", "李娜", City="c", Signature="s")
    new.friend("d", "张伟", City="x")
    assert await events_of(old, new) == [("lose", lost)]


async def test_the_nameless_are_all_alike(old: Login, new: Login) -> None:
    old.friend("a", "", City="c")
    new.friend("b", "", Signature="s", Sex=1)
    assert await events_of(old, new) == []


async def test_a_shared_uid_distinguishes_nothing(old: Login, new: Login) -> None:
    old.friend("a", "甲", uid=1)
    new.friend("a", "甲", uid=1)
    new.friend("b", "乙", uid=1, City="c")
    assert ("lose", "@1a") not in await events_of(old, new)


async def test_system_accounts_are_who_they_are(old: Login, new: Login) -> None:
    old.contacts.put_friend(record("weixin", NickName="微信团队"))
    new.contacts.put_friend(record("weixin", NickName="WeChat"))
    assert await events_of(old, new) == [
        ("change", "weixin", "name", "微信团队", "WeChat"),
        ("change", "weixin", "displayname", "微信团队", "WeChat"),
    ]


async def test_what_no_record_has_this_time_has_not_changed(old: Login, new: Login) -> None:
    old.friend("a", "甲", uid=1, Signature="s", City="c", VerifyFlag=8, RemarkName="r")
    new.contacts.put_friend(record("@2a", NickName="甲"))
    new.contacts.pair_uids({"@2a": 1})
    old.contacts.put_user(record("@1me", City="深圳", Sex=1))
    assert await events_of(old, new) == []
    friend = new.contacts.friends["@2a"]
    assert (friend.signature, friend.markname, friend.displayname) == ("s", "r", "r")
    assert friend.category == "公众号"
    assert (new.contacts.user.city, new.contacts.user.sex) == ("深圳", "male")
    new.contacts.put_friend(record("@2a", Signature=""))
    assert new.contacts.friends["@2a"].signature == ""


async def test_the_user_may_have_changed(old: Login, new: Login) -> None:
    new.contacts.put_user(record("@2me", NickName="新", Signature="s"))
    assert [short[2:] for short in await events_of(old, new)] == [
        ("name", "我", "新"),
        ("signature", "", "s"),
        ("displayname", "我", "新"),
    ]


async def test_who_is_missing_in_a_list_that_came_short_is_not_lost(old: Login, new: Login) -> None:
    old.friend("a", "甲", uid=1)
    old.group("g", "群", ("s", "生人"), uid=7)
    added = new.friend("b", "乙", uid=2)
    new.contacts.friends_are_whole = False
    assert await events_of(old, new) == [("new", added)]
    # A contact that is there again the next time is not new.
    later = Login(3)
    later.friend("a", "甲", uid=1)
    later.friend("b", "乙", uid=2)
    assert await events_of(new, later) == []


# -- groups ----------------------------------------------------------------------------------------------

PEOPLE = (("a", "甲"), ("b", "乙"), ("c", "丙"), ("d", "丁"))


async def test_groups_come_and_go(old: Login, new: Login) -> None:
    lost, added = old.group("g", "群", *PEOPLE, uid=1), new.group("h", "众", *PEOPLE, uid=2)
    assert await events_of(old, new) == [("new", added), ("lose", lost)]


async def test_a_group_that_is_in_no_list_may_be_silent(old: Login, new: Login) -> None:
    old.contacts.saved.discard(old.group("g", "群", *PEOPLE, uid=1))
    assert await events_of(old, new) == []


async def test_a_group_that_was_renamed(old: Login, new: Login) -> None:
    old.group("g", "群", *PEOPLE, uid=1)
    id = new.group("g", "众", *PEOPLE, uid=1)
    assert await events_of(old, new) == [
        ("change", id, "name", "群", "众"),
        ("change", id, "displayname", "群", "众"),
    ]


@pytest.mark.parametrize("uid", [7, ""])
async def test_members_come_and_go(old: Login, new: Login, uid: Any) -> None:
    """A group without a uid is known by its name and most of its members."""
    old.group("g", "群", *PEOPLE, uid=uid)
    joined = new.group("g", "群", *PEOPLE, ("e", "戊"), uid=uid)
    assert await events_of(old, new) == [("new", "@2e", joined)]
    later = Login(3)
    left = later.group("g", "群", *PEOPLE, uid=uid)
    assert await events_of(new, later) == [("lose", "@2e", left)]


async def test_a_namesake_of_a_group_with_other_members_is_in_doubt(old: Login, new: Login) -> None:
    old.group("g", "群", *PEOPLE)
    new.group("h", "群", ("x", "x"), ("y", "y"), ("z", "z"))
    assert await events_of(old, new) == []


async def test_lost_and_new_members_are_distinguished_by_what_is_certain(
    old: Login, new: Login
) -> None:
    for login in (old, new):
        login.friend("a", "甲", uid=1)
        login.friend("b", "乙", uid=2)
    old.group("g", "群", ("a", "甲"), ("s", "生人"), uid=7)
    id = new.group("g", "群", ("b", "乙"), ("s", "生人"), uid=7)
    assert await events_of(old, new) == [("new", "@2b", id), ("lose", "@1a", id)]


async def test_a_stranger_who_left_and_another_who_came_may_be_one_who_was_renamed(
    old: Login, new: Login
) -> None:
    old.group("g", "群", ("a", "甲"), ("s", "生人"), uid=7)
    new.group("g", "群", ("a", "甲"), ("t", "新人"), uid=7)
    assert await events_of(old, new) == []


async def test_of_namesakes_among_members_nothing_is_reported(old: Login, new: Login) -> None:
    old.group("g", "群", ("a", "momo"), ("b", "momo"), ("c", "丙"), uid=7)
    new.group("g", "群", ("a", "momo"), ("c", "丙"), uid=7)
    assert await events_of(old, new) == []


async def test_a_friends_name_in_a_group(old: Login, new: Login) -> None:
    """The rest of a friend's data is reported for the friend, not for the member."""
    old.friend("a", "甲", uid=1)
    id = new.friend("a", "甲", uid=1, RemarkName="r", Signature="s")
    old.group("g", "群", ("a", "甲"), uid=7)
    group = new.group("g", "群", ("a", "甲", "在此"), uid=7)
    assert await events_of(old, new) == [
        ("change", id, "markname", "", "r"),
        ("change", id, "signature", "", "s"),
        ("change", id, "displayname", "甲", "r"),
        ("change", id, group, "display", "", "在此"),
        ("change", id, group, "displayname", "r", "在此"),
    ]


async def test_abridged_members_keep_what_was_known_of_them(old: Login, new: Login) -> None:
    old.group("g", "群", ("s", "生人"), uid=7)
    member = old.contacts.groups["@@1g"].members["@1s"]
    member.sex, member.signature, member.markname = "male", "s", "r"
    new.group("g", "群", ("s", "生人"), uid=7)
    assert not [one for one in await events_of(old, new) if "sex" in one or "signature" in one]
    member = new.contacts.groups["@@2g"].members["@2s"]
    assert (member.sex, member.signature, member.displayname) == ("male", "s", "r")


async def test_a_group_that_comes_without_its_members_has_lost_nobody(
    old: Login, new: Login
) -> None:
    old.group("g", "群", *PEOPLE, uid=7)
    old.group("h", "", *PEOPLE, uid=8)
    new.group("g", "群", uid=7)
    new.group("h", "", uid=8)
    assert await events_of(old, new) == []
    later = Login(3)
    later.group("g", "群", *PEOPLE, uid=7)
    later.group("h", "", *PEOPLE, uid=8)
    assert await events_of(new, later) == []


async def test_a_group_without_members_may_be_any_group(old: Login, new: Login) -> None:
    old.group("g", "群", *PEOPLE)
    new.group("h", "众")
    assert await events_of(old, new) == []


async def test_a_list_of_members_that_is_not_whole(old: Login, new: Login) -> None:
    old.group("g", "群", *PEOPLE, uid=7)
    new.group("g", "群", *PEOPLE[:2], uid=7, MemberCount=5)
    assert await events_of(old, new) == []
    later = Login(3)
    later.group("g", "群", *PEOPLE, uid=7)
    assert await events_of(new, later) == []
    # Contacts that appear within the same login are not new either.
    assert not later.contacts.put_group(record("@@3g", NickName="群"))
    partial = Login(4)
    partial.group("g", "群", *PEOPLE[:2], MemberCount=5)
    everybody = [person(partial.id(key), name) for key, name in (("me", "我"), *PEOPLE)]
    raw = [msgspec.Raw(msgspec.json.encode(one)) for one in everybody]
    whole = msgspec.structs.replace(record("@@4g", NickName="群"), MemberList=raw)
    assert not partial.contacts.put_group(whole)


async def test_an_owner_who_becomes_known_is_no_change(old: Login, new: Login) -> None:
    old.group("g", "群", *PEOPLE, uid=7, ChatRoomOwner="@1a")
    new.group("g", "群", *PEOPLE, uid=7, ChatRoomOwner="@2a")
    new.contacts.pair_uids({"@2a": 5})
    assert await events_of(old, new) == []
    later = Login(3)
    later.group("g", "群", *PEOPLE, uid=7, OwnerUin=6)
    assert await events_of(new, later) == [("change", "@@3g", "owner_uid", 5, 6)]


# -- within one login ------------------------------------------------------------------------------------


async def test_within_one_login_ids_say_who_is_who() -> None:
    old, now = Login(1), Login(1)
    lost = old.friend("a", "张伟")
    for login, name in ((old, "张伟"), (now, "张")):
        login.friend("b", name)
    added = now.friend("c", "张伟")
    old.group("g", "群", ("s", "momo"), ("t", "生人"))
    group = now.group("g", "群", ("t", "新名"), ("u", "momo"))
    assert await events_of(old, now) == [
        ("change", "@1b", "name", "张伟", "张"),
        ("change", "@1b", "displayname", "张伟", "张"),
        ("new", added),
        ("change", "@1t", group, "name", "生人", "新名"),
        ("change", "@1t", group, "displayname", "生人", "新名"),
        ("new", "@1u", group),
        ("lose", "@1s", group),
        ("lose", lost),
    ]


# -- kept ------------------------------------------------------------------------------------------------


async def test_known_contacts_are_kept_for_the_next_start(old: Login, new: Login) -> None:
    lost = old.friend("a", "甲", uid=1)
    old.friend("b", "乙😄", uid="wxid_b")
    old.group("g", "群", *PEOPLE, uid=7)
    old.contacts.partial.add(old.group("h", "众", *PEOPLE, uid=8))
    old.contacts.friends_are_whole = False
    known = ContactsSnapshot.from_bytes(ContactsSnapshot("100", old.contacts).to_bytes())
    kept = known.contacts
    assert known.uin == "100"
    assert (kept.user, kept.friends, kept.groups) == (
        old.contacts.user,
        old.contacts.friends,
        old.contacts.groups,
    )
    assert (kept.saved, kept.partial) == (old.contacts.saved, old.contacts.partial)
    assert not kept.friends_are_whole
    kept.friends_are_whole = True
    new.friend("b", "乙😄", uid="wxid_b")
    new.group("g", "群", *PEOPLE, uid=7)
    new.group("h", "众", *PEOPLE, ("e", "戊"), uid=8)
    assert [short(one) for one in await difference(kept, new.contacts)] == [("lose", lost)]


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b"[" * 100_000, b'{"uin":"1"}'])
def test_contacts_that_cannot_be_read(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        ContactsSnapshot.from_bytes(data)


# -- whatever happens ------------------------------------------------------------------------------------


CHANGES: list[dict[str, Any]] = [{}, {}, {"name": "新"}, {"Signature": "t"}, {"Sex": 2}]


@given(
    seed=st.integers(0, 2**32),
    people=st.integers(0, 6),
    numbered=st.sampled_from([0.0, 0.5, 1.0]),
)
async def test_nothing_wrong_is_ever_reported_of_friends(
    seed: int, people: int, numbered: float
) -> None:
    """People of few names, few of them numbered: some go, some come, some change one thing."""
    draw = random.Random(seed)
    before, now = Login(1), Login(2)
    traits: dict[str, dict[str, Any]] = {}

    def somebody() -> dict[str, Any]:
        return {
            "name": draw.choice(["张伟", "momo", ""]),
            "RemarkName": draw.choice(["", "", "r"]),
            "Signature": draw.choice(["", "s"]),
            "Sex": draw.choice([0, 1]),
        }

    for number in range(people):
        key = str(number)
        traits[key] = somebody()
        number_before = number + 1 if draw.random() < numbered else ""
        before.friend(key, **traits[key], uid=number_before)
    stay = [key for key in traits if draw.random() < 0.7]
    now_traits = {}
    for key in stay:
        changed: dict[str, Any] = draw.choice(CHANGES)
        now_traits[key] = traits[key] | changed
    for number in range(draw.randrange(3)):
        now_traits[f"new{number}"] = somebody()
    # A contact that is exactly like a former one cannot be distinguished from it.
    left = [key for key, one in traits.items() if now_traits.get(key) != one]
    assume(
        not any(
            now_traits[key] == traits[other] != traits.get(key)
            for key in now_traits
            for other in left
        )
    )
    for number, (key, one) in enumerate(now_traits.items()):
        uid = int(key) + 1 if key in traits else number + 100
        now.friend(key, **one, uid=uid if draw.random() < numbered else "")
    happened = await events_of(before, now)
    if numbered == 1:
        assert {id[2:] for what, id, *_ in happened if what == "new"} == now_traits.keys() - traits
        assert {id[2:] for what, id, *_ in happened if what == "lose"} == traits.keys() - now_traits
    for event in happened:
        what, id, *rest = event
        key = id[2:]
        if what == "new":
            assert key not in traits, (seed, event)
        elif what == "lose":
            assert key not in now_traits, (seed, event)
        else:
            assert key in traits, (seed, event)
            assert rest[1] == getattr(before.contacts.friends[f"@1{key}"], rest[0]), (seed, event)

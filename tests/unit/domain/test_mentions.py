"""Whom a text of a group mentions."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwx.domain.contacts import Group, Member, User, friend_displayname
from openwx.domain.mentions import LONGEST_NAME, Mention, Mentions, mention, mentions_in

ME = User(id="@me", uid=1, name="我是谁", displayname="我是谁")


def member(
    id: str, name: str, display: str = "", markname: str = "", uid: int | str = ""
) -> Member:
    shown = friend_displayname(display, markname, name)
    return Member(id=id, name=name, display=display, markname=markname, uid=uid, displayname=shown)


def group(*members: Member) -> Group:
    return Group(id="@@g", members={one.id: one for one in members})


ANNA, BOB, BOB_LEE = member("@a", "Anna", uid=7), member("@b", "Bob"), member("@l", "Bob Lee")
AT = member("@at", "b@x.org")
ROSE = member("@r", "rose", display="🌹 & 桂 ")
MARKED = member("@m", "Tom", markname="cousin")
ENDS = member("@e", "a\u2005b")
OLD_ME = member("@me", "我是谁", display="机器人")
EVERYBODY = group(ANNA, BOB, BOB_LEE, AT, ROSE, MARKED, ENDS, OLD_ME)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", []),
        ("nobody", []),
        ("@Anna\u2005hi", ["@a"]),
        ("hi@Anna\u2005", ["@a"]),
        ("@Anna hi", []),
        ("@Anna", []),
        ("@Annabel\u2005", []),
        ("@Bob\u2005@Anna\u2005", ["@b", "@a"]),
        ("@Bob\u2005@Bob\u2005", ["@b"]),
        ("@Bob Lee\u2005", ["@l"]),
        ("@Bob Lee\u2005@Bob\u2005", ["@l", "@b"]),
        ("@b@x.org\u2005", ["@at"]),
        ("@@@Bob\u2005", ["@b"]),
        ("@nobody\u2005@Bob\u2005", ["@b"]),
        ("@no@Bob\u2005@Anna\u2005", ["@b", "@a"]),
        ("@🌹 & 桂 \u2005", ["@r"]),
        ("@rose\u2005", ["@r"]),
        ("@Tom\u2005", ["@m"]),
        ("@cousin\u2005", ["@m"]),
        ("@a\u2005b\u2005", ["@e"]),
        ("@机器人\u2005", ["@me"]),
        ("@我是谁\u2005", ["@me"]),
        ("\u2005@Anna\u2005", ["@a"]),
    ],
)
def test_names_are_found_in_the_order_of_the_text(text: str, ids: list[str]) -> None:
    found = mentions_in(text, EVERYBODY, ME)
    assert [one.id for one in found.people] == ids
    assert found.me == ("@me" in ids)
    assert not found.all


def test_a_mention_has_what_a_report_says_of_a_member() -> None:
    found = mentions_in(mention("Anna") + mention("机器人"), EVERYBODY, ME)
    assert found.people == (
        Mention("@a", 7, "Anna", False),
        Mention("@me", "", "机器人", True),
    )


def test_a_shared_name_is_nobody_for_certain() -> None:
    shared = group(member("@1", "Max"), member("@2", "Max"), member("@3", "x", markname="Max"))
    found = mentions_in("@Max\u2005", shared, ME)
    assert found == Mentions((Mention("", "", "Max", False),))


def test_who_takes_my_name_does_not_silence_me() -> None:
    found = mentions_in("@我是谁\u2005", group(OLD_ME, member("@1", "我是谁")), ME)
    assert found.people == (Mention("@1", "", "我是谁", False),)  # the group shows me otherwise
    me = member("@me", "我是谁")
    found = mentions_in("@我是谁\u2005", group(me, member("@1", "我是谁")), ME)
    assert found == Mentions((Mention("", "", "我是谁", True),))
    assert found.me


def test_i_am_known_where_the_members_are_not() -> None:
    found = mentions_in("@我是谁\u2005在吗", group(), ME)
    assert found.people == (Mention("@me", 1, "我是谁", True),)


@pytest.mark.parametrize(
    ("text", "everybody"),
    [
        ("@所有人\u2005", True),
        ("看 @所有人\u2005", True),
        ("@所有人\n新的公告", True),
        ("@All\u2005hi", True),
        ("@all\u2005", True),
        ("@所有人", False),
        ("@所有人 ", False),
        ("@all hands", False),
        ("所有人\u2005", False),
    ],
)
def test_everybody(text: str, everybody: bool) -> None:
    assert mentions_in(text, EVERYBODY, ME) == Mentions(all=everybody)


_TEXT = st.text(st.sampled_from("@\u2005ab \n"), max_size=40)
_NAMES = st.lists(st.text(st.sampled_from("@\u2005ab "), max_size=6), max_size=6)


@given(_TEXT, _NAMES)
def test_each_mention_is_in_the_text(text: str, names: list[str]) -> None:
    crowd = group(*(member(f"@{number}", name) for number, name in enumerate(names)))
    for one in mentions_in(text, crowd, ME).people:
        assert mention(one.displayname) in text
        assert one.displayname in names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@" * 100_000, ["x"]),
        ("@" * 100_000 + "\u2005", ["x"]),
        ("@\u2005" * 50_000, ["\u2005" * n for n in range(1, LONGEST_NAME + 1)]),
        ("@a" * 50_000 + "\u2005", ["a" * n for n in range(1, 500)]),
        (("@" + "a" * 10_000 + "\u2005") * 10, ["a" * 10_000] * 500),
        ("@all" * 50_000, ["all"]),
    ],
)
def test_nobody_makes_it_slow(text: str, names: list[str]) -> None:
    crowd = group(*(member(f"@{number}", name) for number, name in enumerate(names)))
    begin = time.process_time()
    found = mentions_in(text, crowd, ME)
    assert time.process_time() - begin < 1
    assert len(found.people) <= len(names)

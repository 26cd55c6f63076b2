"""Which chat a text of a language model means, and which chats it may see."""

import pytest

from openwx.client import Friend, GroupBasics
from openwx.config import McpSettings
from openwx.mcp.chats import Book, choose, of_friend, of_group

FRIENDS = [
    Friend(id="filehelper", uid="filehelper", displayname="文件传输助手"),
    Friend(id="@a", uid=111, name="Ann", markname="Mom", displayname="Mom", account="ann_1"),
    Friend(id="@b", uid="", name="Bob", displayname="Bob"),
    Friend(id="@c", uid=333, name="Bob", displayname="Bobby", markname="Bobby"),
    Friend(id="@d", uid=444, name="111", displayname="111"),
    Friend(id="o1@im.wechat", uid="o1@im.wechat", name="", displayname=""),
]
GROUPS = [
    GroupBasics(id="@@g", uid=999, name="Team", displayname="Team"),
    GroupBasics(id="@@h", uid="", name="Mom's", displayname="ann_1"),
]


def book(**settings: list[str]) -> Book:
    contacts = [*map(of_friend, FRIENDS), *map(of_group, GROUPS)]
    return Book(contacts, "filehelper", McpSettings.model_validate(settings))


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("@a", "@a"),
        ("111", "@a"),  # not who is named so
        ("Mom", "@a"),
        ("Ann", "@a"),
        ("Team", "@@g"),
        ("@owner", "filehelper"),
        ("文件传输助手", "filehelper"),
        ("o1@im.wechat", "o1@im.wechat"),
        ("Bob", "@b @c"),
        ("ann_1", "@a @@h"),  # an account and a name are alike
        ("mom", ""),
        ("Mom ", ""),
        ("", ""),
        ("@all", ""),
        ("222", ""),
    ],
)
def test_what_a_text_means(text: str, ids: str) -> None:
    assert [one.id for one in book().meant(text)] == ids.split()


def test_what_is_allowed() -> None:
    some = book(send_to=["Mom", "Bob", "nobody", ""], read_from=["999"])
    assert [one.id for one in some.contacts if some.may_send(one)] == ["@a"]
    assert [one.id for one in some.contacts if some.may_read(one)] == ["@@g"]
    assert [one.id for one in some.visible()] == ["@a", "@@g"]
    every = book()
    assert every.visible() == every.contacts
    assert not any(map(every.may_send, every.contacts))
    assert book(read_from=[]).visible() == []


def test_a_chat_that_may_not_be_seen_does_not_exist() -> None:
    some = book(send_to=["@b"], read_from=[])
    assert choose(some, "Mom").found.outcome == "not_found"
    found = choose(some, "Bob").found
    assert (found.outcome, [one.id for one in found.candidates], found.others) == (
        "ambiguous",
        ["@b"],
        1,
    )
    assert choose(some, "@b").contact is not None


def test_the_chat_of_a_message() -> None:
    some = book()
    of = [
        some.of_message(*one) for one in (("@a", ""), ("@old", "111"), ("@old", ""), ("@a", "444"))
    ]
    assert [one and one.id for one in of] == ["@a", "@a", None, "@a"]

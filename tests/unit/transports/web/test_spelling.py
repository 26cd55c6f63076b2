"""Names as keyboards and old programs spell them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwx.domain.contacts import User
from openwx.domain.spelling import alike
from openwx.domain.text import plain
from openwx.errors import CallerError
from openwx.transports.web import wire
from openwx.transports.web.contacts import WebContacts


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("阳光[笑脸]宝贝", "阳光😄宝贝"),
        ("[心][玫瑰][版权]", "❤️🌹©"),
        ("[露齿笑][飞吻]", "😁😘"),  # what the server writes as cats
        ("[心]", "[心]❤"[3:]),
        ("[强]😄", "👍[笑脸]"),
        ("小[未知表情]", "小🥰"),
        ("[未知表情]中国人[未知表情]", "🇨🇳中国人🇨🇳"),
        ("A01房产中介[未知表情]星", "A01房产中介5\u20e3星"),
        ("Tom &amp; Jerry &lt;猫和老鼠&gt;", "Tom & Jerry <猫和老鼠>"),
        ("a &quot;b&quot; &#39;c&#39; [笑脸]", "a \"b\" 'c' 😄"),
        ('阳光<span class="emoji emoji1f604"></span>宝贝', "阳光😄宝贝"),  # members, in the original's names of groups
        ("Rene\u0301e", "Renée"),
        ("Renée", "Rene\u0301e"),
        ("한국".encode().decode(), "\u1112\u1161\u11ab\u1100\u116e\u11a8"),
        ("☀", "☀️"),
        ("☀️", "☀"),
        ("", ""),
        ("❤\ufe0e", "❤️"),
        ("e\u0301 &amp; [笑脸]❤", "é & 😄❤️"),
    ],
)  # fmt: skip
def test_spellings_of_one_name(given: str, name: str) -> None:
    assert alike(given)(name)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("小[未知表情]", "小明"),
        ("小[未知表情]", "小"),
        ("小[未知表情]", "小😄"),  # that one has a name
        ("小[未知表情]", "小🥰🥰"),
        ("[未知表情]", ""),
        ("[没有]", "😄"),
        ("tom", "Tom"),
        ("Ａ", "A"),
        ("张 伟", "张伟"),
        ("\ufe0f", ""),
        ("é", "e"),
        ("小🥰", "小[未知表情]"),
    ],
)
def test_other_names(given: str, name: str) -> None:
    assert not alike(given)(name)


@given(st.text(min_size=1), st.text())
def test_every_name_is_like_itself_and_nothing_fails(name: str, other: str) -> None:
    for text in (name, f"[未知表情]{name}"):
        assert isinstance(alike(text)(other), bool)
    if name.strip("\ufe0e\ufe0f"):
        assert alike(name)(name)


def test_hostile_names_cost_little() -> None:
    started = time.process_time()
    assert not alike("[未知表情]" * 2000)("🥰" * 1999 + "x")
    assert not alike("[" * 5000 + "&" * 5000)("[笑" * 5000)
    assert time.process_time() - started < 5


# -- among contacts --------------------------------------------------------------------------------------


def contacts(*names: str) -> WebContacts:
    made = WebContacts(User(id="@me", name="我[笑脸]", displayname="我[笑脸]"))
    for number, name in enumerate(names):
        record = wire.Contact(f"@{number}", NickName=name, RemarkName="")
        made.put_friend(record)
        made.put_group(wire.Contact(f"@@{number}", NickName=name))
    return made


def test_who_has_the_very_name_comes_first() -> None:
    known = contacts("[笑脸]", "😄", "Tom &amp;amp; Jerry", "Tom &amp; Jerry")
    assert known.find_friend(displayname="[笑脸]").id == "@0"
    assert known.find_friend(displayname="😄").id == "@1"
    assert known.find_group(displayname="Tom &amp; Jerry").id == "@@2"
    assert known.find_group(displayname="Tom & Jerry").id == "@@3"
    assert [one.id for one in known.search_friends(name="[笑脸]")] == ["@0"]


def test_several_are_candidates() -> None:
    known = contacts("❤️[笑脸]", "❤😄", plain("x"))
    with pytest.raises(CallerError) as raised:
        known.find_friend(displayname="[心]😄")
    assert raised.value.code == 102
    assert raised.value.extra["candidates"] == [
        {"id": "@0", "displayname": "❤️[笑脸]"},
        {"id": "@1", "displayname": "❤😄"},
    ]
    assert {one.id for one in known.search_groups(displayname="[心]😄")} == {"@@0", "@@1"}


def test_all_that_is_given_must_fit() -> None:
    known = contacts("张😄", "李😄")
    assert known.find_friend(displayname="张[笑脸]", id="@0").id == "@0"
    assert known.search_friends(name="张[笑脸]", displayname="张[笑脸]", sex="none")
    for other in ({"id": "@1"}, {"account": "x"}, {"markname": "y"}):
        with pytest.raises(CallerError) as raised:
            known.find_friend(displayname="张[笑脸]", **other)
        assert raised.value.code == 100
    with pytest.raises(CallerError) as raised:
        known.find_friend(displayname="王[笑脸]")
    assert raised.value.code == 100


def test_anybody_is_a_friend_a_group_or_the_user() -> None:
    known = contacts("张😄")
    with pytest.raises(CallerError) as raised:
        known.find_anybody(displayname="张[笑脸]")
    assert raised.value.code == 102
    assert known.find_anybody(displayname="我😄") is known.user
    assert known.find_anybody(displayname="张[笑脸]", markname="").id == "@0"


def test_ids_accounts_and_numbers_are_never_guessed() -> None:
    known = contacts("x")
    for selector in ({"id": "@0\ufe0f"}, {"account": "a&amp;b"}, {"uid": "[心]"}):
        assert known.search_friends(**selector) == []

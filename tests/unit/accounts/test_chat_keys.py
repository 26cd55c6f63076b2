"""Keys of chats: they outlive logins, and no namesake gets that of another chat."""

from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
import pytest

from openwx.accounts.chat_keys import ChatKeys
from openwx.domain.chat_ref import Identity, fingerprint_of, ref_of
from openwx.domain.contact_book import ContactBook
from openwx.domain.contacts import Chat, Friend, Group, Member, User
from openwx.store.records import StoredReport


@dataclass
class Transport:
    """The contacts of the present login."""

    contacts: ContactBook = field(default_factory=lambda: ContactBook(User(id="@me")))
    identity: Identity | None = field(default_factory=lambda: Identity("1", "first"))

    def logs_in(self, *chats: Chat) -> None:
        """Log in again, to these chats."""
        self.contacts = ContactBook(User(id="@me"))
        self.identity = Identity("1", f"after {self.identity}")
        self.has(*chats)

    def has(self, *chats: Chat) -> None:
        for chat in chats:
            if isinstance(chat, Group):
                self.contacts.groups[chat.id] = chat
            else:
                self.contacts.friends[chat.id] = chat


@pytest.fixture
def transport() -> Transport:
    return Transport()


@pytest.fixture
def keys(transport: Transport) -> ChatKeys:
    return ChatKeys(cast("Any", transport))


def anna(id: str, **more: Any) -> Friend:
    return Friend(id=id, name="Anna", city="深圳", **more)


def room(id: str) -> Group:
    return Group(id=id, name="room", members={f"{id}m": Member(id=f"{id}m", name="Bob")})


@pytest.mark.parametrize("make", [anna, room])
def test_a_key_outlives_a_login(transport: Transport, keys: ChatKeys, make: Any) -> None:
    first, later = make("@1"), make("@2")
    transport.has(first)
    assert keys.of(first) == fingerprint_of(first)
    transport.logs_in(later)
    assert keys.of(later) == keys.of(first) == keys.of_ref(ref_of(first, None))


@pytest.mark.parametrize("make", [anna, room])
def test_who_copies_another_gets_a_key_of_their_own(
    transport: Transport, keys: ChatKeys, make: Any
) -> None:
    real, copy = make("@real"), make("@copy")
    transport.has(real)
    known = keys.of(real)
    transport.has(copy)
    assert keys.of(copy) == "@copy"
    assert keys.of(real) == known


def test_who_speaks_first_in_a_new_login_gets_nobody_s_key(
    transport: Transport, keys: ChatKeys
) -> None:
    transport.has(real := anna("@real"))
    known = keys.of(real)
    again, copy = anna("@again"), anna("@copy")
    transport.logs_in(copy, again)
    assert {keys.of(copy), keys.of(again)} == {"@copy", "@again"}
    assert keys.of_id("@real") == known


def test_a_uid_tells_them_apart_also_after_a_login(transport: Transport, keys: ChatKeys) -> None:
    transport.has(real := anna("@real", uid=1))
    known = keys.of(real)
    transport.logs_in(copy := anna("@copy", uid=2), again := anna("@again", uid=1))
    assert keys.of(copy) == "@copy"
    assert keys.of(again) == known
    transport.logs_in(copy := anna("@later", uid=2))  # the other one has left
    assert keys.of(copy) == "@copy"


def test_a_name_that_another_had_before_is_taken(transport: Transport, keys: ChatKeys) -> None:
    transport.has(real := anna("@real"))
    known = keys.of(real)
    transport.has(Friend(id="@real", name="Anna B"), copy := anna("@copy"))
    assert fingerprint_of(copy) == known
    assert keys.of(copy) == "@copy"


def test_a_stranger_and_a_later_friend(transport: Transport, keys: ChatKeys) -> None:
    stranger, friend = anna("@stranger"), anna("@friend")
    known = keys.of(stranger)  # is in no list
    transport.has(friend)
    assert keys.of(friend) == "@friend"
    assert keys.of(stranger) == known


def test_what_is_remembered_from_before_the_start_counts(
    transport: Transport, keys: ChatKeys
) -> None:
    real, copy = anna("@real", uid=1), anna("@copy", uid=2)
    payload: dict[str, Any] = {"post_type": "receive_message", "class": "recv"}
    payload |= {"sender_id": "@former", "sender_uid": 1}
    keys.remember(
        StoredReport(
            id=1,
            chat=fingerprint_of(real),
            kind="receive_message",
            uid="u",
            created=0.0,
            seq=1,
            body=msgspec.json.encode(payload),
        )
    )
    transport.has(real, copy)
    assert keys.of(copy) == "@copy"
    assert keys.of(real) == fingerprint_of(real)


def test_an_endless_id_makes_no_endless_key(transport: Transport, keys: ChatKeys) -> None:
    endless = "@" + "0123456789abcdef" * 1000
    one, other = Friend(id=endless), Friend(id=endless + "0")
    transport.has(one, other)
    assert len(keys.of(one)) == len(keys.of(other)) == 64
    assert keys.of(one) == keys.of(Friend(id=endless)) != keys.of(other)
    assert ChatKeys(cast("Any", transport)).of(one) == keys.of(one)

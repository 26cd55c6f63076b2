"""Which chats there are, which of them a text means, and which may be read and written to. The tools ask.

A text means a chat by exact comparison. Digits alone, and what looks like an id of WeChat, is an id or uid and never a
name, so that nobody becomes a chat by renaming themselves to a number. Any other text means all chats that have it as
a name, account, id or uid, friends and groups alike: where it means several, it means none.
"""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

from openwx.client import Client, Friend, GroupBasics
from openwx.config import McpSettings
from openwx.mcp import answers
from openwx.mcp.texts import name

OWNER = "@owner"
_FILE_HELPER = "filehelper"
_ILINK = "@im.wechat"
MOST_CANDIDATES = 20


@dataclass(frozen=True, slots=True)
class Contact:
    """A friend or a group."""

    id: str
    uid: str
    kind: answers.Kind
    category: str
    shown: str
    names: frozenset[str]

    def is_called(self, part: str) -> bool:
        """Whether a text is part of one of its names, in any case."""
        return any(part.casefold() in one.casefold() for one in {self.shown, *self.names})


def of_friend(friend: Friend) -> Contact:
    names = {friend.displayname, friend.markname, friend.name, friend.account}
    return Contact(
        friend.id,
        str(friend.uid),
        "friend",
        friend.category,
        friend.displayname,
        frozenset(names - {""}),
    )


def of_group(group: GroupBasics) -> Contact:
    names = {group.displayname, group.name}
    return Contact(
        group.id, str(group.uid), "group", "", group.displayname, frozenset(names - {""})
    )


class Book:
    """The contacts of one moment, and what the settings allow."""

    def __init__(self, contacts: Sequence[Contact], owner_id: str, settings: McpSettings) -> None:
        self.contacts = contacts
        self._owner_id = owner_id
        self._by_id = {one.id: one for one in contacts}
        reads = settings.read_from
        self.reads_all = reads is None
        self._sendable = self._meant_by(settings.send_to)
        self._readable = self._by_id.keys() if reads is None else self._meant_by(reads)

    def meant(self, text: str) -> list[Contact]:
        """Return the chats that a text means; several where it is ambiguous."""
        if text == OWNER:
            text = self._owner_id
        if not text:
            return []
        if _is_id(text):
            return [one for one in self.contacts if text in (one.id, one.uid)]
        return [one for one in self.contacts if text in (one.id, one.uid) or text in one.names]

    def may_send(self, contact: Contact) -> bool:
        return contact.id in self._sendable

    def may_read(self, contact: Contact) -> bool:
        return contact.id in self._readable

    def visible(self) -> list[Contact]:
        """Return the chats of which the model may know."""
        return [one for one in self.contacts if self.may_read(one) or self.may_send(one)]

    def of_message(self, chat_id: str, chat_uid: str) -> Contact | None:
        """Return the chat of a message by its id, else by its uid; None where that is not certain."""
        if chat_id in self._by_id:
            return self._by_id[chat_id]
        found = [one for one in self.contacts if chat_uid != "" and one.uid == chat_uid]
        return found[0] if len(found) == 1 else None

    def chat(self, contact: Contact) -> answers.Chat:
        return answers.Chat(
            id=contact.id,
            uid=contact.uid,
            kind=contact.kind,
            category=contact.category,
            untrusted_name=name(contact.shown),
            may_send=self.may_send(contact),
            may_read=self.may_read(contact),
        )

    def entries(self, texts: Iterable[str]) -> list[answers.Entry]:
        """Say what entries of the settings mean now."""
        return [self._entry(text) for text in texts]

    def _entry(self, text: str) -> answers.Entry:
        found = self.meant(text)
        if len(found) == 1:
            return answers.Entry(entry=text, outcome="found", chat=self.chat(found[0]))
        return answers.Entry(entry=text, outcome="ambiguous" if found else "not_found", chat=None)

    def _meant_by(self, texts: Iterable[str]) -> Set[str]:
        """Return the ids of the chats that entries mean; an ambiguous entry means none."""
        found = (self.meant(text) for text in texts)
        return {chats[0].id for chats in found if len(chats) == 1}


@dataclass(frozen=True, slots=True)
class Chosen:
    """The chat that the caller means, or why there is none."""

    contact: Contact | None
    found: answers.Found


def choose(book: Book, text: str) -> Chosen:
    """Choose the one chat that a text means. Chats of which the model may not know are counted, not shown."""
    meant = book.meant(text)
    visible = [one for one in meant if book.may_read(one) or book.may_send(one)]
    if not visible:
        return Chosen(None, answers.Found(outcome="not_found"))
    if len(meant) > 1:
        return Chosen(
            None,
            answers.Found(
                outcome="ambiguous",
                candidates=[book.chat(one) for one in visible[:MOST_CANDIDATES]],
                others=len(meant) - len(visible[:MOST_CANDIDATES]),
            ),
        )
    return Chosen(visible[0], answers.Found(outcome="found"))


async def look(wx: Client, settings: McpSettings) -> Book:
    """Get the contacts of this moment. Raises ``CallFailed``."""
    friends = await wx.get_friend_info()
    groups = await wx.get_group_basic_info()
    contacts = [*map(of_friend, friends), *map(of_group, groups)]
    owner_id = _FILE_HELPER
    if all(one.id != _FILE_HELPER for one in contacts):
        owner_id = (await wx.get_user_info()).id  # by iLink, the user is the person who scanned
    return Book(contacts, owner_id, settings)


def _is_id(text: str) -> bool:
    digits = text.isascii() and text.isdigit()
    return digits or text.startswith("@") or text.endswith(_ILINK) or text == _FILE_HELPER

"""The chats as the owner's phone shows them: both directions in one order, and what is unread."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from .timeline import Chat, Heard, Message

if TYPE_CHECKING:
    from .account import Account

Entry: TypeAlias = "Message | Heard"

_NOT_SHOWN = (51, 10002)
"""What moves between phone and web client, and recalls: they show where the message was."""
_NOT_COUNTED = 10000
_READ = (2, 5)
"""StatusNotifyCode where the owner entered or left a chat on the phone."""


@dataclass(slots=True, eq=False)
class Conversation:
    """What was said in one chat, oldest first."""

    chat: Chat
    entries: list[Entry] = field(default_factory=list)
    unread: int = 0
    """What came since the owner last wrote, or looked, by phone or web client."""

    @property
    def last(self) -> Entry | None:
        return self.entries[-1] if self.entries else None


class Conversations:
    """All conversations of an account, sorted out when somebody asks."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._by_key: dict[int, Conversation] = {}
        self._events = self._sent = self._read = 0
        """How many of each were sorted out."""

    def of(self, chat: Chat) -> Conversation:
        self._catch_up()
        return self._with(chat)

    def all(self) -> list[Conversation]:
        """Every chat that the phone lists: those last spoken in first, then groups and friends."""
        self._catch_up()
        account = self._account
        people = (*account.friends, *account.public_accounts, *account.system_accounts)
        chats: Iterable[Chat] = (*account.groups, account.filehelper, *people)
        known = [self._with(chat) for chat in dict.fromkeys(chats)]
        known.sort(key=lambda c: (not c.chat.pinned, -c.last.number if c.last else 0))
        return known

    def _with(self, chat: Chat) -> Conversation:
        return self._by_key.setdefault(chat.key, Conversation(chat))

    def _catch_up(self) -> None:
        account = self._account
        events, sent = account.timeline[self._events :], account.sent[self._sent :]
        self._events, self._sent = self._events + len(events), self._sent + len(sent)
        # Message numbers grow with time in both directions.
        new: list[Entry] = [*sent, *(event for event in events if isinstance(event, Message))]
        for entry in sorted(new, key=lambda entry: entry.number):
            self._sort_in(entry)
        for chat in account.read_chats[self._read :]:
            self._with(chat).unread = 0
        self._read = len(account.read_chats)

    def _sort_in(self, entry: Entry) -> None:
        if isinstance(entry, Message) and entry.msg_type in _NOT_SHOWN:
            if entry.fields.get("StatusNotifyCode") in _READ:
                for chat in entry.notify_about:
                    self._with(chat).unread = 0
            return
        conversation = self._with(chat_of(entry, self._account))
        conversation.entries.append(entry)
        if is_own(entry, self._account):
            conversation.unread = 0
        elif entry.msg_type != _NOT_COUNTED:
            conversation.unread += 1


def is_own(entry: Entry, account: Account) -> bool:
    """Whether the owner sent it, on the phone or by the web client."""
    return isinstance(entry, Heard) or entry.sender is account.owner


def chat_of(entry: Entry, account: Account) -> Chat:
    """Where it was said."""
    if isinstance(entry, Heard):
        return entry.to
    return entry.receiver if entry.sender is account.owner else entry.sender

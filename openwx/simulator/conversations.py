"""The chats as the owner's phone shows them: both directions in one order, and unread counts. `state` keeps them.

`control` shows them on the phone page.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from .model import Chat, Event, Message, Person, SentMessage

Entry: TypeAlias = "Message | SentMessage"

KINDS = {
    1: "text", 3: "image", 34: "voice", 37: "friend_request", 42: "card", 43: "video",
    47: "sticker", 48: "location", 50: "call", 62: "video", 10000: "notice",
}  # fmt: skip
SHARES = {
    0: "chat_record", 5: "link", 6: "file", 8: "sticker", 17: "live_location", 19: "chat_record",
    33: "mini_program", 36: "mini_program", 57: "text", 87: "announcement", 2000: "transfer",
    2001: "red_packet",
}  # fmt: skip
_NOT_SHOWN = (51, 10002)
"""Traffic between phone and web client, and recalls: these show at the recalled message."""
_NOT_COUNTED = 10000
_READ = (2, 5)
"""StatusNotifyCode where the owner entered or left a chat on the phone."""


@dataclass(slots=True, eq=False)
class Conversation:
    """The messages of one chat, oldest first."""

    chat: Chat
    entries: list[Entry] = field(default_factory=list)
    unread: int = 0
    """The number of messages since the owner last wrote, or looked, by phone or web client."""

    @property
    def last(self) -> Entry | None:
        return self.entries[-1] if self.entries else None


class Conversations:
    """All conversations of an account, brought up to date when they are read."""

    def __init__(
        self, owner: Person, timeline: list[Event], sent: list[SentMessage], read_chats: list[Chat]
    ) -> None:
        """Watch these lists of an account: they grow at their ends."""
        self._owner = owner
        self._timeline = timeline
        self._sent = sent
        self._read_chats = read_chats
        self._by_key: dict[int, Conversation] = {}
        self._events = self._sends = self._reads = 0
        """The number of entries already sorted into conversations."""

    def of(self, chat: Chat) -> Conversation:
        """Return the conversation of a chat."""
        self._catch_up()
        return self._with(chat)

    def all(self, chats: Iterable[Chat]) -> list[Conversation]:
        """Return those of the chats: pinned first, then by the last message, then as given."""
        self._catch_up()
        known = [self._with(chat) for chat in dict.fromkeys(chats)]
        known.sort(key=lambda c: (not c.chat.pinned, -c.last.number if c.last else 0))
        return known

    def _with(self, chat: Chat) -> Conversation:
        return self._by_key.setdefault(chat.key, Conversation(chat))

    def _catch_up(self) -> None:
        events, sent = self._timeline[self._events :], self._sent[self._sends :]
        self._events, self._sends = self._events + len(events), self._sends + len(sent)
        # Message numbers grow with time in both directions.
        new: list[Entry] = [*sent, *(event for event in events if isinstance(event, Message))]
        for entry in sorted(new, key=lambda entry: entry.number):
            self._sort_in(entry)
        for chat in self._read_chats[self._reads :]:
            self._with(chat).unread = 0
        self._reads = len(self._read_chats)

    def _sort_in(self, entry: Entry) -> None:
        if isinstance(entry, Message) and entry.msg_type in _NOT_SHOWN:
            if entry.fields.get("StatusNotifyCode") in _READ:
                for chat in entry.notify_about:
                    self._with(chat).unread = 0
            return
        conversation = self._with(chat_of(entry, self._owner))
        conversation.entries.append(entry)
        if is_own(entry, self._owner):
            conversation.unread = 0
        elif entry.msg_type != _NOT_COUNTED:
            conversation.unread += 1


def is_own(entry: Entry, owner: Person) -> bool:
    """Return whether the owner sent it, on the phone or by the web client."""
    return isinstance(entry, SentMessage) or entry.sender is owner


def chat_of(entry: Entry, owner: Person) -> Chat:
    """Return the chat that it belongs to."""
    if isinstance(entry, SentMessage):
        return entry.to
    return entry.receiver if entry.sender is owner else entry.sender


def kind_of(entry: Entry) -> str:
    """Return the kind of a message in a word; of a forwarded message, the original kind."""
    if isinstance(entry, SentMessage):
        if entry.forwarded is not None:
            return kind_of(entry.forwarded)
        fields: dict[str, Any] = {}
    else:
        fields = entry.fields
    if entry.msg_type == 6:
        return "file"
    if entry.msg_type == 49:
        return SHARES.get(fields.get("AppMsgType", -1), "other")
    if entry.msg_type == 1 and fields.get("SubMsgType") == 48:
        return "location"
    return KINDS.get(entry.msg_type, "other")

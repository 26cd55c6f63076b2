"""Keys of chats: reports with the same key are delivered in order."""

from collections.abc import Sequence
from typing import Any

import msgspec

from openwx.domain.chat_ref import ChatRef, fingerprint_of
from openwx.domain.contacts import Chat, Friend, Group, Uid, User
from openwx.store.records import Report, StoredReport


class ChatKeys:
    """The keys of one account's chats. A key is the chat's fingerprint when it was first seen, and never changes.

    An id would not do: a new login gives the chat another one while reports of the former login may still wait.
    """

    def __init__(self) -> None:
        self._keys: dict[str, str] = {}

    def of(self, chat: Chat | User) -> str:
        """Get the key of a chat, and remember it."""
        names = _names(type(chat).__name__, chat.id, chat.uid)
        key = self._find(names)
        if not key:
            key = chat.id
            if isinstance(chat, Friend | Group) and chat.name:  # the nameless are all alike
                key = fingerprint_of(chat)
        self._keys.update(dict.fromkeys(names, key))
        return key

    def of_payload(self, payload: dict[str, Any]) -> str:
        """Get the key of a recorded message's chat; empty for an event."""
        if payload["post_type"] == "event":
            return ""
        return self._find(_names_in(payload))

    def of_ref(self, ref: ChatRef) -> str:
        """Get the key of a chat, perhaps of another login."""
        names = _names("Group" if ref.group else "Friend", ref.id, ref.uid)
        return self._find(names) or ref.fingerprint

    def of_id(self, id: str) -> str:
        """Get the key of a chat by its id, perhaps of a former login; empty where it is not known."""
        return self._find([id])

    def remember(self, report: Report | StoredReport) -> None:
        """Take the key of a message from before the start, so that later ones of its chat stay behind it."""
        payload: dict[str, Any] = msgspec.json.decode(report.body) if report.body else {}
        if payload.get("post_type", "event") != "event":
            self._keys.update(dict.fromkeys(_names_in(payload), report.chat))

    def _find(self, names: Sequence[str]) -> str:
        return next((self._keys[name] for name in names if name in self._keys), "")


def chat_in(payload: dict[str, Any]) -> tuple[str, str]:
    """Return the kind of a message's chat, and the prefix of the payload members that describe it."""
    if "group_id" in payload:
        return "Group", "group"
    return "Friend", "receiver" if payload["class"] == "send" else "sender"


def _names_in(payload: dict[str, Any]) -> list[str]:
    kind, role = chat_in(payload)
    return _names(kind, payload[f"{role}_id"], payload[f"{role}_uid"])


def _names(kind: str, id: str, uid: Uid) -> list[str]:
    """Return the names of a chat: its id in this login, and its uid if it has one."""
    return [id] if uid == "" else [id, f"{kind} {uid}"]

"""What keeps the uploads of one chat in order: the line that they stand in."""

from typing import Any

import msgspec

from openwx.domain.chat_ref import Target, target_of
from openwx.domain.contacts import Chat, Friend, Group, Uid, User
from openwx.store.records import Report, StoredReport


class ChatKeys:
    """A line is no id: a new login gives the chat another one while uploads of the former login may still wait.

    So it is a fingerprint of the chat, and stays that of the first time whatever becomes of the chat.
    """

    def __init__(self) -> None:
        self._lines: dict[str, str] = {}

    def of(self, chat: Chat | User) -> str:
        """The line of a chat."""
        names = _names(type(chat).__name__, chat.id, chat.uid)
        line = next((self._lines[name] for name in names if name in self._lines), None)
        if line is None:
            line = chat.id
            if isinstance(chat, Friend | Group) and chat.name:  # the nameless are all alike
                line = target_of(chat).fingerprint
        self._lines.update(dict.fromkeys(names, line))
        return line

    def told(self, payload: dict[str, Any]) -> str:
        """The line of a message that stands in one; empty for an event."""
        if payload["post_type"] == "event":
            return ""
        kind, role = shown_chat(payload)
        names = _names(kind, payload[f"{role}_id"], payload[f"{role}_uid"])
        return next((self._lines[name] for name in names if name in self._lines), "")

    def of_target(self, target: Target) -> str:
        """The line of a chat, perhaps of another login."""
        names = _names("Group" if target.group else "Friend", target.id, target.uid)
        found = (self._lines[name] for name in names if name in self._lines)
        return next(found, target.fingerprint)

    def remember(self, upload: Report | StoredReport) -> None:
        """A message from before the start: its chat's later ones stand behind it."""
        payload: dict[str, Any] = msgspec.json.decode(upload.body) if upload.body else {}
        if payload.get("post_type", "event") == "event":
            return
        kind, role = shown_chat(payload)
        names = _names(kind, payload[f"{role}_id"], payload[f"{role}_uid"])
        self._lines.update(dict.fromkeys(names, upload.chat))


def shown_chat(payload: dict[str, Any]) -> tuple[str, str]:
    """Of which kind a message's chat is, and by which members its payload tells of it."""
    if "group_id" in payload:
        return "Group", "group"
    return "Friend", "receiver" if payload["class"] == "send" else "sender"


def _names(kind: str, id: str, uid: Uid) -> list[str]:
    """What a chat is known by: its id in this login, and what lasts."""
    return [id] if uid == "" else [id, f"{kind} {uid}"]

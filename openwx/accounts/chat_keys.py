"""Keys of chats: reports with the same key are one chat's history, and are delivered in order.
``EventRecorder`` and ``History`` ask for them.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from openwx.domain.chat_ref import ChatRef, fingerprint_of
from openwx.domain.contacts import Chat, Friend, Group, Uid, User
from openwx.domain.names import as_name
from openwx.reporter.payload import payload_in
from openwx.store.records import Report, StoredReport
from openwx.transports.base import Transport


class _Holder(NamedTuple):
    """The chat that a key was made for, in the login of that time."""

    id: str
    uid: Uid
    login: str


class ChatKeys:
    """The keys of one account's chats. A key is the chat's fingerprint when it was first seen, and never changes.

    An id would not do: a new login gives the chat another one while reports of the former login may still wait. But
    where another chat has the same fingerprint, the id is the key: anybody can copy a name and all that is beside it,
    and must get neither the history of the other one nor hold up its reports.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._keys: dict[str, str] = {}
        self._holders: dict[str, _Holder] = {}

    def of(self, chat: Chat | User) -> str:
        """Get the key of a chat, and remember it."""
        names = _names(type(chat).__name__, chat.id, chat.uid)
        key = self._find(names)
        if not key:
            key = chat.id
            if isinstance(chat, Friend | Group) and chat.name:  # the nameless are all alike
                key = self._fingerprint_or_id(chat)
            key = as_name(key)
            self._holders[key] = _Holder(chat.id, chat.uid, self._login)
        self._keys.update(dict.fromkeys(names, key))
        return key

    @property
    def _login(self) -> str:
        identity = self._transport.identity
        return identity.login_id if identity else ""

    def _fingerprint_or_id(self, chat: Chat) -> str:
        key = fingerprint_of(chat)
        holder = self._holders.get(key)
        if holder is not None and self._is_another(chat, holder):
            return chat.id
        return chat.id if self._is_shared(key, chat) else key

    def _is_another(self, chat: Chat, holder: _Holder) -> bool:
        """Return whether a key was certainly made for another chat than this one."""
        if "" not in (chat.uid, holder.uid):
            return chat.uid != holder.uid
        return holder.login == self._login != "" and holder.id != chat.id

    def _is_shared(self, key: str, chat: Chat) -> bool:
        """Return whether another chat of this login has the key that this one wants, or as much right to it."""
        book, kind = self._transport.contacts, type(chat).__name__
        chats: Iterable[Chat] = (book.groups if kind == "Group" else book.friends).values()
        names = {name for name, held in self._keys.items() if held == key}
        for other in chats:
            if other.id == chat.id:
                continue
            if names and not names.isdisjoint(_names(kind, other.id, other.uid)):
                return True
            if other.name == chat.name and fingerprint_of(other) == key:
                return True
        return False

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
        payload = payload_in(report.body)
        if payload.get("post_type", "event") != "event":
            key = as_name(report.chat)
            self._keys.update(dict.fromkeys(_names_in(payload), key))
            self._holders[key] = _holder_in(payload)

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


def _holder_in(payload: dict[str, Any]) -> _Holder:
    _, role = chat_in(payload)
    return _Holder(payload[f"{role}_id"], payload[f"{role}_uid"], login="")


def _names(kind: str, id: str, uid: Uid) -> list[str]:
    """Return the names of a chat: its id in this login, and its uid if it has one."""
    return [id] if uid == "" else [id, f"{kind} {uid}"]

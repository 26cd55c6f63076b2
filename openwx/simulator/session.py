"""One web login: its secrets, its ids, its SyncKeys (reference, 2, 3 and 4)."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .people import Group

if TYPE_CHECKING:
    from .account import Account
    from .timeline import Chat

_SID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_HEX = "0123456789abcdef"
QUIET_S = 2.0
"""A web client that polls lets no such time pass between two calls."""


class Session:
    """What one scan yields. Ids are those of this login alone; they are made when first told."""

    def __init__(self, account: Account, number: int) -> None:
        self.account = account
        self.number = number
        draw = random.Random(f"{account.world.seed}:{account.number}:login{number}")
        # Base64 with + and /, as the real ones: a client that forgets to quote them is found out.
        self.sid = "+/" + "".join(draw.choices(_SID_LETTERS, k=14))
        self.skey = f"@crypt_{''.join(draw.choices(_HEX, k=8))}_{''.join(draw.choices(_HEX, k=32))}"
        self.later_skey = self.skey[:-32] + "".join(draw.choices(_HEX, k=32))
        """What webwxinit answers as SKey. Once it was used, the one from the login is refused."""
        self.pass_ticket = quote("".join(draw.choices(_SID_LETTERS, k=40)) + "+/==", safe="")
        self.data_ticket = "gS" + "".join(draw.choices(_SID_LETTERS[:62], k=20))
        self.auth_ticket = "CIsBEP" + "".join(draw.choices(_SID_LETTERS[:62], k=60))
        self.uvid = "".join(draw.choices(_HEX, k=128))
        self.ended: int | None = None
        """Once over: what every call answers (1100, 1101)."""
        self.opened = time.time()
        self.polled = False
        """Whether a synccheck or webwxsync was asked: before, webwxinit repeats its SyncKey."""
        self.polls = 0
        """How many syncchecks are held now."""
        self.asked_at = time.monotonic()
        """When the last call came."""
        self.check_key_given = False
        world = account.world
        self.begin = account.acknowledged if world.settings.keeps_unread else len(account.timeline)
        self._salt = f"{world.seed}:{account.number}:{number}:".encode()
        self._mark = draw.randrange(600_000_000, 900_000_000)
        self._ids: dict[int, str] = {}
        self._chats: dict[str, Chat] = {}
        self._rooms: dict[str, Group] = {}

    # Use

    @property
    def is_in_use(self) -> bool:
        """Whether a web client runs on it, as far as its calls tell."""
        return self.ended is None and (self.polls > 0 or time.monotonic() < self.asked_at + QUIET_S)

    # Ids

    def id_of(self, chat: Chat) -> str:
        """The UserName in this login: `@` + hex for people, `@@` + hex for groups."""
        known = self._ids.get(chat.key)
        if known is None:
            digest = hashlib.sha256(self._salt + str(chat.key).encode()).hexdigest()
            if isinstance(chat, Group):
                known = "@@" + digest
            else:
                known = chat.system_name or "@" + digest[: 32 if chat.key % 2 else 64]
            self._ids[chat.key] = known
            self._chats[known] = chat
        return known

    def find(self, user_name: str) -> Chat | None:
        """Who has this id in this login; None for ids that this login never told."""
        return self._chats.get(user_name)

    def room_of(self, group: Group) -> str:
        """The EncryChatRoomId in this login."""
        room = "@" + self.id_of(group)[2:34]
        self._rooms[room] = group
        return room

    def find_room(self, room: str) -> Group | None:
        """The group of an EncryChatRoomId; some clients send the group's own id there."""
        found = self._rooms.get(room) or self._chats.get(room)
        return found if isinstance(found, Group) else None

    # SyncKeys

    def sync_key(self, position: int) -> dict[str, Any]:
        """The SyncKey that acknowledges the timeline up to `position`."""
        mark = self._mark
        return _keys([(1, mark), (2, mark + 7 + position), (3, mark - 5), (1000, int(self.opened))])

    def sync_check_key(self, position: int) -> dict[str, Any]:
        """The SyncCheckKey: the same place, but another key (reference, 4)."""
        mark, opened = self._mark, int(self.opened)
        return _keys(
            [
                (1, mark), (2, mark + 7 + position), (3, mark - 5), (11, mark - 11),
                (201, opened), (1000, opened), (1001, opened + 3),
            ]
        )  # fmt: skip

    def position_of(self, pairs: Iterable[tuple[int, int]]) -> tuple[int, bool] | None:
        """Where a key points, and whether it is a SyncCheckKey; None: not of this login."""
        keys = dict(pairs)
        position = keys.get(2, -1) - self._mark - 7
        if keys.get(1) != self._mark or not 0 <= position <= len(self.account.timeline):
            return None
        return position, 201 in keys

    # Checks

    def accepts_skey(self, skey: str) -> bool:
        """An empty Skey is tolerated (itchat-uos sends one), a wrong one is not."""
        if skey == self.later_skey:
            self.skey = self.later_skey
        return skey in ("", self.skey)


def _keys(pairs: list[tuple[int, int]]) -> dict[str, Any]:
    return {"Count": len(pairs), "List": [{"Key": key, "Val": value} for key, value in pairs]}

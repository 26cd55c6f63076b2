"""One web login: its secrets, its ids, its SyncKeys (reference, 2, 3 and 4). An account opens one at each login."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from .model import Chat, Group, Person

_SID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_HEX = "0123456789abcdef"
QUIET_S = 2.0
"""The longest pause between two calls of a web client that polls, in seconds."""


class Session:
    """The result of one scan. Its ids hold for this login alone; they are made at their first use."""

    def __init__(
        self, seed: int, account_number: int, login: int, owner: Person, begin: int
    ) -> None:
        """Open the login number `login` of an account. It receives the timeline from `begin` on."""
        self.account_number = account_number
        self.owner = owner
        self.begin = begin
        draw = random.Random(f"{seed}:{account_number}:login{login}")
        # Base64 with + and /, as the real ones: a client that forgets to quote them fails.
        self.sid = "+/" + "".join(draw.choices(_SID_LETTERS, k=14))
        self.skey = f"@crypt_{''.join(draw.choices(_HEX, k=8))}_{''.join(draw.choices(_HEX, k=32))}"
        self.later_skey = self.skey[:-32] + "".join(draw.choices(_HEX, k=32))
        """The SKey of webwxinit. Once it is used, the one from the login is refused."""
        self.pass_ticket = quote("".join(draw.choices(_SID_LETTERS, k=40)) + "+/==", safe="")
        self.data_ticket = "gS" + "".join(draw.choices(_SID_LETTERS[:62], k=20))
        self.auth_ticket = "CIsBEP" + "".join(draw.choices(_SID_LETTERS[:62], k=60))
        self.uvid = "".join(draw.choices(_HEX, k=128))
        self.ended: int | None = None
        """The Ret of every call once the session is over (1100, 1101)."""
        self.opened = time.time()
        self.polled = False
        """Whether a synccheck or webwxsync came. Before that, webwxinit repeats its SyncKey."""
        self.polls = 0
        """The number of syncchecks that are held now."""
        self.called_at = time.monotonic()
        """The time of the last call (monotonic)."""
        self.check_key_given = False
        self._salt = f"{seed}:{account_number}:{login}:".encode()
        self._mark = draw.randrange(600_000_000, 900_000_000)
        self._ids: dict[int, str] = {}
        self._chats: dict[str, Chat] = {}
        self._rooms: dict[str, Group] = {}

    # Use

    @property
    def is_in_use(self) -> bool:
        """Whether a web client uses it, judged by its calls."""
        return self.ended is None and (
            self.polls > 0 or time.monotonic() < self.called_at + QUIET_S
        )

    # Ids

    def id_of(self, chat: Chat) -> str:
        """Return the UserName in this login: `@` + hex for people, `@@` + hex for groups."""
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
        """Return the chat with this id, or None for an id that this login never published."""
        return self._chats.get(user_name)

    def room_of(self, group: Group) -> str:
        """Return the EncryChatRoomId in this login."""
        room = "@" + self.id_of(group)[2:34]
        self._rooms[room] = group
        return room

    def find_room(self, room: str) -> Group | None:
        """Return the group of an EncryChatRoomId. Some clients send the group's own id there."""
        found = self._rooms.get(room) or self._chats.get(room)
        return found if isinstance(found, Group) else None

    # SyncKeys

    def sync_key(self, position: int) -> dict[str, Any]:
        """Return the SyncKey that acknowledges the timeline up to `position`."""
        mark = self._mark
        return _keys([(1, mark), (2, mark + 7 + position), (3, mark - 5), (1000, int(self.opened))])

    def sync_check_key(self, position: int) -> dict[str, Any]:
        """Return the SyncCheckKey: the same position, but another key (reference, 4)."""
        mark, opened = self._mark, int(self.opened)
        return _keys(
            [
                (1, mark), (2, mark + 7 + position), (3, mark - 5), (11, mark - 11),
                (201, opened), (1000, opened), (1001, opened + 3),
            ]
        )  # fmt: skip

    def position_of(self, pairs: Iterable[tuple[int, int]], end: int) -> tuple[int, bool] | None:
        """Return the position of a key, and whether it is a SyncCheckKey.

        Returns None if it is not of this login, or beyond the `end` of the timeline.
        """
        keys = dict(pairs)
        position = keys.get(2, -1) - self._mark - 7
        if keys.get(1) != self._mark or not 0 <= position <= end:
            return None
        return position, 201 in keys

    # Credentials

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that webwxnewloginpage sets (reference, 2)."""
        return {
            "wxuin": str(self.owner.uin),
            "wxsid": self.sid,
            "wxloadtime": str(int(self.opened)),
            "mm_lang": "zh_CN",
            "webwx_data_ticket": self.data_ticket,
            "webwxuvid": self.uvid,
            "webwx_auth_ticket": self.auth_ticket,
        }

    def accepts_skey(self, skey: str) -> bool:
        """Return whether the Skey is right or empty (itchat-uos sends an empty one)."""
        if skey == self.later_skey:
            self.skey = self.later_skey
        return skey in ("", self.skey)


def _keys(pairs: list[tuple[int, int]]) -> dict[str, Any]:
    return {"Count": len(pairs), "List": [{"Key": key, "Val": value} for key, value in pairs]}

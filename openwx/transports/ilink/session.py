"""What a login yields, as it is saved. ``ILinkClient`` keeps it, and builders of calls read it."""

import msgspec
from yarl import URL

from openwx.domain.chat_ref import Identity


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One bot of one person. Each scan makes a new bot; the person stays the same."""

    token: str
    bot_id: str
    person_id: str
    """``…@im.wechat``, in the letter case in which it came."""
    origin: str
    """Where calls of this bot go."""
    published: bool = False
    """Whether its ``LoggedIn`` was delivered."""
    ended: bool = False
    """Whether the service does not take the token any more. The person still counts: no other one may log in."""

    @property
    def identity(self) -> Identity:
        return Identity(uin=self.person_id, login_id=self.bot_id)

    @property
    def url(self) -> URL:
        return URL(self.origin)

    def to_bytes(self) -> bytes:
        return msgspec.json.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Session":
        """Decode what was saved. Raises one of ``UNREADABLE``."""
        return msgspec.json.decode(data, type=cls)


class Cursor(msgspec.Struct, frozen=True):
    """Up to where the messages of one bot were delivered. Polling with it acknowledges them."""

    bot_id: str
    value: str = ""

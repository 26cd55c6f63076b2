"""The result of a login, with all that a restart needs to resume it (protocol reference, sections 1 and 2).
``WebClient`` keeps it; builders of calls read it.
"""

import functools
import hashlib
import random
from typing import Any

import msgspec
from msgspec.structs import replace

from openwx.domain.chat_ref import Identity
from openwx.domain.contacts import number_or_name
from openwx.errors import UNREADABLE, BadResponse

WECHAT_DOMAINS = ("qq.com", "wechat.com")


class Cookie(msgspec.Struct, frozen=True):
    name: str
    value: str
    domain: str
    path: str = "/"


class SyncKey(msgspec.Struct, frozen=True):
    """Pairs of key and value, which ``synccheck`` takes as text."""

    pairs: tuple[tuple[int, int], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.pairs)

    def __str__(self) -> str:
        return "|".join(f"{key}_{value}" for key, value in self.pairs)

    def to_wire(self) -> dict[str, Any]:
        return {
            "Count": len(self.pairs),
            "List": [{"Key": key, "Val": value} for key, value in self.pairs],
        }


class Session(msgspec.Struct, frozen=True):
    """One login. ``domain`` is ``<d>`` of the reference; ``uids`` maps ids of this login to lasting numbers.

    ``sync_key`` acknowledges: it is replaced only by the key of a batch that is durable.
    """

    uin: str
    sid: str
    skey: str
    pass_ticket: str
    domain: str
    cookies: tuple[Cookie, ...] = ()
    sync_key: SyncKey = SyncKey()
    sync_check_key: SyncKey = SyncKey()
    uids: dict[str, int | str] = {}
    published: bool = msgspec.field(default=False, name="told")
    """Whether the login, which has new ids, was published. Saved under the name of the first versions."""

    def base_request(self) -> dict[str, Any]:
        """Return the ``BaseRequest`` of a POST body, with a new ``DeviceID`` each time, as the reference allows."""
        return {
            "Uin": number_or_name(self.uin),
            "Sid": self.sid,
            "Skey": self.skey,
            "DeviceID": device_id(),
        }

    @property
    def login_id(self) -> str:
        """A hash that identifies this login. Ids of contacts are valid for one login only."""
        return _digest(self.sid)

    @property
    def identity(self) -> Identity:
        return Identity(self.uin, self.login_id)

    @property
    def data_ticket(self) -> str:
        """The cookie that the file host also expects as a parameter."""
        found = [cookie.value for cookie in self.cookies if cookie.name == "webwx_data_ticket"]
        return found[-1] if found else ""

    def __repr__(self) -> str:
        return f"<Session of {self.uin} at {self.domain}>"

    def to_bytes(self) -> bytes:
        """Encode for the journal, which stores the possibly thousands of ``uids`` separately. The result contains
        secrets."""
        return msgspec.json.encode(replace(self, uids={}))

    def uids_to_bytes(self) -> bytes:
        """Encode ``uids`` for the journal."""
        return msgspec.json.encode(self.uids)

    @classmethod
    def from_bytes(cls, data: bytes, uids: bytes | None = None) -> "Session":
        """Decode a saved session. Without ``uids``, those encoded with the session are used. Raises
        ``msgspec.DecodeError``."""
        try:
            session = msgspec.json.decode(data, type=cls)
            if uids is not None:
                session = replace(
                    session, uids=msgspec.json.decode(uids, type=dict[str, int | str])
                )
        except UNREADABLE as error:
            raise msgspec.DecodeError(str(error)) from None
        return session


def device_id() -> str:
    return f"e{random.randrange(10**15):015}"


def domain_of(host: str, call: str) -> str:
    """Return the account's domain from the host of ``redirect_uri``, if it belongs to WeChat.

    Raises ``BadResponse`` for any other host, to which cookies and messages would be sent.
    """
    ours = any(host == domain or host.endswith("." + domain) for domain in WECHAT_DOMAINS)
    if ours and len(host) < 200 and all(0 < len(label) < 64 for label in host.split(".")):
        return host
    raise BadResponse(call, f"redirect_uri leads to {host!r}, which is none of WeChat's hosts")


@functools.lru_cache(maxsize=256)
def _digest(sid: str) -> str:
    """Hash a session id. Cached, because each send and each message needs it."""
    return hashlib.sha256(sid.encode()).hexdigest()[:16]

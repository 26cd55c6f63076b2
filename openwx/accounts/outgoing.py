"""Messages to send, as they wait in the queue and in the journal."""

import msgspec

from openwx.domain.chat_ref import Target, target_of
from openwx.domain.contact_book import ContactBook
from openwx.domain.contacts import Chat
from openwx.domain.media import LocalMedia, MediaRef, RemoteMedia
from openwx.errors import CallerError
from openwx.store.records import new_uid
from openwx.transports.web.ids import new_client_msg_id
from openwx.transports.web.session import Session


class Address(Target, frozen=True, kw_only=True):
    """Where something goes that may outlive the login. ``id`` is of this ``login``, the account's number is ``uin``."""

    login: str
    uin: str


class OutgoingMedia(msgspec.Struct, frozen=True, kw_only=True):
    """A medium to send, in one of three shapes, and what its uploads tell of it.

    ``medium``: a file on our disk; with ``uploaded``, WeChat has it too.
    ``uploaded`` alone: WeChat has it, by a ``media_id`` that somebody named.
    ``ref``: it was received, and is sent on.
    ``source``: a URL or a path that is still to be taken; a bot named it in its answer.
    """

    media_id: str = ""
    medium: LocalMedia | None = None
    uploaded: RemoteMedia | None = None
    ref: MediaRef | None = None
    source: str = ""


class OutgoingMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One text or medium to send. Every try of it carries its ``client_msg_id``; ``bulk`` yields to the others."""

    uid: str
    to: Address
    content: str = ""
    parcel: OutgoingMedia | None = None
    client_msg_id: str
    bulk: bool = False
    key: str = ""
    """The ``Idempotency-Key`` of its call."""

    def to_bytes(self) -> bytes:
        return msgspec.json.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> "OutgoingMessage":
        return msgspec.json.decode(data, type=cls)


class SendResult(msgspec.Struct, frozen=True):
    """How a send ended. ``error`` is None where it reached WeChat."""

    chat_id: str
    msg_id: str = ""
    error: CallerError | None = None
    parcel: OutgoingMedia | None = None
    """The medium as it was sent."""

    @property
    def media_id(self) -> str:
        return self.parcel.media_id if self.parcel else ""


def address_of(chat: Chat, session: Session | None) -> Address:
    """Where ``chat`` is in this login, and what it takes to find it again in another."""
    target = target_of(chat)
    return Address(
        id=target.id,
        uid=target.uid,
        group=target.group,
        displayname=target.displayname,
        fingerprint=target.fingerprint,
        login=session.login_id if session else "",
        uin=session.uin if session else "",
    )


def present_id(to: Address, session: Session | None, contacts: ContactBook) -> str | None:
    """The id of that chat in the present login; None where it cannot be found for certain."""
    if session is None or to.login == session.login_id:
        return to.id
    found = contacts.find_again(to) if to.uin == session.uin else None
    return found.id if found else None


def new_message(
    to: Address, what: str | OutgoingMedia, *, bulk: bool = False, key: str = ""
) -> OutgoingMessage:
    return OutgoingMessage(
        uid=new_uid(),
        to=to,
        content=what if isinstance(what, str) else "",
        parcel=what if isinstance(what, OutgoingMedia) else None,
        client_msg_id=new_client_msg_id(),
        bulk=bulk,
        key=key,
    )

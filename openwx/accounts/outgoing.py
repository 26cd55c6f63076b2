"""Messages to send, as they wait in the queue and in the journal, and how they end.
``Sender`` makes and ends them.
"""

import msgspec

from openwx.domain.chat_ref import ChatRef
from openwx.domain.media import LocalMedia, MediaRef, RemoteMedia
from openwx.domain.send_ids import new_send_id
from openwx.errors import CallerError, Code, Rejected, WeChatError
from openwx.reporter.answer import BackendAnswer
from openwx.store.decoding import decode_row
from openwx.store.records import NewSend, Send, new_uid


class OutgoingMedia(msgspec.Struct, frozen=True, kw_only=True):
    """A file to send, in one of four shapes.

    ``medium``: a file on our disk; with ``uploaded``, WeChat has it too.
    ``uploaded`` alone: WeChat has it, by a ``media_id`` that a caller named.
    ``ref``: it was received, and is forwarded.
    ``source``: a URL or a path that a bot named in its answer, and that is still to be fetched.
    """

    media_id: str = ""
    medium: LocalMedia | None = None
    uploaded: RemoteMedia | None = None
    ref: MediaRef | None = None
    source: str = ""

    @property
    def is_known(self) -> bool:
        """Whether there is something to send."""
        return (self.medium or self.uploaded or self.ref) is not None

    @property
    def needs_upload(self) -> bool:
        return self.medium is not None and self.uploaded is None and self.ref is None


class OutgoingMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One text or file to send. All attempts reuse ``client_msg_id``; ``bulk`` has lower priority."""

    uid: str
    to: ChatRef
    content: str = ""
    parcel: OutgoingMedia | None = None
    client_msg_id: str
    bulk: bool = False
    key: str = ""
    """The ``Idempotency-Key`` of its call."""
    awaited: bool = False
    """Whether the caller with that key waits for the outcome."""
    begun: bool = False
    """Whether it may have reached a WeChat that would not drop a repetition."""

    @property
    def to_fetch(self) -> str:
        """The URL or path of a file that is still to be fetched; empty without one."""
        return self.parcel.source if self.parcel is not None else ""

    def to_bytes(self) -> bytes:
        return msgspec.json.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> "OutgoingMessage":
        return msgspec.json.decode(data, type=cls)


def message_in(send: Send) -> OutgoingMessage | None:
    """Return the message of a send in the journal; None where it cannot be read."""
    return decode_row(send.body, OutgoingMessage, f"{send.account}: the send {send.uid}")


class SendResult(msgspec.Struct, frozen=True):
    """How a send ended. ``error`` is None if it reached WeChat."""

    chat_id: str
    msg_id: str = ""
    error: CallerError | None = None
    parcel: OutgoingMedia | None = None
    """The file as it was sent."""

    @property
    def media_id(self) -> str:
        return self.parcel.media_id if self.parcel else ""


class Sent(msgspec.Struct, frozen=True):
    """A text or file that WeChat took. ``id`` is ``<msg_id>:<receiver id>``."""

    msg_id: str
    id: str
    media_id: str = ""


def new_message(
    to: ChatRef,
    content: str | OutgoingMedia,
    *,
    bulk: bool = False,
    key: str = "",
    awaited: bool = False,
) -> OutgoingMessage:
    """Make a message with ids of its own."""
    return OutgoingMessage(
        uid=new_uid(),
        to=to,
        content=content if isinstance(content, str) else "",
        parcel=content if isinstance(content, OutgoingMedia) else None,
        client_msg_id=new_send_id(),
        bulk=bulk,
        key=key,
        awaited=awaited,
    )


def new_send(message: OutgoingMessage, *, report_id: int | None = None, part: int = 0) -> NewSend:
    """Make the journal's row of a message. ``report_id``: the report whose reply it is."""
    file = message.parcel.medium if message.parcel else None
    return NewSend(
        uid=message.uid,
        body=message.to_bytes(),
        report_id=report_id,
        part=part,
        attachment=file.attachment if file else "",
    )


def new_sends_of_reply(to: ChatRef, answer: BackendAnswer, report_id: int) -> list[NewSend]:
    """Make the journal's rows of an answer's replies, in their order: each text and each file is a part."""
    contents: list[str | OutgoingMedia] = []
    for reply in answer.replies:
        if reply.text is not None:
            contents.append(reply.text)
        if reply.media is not None:
            contents.append(OutgoingMedia(source=reply.media))
    return [
        new_send(new_message(to, content), report_id=report_id, part=part)
        for part, content in enumerate(contents)
    ]


def unknown_outcome(why: str) -> CallerError:
    """Make the answer for a message of which nobody knows whether it arrived."""
    return CallerError(Code.UNREACHABLE, f"{why}: the outcome is unknown", http_status=504)


def refusal_of(error: WeChatError, *, unsure: bool) -> CallerError:
    """Make the answer for a refusal. A ``Ret`` of 1000 or more is the code itself, as the original had it.

    ``unsure``: the answer to an earlier attempt was lost.
    """
    if not isinstance(error, Rejected):
        return unknown_outcome(str(error))
    code = error.ret if error.ret >= 1000 else Code.REFUSED
    status = f"{error}; an earlier try may have arrived" if unsure else str(error)
    return CallerError(code, status, ret=error.ret, errmsg=error.errmsg)


def given_up(error: Exception, tries: int, *, unsure: bool) -> CallerError:
    """Make the answer for a message whose last attempt failed. ``unsure``: an attempt may have arrived."""
    status = f"gave up after {tries} {'try' if tries == 1 else 'tries'}: {error}"
    if unsure:
        status += "; whether it arrived is unknown"
    return CallerError(Code.GAVE_UP, status)

"""Messages of reports: one class for each ``format``, with the members of the JSON. ``uploads`` decodes to them."""

import base64
import binascii
from typing import ClassVar

import msgspec

from openwx.client.answers import Uid


class Mention(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whom a text mentions. Where several members have the name, ``id`` and ``uid`` are empty.

    ``me``: it is the account itself, or may be.
    """

    id: str = ""
    uid: Uid = ""
    displayname: str = ""
    me: bool = False


class Article(msgspec.Struct, frozen=True, kw_only=True):
    """One article of a push; ``cover`` is the address of its picture."""

    title: str = ""
    desc: str = ""
    url: str = ""
    cover: str = ""


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """The message that another one quotes. What is not known is empty. ``id`` is the ``msg_id`` of a send."""

    id: str = ""
    sender: str = ""
    content: str = ""
    format: str = ""


class Message(msgspec.Struct, frozen=True, kw_only=True, rename={"class_": "class"}):
    """The members of every message; also a message of an unknown ``format``.

    ``post_type`` is ``receive_message`` or ``send_message`` (from this server or from the phone: ``source``).
    ``time`` is Unix time. Without a group ``group…`` is empty, in a notice ``sender…``.
    """

    FORMAT: ClassVar[str] = ""

    post_type: str
    type: str = ""
    class_: str = ""
    format: str = ""
    id: str = ""
    uid: str = ""
    time: int = 0
    content: str = ""
    sender: str = ""
    sender_id: str = ""
    sender_uid: Uid = ""
    sender_name: str = ""
    sender_account: str = ""
    sender_markname: str = ""
    sender_category: str = ""
    receiver: str = ""
    receiver_id: str = ""
    receiver_uid: Uid = ""
    receiver_name: str = ""
    receiver_account: str = ""
    receiver_markname: str = ""
    receiver_category: str = ""
    group: str = ""
    group_id: str = ""
    group_uid: Uid = ""
    group_name: str = ""
    quote: Quote | None = None
    source: str = ""
    code: int = 0
    """Of a ``send_message``: 0, or why it was not sent, with ``msg`` and ``info``."""
    msg: str = ""
    info: str = ""

    @property
    def is_received(self) -> bool:
        """Whether the account received it."""
        return self.post_type == "receive_message"

    @property
    def in_group(self) -> bool:
        return self.type in ("group_message", "group_notice")

    @property
    def chat_id(self) -> str:
        """The id of its chat, a friend or group: where to send an answer."""
        if self.in_group:
            return self.group_id
        return self.sender_id if self.is_received else self.receiver_id


class TextMessage(Message, frozen=True, kw_only=True):
    """A text; also a notice in a group (``type`` is ``group_notice``).

    In a group ``mentions`` are the members whom it mentions, each once; ``mentions_all``: it mentions everybody.
    """

    FORMAT = "text"

    mentions: tuple[Mention, ...] = ()
    mentions_me: bool = False
    mentions_all: bool = False


class MediaMessage(Message, frozen=True, kw_only=True):
    """A media message. If its download failed, ``media_error`` says why, and ``media_path`` is empty."""

    FORMAT = "media"

    media_path: str = ""
    """On the gateway's machine."""
    media_id: str = ""
    """Can be sent again."""
    media_type: str = ""
    """``image``, ``voice``, ``video``, ``microvideo``, ``emoticon`` or ``file``."""
    media_code: str = ""
    media_mime: str = ""
    media_name: str = ""
    media_size: int = 0
    media_mtime: int = 0
    media_ext: str = ""
    media_data: str = ""
    media_error: str = ""
    voice_text: str = ""
    """The words of a voice message, where WeChat sends them."""

    @property
    def data(self) -> bytes | None:
        """Its bytes; None where the gateway does not report them, or could not fetch them."""
        try:
            return base64.b64decode(self.media_data) if self.media_data else None
        except binascii.Error:
            return None


class AppMessage(Message, frozen=True, kw_only=True):
    """A link, a push of articles, a mini program, a chat record, an announcement, or whatever some app shares.

    ``app_type`` is WeChat's number of its kind, ``app_xml`` what WeChat sent; empty if that is large. ``app_items``
    are the articles of a push, ``app_path`` and ``app_username`` the page and the own name of a mini program.
    """

    FORMAT = "app"

    app_name: str = ""
    app_id: str = ""
    app_title: str = ""
    app_desc: str = ""
    app_url: str = ""
    app_type: int = 0
    app_xml: str = ""
    app_items: tuple[Article, ...] = ()
    app_path: str = ""
    app_username: str = ""


class CardMessage(Message, frozen=True, kw_only=True):
    """Somebody's name card."""

    FORMAT = "card"

    card_id: str = ""
    card_name: str = ""
    card_account: str = ""
    card_province: str = ""
    card_city: str = ""
    card_sex: str = ""
    card_avatar: str = ""


class LocationMessage(Message, frozen=True, kw_only=True):
    """A place: ``content`` names it, ``location_url`` shows it."""

    FORMAT = "location"

    location_url: str = ""


class RevokeMessage(Message, frozen=True, kw_only=True):
    """A message was taken back; ``revoke_id`` is the ``id`` that it had."""

    FORMAT = "revoke"

    revoke_id: str = ""


class PaymentMessage(Message, frozen=True, kw_only=True):
    """A transfer or a red packet."""

    FORMAT = "payment"


class NoticeMessage(Message, frozen=True, kw_only=True):
    """A system's notice in a friend's chat."""

    FORMAT = "notice"


class UnknownMessage(Message, frozen=True, kw_only=True):
    """A kind that openwx does not know; ``content`` is raw."""

    FORMAT = "unknown"


KINDS: dict[str, type[Message]] = {kind.FORMAT: kind for kind in Message.__subclasses__()}
"""The classes by their ``format``."""

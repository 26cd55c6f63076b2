"""What it takes to fetch a received medium, and to send it on (protocol reference, sections 5 and 6)."""

from typing import Literal

import msgspec

Kind = Literal["image", "voice", "video", "microvideo", "emoticon", "file"]

MEDIA_CODES: dict[Kind, int] = {
    "image": 3,
    "voice": 34,
    "video": 43,
    "microvideo": 62,
    "emoticon": 47,
    "file": 6,
}
"""The numbers that stand in a ``media_id``, after its colon."""


class MediaRef(msgspec.Struct, frozen=True, kw_only=True):
    """A received medium, as it is kept until it is fetched, and later for forwarding."""

    kind: Kind
    msg_id: str
    name: str = ""
    """The name of a file, as its sender wrote it."""
    sizes: tuple[int, ...] = ()
    """In bytes: it has one of them. Empty where WeChat does not tell what web clients get."""
    sender: str = ""
    """``FromUserName``: an id of the login in which it came."""
    media_id: str = ""
    """The ``MediaId`` of a file."""
    encry_file_name: str = ""
    md5: str = ""
    """A sticker's, by which WeChat knows it."""
    has_image: bool = True
    """False for stickers from the shop."""
    xml: str = ""
    """The received content, unescaped and without its sender."""

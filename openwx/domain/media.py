"""References to received media: what downloading and forwarding need (protocol reference, sections 5 and 6)."""

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
"""The numbers after the colon of a ``media_id``."""


class MediaRef(msgspec.Struct, frozen=True, kw_only=True):
    """A reference to received media, stored until the download and later for forwarding."""

    kind: Kind
    msg_id: str
    name: str = ""
    """The file's name as its sender wrote it."""
    sizes: tuple[int, ...] = ()
    """The sizes in bytes that the file may have. Empty where WeChat does not send the size that web clients get."""
    sender: str = ""
    """``FromUserName``, an id of the login in which the message arrived."""
    media_id: str = ""
    """The ``MediaId`` of a file."""
    encry_file_name: str = ""
    md5: str = ""
    """The MD5 by which WeChat identifies a sticker."""
    has_image: bool = True
    """False for stickers from the shop, of which web clients get no image."""
    xml: str = ""
    """The received content, unescaped and without its sender."""

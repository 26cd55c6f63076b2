"""Media on its way in and out: references to received files, files to send, and files that WeChat has.
Accounts and transports pass them.
"""

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

LARGEST_PICTURE = 20 * 1024 * 1024
"""In bytes. Larger images and videos are sent as files."""


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
    source: str = ""
    """What the transport downloads it by, in a notation of its own, where the members above do not suffice."""


class StoredFile(msgspec.Struct, frozen=True, kw_only=True):
    """A complete file. ``path`` is absolute, ``name`` is its name for people, ``mtime`` is Unix time in seconds,
    ``md5`` is hexadecimal."""

    path: str
    name: str
    size: int
    mime: str
    ext: str
    md5: str
    mtime: int
    fingerprint: str = ""
    """Identifies the judged file where others could change it."""
    kept_as: str = ""
    """Its name in the folder of media, which is the same on every node; empty for a file that is not openwx's own."""

    @property
    def attachment(self) -> str:
        """What the journal calls it: the name in the folder of media, or else its path."""
        return self.kept_as or self.path


class LocalMedia(StoredFile, frozen=True, kw_only=True):
    """A file to send. ``kind`` decides how."""

    kind: Kind


class RemoteMedia(msgspec.Struct, frozen=True, kw_only=True):
    """Media that WeChat has, by its ``MediaId``; the message of a file also has its name and size."""

    kind: Kind
    media_id: str
    name: str = ""
    size: int = 0
    ext: str = ""
    signature: str = ""
    """Required in the message of a large file."""
    source: str = ""
    """What the transport sends it by, in a notation of its own, where ``media_id`` does not suffice."""


def sendable_kind(mime: str, size: int) -> Kind:
    """Return the kind as which WeChat accepts a file of this type: GIFs are stickers, and what it cannot show is a
    file."""
    if mime == "image/gif":
        return "emoticon"
    if size <= LARGEST_PICTURE:
        if mime in ("image/jpeg", "image/png", "image/bmp", "image/x-ms-bmp"):
            return "image"
        if mime in ("video/mp4", "video/x-m4v"):
            return "video"
    return "file"

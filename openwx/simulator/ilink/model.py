"""What passes between persons and a bot: messages in both directions, and the media on the CDN.
All modules here pass them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ..media import Medium

KINDS = {1: "text", 2: "image", 3: "voice", 4: "file", 5: "video"}
"""The kinds of items, by their `type`."""
ITEM_NAMES = {number: f"{kind}_item" for number, kind in KINDS.items()} | {
    11: "tool_call_start_item", 12: "tool_call_result_item",
}  # fmt: skip
UPLOAD_KINDS = {1: "image", 2: "video", 3: "file", 4: "voice"}
"""The same kinds by the `media_type` of `getuploadurl`, which counts differently."""


@dataclass(slots=True, eq=False)
class Stored:
    """A medium on the CDN, by the parameter with which it is downloaded."""

    param: str
    medium: Medium
    """The plain bytes; or what was uploaded, where its key does not fit."""
    key: bytes | None
    """None: the bytes are stored as they are."""
    fits: bool = True
    """Whether it decrypts to what `getuploadurl` was told."""
    since: float = field(default_factory=time.time)


@dataclass(slots=True, eq=False)
class Permission:
    """What `getuploadurl` allowed: one file, for one person."""

    bot_id: str
    to_user_id: str
    kind: str
    filekey: str
    plain_size: int
    plain_md5: str
    cipher_size: int
    key: bytes
    param: str
    """`upload_param`."""
    url_param: str
    """The same in `upload_full_url`, which admits any size."""
    stored: Stored | None = None
    """Set by the upload."""


@dataclass(slots=True, eq=False)
class Attachment:
    """A medium of a person's message: where it is stored, and how its key is told."""

    stored: Stored
    aes_key: str
    """`media.aes_key`; empty: none is told."""
    aeskey: str = ""
    """`image_item.aeskey`, which is right where both are told."""
    detail: dict[str, Any] = field(default_factory=dict)
    """The other fields of the item."""


@dataclass(slots=True, eq=False)
class Written:
    """A message from a person to a bot."""

    number: int
    user_id: str
    """Of the person."""
    type: int
    text: str
    """As the phone shows it."""
    item: dict[str, Any]
    """The item on the wire, without its medium."""
    client_id: str
    time: float = field(default_factory=time.time)
    attachment: Attachment | None = None
    file_name: str = ""
    seconds: float | None = None
    arrivals: list[Arrival] = field(default_factory=list, repr=False)
    """How it came to the bot: once, unless it is repeated."""

    @property
    def msg_id(self) -> str:
        return str(self.number)

    @property
    def kind(self) -> str:
        return KINDS.get(self.type, "other")

    @property
    def medium(self) -> Medium | None:
        return self.attachment.stored.medium if self.attachment else None


@dataclass(slots=True, eq=False)
class Arrival:
    """One appearance of a message in the updates of a bot."""

    message: Written
    seq: int
    message_id: int | None
    context_token: str
    time: float = field(default_factory=time.time)
    taken: bool = False
    """Whether an answer of `getupdates` had it."""


@dataclass(slots=True, eq=False)
class BotMessage:
    """A message from a bot, as it was accepted."""

    number: int
    bot_id: str
    to_user_id: str
    client_id: str
    type: int
    text: str
    msg: dict[str, Any] = field(repr=False)
    """The whole `msg` as it came."""
    medium: Medium | None = None
    """The plain bytes; None where the phone cannot read them."""
    file_name: str = ""
    shown: bool = True
    """Whether the person sees it: voices, and what a restricted person is sent, never appear."""
    time: float = field(default_factory=time.time)
    seconds: float | None = None

    @property
    def msg_id(self) -> str:
        return str(self.number)

    @property
    def kind(self) -> str:
        return KINDS.get(self.type, "other")

    @property
    def unreadable(self) -> bool:
        """Whether its medium has a key that no phone can use."""
        return self.medium is None and self.type in (2, 3, 4, 5)

    @property
    def state(self) -> object:
        """`message_state`: 1 generating, 2 finished."""
        return self.msg.get("message_state")


Said: TypeAlias = "Written | BotMessage"

"""Messages of any transport: one class for each ``format`` of a report (contract, section 3).
Transports make them, ``EventRecorder`` records them, and ``reporter/payload.py`` turns them into the JSON of reports.
"""

from typing import Any, ClassVar

import msgspec

from openwx.domain.contacts import Chat, Person, User
from openwx.domain.media import MEDIA_CODES, MediaRef


class Parties(msgspec.Struct, frozen=True, gc=False):
    """The chat of a message, its sender (None in a notice) and its receiver (None for an own message to a group).

    ``mine``: the account itself sent it, on the phone or with another client.
    """

    chat: Chat | User
    sender: Person | None
    receiver: Person | None
    mine: bool


class PartialText(msgspec.Struct, frozen=True):
    """Which part of a text is quoted: from the ``start_index``-th ``start`` to the ``end_index``-th ``end``, whose
    UTF-8 bytes have this hexadecimal ``md5``."""

    start: str
    end: str
    start_index: int
    end_index: int
    md5: str


class Quote(msgspec.Struct, frozen=True):
    """The message that a message quotes. ``content`` is None where the service names only its ``id``: the account
    looks it up in the journal."""

    id: str = ""
    sender: str = ""
    content: str | None = None
    format: str = ""
    part: PartialText | None = None


class Message(msgspec.Struct, kw_only=True, frozen=True):
    """What every message has. ``id`` is the service's own, ``time`` is Unix time in seconds."""

    format: ClassVar[str]

    id: str
    time: int
    content: str
    parties: Parties
    quote: Quote | None = None

    def details(self) -> dict[str, Any]:
        """Return the members that reports of this format have besides those of every report."""
        return {}


class Text(Message, frozen=True):
    format = "text"


class Notice(Message, frozen=True):
    """A system notice: somebody joined, a red packet came, "you are not friends yet"."""

    format = "notice"


class Unknown(Message, frozen=True):
    """A message of a kind that openwx does not know; ``content`` is raw."""

    format = "unknown"


class Location(Message, kw_only=True, frozen=True):
    """A place; ``url`` shows it on a map, where the service gave one."""

    format = "location"

    url: str

    def details(self) -> dict[str, str]:
        return {"location_url": self.url}


class Card(Message, kw_only=True, frozen=True):
    """Somebody's name card; ``card`` has the report's ``card_…`` members."""

    format = "card"

    card: dict[str, str]

    def details(self) -> dict[str, str]:
        return self.card


class Recall(Message, kw_only=True, frozen=True):
    """A message was taken back; ``revoked`` is that message's id."""

    format = "revoke"

    revoked: str

    def details(self) -> dict[str, str]:
        """Return ``revoke_id``, the ``id`` that the report of the other message had."""
        mine = self.parties.mine
        return {"revoke_id": f"{self.revoked}:{self.parties.chat.id}" if mine else self.revoked}


class Article(msgspec.Struct, frozen=True):
    """One article of a push. ``cover`` is the address of its picture."""

    title: str
    desc: str
    url: str
    cover: str


class MiniProgram(msgspec.Struct, frozen=True):
    """What a shared mini program opens: a page, and the program's own name (``gh_…@app``)."""

    path: str
    username: str


class App(Message, kw_only=True, frozen=True):
    """Something that an app shares: a link, a push of articles, a mini program, a chat record, an announcement.

    ``type`` is the service's AppMsgType, ``xml`` what it sent.
    """

    format = "app"

    name: str
    app_id: str
    title: str
    desc: str
    url: str
    type: int
    xml: str
    articles: tuple[Article, ...] = ()
    mini_program: MiniProgram | None = None

    def details(self) -> dict[str, Any]:
        known = {
            "app_name": self.name,
            "app_id": self.app_id,
            "app_title": self.title,
            "app_desc": self.desc,
            "app_url": self.url,
            "app_type": self.type,
            "app_xml": self.xml,
            "app_items": [msgspec.to_builtins(article) for article in self.articles],
        }
        if self.mini_program is not None:
            known["app_path"] = self.mini_program.path
            known["app_username"] = self.mini_program.username
        return known


class Payment(Message, frozen=True):
    """Money: a transfer or a red packet."""

    format = "payment"


class MediaMessage(Message, kw_only=True, frozen=True):
    """A picture, voice, video, sticker or file; ``ref`` is what it takes to download it.

    ``voice_text`` is the service's transcript of a voice message.
    """

    format = "media"

    ref: MediaRef
    voice_text: str = ""

    def details(self) -> dict[str, str]:
        """Return what is known before the download."""
        code = MEDIA_CODES[self.ref.kind]
        known = {
            "media_id": f"{self.id}:{code}",
            "media_type": self.ref.kind,
            "media_code": str(code),
        }
        if self.ref.name:
            known["media_name"] = self.ref.name
        if self.voice_text:
            known["voice_text"] = self.voice_text
        return known


FORMATS = tuple(
    sorted(
        kind.format
        for kind in (Text, Notice, Unknown, Location, Card, Recall, App, Payment, MediaMessage)
    )
)
"""Every ``format`` that a report of a message can have."""

"""Messages of reports, as the pages show them. ``chats`` and ``feed`` make them."""

import re

import msgspec

from openwx.console.translation import Translator
from openwx.reporter.payload import Payload

PICTURES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
SOUNDS = frozenset(
    {"audio/mpeg", "audio/mp4", "audio/x-m4a", "audio/aac", "audio/ogg", "audio/wav", "audio/x-wav"}
)
FILMS = frozenset({"video/mp4", "video/x-m4v", "video/webm", "video/ogg"})
INLINE = PICTURES | SOUNDS | FILMS
"""The types that pages show; all else is a download."""


class AttachmentView(msgspec.Struct, frozen=True):
    """The file of a message. ``error`` is the English text that says why it could not be fetched."""

    kind: str
    name: str
    size: str
    mime: str
    path: str
    error: str

    @property
    def shown_as(self) -> str:
        """The element that shows it: ``img``, ``audio`` or ``video``; empty for a download."""
        for element, mimes in (("img", PICTURES), ("audio", SOUNDS), ("video", FILMS)):
            if self.mime in mimes:
                return element
        return ""


class ArticleView(msgspec.Struct, frozen=True):
    """One article of a push."""

    title: str
    desc: str
    url: str


class QuoteView(msgspec.Struct, frozen=True):
    """The message that a message quotes. ``format`` is empty where it is not known."""

    sender: str
    text: str
    format: str


class CardView(msgspec.Struct, frozen=True):
    """The content of a message that is neither text nor file. ``icon`` names a picture, ``label`` a sentence."""

    icon: str
    label: str
    title: str
    more: str = ""
    source: str = ""
    """The app that it was shared from."""
    articles: tuple[ArticleView, ...] = ()
    """The articles of a push."""


class MessageView(msgspec.Struct, frozen=True):
    """One message. ``chat`` and ``sender`` are names; a notice has no sender."""

    id: int
    """The number of its report in the stream."""
    uid: str
    mine: bool
    is_group: bool
    sender: str
    sender_id: str
    chat: str
    chat_id: str
    time: int
    format: str
    text: str
    code: int
    """Why it did not reach the chat: a ``Code``, or WeChat's Ret; 0 if it did."""
    info: str
    """The same as an English text, with details."""
    from_phone: bool
    attachment: AttachmentView | None
    card: CardView | None
    link: str
    message_id: str
    """The id by which a recall names it."""
    quote: QuoteView | None
    mentions_me: bool
    recalls: str
    """The ``message_id`` of the message that this one recalls; empty for all else."""

    @property
    def is_note(self) -> bool:
        """Whether it is a notice or a recall, which nobody says."""
        return self.format in ("notice", "revoke") or (self.is_group and not self.sender)


def message_of(id: int, payload: Payload) -> MessageView:
    """Read the message of a report."""
    mine = payload["class"] == "send"
    is_group = "group_id" in payload
    role = "group" if is_group else "receiver" if mine else "sender"
    kind = payload["format"]
    card = _card(kind, payload)
    text = "" if card or kind in ("media", "revoke") else str(payload["content"])
    time = str(payload.get("time", ""))
    return MessageView(
        id=id,
        uid=str(payload.get("uid", "")),
        mine=mine,
        is_group=is_group,
        sender=payload.get("sender", ""),
        sender_id=payload.get("sender_id", ""),
        chat=payload.get(role, ""),
        chat_id=payload.get(f"{role}_id", ""),
        time=int(time) if time.isdigit() else 0,
        format=kind,
        text=text,
        code=payload.get("code", 0),
        info=payload.get("info", ""),
        from_phone=payload.get("source") == "outer",
        attachment=_attachment(payload) if kind == "media" else None,
        card=card,
        link=_link(payload),
        message_id=str(payload.get("id", "")),
        quote=_quote(payload),
        mentions_me=not mine and bool(payload.get("mentions_me")),
        recalls=str(payload.get("revoke_id", "")),
    )


ANNOUNCEMENT = 87
"""The AppMsgType of a group's announcement."""
_MONEY = re.compile(r"\[(转账|红包)\]\((.*)\)", re.DOTALL)
"""How the contract spells a payment."""


def _card(kind: str, payload: Payload) -> CardView | None:
    content = str(payload["content"])
    match kind:
        case "payment":
            found = _MONEY.fullmatch(content)
            if found is None:
                return CardView("coin", "card.payment", content)
            label = "card.transfer" if found[1] == "转账" else "card.red_packet"
            return CardView("coin", label, found[2])
        case "card":
            place = (payload.get("card_province", ""), payload.get("card_city", ""))
            more = " · ".join(
                filter(None, (payload.get("card_account", ""), " ".join(place).strip()))
            )
            return CardView("people", "card.contact", payload.get("card_name", ""), more)
        case "location":
            return CardView("place", "card.location", content)
        case "app":
            return _shared(content, payload)
        case "unknown":
            return CardView("grid", "card.unknown", "", content)
        case _:
            return None


def _shared(content: str, payload: Payload) -> CardView:
    """Say what an app shares."""
    if payload.get("app_type") == ANNOUNCEMENT:
        return CardView("people", "card.announcement", "", content)
    title, more = payload.get("app_title", ""), payload.get("app_desc", "")
    source = payload.get("app_name", "")
    if "app_path" in payload:
        return CardView("grid", "card.mini_program", title, more, source)
    items = payload.get("app_items", ())
    if len(items) > 1:
        articles = (ArticleView(item["title"], item["desc"], item["url"]) for item in items)
        return CardView("link", "card.articles", "", source=source, articles=tuple(articles))
    picture, label = ("link", "card.link") if payload.get("app_url") else ("grid", "card.shared")
    return CardView(picture, label, title, more, source)


def _link(payload: Payload) -> str:
    """Return the address that a message leads to. That of a mini program only says that WeChat is too old."""
    if "app_path" in payload:
        return ""
    return str(payload.get("app_url", "") or payload.get("location_url", ""))


def _quote(payload: Payload) -> QuoteView | None:
    quote = payload.get("quote")
    if quote is None:
        return None
    return QuoteView(quote["sender"], quote["content"], quote.get("format", ""))


def _attachment(payload: Payload) -> AttachmentView:
    return AttachmentView(
        kind=payload.get("media_type", "file"),
        name=payload.get("media_name", ""),
        size=payload.get("media_size", ""),
        mime=payload.get("media_mime", ""),
        path=str(payload.get("media_path", "")),
        error=payload.get("media_error", ""),
    )


def one_line(message: MessageView, t: Translator) -> str:
    """Say in one line what a message contains."""
    if message.format == "revoke":
        return recall_words(message, t)
    if message.attachment is not None:
        file = message.attachment
        label = f"[{t.of_code('media', file.kind)}]"
        return f"{label} {file.name}" if file.kind == "file" else label
    if message.card is not None:
        card = message.card
        titles = [card.title, *(article.title for article in card.articles[:1]), card.more]
        more = "" if message.format == "unknown" else next(filter(None, titles), "")
        return f"[{t(message.card.label)}] {more}".rstrip()
    return message.text


def recall_words(message: MessageView, t: Translator) -> str:
    """Say who recalled a message."""
    if message.mine:
        return t("recall.mine")
    if message.sender:
        return t("recall.name", name=message.sender)
    return t("recall.unknown")

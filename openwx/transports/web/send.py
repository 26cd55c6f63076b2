"""Builds the calls that send and recall messages (protocol reference, section 6)."""

import re
from typing import Any
from xml.sax.saxutils import escape

from openwx.domain.media import MEDIA_CODES, Kind, MediaRef, RemoteMedia
from openwx.transports.web import wire
from openwx.transports.web.http import Call, post
from openwx.transports.web.session import Session

_UNSENDABLE = dict.fromkeys(code for code in (*range(32), 127) if chr(code) not in "\t\n\r")
"""Control characters, which are dropped: the phone would show their JSON escapes."""

_ASYNC = {"fun": "async", "f": "json"}
_MEDIA_CALLS: dict[Kind, tuple[str, dict[str, str]]] = {
    "image": ("webwxsendmsgimg", _ASYNC),
    "video": ("webwxsendvideomsg", _ASYNC),
    "microvideo": ("webwxsendvideomsg", _ASYNC),
    "emoticon": ("webwxsendemoticon", {"fun": "sys"}),
    "file": ("webwxsendappmsg", _ASYNC),
    "voice": ("webwxsendappmsg", _ASYNC),
}
_ATTACHMENT = re.compile(r"<attachid>.*?</attachid>|<attachid\s*/>", re.DOTALL)


def text(
    session: Session, own_id: str, to: str, content: str, client_msg_id: str
) -> Call[wire.SendReply]:
    """Send a text to a friend or a group. Safe to repeat with the same ``client_msg_id``."""
    message = {"Type": 1, "Content": content.translate(_UNSENDABLE)}
    return _send("webwxsendmsg", {}, session, own_id, to, message, client_msg_id)


def uploaded_media(
    session: Session, own_id: str, to: str, uploaded: RemoteMedia, client_msg_id: str
) -> Call[wire.SendReply]:
    """Send an uploaded file to a friend or a group. Safe to repeat with the same ``client_msg_id``."""
    name, query = _MEDIA_CALLS[uploaded.kind]
    message: dict[str, Any] = {"Type": MEDIA_CODES[uploaded.kind], "MediaId": uploaded.media_id}
    match uploaded.kind:
        case "emoticon":
            message["EmojiFlag"] = 2
        case "file" | "voice":
            message = {"Type": 6, "Content": _file_content(uploaded)}
            if uploaded.signature:
                message["Signature"] = uploaded.signature
        case _:
            message |= {"Type": 3 if uploaded.kind == "image" else 43, "Content": ""}
    return _send(name, query, session, own_id, to, message, client_msg_id)


def forward(
    session: Session, own_id: str, to: str, ref: MediaRef, client_msg_id: str
) -> Call[wire.SendReply]:
    """Forward a received file without another upload. Voice cannot be forwarded: it is uploaded as a file."""
    name, query = _MEDIA_CALLS[ref.kind]
    message: dict[str, Any]
    scene = 2
    match ref.kind:
        case "emoticon":
            message = {"Type": 47, "EmojiFlag": 2, "EMoticonMd5": ref.md5}
            scene = 0
        case "file":
            attachment = f"<attachid>{escape(ref.media_id)}</attachid>"
            content = _ATTACHMENT.sub(lambda _: attachment, ref.xml, count=1)
            message = {"Type": 6, "MediaId": "", "Content": content}
        case kind:
            message = {"Type": 3 if kind == "image" else 43, "MediaId": "", "Content": ref.xml}
    return _send(name, query, session, own_id, to, message, client_msg_id, scene=scene)


def revoke(session: Session, msg_id: str, to: str, client_msg_id: str) -> Call[wire.Reply]:
    """Recall a message that was sent to a chat within the last two minutes."""
    body = {"ClientMsgId": client_msg_id, "SvrMsgId": msg_id, "ToUserName": to}
    return post(session, "webwxrevokemsg", wire.Reply, body)


def can_be_forwarded(ref: MediaRef) -> bool:
    """Say whether WeChat gave enough to forward it."""
    match ref.kind:
        case "voice":
            return False
        case "emoticon":
            return bool(ref.md5)
        case "file":
            return bool(ref.xml and ref.media_id)
        case _:
            return bool(ref.xml)


def _file_content(uploaded: RemoteMedia) -> str:
    return (
        "<appmsg appid='wxeb7ec651dd0aefa9' sdkver=''>"
        f"<title>{escape(uploaded.name.translate(_UNSENDABLE))}</title><des></des><action></action><type>6</type>"
        "<content></content><url></url><lowurl></lowurl><appattach>"
        f"<totallen>{uploaded.size}</totallen><attachid>{escape(uploaded.media_id)}</attachid>"
        f"<fileext>{escape(uploaded.ext)}</fileext></appattach><extinfo></extinfo></appmsg>"
    )


def _send(
    name: str,
    query: dict[str, str],
    session: Session,
    own_id: str,
    to: str,
    message: dict[str, Any],
    client_msg_id: str,
    *,
    scene: int = 0,
) -> Call[wire.SendReply]:
    message = {
        **message,
        "FromUserName": own_id,
        "ToUserName": to,
        "LocalID": client_msg_id,
        "ClientMsgId": client_msg_id,
    }
    return post(session, name, wire.SendReply, {"Msg": message, "Scene": scene}, **query)

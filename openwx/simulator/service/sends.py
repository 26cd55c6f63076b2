"""Sending: texts, pictures, videos, stickers, files and shares; and recalls (reference, 6).
`service` routes to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

from aiohttp import web

from ..calls import Call
from ..media import Medium
from ..model import Chat, Group, Message, SentMessage
from ..state import World
from .base import Handler, RefusedError, caller, json_answer
from .uploads import UNCHECKED_LIMIT


class Sending:
    """A message that the web client sends, with the checks that all kinds have in common.

    Ret 1: unknown receiver, another sender; Ret -2: a group that the account is not in.
    """

    def __init__(self, world: World, call: Call) -> None:
        self.account, session = caller(world, call)
        body = call.stored()
        msg = body.get("Msg")
        self.msg: dict[str, Any] = msg if isinstance(msg, dict) else {}
        self.forwards = str(body.get("Scene")) == "2"
        to = session.find(str(self.msg.get("ToUserName") or ""))
        if to is None or str(self.msg.get("FromUserName")) != session.id_of(self.account.owner):
            raise RefusedError(1)
        if isinstance(to, Group) and self.account.owner.key not in to.members:
            raise RefusedError(-2)
        self.to: Chat = to
        self.type = str(self.msg.get("Type"))
        content = self.msg.get("Content")
        self.content = content if isinstance(content, str) else ""
        self.client_msg_id = str(self.msg.get("ClientMsgId") or self.msg.get("LocalID") or "")

    def xml(self) -> ElementTree.Element:
        """Parse the content. Broken XML, such as a name with a bare `&` or `<`, is refused."""
        try:
            return ElementTree.fromstring(self.content.strip())  # noqa: S314 - the client is ours
        except ElementTree.ParseError:
            raise RefusedError(1) from None

    def medium(self, media_id: object, *kinds: str) -> Medium:
        """Return the upload with this id. One that is unknown or of another kind is refused (assumed)."""
        medium = self.account.known_medium(str(media_id or ""))
        if medium is None or medium.kind not in kinds:
            raise RefusedError(1)
        return medium

    def received(self, key: str, *msg_types: int) -> Message:
        """Return the received message that the content repeats. An unknown one is refused (assumed)."""
        message = self.account.received_by_key.get(key)
        if message is None or message.msg_type not in msg_types:
            raise RefusedError(1)
        return message

    def send(
        self, text: str = "", *,
        medium: Medium | None = None, forwarded: Message | None = None, file_name: str = "",
    ) -> SentMessage:  # fmt: skip
        """Send it; a forwarded message with its medium."""
        if forwarded is not None:
            medium = forwarded.medium
        return self.account.send(
            self.to, text, self.client_msg_id, int(self.type), self.msg,
            medium=medium, forwarded=forwarded, file_name=file_name,
        )  # fmt: skip


def _handler(send: Callable[[Sending], SentMessage], *types: str) -> Handler:
    """Make the handler of a call that sends. `types` are the accepted values of Type; none: all.

    A repeated ClientMsgId is answered with the first MsgID, whatever else the call contains.
    """

    async def handler(world: World, call: Call) -> web.Response:
        sending = Sending(world, call)
        sent = sending.account.by_client_msg_id.get(sending.client_msg_id)
        if sent is None:
            if types and sending.type not in types:
                raise RefusedError(1)
            sent = send(sending)
        local_id = str(sending.msg.get("LocalID") or "")
        return json_answer(MsgID=sent.msg_id, LocalID=local_id)

    return handler


def _text(sending: Sending) -> SentMessage:
    """webwxsendmsg: send a text; Type 48 with Scene 2 forwards a place (its `OriContent`, as wechat4u does)."""
    if sending.type == "48" and sending.forwards:
        place = sending.xml().find(".//location")
        if place is None:
            raise RefusedError(1)
        label = place.get("label")
        key = f"{place.get('x')},{place.get('y')} {label}"
        return sending.send(label or "", forwarded=sending.received(key, 1, 48))
    if not sending.content or sending.type != "1":
        raise RefusedError(1)
    return sending.send(sending.content)


def _image(sending: Sending) -> SentMessage:
    """webwxsendmsgimg: send a picture, uploaded as `pic` or received."""
    return _send_medium(sending, "pic", "img", 3)


def _video(sending: Sending) -> SentMessage:
    """webwxsendvideomsg: send a video, uploaded as `video` or received (a short one too)."""
    return _send_medium(sending, "video", "videomsg", 43, 62)


def _send_medium(sending: Sending, kind: str, tag: str, *msg_types: int) -> SentMessage:
    if not sending.forwards:
        return sending.send(medium=sending.medium(sending.msg.get("MediaId"), kind))
    found = sending.xml().find(f".//{tag}")
    if found is None or sending.msg.get("MediaId"):
        raise RefusedError(1)
    return sending.send(forwarded=sending.received(str(found.get("aeskey")), *msg_types))


def _sticker(sending: Sending) -> SentMessage:
    """webwxsendemoticon: send a sticker by the MD5 of a received one, or an upload (itchat: a GIF as `doc`)."""
    if media_id := sending.msg.get("MediaId"):
        return sending.send(medium=sending.medium(media_id, "doc", "pic"))
    md5 = sending.msg.get("EMoticonMd5") or sending.msg.get("EMoticonMD5")
    return sending.send(forwarded=sending.received(str(md5), 47))


def _app(sending: Sending) -> SentMessage:
    """webwxsendappmsg: send a file that was uploaded as `doc`; with Scene 2 a received file, link or other share."""
    root = sending.xml()
    app = root if root.tag == "appmsg" else root.find(".//appmsg")
    if app is None or app.findtext("type") != sending.type:
        raise RefusedError(1)
    name, attach_id = app.findtext("title") or "", app.findtext("appattach/attachid")
    if sending.forwards:
        if sending.msg.get("MediaId"):
            raise RefusedError(1)
        # A file is identified by the received MediaId as its attachid, a share by title and address.
        if sending.type == "6":
            return sending.send(forwarded=sending.received(attach_id or "", 49), file_name=name)
        return sending.send(
            name, forwarded=sending.received(f"{name} {app.findtext('url') or ''}", 49)
        )
    if sending.type != "6" or not name:
        raise RefusedError(1)
    medium = sending.medium(attach_id, "doc")
    if medium.size > UNCHECKED_LIMIT:
        _, signature = sending.account.checked_uploads[medium.md5, medium.size]
        if sending.msg.get("Signature") != signature:
            raise RefusedError(1)
    return sending.send(medium=medium, file_name=name)


async def webwxrevokemsg(world: World, call: Call) -> web.Response:
    """Recall what the account sent a short while ago, on the phone too; later Ret -2 (assumed)."""
    account, session = caller(world, call)
    msg_id = str(call.body.get("SvrMsgId") or "")
    sent: SentMessage | Message | None = account.by_msg_id.get(msg_id) or account.received.get(
        msg_id
    )
    if sent is None:
        raise RefusedError(1)
    receiver = sent.to if isinstance(sent, SentMessage) else sent.receiver
    if session.id_of(receiver) != call.body.get("ToUserName"):
        raise RefusedError(1)
    if isinstance(sent, Message) and (sent.sender is not account.owner or sent.msg_type > 50):
        raise RefusedError(1)
    if time.time() - sent.time > world.settings.revoke_within_s:
        raise RefusedError(-2)
    sent.revoked = True
    account.pulse.notify()
    return json_answer(Introduction="", SysWording="")


async def webwxstatreport(world: World, call: Call) -> web.Response:
    """Accept the statistics of the web page: wechat4u sends them."""
    return json_answer()


HANDLERS: dict[str, Handler] = {
    "webwxsendmsg": _handler(_text),
    "webwxsendmsgimg": _handler(_image, "3"),
    "webwxsendvideomsg": _handler(_video, "43"),
    "webwxsendemoticon": _handler(_sticker, "47"),
    "webwxsendappmsg": _handler(_app),
    "webwxrevokemsg": webwxrevokemsg,
    "webwxstatreport": webwxstatreport,
}

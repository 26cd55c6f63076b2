"""Sending texts, pictures, videos and stickers, and taking back (reference, 6)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from aiohttp import web

from .call import Call, Handler, RefusedError, json_answer, session_of
from .sending import Sending
from .timeline import Chat, Heard, Message

if TYPE_CHECKING:
    from .world import World


async def webwxsendmsg(world: World, call: Call) -> web.Response:
    """A text. The same ClientMsgId again answers the first one's MsgID and nobody hears it twice.

    A text for somebody who dropped the account is taken all the same, and bounces as MsgType 10000.
    Type 48 with Scene 2 sends a received place on (its `OriContent`, as wechat4u does).
    """
    sending = Sending(world, call)
    if earlier := sending.earlier:
        return sending.answer(earlier)
    if sending.type == "48" and sending.forwards:
        place = sending.xml().find(".//location")
        if place is None:
            raise RefusedError(1)
        key = f"{place.get('x')},{place.get('y')} {place.get('label')}"
        return sending.takes_effect(
            place.get("label") or "", forwarded=sending.received(key, 1, 48)
        )
    if not sending.content or sending.type != "1":
        raise RefusedError(1)
    return sending.takes_effect(sending.content)


async def webwxsendmsgimg(world: World, call: Call) -> web.Response:
    """A picture: uploaded as `pic`, or received and sent on."""
    return _send(world, call, 3, "pic", "img")


async def webwxsendvideomsg(world: World, call: Call) -> web.Response:
    """A video: uploaded as `video`, or received (a short one too) and sent on."""
    return _send(world, call, 43, "video", "videomsg")


def _send(world: World, call: Call, msg_type: int, kind: str, tag: str) -> web.Response:
    sending = Sending(world, call)
    if earlier := sending.earlier:
        return sending.answer(earlier)
    if sending.type != str(msg_type):
        raise RefusedError(1)
    if not sending.forwards:
        return sending.takes_effect(medium=sending.medium(sending.msg.get("MediaId"), kind))
    found = sending.xml().find(f".//{tag}")
    if found is None or sending.msg.get("MediaId"):
        raise RefusedError(1)
    also = (62,) if msg_type == 43 else ()
    message = sending.received(str(found.get("aeskey")), msg_type, *also)
    return sending.takes_effect(forwarded=message)


async def webwxsendemoticon(world: World, call: Call) -> web.Response:
    """A sticker: by the MD5 of one that was received, or uploaded (a GIF as `doc`, so itchat)."""
    sending = Sending(world, call)
    if earlier := sending.earlier:
        return sending.answer(earlier)
    if sending.type != "47":
        raise RefusedError(1)
    if media_id := sending.msg.get("MediaId"):
        return sending.takes_effect(medium=sending.medium(media_id, "doc", "pic"))
    md5 = sending.msg.get("EMoticonMd5") or sending.msg.get("EMoticonMD5")
    return sending.takes_effect(forwarded=sending.received(str(md5), 47))


async def webwxrevokemsg(world: World, call: Call) -> web.Response:
    """Take back what the account sent a short while ago, on the phone too; later -2 (assumed)."""
    session = session_of(world, call)
    account, msg_id = session.account, str(call.body.get("SvrMsgId") or "")
    sent: Heard | Message | None = account.by_msg_id.get(msg_id) or account.received.get(msg_id)
    if sent is None or session.id_of(_receiver(sent)) != call.body.get("ToUserName"):
        raise RefusedError(1)
    if isinstance(sent, Message) and (sent.sender is not account.owner or sent.msg_type > 50):
        raise RefusedError(1)
    if time.time() - sent.time > world.settings.revoke_within_s:
        raise RefusedError(-2)
    sent.revoked = True
    account.pulse.beat()
    return json_answer(Introduction="", SysWording="")


def _receiver(sent: Heard | Message) -> Chat:
    return sent.to if isinstance(sent, Heard) else sent.receiver


async def webwxstatreport(world: World, call: Call) -> web.Response:
    """Statistics of the web page: wechat4u sends them, nobody reads them."""
    return json_answer()


CALLS: dict[str, Handler] = {
    "webwxsendmsg": webwxsendmsg,
    "webwxsendmsgimg": webwxsendmsgimg,
    "webwxsendvideomsg": webwxsendvideomsg,
    "webwxsendemoticon": webwxsendemoticon,
    "webwxrevokemsg": webwxrevokemsg,
    "webwxstatreport": webwxstatreport,
}

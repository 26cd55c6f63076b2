"""Downloads: pictures, voices, films and files of messages (reference, 5), avatars (7). `service` routes to it.

For an unknown id, and without a session, the body is empty and the status 200.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from aiohttp import web

from ..calls import Call
from ..media import Medium
from ..model import Chat, Group, Message
from ..samples import png
from ..session import Session
from ..state import Account, World
from ..wire.avatars import avatar
from .base import Handler, RefusedError, answer, caller
from .ranges import medium_response

_IMAGES = (3, 47)
_VIDEOS = (43, 62)


def _handler(find: Callable[[Account, Session, Call], web.Response | None]) -> Handler:
    async def handler(world: World, call: Call) -> web.Response:
        try:
            found = find(*caller(world, call), call)
        except RefusedError:
            found = None
        return answer("") if found is None else found

    return handler


def _image(account: Account, session: Session, call: Call) -> web.Response | None:
    """webwxgetmsgimg: answer a picture or sticker; with `type=slave` a thumbnail, of videos too."""
    kind, medium = _medium_of(account, call)
    if medium is None or kind not in _IMAGES + _VIDEOS:
        return None
    if call.query.get("type") == "slave":
        red, green, blue = bytes.fromhex(medium.md5[:6])
        return medium_response(Medium(png((red, green, blue), 90)))
    return medium_response(medium, call.headers.get("Range", "")) if kind in _IMAGES else None


def _voice(account: Account, session: Session, call: Call) -> web.Response | None:
    """webwxgetvoice: answer mp3."""
    kind, medium = _medium_of(account, call)
    if medium is None or kind != 34:
        return None
    return medium_response(medium, call.headers.get("Range", ""))


def _video(account: Account, session: Session, call: Call) -> web.Response | None:
    """webwxgetvideo: answer nothing without `Range`."""
    kind, medium = _medium_of(account, call)
    wanted = call.headers.get("Range", "")
    if medium is None or kind not in _VIDEOS or not wanted:
        return None
    return medium_response(medium, wanted)


def _file(account: Account, session: Session, call: Call) -> web.Response | None:
    """webwxgetmedia: answer a file.

    `fromuser` is the Uin or (wechat4u) the own id; a `pass_ticket` is required, but any will do
    (itchat-uos sends `undefined`).
    """
    given = call.query
    message = account.received_by_key.get(given.get("mediaid", ""))
    if message is None or message.medium is None or message.fields.get("AppMsgType") != 6:
        return None
    senders = {session.id_of(chat) for chat in (message.sender, message.member) if chat is not None}
    authentic = (
        given.get("sender") in senders
        and given.get("fromuser") in (str(account.uin), session.id_of(account.owner))
        and given.get("webwx_data_ticket") == session.data_ticket
    )
    named = given.get("encryfilename") or given.get("filename")
    if not authentic or not named or not given.get("pass_ticket"):
        return None
    response = medium_response(message.medium, call.headers.get("Range", ""))
    response.content_type = "application/octet-stream"
    if account.world.settings.names_files:
        attached = f"attachment; filename*=UTF-8''{quote(message.medium.name, safe='')}"
        response.headers["Content-Disposition"] = attached
    return response


def _map(account: Account, session: Session, call: Call) -> web.Response | None:
    """webwxgetpubliclinkimg: answer the map of a place."""
    message = account.received.get(call.query.get("msgid", ""))
    if message is None or message.fields.get("SubMsgType") != 48:
        return None
    return medium_response(Medium(png((200, 220, 180), 90)))


def _medium_of(account: Account, call: Call) -> tuple[int, Medium | None]:
    """Return MsgType and medium of the message with this id, received or sent."""
    given = {name.lower(): value for name, value in call.query.items()}
    msg_id = given.get("msgid", "")
    message = account.received.get(msg_id) or account.by_msg_id.get(msg_id)
    if message is None or message.medium is None or not message.medium.is_kept:
        return 0, None
    if isinstance(message, Message) and message.fields.get("AppMsgType") == 8:
        return 47, message.medium
    return message.msg_type, message.medium


def _avatar(account: Account, session: Session, call: Call) -> web.Response | None:
    """webwxgeticon: answer the picture of a group, a friend, or a member of a common `chatroomid`."""
    given = {name.lower(): value for name, value in call.query.items()}
    chat = session.find(given.get("username", ""))
    if chat is None or not _may_see(session, chat, given.get("chatroomid", "")):
        return None
    return web.Response(body=avatar(chat), content_type="image/png")


def _may_see(session: Session, chat: Chat, room: str) -> bool:
    if isinstance(chat, Group):
        return True
    if room:
        group = session.find_room(room)
        return group is not None and chat.key in group.members
    return chat.is_friend or chat is session.owner


HANDLERS: dict[str, Handler] = {
    "webwxgetmsgimg": _handler(_image),
    "webwxgetvoice": _handler(_voice),
    "webwxgetvideo": _handler(_video),
    "webwxgetmedia": _handler(_file),
    "webwxgetpubliclinkimg": _handler(_map),
    "webwxgeticon": _handler(_avatar),
    "webwxgetheadimg": _handler(_avatar),
}

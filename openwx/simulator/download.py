"""What came with a message: pictures, voices, films, files (reference, 5).

An id that is not this account's, and a session that is none, bring an empty body with status 200.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote

from aiohttp import web

from .call import Call, Handler, RefusedError, answer, session_of
from .media import Medium
from .samples import png
from .serving import served
from .timeline import Message

if TYPE_CHECKING:
    from .session import Session
    from .world import World

_IMAGES = (3, 47)
_VIDEOS = (43, 62)


def _download(find: Callable[[Session, Call], web.Response | None]) -> Handler:
    async def handler(world: World, call: Call) -> web.Response:
        try:
            found = find(session_of(world, call), call)
        except RefusedError:
            found = None
        return answer("") if found is None else found

    handler.__doc__ = find.__doc__
    return handler


def _image(session: Session, call: Call) -> web.Response | None:
    """webwxgetmsgimg: a picture or sticker; `type=slave` a thumbnail, of videos too."""
    kind, medium = _sent_with(session, call)
    if medium is None or kind not in _IMAGES + _VIDEOS:
        return None
    if call.query.get("type") == "slave":
        red, green, blue = bytes.fromhex(medium.md5[:6])
        return served(Medium(png((red, green, blue), 90)))
    return served(medium, call.headers.get("Range", "")) if kind in _IMAGES else None


def _voice(session: Session, call: Call) -> web.Response | None:
    """webwxgetvoice: mp3."""
    kind, medium = _sent_with(session, call)
    if medium is None or kind != 34:
        return None
    return served(medium, call.headers.get("Range", ""))


def _video(session: Session, call: Call) -> web.Response | None:
    """webwxgetvideo: nothing without `Range`."""
    kind, medium = _sent_with(session, call)
    asked = call.headers.get("Range", "")
    return served(medium, asked) if medium is not None and kind in _VIDEOS and asked else None


def _file(session: Session, call: Call) -> web.Response | None:
    """webwxgetmedia, at the file host.

    `fromuser` is the Uin or (wechat4u) one's own id; a `pass_ticket` is wanted, but any will do
    (itchat-uos says `undefined`).
    """
    account, given = session.account, call.query
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
    response = served(message.medium, call.headers.get("Range", ""))
    response.content_type = "application/octet-stream"
    if account.world.settings.names_files:
        attached = f"attachment; filename*=UTF-8''{quote(message.medium.name, safe='')}"
        response.headers["Content-Disposition"] = attached
    return response


def _map(session: Session, call: Call) -> web.Response | None:
    """webwxgetpubliclinkimg: the picture of a place."""
    message = session.account.received.get(call.query.get("msgid", ""))
    if message is None or message.fields.get("SubMsgType") != 48:
        return None
    return served(Medium(png((200, 220, 180), 90)))


def _sent_with(session: Session, call: Call) -> tuple[int, Medium | None]:
    """MsgType and medium of the message with this id, received or sent."""
    given = {name.lower(): value for name, value in call.query.items()}
    msg_id = given.get("msgid", "")
    account = session.account
    message = account.received.get(msg_id) or account.by_msg_id.get(msg_id)
    if message is None or message.medium is None or not message.medium.is_kept:
        return 0, None
    if isinstance(message, Message) and message.fields.get("AppMsgType") == 8:
        return 47, message.medium
    return message.msg_type, message.medium


CALLS: dict[str, Handler] = {
    "webwxgetmsgimg": _download(_image),
    "webwxgetvoice": _download(_voice),
    "webwxgetvideo": _download(_video),
    "webwxgetmedia": _download(_file),
    "webwxgetpubliclinkimg": _download(_map),
}

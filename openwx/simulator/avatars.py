"""Pictures of people and groups (reference, 7)."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from aiohttp import web

from .call import Call, Handler, RefusedError, answer, session_of
from .people import Group
from .samples import png

if TYPE_CHECKING:
    from .session import Session
    from .timeline import Chat
    from .world import World


async def webwxgeticon(world: World, call: Call) -> web.Response:
    """The picture of a friend; of a member who is none, with the `chatroomid` of a common group.

    Without either, or without the session's cookies, the body is empty.
    """
    try:
        session = session_of(world, call)
    except RefusedError:
        return answer("")
    chat = _shown(session, {key.lower(): value for key, value in call.query.items()})
    return answer("") if chat is None else web.Response(body=avatar(chat), content_type="image/png")


def _shown(session: Session, given: dict[str, str]) -> Chat | None:
    chat = session.find(given.get("username", ""))
    if chat is None or isinstance(chat, Group):
        return chat
    if room := given.get("chatroomid", ""):
        group = session.find_room(room)
        return chat if group is not None and chat.key in group.members else None
    return chat if chat.is_friend or chat is session.account.owner else None


def avatar(chat: Chat) -> bytes:
    """A square of one colour."""
    return _square(*colour(chat))


def colour(chat: Chat) -> tuple[int, int, int]:
    """Red, green and blue of the picture, by whom it shows; others after a change."""
    number = chat.key * 7919 + chat.avatar_version * 104_729
    return number & 255, number >> 3 & 255, number >> 6 & 255


def hex_colour(chat: Chat) -> str:
    """The same as pages write it: `#rrggbb`."""
    red, green, blue = colour(chat)
    return f"#{red:02x}{green:02x}{blue:02x}"


@functools.lru_cache(maxsize=256)
def _square(red: int, green: int, blue: int) -> bytes:
    return png((red, green, blue), 64)


CALLS: dict[str, Handler] = {"webwxgeticon": webwxgeticon, "webwxgetheadimg": webwxgeticon}

"""Calls that fetch avatars (protocol reference, section 7). ``WebTransport`` sends them."""

from openwx.transports.web.http import MAIN, Call
from openwx.transports.web.session import Session


def of_person(session: Session, id: str, room_id: str = "") -> Call[bytes]:
    """Fetch the avatar of the user, a friend or, with the ``room_id`` of a common group, a stranger. An empty answer
    means that there is none at the moment."""
    room = {"chatroomid": room_id} if room_id else {}
    return _picture(session, "webwxgeticon", id, {"type": "big", **room})


def of_group(session: Session, id: str) -> Call[bytes]:
    return _picture(session, "webwxgetheadimg", id, {})


def _picture(session: Session, name: str, id: str, more: dict[str, str]) -> Call[bytes]:
    return Call(
        name=name,
        path=MAIN + name,
        reply=bytes,
        query={"username": id, "skey": session.skey, **more},
    )

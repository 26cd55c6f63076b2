"""Remarks, pins, and becoming friends (reference, 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from .call import Call, Handler, RefusedError, json_answer, session_of
from .friendship import Invitation
from .people import Group, Person

if TYPE_CHECKING:
    from .session import Session
    from .world import World

_TICKET_ERROR = -14


async def webwxoplog(world: World, call: Call) -> web.Response:
    """CmdId 2: a remark name. CmdId 3: pin or unpin; without RemarkName the remark is lost.

    Friends alone have remark names, and friends and groups can be pinned; else 1 (assumed).
    """
    session = session_of(world, call)
    body = call.stored()
    chat = session.find(str(body.get("UserName") or ""))
    command = str(body.get("CmdId"))
    if chat is None or command not in ("2", "3"):
        raise RefusedError(1)
    if isinstance(chat, Group):
        if command == "2":
            raise RefusedError(1)
    elif not chat.is_friend:
        raise RefusedError(1)
    else:
        chat.remark = str(body.get("RemarkName") or "")
    if command == "3":
        chat.pinned = str(body.get("OP")) == "1"
    session.account.contact_changed(chat)
    return json_answer()


async def webwxverifyuser(world: World, call: Call) -> web.Response:
    """Opcode 2: ask somebody to be friends. Opcode 3: accept who asked, with the ticket."""
    session = session_of(world, call)
    body = call.stored()
    person, ticket = _whom(session, body.get("VerifyUserList"))
    match str(body.get("Opcode")):
        case "2":
            if person is session.account.owner:
                raise RefusedError(1)
            words = str(body.get("VerifyContent") or "")
            session.account.friend_requests_sent.append(Invitation(person, words))
            session.account.pulse.beat()
        case "3":
            _accept(session, person, ticket)
        case _:
            raise RefusedError(1)
    return json_answer()


def _whom(session: Session, entries: Any) -> tuple[Person, str]:
    entry = entries[0] if isinstance(entries, list) and len(entries) == 1 else None
    if not isinstance(entry, dict):
        raise RefusedError(1)
    person = session.find(str(entry.get("Value") or ""))
    if not isinstance(person, Person):
        raise RefusedError(1)
    return person, str(entry.get("VerifyUserTicket") or "")


def _accept(session: Session, person: Person, ticket: str) -> None:
    """A wrong ticket is a ticket error; a request that was accepted before stays so (assumed)."""
    requests = session.account.friend_requests
    request = next((r for r in requests if r.ticket == ticket and r.person is person), None)
    if request is None:
        raise RefusedError(_TICKET_ERROR)
    if not request.accepted:
        request.accepted = True
        session.account.become_friends(person)


CALLS: dict[str, Handler] = {"webwxoplog": webwxoplog, "webwxverifyuser": webwxverifyuser}

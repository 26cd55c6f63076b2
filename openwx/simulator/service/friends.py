"""Remarks, pins, and becoming friends (reference, 7). `service` routes to it."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ..calls import Call
from ..model import Group
from ..scenario import Invitation, PersonActor
from ..session import Session
from ..state import Account, World
from .base import Handler, RefusedError, caller, json_answer

_TICKET_ERROR = -14


async def webwxoplog(world: World, call: Call) -> web.Response:
    """CmdId 2: set a remark name. CmdId 3: pin or unpin; without RemarkName the remark is lost.

    Only friends have remark names; friends and groups can be pinned; else Ret 1 (assumed).
    """
    account, session = caller(world, call)
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
    account.contact_changed(chat)
    return json_answer()


async def webwxverifyuser(world: World, call: Call) -> web.Response:
    """Opcode 2: send a friend request. Opcode 3: accept one, with its ticket."""
    account, session = caller(world, call)
    body = call.stored()
    person, ticket = _person(session, body.get("VerifyUserList"))
    match str(body.get("Opcode")):
        case "2":
            if person is account.owner:
                raise RefusedError(1)
            words = str(body.get("VerifyContent") or "")
            account.friend_requests_sent.append(Invitation(person, words))
            account.pulse.notify()
        case "3":
            _accept(account, person, ticket)
        case _:
            raise RefusedError(1)
    return json_answer()


def _person(session: Session, entries: Any) -> tuple[PersonActor, str]:
    entry = entries[0] if isinstance(entries, list) and len(entries) == 1 else None
    if not isinstance(entry, dict):
        raise RefusedError(1)
    person = session.find(str(entry.get("Value") or ""))
    if not isinstance(person, PersonActor):
        raise RefusedError(1)
    return person, str(entry.get("VerifyUserTicket") or "")


def _accept(account: Account, person: PersonActor, ticket: str) -> None:
    """Accept a request; a second time changes nothing (assumed). A wrong ticket is refused."""
    found = (r for r in account.friend_requests if r.ticket == ticket and r.person is person)
    request = next(found, None)
    if request is None:
        raise RefusedError(_TICKET_ERROR)
    if not request.accepted:
        request.accepted = True
        account.become_friends(person)


HANDLERS: dict[str, Handler] = {"webwxoplog": webwxoplog, "webwxverifyuser": webwxverifyuser}

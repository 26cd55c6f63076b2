"""Making and changing groups (reference, 7). No call here has a ClientMsgId: twice is twice."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ..calls import Call
from ..scenario import GroupActor, PersonActor
from ..session import Session
from ..state import World
from ..wire.text import name_on_wire
from .base import Handler, RefusedError, caller, json_answer

_NO_FRIEND = 4
"""MemberStatus of a person who would have to agree first (assumed)."""


async def webwxcreatechatroom(world: World, call: Call) -> web.Response:
    """Make a group of the owner and at least two friends; with fewer, answer Ret 1.

    People who are no friends (any more) are left out and listed in BlackList.
    """
    account, session = caller(world, call)
    body = call.stored()
    entries = body.get("MemberList")
    if not isinstance(entries, list):
        raise RefusedError(1)
    ids = [str(e.get("UserName") or "") for e in entries if isinstance(e, dict)]
    people = [person for person in _people(session, ids) if person is not account.owner]
    willing = [person for person in people if _is_willing(person)]
    if len(willing) < 2:
        raise RefusedError(1)
    topic = str(body.get("Topic") or "")
    group = account.add_group(topic, [*willing])
    names = "、".join(person.nickname for person in willing)
    group.notice(f"你邀请{names}加入了群聊")
    unwilling = [session.id_of(person) for person in people if person not in willing]
    return json_answer(
        errmsg="Everything is OK", Topic=name_on_wire(topic), PYInitial="", QuanPin="",
        MemberCount=len(people), MemberList=_members(session, people),
        ChatRoomName=session.id_of(group), BlackList=",".join(unwilling),
    )  # fmt: skip


async def webwxupdatechatroom(world: World, call: Call) -> web.Response:
    """Add, invite or remove members, or change the name: by `fun`."""
    account, session = caller(world, call)
    body = call.stored()
    group = session.find(str(body.get("ChatRoomName") or ""))
    if not isinstance(group, GroupActor):
        raise RefusedError(1)
    if account.owner.key not in group.members:
        raise RefusedError(-2)
    match call.query.get("fun"):
        case "addmember":
            if len(group.members) >= world.settings.invite_start_count:
                raise RefusedError(1)  # a big group adds nobody (assumed)
            people = _add(session, group, str(body.get("AddMemberList") or ""))
        case "invitemember":
            people = _invite(session, group, str(body.get("InviteMemberList") or ""))
        case "delmember":
            people = _remove(session, group, str(body.get("DelMemberList") or ""))
        case "modtopic":
            people = _rename(session, group, str(body.get("NewTopic") or ""))
        case _:
            raise RefusedError(1)
    account.pulse.notify()
    return json_answer(MemberCount=len(people), MemberList=_members(session, people))


def _add(session: Session, group: GroupActor, ids: str) -> list[PersonActor]:
    """Let friends join at once."""
    people = _people(session, ids.split(","))
    for person in people:
        if person.key not in group.members and _is_willing(person):
            group.add_member(person, by=group.account.owner)
    return people


def _invite(session: Session, group: GroupActor, ids: str) -> list[PersonActor]:
    """Invite friends; they join by `group.accepts_invitation`."""
    people = _people(session, ids.split(","))
    for person in people:
        fresh = person.key not in group.members and person not in group.invited
        if fresh and _is_willing(person):
            group.invited.append(person)
    return people


def _remove(session: Session, group: GroupActor, ids: str) -> list[PersonActor]:
    people = _people(session, ids.split(","))
    owner = group.account.owner
    if group.owner is not owner or owner in people:
        raise RefusedError(1)
    if any(person.key not in group.members for person in people):
        raise RefusedError(1)
    for person in people:
        group.remove_member(person, by=owner)
    return people


def _rename(session: Session, group: GroupActor, name: str) -> list[PersonActor]:
    if not name:
        raise RefusedError(1)
    group.rename(name, by=group.account.owner)
    return []


def _people(session: Session, ids: list[str]) -> list[PersonActor]:
    """Return each person once. Refuse an id that this login never published, and no id at all."""
    found = dict.fromkeys(session.find(user_name) for user_name in ids)
    people = [person for person in found if isinstance(person, PersonActor)]
    if not people or len(people) < len(found):
        raise RefusedError(1)
    return people


def _is_willing(person: PersonActor) -> bool:
    return person.is_friend and not person.has_dropped_me


def _members(session: Session, people: list[PersonActor]) -> list[dict[str, Any]]:
    return [
        {
            "Uin": 0, "UserName": session.id_of(person), "NickName": name_on_wire(person.nickname),
            "AttrStatus": 0, "PYInitial": "", "PYQuanPin": "", "RemarkPYInitial": "",
            "RemarkPYQuanPin": "", "MemberStatus": 0 if _is_willing(person) else _NO_FRIEND,
            "DisplayName": "", "KeyWord": "",
        }
        for person in people
    ]  # fmt: skip


HANDLERS: dict[str, Handler] = {
    "webwxcreatechatroom": webwxcreatechatroom,
    "webwxupdatechatroom": webwxupdatechatroom,
}

"""Making and changing groups (reference, 7). No call here has a ClientMsgId: twice is twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from .call import Call, Handler, RefusedError, json_answer, session_of
from .people import Group, Person
from .text import name_on_wire

if TYPE_CHECKING:
    from .session import Session
    from .world import World

_NO_FRIEND = 4
"""MemberStatus of somebody who would have to agree first (assumed)."""


async def webwxcreatechatroom(world: World, call: Call) -> web.Response:
    """A group of oneself and at least two friends.

    Who is no friend (any more) is named in BlackList and left out; fewer than two others: Ret 1.
    """
    session = session_of(world, call)
    account, body = session.account, call.stored()
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
        MemberCount=len(people), MemberList=_told(session, people),
        ChatRoomName=session.id_of(group), BlackList=",".join(unwilling),
    )  # fmt: skip


async def webwxupdatechatroom(world: World, call: Call) -> web.Response:
    """Add, invite or remove members, or change the name: by `fun`."""
    session = session_of(world, call)
    body = call.stored()
    group = session.find(str(body.get("ChatRoomName") or ""))
    if not isinstance(group, Group):
        raise RefusedError(1)
    if session.account.owner.key not in group.members:
        raise RefusedError(-2)
    match call.query.get("fun"):
        case "addmember":
            people = _add(session, group, str(body.get("AddMemberList") or ""))
        case "invitemember":
            people = _invite(session, group, str(body.get("InviteMemberList") or ""))
        case "delmember":
            people = _remove(session, group, str(body.get("DelMemberList") or ""))
        case "modtopic":
            people = _rename(session, group, str(body.get("NewTopic") or ""))
        case _:
            raise RefusedError(1)
    session.account.pulse.beat()
    return json_answer(MemberCount=len(people), MemberList=_told(session, people))


def _add(session: Session, group: Group, ids: str) -> list[Person]:
    """Friends join at once; a group that is big already takes nobody this way (assumed: Ret 1)."""
    if len(group.members) >= session.account.world.settings.invite_start_count:
        raise RefusedError(1)
    people = _people(session, ids.split(","))
    for person in people:
        if person.key not in group.members and _is_willing(person):
            group.add_member(person, by=session.account.owner)
    return people


def _invite(session: Session, group: Group, ids: str) -> list[Person]:
    """Friends are asked, and join when they like (`group.accepts_invitation`)."""
    people = _people(session, ids.split(","))
    for person in people:
        fresh = person.key not in group.members and person not in group.invited
        if fresh and _is_willing(person):
            group.invited.append(person)
    return people


def _remove(session: Session, group: Group, ids: str) -> list[Person]:
    people = _people(session, ids.split(","))
    owner = session.account.owner
    if group.owner is not owner or owner in people:
        raise RefusedError(1)
    if any(person.key not in group.members for person in people):
        raise RefusedError(1)
    for person in people:
        group.remove_member(person, by=owner)
    return people


def _rename(session: Session, group: Group, name: str) -> list[Person]:
    if not name:
        raise RefusedError(1)
    group.rename(name, by=session.account.owner)
    return []


def _people(session: Session, ids: list[str]) -> list[Person]:
    """Each once; RefusedError 1 for an id that this login never told, and for no id at all."""
    found = dict.fromkeys(session.find(user_name) for user_name in ids)
    people = [person for person in found if isinstance(person, Person)]
    if not people or len(people) < len(found):
        raise RefusedError(1)
    return people


def _is_willing(person: Person) -> bool:
    return person.is_friend and not person.has_dropped_me


def _told(session: Session, people: list[Person]) -> list[dict[str, Any]]:
    return [
        {
            "Uin": 0, "UserName": session.id_of(person), "NickName": name_on_wire(person.nickname),
            "AttrStatus": 0, "PYInitial": "", "PYQuanPin": "", "RemarkPYInitial": "",
            "RemarkPYQuanPin": "", "MemberStatus": 0 if _is_willing(person) else _NO_FRIEND,
            "DisplayName": "", "KeyWord": "",
        }
        for person in people
    ]  # fmt: skip


CALLS: dict[str, Handler] = {
    "webwxcreatechatroom": webwxcreatechatroom,
    "webwxupdatechatroom": webwxupdatechatroom,
}

"""Calls that create and change groups (protocol reference, section 7). ``contact_actions`` sends them.

None of them carries a ClientMsgId, so a repeated call takes effect twice.
"""

from collections.abc import Iterable
from typing import Any

from openwx.transports.web import wire
from openwx.transports.web.clock import now_ms
from openwx.transports.web.http import Call, post
from openwx.transports.web.session import Session


def create(session: Session, ids: Iterable[str], name: str) -> Call[wire.CreateGroupReply]:
    """Create a group of the user and these friends; an empty name leaves it nameless."""
    entries = [{"UserName": id} for id in ids]
    body = {"MemberCount": len(entries), "MemberList": entries, "Topic": name}
    return post(session, "webwxcreatechatroom", wire.CreateGroupReply, body, r=now_ms())


def add(session: Session, group_id: str, ids: Iterable[str]) -> Call[wire.MembersReply]:
    """Add friends to a small group; they join at once."""
    return _update(session, group_id, "addmember", AddMemberList=",".join(ids))


def invite(session: Session, group_id: str, ids: Iterable[str]) -> Call[wire.MembersReply]:
    """Invite friends to a large group; they have to accept."""
    return _update(session, group_id, "invitemember", InviteMemberList=",".join(ids))


def remove(session: Session, group_id: str, ids: Iterable[str]) -> Call[wire.MembersReply]:
    """Remove members from a group. Only its owner may do so."""
    return _update(session, group_id, "delmember", DelMemberList=",".join(ids))


def rename(session: Session, group_id: str, name: str) -> Call[wire.MembersReply]:
    return _update(session, group_id, "modtopic", NewTopic=name)


def _update(session: Session, group_id: str, fun: str, **what: Any) -> Call[wire.MembersReply]:
    body = {"ChatRoomName": group_id, **what}
    return post(session, "webwxupdatechatroom", wire.MembersReply, body, fun=fun)

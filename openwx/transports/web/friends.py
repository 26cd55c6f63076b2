"""Calls for remark names, pinned chats and friend requests (protocol reference, section 7).
``contact_actions`` sends them.
"""

from typing import Any

from openwx.transports.web import wire
from openwx.transports.web.clock import now_ms
from openwx.transports.web.http import Call, post
from openwx.transports.web.session import Session

_ASK, _ACCEPT = 2, 3
_FROM_A_GROUP = 33
"""The `Scene`, which says where the two met. All clients send this value."""


def set_markname(session: Session, id: str, markname: str) -> Call[wire.Reply]:
    """Set a friend's remark name; an empty one removes it. Safe to repeat."""
    return _oplog(session, CmdId=2, RemarkName=markname, UserName=id)


def stick(session: Session, id: str, markname: str, *, on: bool) -> Call[wire.Reply]:
    """Pin or unpin a chat. Without ``markname``, the present remark name would be lost. Safe to repeat."""
    return _oplog(session, CmdId=3, OP=int(on), RemarkName=markname, UserName=id)


def _oplog(session: Session, **what: Any) -> Call[wire.Reply]:
    return post(session, "webwxoplog", wire.Reply, what)


def ask(session: Session, id: str, words: str) -> Call[wire.Reply]:
    """Send a friend request. Not safe to repeat: each call sends another request."""
    return _verify(session, _ASK, id, "", words)


def accept(session: Session, id: str, ticket: str) -> Call[wire.Reply]:
    """Accept a friend request; ``ticket`` came with it."""
    return _verify(session, _ACCEPT, id, ticket, "")


def _verify(session: Session, opcode: int, id: str, ticket: str, words: str) -> Call[wire.Reply]:
    body = {
        "Opcode": opcode,
        "VerifyUserListSize": 1,
        "VerifyUserList": [{"Value": id, "VerifyUserTicket": ticket}],
        "VerifyContent": words,
        "SceneListCount": 1,
        "SceneList": [_FROM_A_GROUP],
        "skey": session.skey,
    }
    return post(session, "webwxverifyuser", wire.Reply, body, r=now_ms())

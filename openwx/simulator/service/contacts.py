"""Initialisation and contacts (reference, 3). `service` routes to it."""

from __future__ import annotations

import time
from typing import Any

from aiohttp import web

from ..calls import Call
from ..model import Chat, Group
from ..session import Session
from ..state import World
from ..wire.records import (
    contact_record,
    group_in_init,
    group_with_members,
    member_record,
    own_record,
)
from .base import Handler, RefusedError, caller, json_answer

_BATCH_LIMIT = 50


async def webwxinit(world: World, call: Call) -> web.Response:
    """Answer recent chats, the owner, ChatSet, and a SyncKey.

    Until the first poll of a login it is the SyncKey of its beginning; later that of now, so that
    a resumed client which forgets its own loses the messages since.
    """
    account, session = caller(world, call)
    position = len(account.timeline) if session.polled else session.begin
    recent = [account.filehelper, *account.recent_chats()]
    records = [
        group_in_init(session, chat) if isinstance(chat, Group) else contact_record(session, chat)
        for chat in recent[: world.settings.init_chats]
    ]
    return json_answer(
        Count=len(records), ContactList=records, SyncKey=session.sync_key(position),
        User=own_record(session), ChatSet="".join(session.id_of(c) + "," for c in recent),
        SKey=session.later_skey, ClientVersion=654_311_217, SystemTime=int(time.time()),
        GrayScale=1, InviteStartCount=world.settings.invite_start_count, MPSubscribeMsgCount=0, MPSubscribeMsgList=[],
        ClickReportInterval=600_000,
    )  # fmt: skip


async def webwxstatusnotify(world: World, call: Call) -> web.Response:
    """Code 3: send MsgType 51 to a web client that comes on. Code 1: mark a chat as read."""
    account, session = caller(world, call)
    if str(call.body.get("Code")) == "3":
        account.receive_chat_list((account.filehelper, *account.recent_chats()))
    else:
        chat = session.find(str(call.body.get("ToUserName", "")))
        if chat is None:
            raise RefusedError(1)
        account.read_chats.append(chat)
        account.pulse.notify()
    return json_answer(MsgID=str(account.ids.next_number()))


async def webwxgetcontact(world: World, call: Call) -> web.Response:
    """Answer friends, public and system accounts, saved groups, the owner, by pages (`Seq`)."""
    account, session = caller(world, call)
    seq = call.query.get("seq") or "0"
    if not seq.isdecimal():
        raise RefusedError(1)
    begin = int(seq)
    everybody: list[Chat] = [
        account.owner,
        *account.system_accounts,
        *account.public_accounts,
        *account.friends,
        *(group for group in account.groups if group.saved),
    ]
    end = begin + world.settings.contact_page_size
    page = [contact_record(session, chat) for chat in everybody[begin:end]]
    return json_answer(
        MemberCount=len(page), MemberList=page, Seq=end if end < len(everybody) else 0
    )


async def webwxbatchgetcontact(world: World, call: Call) -> web.Response:
    """Answer records by id, at most 50, without ids that this login never published (assumed)."""
    _, session = caller(world, call)
    entries = call.body.get("List")
    if not isinstance(entries, list) or len(entries) > _BATCH_LIMIT:
        raise RefusedError(1)
    records = [record for entry in entries if (record := _looked_up(session, entry))]
    return json_answer(Count=len(records), ContactList=records)


def _looked_up(session: Session, entry: Any) -> dict[str, Any] | None:
    if not isinstance(entry, dict):
        raise RefusedError(1)
    names = {key.lower(): value for key, value in entry.items()}
    chat = session.find(str(names.get("username") or ""))
    if chat is None:
        return None
    if isinstance(chat, Group):
        in_group = session.owner.key in chat.members
        return group_with_members(session, chat) if in_group else contact_record(session, chat)
    group = session.find_room(str(names.get("encrychatroomid") or names.get("chatroomid") or ""))
    if group is not None and (member := group.members.get(chat.key)):
        return member_record(session, group, member)
    if chat.is_friend or chat is session.owner:
        return contact_record(session, chat)
    # A stranger without the group that vouches for the request: only the id is returned (assumed).
    blank = {k: type(v)() for k, v in contact_record(session, chat).items()}
    return {**blank, "UserName": session.id_of(chat)}


HANDLERS: dict[str, Handler] = {
    "webwxinit": webwxinit,
    "webwxstatusnotify": webwxstatusnotify,
    "webwxgetcontact": webwxgetcontact,
    "webwxbatchgetcontact": webwxbatchgetcontact,
}

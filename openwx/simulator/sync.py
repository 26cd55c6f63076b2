"""The sync loop (reference, 4): the SyncKey is the acknowledgement."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .call import Call, Handler, answer, json_answer, session_of
from .people import Group
from .records import contact_record, group_with_members, message_record, profile
from .timeline import Chat, ContactChanged, ContactGone, Message, ProfileChanged

if TYPE_CHECKING:
    from .session import Session
    from .world import World


async def synccheck(world: World, call: Call) -> web.Response:
    """Held until there is something, the session ends, or the time is up.

    A key that is not of this login, and a SyncKey after a SyncCheckKey was given, answer selector 2
    at once: that client spins, as it would against the real service.
    """
    session = session_of(world, call)
    session.polled = True
    account = session.account
    account.pulse.beat()
    place = session.position_of(_pairs_of_text(call.query.get("synckey", "")))
    if place is None or (session.check_key_given and not place[1]):
        return answer('window.synccheck={retcode:"0",selector:"2"}')
    position = place[0]
    session.polls += 1
    try:
        await account.pulse.until(
            lambda: len(account.timeline) > position or session.ended is not None or world.closing,
            world.settings.hold_s,
        )
    finally:
        session.polls -= 1
    if session.ended is not None:
        return answer(f'window.synccheck={{retcode:"{session.ended}",selector:"0"}}')
    waiting = account.timeline[position : position + 1]
    selector = waiting[0].selector if waiting else 0
    return answer(f'window.synccheck={{retcode:"0",selector:"{selector}"}}')


async def webwxsync(world: World, call: Call) -> web.Response:
    """What happened after the SyncKey, a page at a time.

    The same old key brings the same page again. A key that is not of this login (or a SyncCheckKey)
    acknowledges nothing: it brings what no key acknowledged yet (assumed).
    """
    session = session_of(world, call)
    session.polled = True
    account = session.account
    place = session.position_of(_pairs_of_key(call.body.get("SyncKey")))
    if place is None or place[1]:
        begin = min(account.acknowledged, len(account.timeline))
    else:
        begin = place[0]
        account.acknowledged = max(account.acknowledged, begin)
    account.pulse.beat()
    end = min(begin + world.settings.sync_batch_size, len(account.timeline))
    messages, changed, gone = [], dict[Chat, None](), dict[Chat, None]()
    own_data = False
    for event in account.timeline[begin:end]:
        match event:
            case Message():
                messages.append(message_record(session, event))
                account.hand_out(event)
            case ContactChanged():
                # The records are those of now: told once a page, and not of those who are gone.
                changed[event.chat] = None
            case ContactGone():
                gone[event.chat] = None
            case ProfileChanged():
                own_data = True
    return json_answer(
        AddMsgCount=len(messages), AddMsgList=messages,
        **_lists(session, list(changed), list(gone)),
        Profile=profile(session, changed=own_data),
        ContinueFlag=1 if end < len(account.timeline) else 0,
        SKey="", **_keys(session, begin, end),
    )  # fmt: skip


def _lists(session: Session, changed: list[Chat], gone: list[Chat]) -> dict[str, Any]:
    modified = [
        group_with_members(session, chat)
        if isinstance(chat, Group)
        else contact_record(session, chat)
        for chat in changed
        if chat not in gone
    ]
    deleted = [{"UserName": session.id_of(chat), "ContactFlag": 0} for chat in gone]
    return {
        "ModContactCount": len(modified), "ModContactList": modified,
        "DelContactCount": len(deleted), "DelContactList": deleted,
        "ModChatRoomMemberCount": 0, "ModChatRoomMemberList": [],
    }  # fmt: skip


def _keys(session: Session, begin: int, end: int) -> dict[str, Any]:
    if begin == end and session.account.world.settings.empty_keys:
        empty = {"Count": 0, "List": []}
        return {"SyncKey": empty, "SyncCheckKey": empty}
    session.check_key_given = True
    return {"SyncKey": session.sync_key(end), "SyncCheckKey": session.sync_check_key(end)}


def _pairs_of_text(key: str) -> Iterable[tuple[int, int]]:
    """`1_600000001|2_600000020|...`."""
    for pair in key.split("|"):
        number, _, value = pair.partition("_")
        if number.isdigit() and value.isdigit():
            yield int(number), int(value)


def _pairs_of_key(key: Any) -> Iterable[tuple[int, int]]:
    entries = key.get("List") if isinstance(key, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict):
            number, value = str(entry.get("Key")), str(entry.get("Val"))
            if number.isdigit() and value.isdigit():
                yield int(number), int(value)


CALLS: dict[str, Handler] = {"synccheck": synccheck, "webwxsync": webwxsync}

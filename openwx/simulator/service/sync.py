"""The sync loop (reference, 4): the SyncKey is the acknowledgement. `service` routes to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiohttp import web

from ..calls import Call
from ..model import Chat, ContactChanged, ContactGone, Event, Group, Message, ProfileChanged
from ..session import Session
from ..state import World
from ..wire.records import contact_record, group_with_members, message_record, profile
from .base import Handler, answer, caller, json_answer


async def synccheck(world: World, call: Call) -> web.Response:
    """Hold the call until there is news, the session ends, or the time is up.

    A key of another login, and a SyncKey after a SyncCheckKey was issued, get selector 2 at once:
    that client spins, as it would against the real service.
    """
    account, session = caller(world, call)
    session.polled = True
    account.pulse.notify()
    keys = _pairs_of_text(call.query.get("synckey", ""))
    place = session.position_of(keys, len(account.timeline))
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
    selector = _selector(waiting[0]) if waiting else 0
    return answer(f'window.synccheck={{retcode:"0",selector:"{selector}"}}')


async def webwxsync(world: World, call: Call) -> web.Response:
    """Answer the events after the SyncKey, a page at a time.

    The same old key brings the same page again. A key of another login (or a SyncCheckKey)
    acknowledges nothing: it brings what no key acknowledged yet (assumed).
    """
    account, session = caller(world, call)
    session.polled = True
    place = session.position_of(_pairs_of_key(call.body.get("SyncKey")), len(account.timeline))
    if place is None or place[1]:
        begin = min(account.acknowledged, len(account.timeline))
    else:
        begin = place[0]
        account.acknowledged = max(account.acknowledged, begin)
    account.pulse.notify()
    end = min(begin + world.settings.sync_batch_size, len(account.timeline))
    messages, changed, gone = [], dict[Chat, None](), dict[Chat, None]()
    own_data = False
    for event in account.timeline[begin:end]:
        match event:
            case Message():
                messages.append(message_record(session, event))
                account.hand_out(event)
            case ContactChanged():
                # The records are those of now: once a page, and none of a chat that is gone.
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
        SKey="", **_keys(session, end, empty=begin == end and world.settings.empty_keys),
    )  # fmt: skip


def _selector(event: Event) -> int:
    """Return the selector of synccheck for an event (reference, 4)."""
    match event:
        case Message(msg_type=51) if event.fields.get("StatusNotifyCode") in (2, 5):
            return 7
        case Message():
            return 2
        case ContactGone() | ContactChanged(added=True):
            return 6
        case ContactChanged() | ProfileChanged():
            return 4


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


def _keys(session: Session, end: int, *, empty: bool) -> dict[str, Any]:
    if empty:
        none = {"Count": 0, "List": []}
        return {"SyncKey": none, "SyncCheckKey": none}
    session.check_key_given = True
    return {"SyncKey": session.sync_key(end), "SyncCheckKey": session.sync_check_key(end)}


def _pairs_of_text(key: str) -> Iterable[tuple[int, int]]:
    """Parse `1_600000001|2_600000020|...`."""
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


HANDLERS: dict[str, Handler] = {"synccheck": synccheck, "webwxsync": webwxsync}

"""Converts an answer of ``webwxsync`` to messages and events (protocol reference, sections 4 and 5).
``WebClient`` calls it.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Iterable

import msgspec

from openwx import metrics
from openwx.domain.contacts import Friend, Group
from openwx.domain.events import Event, FriendRequested
from openwx.domain.messages import Message, Parties
from openwx.domain.names import as_name
from openwx.errors import SessionEnded, WeChatError
from openwx.transports.web import sync, wire
from openwx.transports.web.contact_loader import fetch_records
from openwx.transports.web.contacts import WebContacts, is_group
from openwx.transports.web.http import Http
from openwx.transports.web.messages.base import chat_id, parties_in_group, split_sender
from openwx.transports.web.messages.registry import IGNORED_TYPES, STATUS_NOTIFY, Reader, reader_of
from openwx.transports.web.messages.text import read_notice, read_unknown
from openwx.transports.web.records import is_contact, is_no_contact
from openwx.transports.web.session import Session

log = logging.getLogger("openwx.wechat")

PROFILE_CHANGED = 190
RECENT_CHATS = 4
"""The StatusNotifyCode of the list of recent chats."""
MOST_STRANGERS = 1000
LONG = 32 * 1024
"""Length of contents, in characters. Longer ones are parsed in a thread: hostile XML takes a third of a second."""
UNREADABLE_TYPE = -1
"""The MsgType given to an entry that cannot be decoded; no reader claims it."""


class SyncParser:
    """Parses the answers of one login.

    A fetch that fails meanwhile does not lose the answer: an unknown sender stays a nameless stranger, and
    ``on_logged_out`` is called where the session has ended.
    """

    def __init__(
        self, http: Http, contacts: WebContacts, on_logged_out: Callable[[SessionEnded], None]
    ) -> None:
        self._http = http
        self._contacts = contacts
        self._on_logged_out = on_logged_out
        self._strangers: dict[str, Friend] = {}
        self._untold: set[tuple[str, str]] = set()
        """Pairs of group and member that WeChat did not know, so that it is not asked again for each message."""
        self._asked_for: set[str] = set()
        """Unknown ids that the phone mentioned; likewise."""
        self._dropped: dict[str, None] = {}
        """Friends whom the answer that is being parsed lists as removed."""
        self.paired = False
        """Whether the list of recent chats, which pairs ids and uids, has arrived."""

    async def read(
        self, reply: wire.SyncReply, session: Session
    ) -> tuple[list[Message], list[Event], dict[str, int | str]]:
        """Return messages in order, events, and newly paired uids, and update the contacts."""
        entries = [_entry(raw) for raw in reply.AddMsgList or ()]
        # Only the phone sends them in the user's name; those of anybody else are ignored.
        own_id = self._contacts.user.id
        notifies = [
            entry
            for entry in entries
            if entry.MsgType == STATUS_NOTIFY and entry.FromUserName == own_id
        ]
        shown = [entry for entry in entries if entry.MsgType not in IGNORED_TYPES]
        uids: dict[str, int | str] = {}
        for notify in notifies:
            pairs = sync.pairing(notify)
            uids |= pairs
            self.paired |= bool(pairs) and notify.StatusNotifyCode == RECENT_CHATS
        self._contacts.pair_uids(uids)
        events = await self._read_contacts(reply, session)
        events += await self._meet_unknown(shown, notifies, session)
        messages = list[Message]()
        for entry in shown:
            if len(entry.Content) > LONG:
                message = await asyncio.to_thread(self._message, entry)
            else:
                message = self._message(entry)
            if isinstance(message, FriendRequested):
                events.append(message)
            else:
                messages.append(message)
        # Removed last, because the removed contacts may have written before.
        deleted, _ = wire.each(reply.DelContactList, wire.Contact)
        for id in dict.fromkeys([*self._dropped, *(record.UserName for record in deleted)]):
            events += self._contacts.lose(id)
        self._dropped.clear()
        return messages, events, uids

    # -- contacts --------------------------------------------------------------------------------------------

    async def _read_contacts(self, reply: wire.SyncReply, session: Session) -> list[Event]:
        contacts, events = self._contacts, list[Event]()
        changed, _ = wire.each(reply.ModContactList, wire.Contact)
        members, _ = wire.each(reply.ModChatRoomMemberList, wire.Contact)
        changed += [record for record in members if is_group(record.UserName)]
        groups = {record.UserName: record for record in changed if is_group(record.UserName)}
        for record in changed:
            if record.UserName == contacts.user.id:
                events += contacts.put_user(record)
            elif not is_group(record.UserName):
                events += self._read_person(record)
        # These records may lack members or their details, so the whole group is fetched.
        for record in await self._fetch(groups, session) or ():
            if groups.pop(record.UserName, None) is not None:
                events += contacts.put_group(record)
        for record in groups.values():
            events += contacts.put_group(record)
        records = [reply.Profile] if bytes(reply.Profile) != b"null" else []
        profile, _ = wire.each(records, wire.Profile)
        if profile and profile[0].BitFlag == PROFILE_CHANGED:
            events += contacts.put_profile(profile[0])
        return events

    def _read_person(self, record: wire.Contact) -> list[Event]:
        """Read a person of ``ModContactList``, who may be no friend, or no longer one."""
        contacts, id = self._contacts, record.UserName
        if is_no_contact(record):
            if id in contacts.friends:
                self._dropped[id] = None
            if id in self._strangers:
                self._strangers[id] = contacts.stranger(record)
            return []
        self._dropped.pop(id, None)
        if id in contacts.friends or record.NickName or record.RemarkName:
            self._strangers.pop(id, None)
            return contacts.put_friend(record)
        return []

    async def _meet_unknown(
        self, shown: Iterable[wire.Message], notifies: Iterable[wire.Message], session: Session
    ) -> list[Event]:
        """Fetch unknown contacts: groups and people whom the phone mentions, new groups, strangers who write, new
        members."""
        contacts, own_id = self._contacts, self._contacts.user.id
        mentioned = [id for n in notifies for id in sync.split_ids(n.StatusNotifyUserName)]
        recent = {id for id in mentioned if is_group(id) and id not in contacts.groups}
        people = {id for id in mentioned if id.startswith("@") and not is_group(id)}
        people = {id for id in people - self._asked_for - {own_id} if not self._knows(id)}
        wanted: dict[str, None] = dict.fromkeys([*recent, *people])
        senders: set[tuple[str, str]] = set()
        for entry in shown:
            id = chat_id(entry, own_id)
            if is_group(id):
                sender, _ = split_sender(entry, own_id)
                group = contacts.groups.get(id)
                if sender and (group is None or sender not in group.members):
                    senders.add((id, sender))
                if group is None or (id, sender) in senders - self._untold:
                    wanted[id] = None
            elif id.startswith("@") and id != own_id and not self._knows(id):
                wanted[id] = None
        events: list[Event] = []
        records = await self._fetch(wanted, session)
        for record in records or ():
            if is_group(record.UserName):
                change = contacts.put_group(record)
                # A group that the phone merely opened was not joined just now.
                events += [] if record.UserName in recent else change
            elif record.UserName in people and is_contact(record):
                events += contacts.put_friend(record)
            elif len(self._strangers) < MOST_STRANGERS:
                self._strangers[record.UserName] = contacts.stranger(record)
            else:
                metrics.dropped(log, "record", "too many strangers: another one stays nameless")
        if records is not None:
            self._asked_for |= people
            self._untold |= {
                (id, sender)
                for id, sender in senders
                if id in contacts.groups and sender not in contacts.groups[id].members
            }
        return events

    def _knows(self, id: str) -> bool:
        return id in self._contacts.friends or id in self._strangers

    async def _fetch(self, ids: Iterable[str], session: Session) -> list[wire.Contact] | None:
        """Fetch records; None where WeChat did not answer."""
        ids = list(ids)
        if not ids:
            return []
        try:
            return await fetch_records(self._http, session, ids)
        except SessionEnded as error:
            self._on_logged_out(error)
        except WeChatError as error:
            log.warning("the contacts of %d ids stay unknown for now: %s", len(ids), error)
        return None

    # -- messages --------------------------------------------------------------------------------------------

    def _message(self, entry: wire.Message) -> Message | FriendRequested:
        """Read an entry. Where a bug prevents that, publish it raw: strangers could otherwise stop the account at each
        start."""
        try:
            return self._read_message(entry, reader_of(entry))
        except Exception:
            log.exception("a bug: a message of type %d cannot be read", entry.MsgType)
            metrics.dropped(log, "message", "message %s is published as unknown", entry.MsgId)
            return self._read_message(entry, read_unknown)

    def _read_message(self, entry: wire.Message, read: Reader) -> Message | FriendRequested:
        contacts, user = self._contacts, self._contacts.user
        id = chat_id(entry, user.id)
        is_notice = read is read_notice
        mine = entry.FromUserName == user.id and not is_notice
        content = entry.Content
        if is_group(id):
            group = contacts.groups.get(id) or Group(id=id)
            sender_id, content = split_sender(entry, user.id)
            mine = mine or (sender_id == user.id and not is_notice)
            sender = None
            if sender_id and not is_notice:
                sender = group.members.get(sender_id) or contacts.strange_member(sender_id)
            parties = parties_in_group(group, sender, user, mine=mine)
        elif id == user.id:
            parties = Parties(chat=user, sender=user, receiver=user, mine=True)
        else:
            parties = self._parties_with(id, mine=mine)
        return read(entry, content, parties)

    def _parties_with(self, id: str, *, mine: bool) -> Parties:
        user = self._contacts.user
        friend = self._contacts.friends.get(id) or self._strangers.get(id) or Friend(id=id)
        if mine:
            return Parties(chat=friend, sender=user, receiver=friend, mine=True)
        return Parties(chat=friend, sender=friend, receiver=user, mine=False)


def _entry(raw: msgspec.Raw) -> wire.Message:
    """Decode an entry of ``AddMsgList``. One that cannot be decoded is still a message: its raw text, in the chat that
    it names, if any."""
    entry = wire.read(raw, wire.Message)
    if entry is None:
        metrics.dropped(
            log, "message", "an entry of AddMsgList cannot be read; reported as unknown"
        )
        fields = wire.fields(raw)
        names = (fields.get(name) for name in ("MsgId", "FromUserName", "ToUserName"))
        id, sender, receiver = (str(name) if isinstance(name, str | int) else "" for name in names)
        content = bytes(raw).decode("utf-8", "replace")
        entry = wire.Message(id, sender, receiver, UNREADABLE_TYPE, content)
    if str(entry.MsgId) in ("", "0"):
        # An entry without an id must not look like a repetition of the last one without.
        entry.MsgId = hashlib.sha256(raw).hexdigest()
    entry.MsgId = as_name(str(entry.MsgId))
    return entry

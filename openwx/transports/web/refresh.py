"""Fetches contacts anew, and publishes how they differ from what was known, as the sync would.
``contact_actions`` calls it.

The sync goes on meanwhile. What it changes while a record is on its way is newer than that record, and stays.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping

from openwx.domain.contacts import Chat
from openwx.domain.events import Event
from openwx.errors import BadResponse, NotLoggedIn
from openwx.transports.base import ChangeSink
from openwx.transports.web import sync, wire
from openwx.transports.web.client import WebClient
from openwx.transports.web.contact_loader import fetch_list, fetch_records
from openwx.transports.web.contacts import FILEHELPER, WebContacts, is_group
from openwx.transports.web.http import Call
from openwx.transports.web.records import is_no_contact
from openwx.transports.web.session import Session

log = logging.getLogger("openwx.wechat")

Read = Callable[
    [Callable[[Session], Call[wire.BatchContactReply]]], Awaitable[wire.BatchContactReply]
]

_AT_ONCE = 100
"""Records that are read before other tasks get to run."""
_TRIES = 3
"""How often a record is fetched while the sync changes it each time."""
MOST_MISSING = 500
"""Friends that may be missing from the list; more, and the list is taken for incomplete."""


class ContactRefresh:
    """One refresh, of the contacts of the present login. Raises ``WeChatError``."""

    def __init__(self, client: WebClient, sink: ChangeSink) -> None:
        self._client = client
        self._contacts: WebContacts = client.contacts
        self._sink = sink
        self._changed = 0

    async def one(self, id: str, read: Read) -> int:
        """Fetch a friend or group, by calls that ``read`` makes. Return the number of differences."""
        for _ in range(_TRIES):
            known = self._contacts.chat(id)
            reply = await read(lambda session: next(sync.batch_get_contact(session, [id])))
            records, _ = wire.each(reply.ContactList, wire.Contact)
            record = next((one for one in records if one.UserName == id), None)
            if record is None:
                raise BadResponse("webwxbatchgetcontact", "WeChat sent no record of this chat")
            if self._contacts.chat(id) is known:
                await self._publish(self._put(record))
                break
        return self._changed

    async def all(self) -> int:
        """Fetch the list of contacts and all groups. Return the number of differences."""
        contacts = self._contacts
        known: dict[str, Chat] = {**contacts.friends, **contacts.groups}
        user = contacts.user
        with self._client.logged_in() as session:
            records, is_whole = await fetch_list(self._client.http, session)
        listed = {record.UserName for record in records}
        contacts.saved |= {id for id in listed if is_group(id)}
        people = [record for record in records if not is_group(record.UserName)]
        for begin in range(0, len(people), _AT_ONCE):
            events: list[Event] = []
            for record in people[begin : begin + _AT_ONCE]:
                if record.UserName == user.id:
                    events += contacts.put_user(record) if contacts.user is user else []
                else:
                    events += self._put_unless_newer(record, known)
            await self._publish(events)
        if is_whole:
            await self._look_for(contacts.friends.keys() & known.keys() - listed - {FILEHELPER})
        await self._fetch({*contacts.groups, *(id for id in listed if is_group(id))})
        return self._changed

    async def _look_for(self, missing: set[str]) -> None:
        """Fetch friends that are not in the list: those who are no contacts are lost."""
        if len(missing) > MOST_MISSING:
            words = "%d friends are not in the list of contacts: it is taken for incomplete"
            log.warning(words, len(missing))
            return
        await self._fetch(missing)

    async def _fetch(self, ids: Iterable[str]) -> None:
        wanted = list(ids)
        for begin in range(0, len(wanted), sync.BATCH):
            some = wanted[begin : begin + sync.BATCH]
            known: dict[str, Chat] = {
                id: chat for id in some if (chat := self._contacts.chat(id)) is not None
            }
            with self._client.logged_in() as session:
                records = await fetch_records(self._client.http, session, some)
            for record in records:
                await self._publish(self._put_unless_newer(record, known))

    def _put_unless_newer(self, record: wire.Contact, known: Mapping[str, Chat]) -> list[Event]:
        id = record.UserName
        return self._put(record) if self._contacts.chat(id) is known.get(id) else []

    def _put(self, record: wire.Contact) -> list[Event]:
        """Take a record of a friend or group. Return the differences."""
        contacts, id = self._contacts, record.UserName
        if is_group(id):
            # Without members, it says nothing certain of a group: not even whether the account is in it.
            is_new = id not in contacts.groups
            return contacts.put_group(record) if record.MemberList or is_new else []
        if is_no_contact(record):
            return contacts.lose(id)
        if id in contacts.friends or record.NickName or record.RemarkName:
            return contacts.put_friend(record)
        return []

    async def _publish(self, events: list[Event]) -> None:
        """Publish events. Raise ``NotLoggedIn`` where a new login has published all contacts."""
        if self._contacts is not self._client.contacts:
            raise NotLoggedIn
        self._changed += len(events)
        await self._sink.record(events)

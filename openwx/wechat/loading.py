"""Fetches contacts: all of them after a login, single records whenever an unknown id turns up."""

import asyncio
import logging
from collections.abc import Iterable

from openwx.wechat import sync, wire
from openwx.wechat.contacts import Contacts, is_group
from openwx.wechat.http import Http
from openwx.wechat.model import User
from openwx.wechat.session import Session

log = logging.getLogger("openwx.wechat")

BREATH = 500
"""After so many records the event loop gets its turn."""


async def fetch_records(http: Http, session: Session, ids: Iterable[str]) -> list[wire.Contact]:
    """The records of these ids, groups with their members. Raises ``WeChatError``."""
    records: list[wire.Contact] = []
    for call in sync.batch_get_contact(session, ids):
        reply = await http.send(call)
        good, broken = wire.each(reply.ContactList, wire.Contact)
        records += good
        if broken:
            log.warning("%s: %d records cannot be read", call.name, len(broken))
    return records


async def load_contacts(http: Http, session: Session, init: wire.InitReply) -> Contacts:
    """Everybody whom the account knows. Raises ``WeChatError``."""
    contacts = Contacts(User(id=init.User.UserName))
    contacts.put_user(init.User)
    contacts.pair_uids(session.uids)
    recent, _ = wire.each(init.ContactList, wire.Contact)
    groups = {record.UserName: record for record in recent if is_group(record.UserName)}
    for id in sync.split_ids(init.ChatSet):
        if is_group(id):
            groups.setdefault(id, wire.Contact(id))
    for number, record in enumerate(await _fetch_all(http, session)):
        if is_group(record.UserName):
            groups[record.UserName] = record
        elif record.UserName != contacts.user.id:
            contacts.put_friend(record)
        else:
            contacts.put_user(record)
        if number % BREATH == 0:
            await asyncio.sleep(0)
    for record in await fetch_records(http, session, groups):
        groups.pop(record.UserName, None)
        if is_group(record.UserName):
            contacts.put_group(record)
            await asyncio.sleep(0)
    for record in groups.values():
        log.warning("WeChat does not tell who is in group %s", record.UserName)
        contacts.put_group(record)
    return contacts


async def _fetch_all(http: Http, session: Session) -> list[wire.Contact]:
    records: list[wire.Contact] = []
    seen: set[int] = set()
    seq = 0
    while seq not in seen:
        seen.add(seq)
        reply = await http.send(sync.get_contact(session, seq))
        good, broken = wire.each(reply.MemberList, wire.Contact)
        records += good
        if broken:
            log.warning("webwxgetcontact: %d records cannot be read", len(broken))
        seq = reply.Seq
        if seq == 0:
            break
    return records

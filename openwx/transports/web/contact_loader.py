"""Fetches contacts: all of them after a login, and single records when an unknown id appears.
``WebClient`` and ``SyncParser`` call it.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator

from openwx.domain.contacts import User
from openwx.errors import RateLimited, Rejected, SessionEnded, WeChatError
from openwx.transports.web import sync, wire
from openwx.transports.web.contacts import WebContacts, is_group
from openwx.transports.web.http import Http
from openwx.transports.web.records import is_no_contact
from openwx.transports.web.session import Session

log = logging.getLogger("openwx.wechat")

BREATH = 500
"""The number of records after which other tasks get to run."""


async def notify_phone(http: Http, session: Session, own_id: str, pauses: Iterator[float]) -> bool:
    """Notify the phone that this client is online, and return whether that worked. Three attempts, because WeChat
    sends the uids in response.

    Raises ``SessionEnded`` and ``RateLimited``; everything else works without it.
    """
    for tries_left in (2, 1, 0):
        try:
            await http.send(sync.status_notify(session, own_id))
        except (SessionEnded, RateLimited):
            raise
        except WeChatError as error:
            log.info("the phone was not notified: %s", error)
            if isinstance(error, Rejected) or not tries_left:
                break
            await asyncio.sleep(next(pauses))
        else:
            return True
    return False


async def fetch_records(http: Http, session: Session, ids: Iterable[str]) -> list[wire.Contact]:
    """Fetch the records of these ids, groups with their members. Raises ``WeChatError``."""
    records: list[wire.Contact] = []
    for call in sync.batch_get_contact(session, ids):
        reply = await http.send(call)
        good, _ = wire.each(reply.ContactList, wire.Contact)
        records += good
    return records


async def load_contacts(
    http: Http, session: Session, init: wire.InitReply, former: WebContacts | None = None
) -> WebContacts:
    """Fetch all contacts of the account. Raises ``WeChatError``.

    Where ``former`` contacts are of the same login, a group that is in no list any more is fetched by its id, and
    stays as it was unless WeChat sends a record: silent groups are in no list, and ``DelContactList`` names those that
    were left. Friends missing from an incomplete list stay, too.
    """
    contacts = WebContacts(User(id=init.User.UserName))
    contacts.put_user(init.User)
    contacts.pair_uids(session.uids)
    recent, _ = wire.each(init.ContactList, wire.Contact)
    groups = {record.UserName: record for record in recent if is_group(record.UserName)}
    for id in sync.split_ids(init.ChatSet):
        if is_group(id):
            groups.setdefault(id, wire.Contact(id))
    records, contacts.friends_are_whole = await fetch_list(http, session)
    for number, record in enumerate(records):
        if is_group(record.UserName):
            groups[record.UserName] = record
            contacts.saved.add(record.UserName)
        elif record.UserName == contacts.user.id:
            contacts.put_user(record)
        elif is_no_contact(record):
            contacts.no_contacts.add(record.UserName)
        else:
            contacts.put_friend(record)
        if number % BREATH == 0:
            await asyncio.sleep(0)
    silent = _of_this_login(former, contacts)
    unlisted = {id for id in silent.groups if id not in groups} if silent else set()
    for record in await fetch_records(http, session, [*groups, *unlisted]):
        groups.pop(record.UserName, None)
        if is_group(record.UserName) and (record.MemberList or record.UserName not in unlisted):
            contacts.put_group(record)
            await asyncio.sleep(0)
    for record in groups.values():
        log.warning("WeChat does not list the members of group %s", record.UserName)
        contacts.put_group(record)
        contacts.partial.add(record.UserName)
    if silent:
        _keep(silent, contacts)
    return contacts


def _of_this_login(former: WebContacts | None, contacts: WebContacts) -> WebContacts | None:
    return former if former and former.user.id == contacts.user.id else None


def _keep(former: WebContacts, contacts: WebContacts) -> None:
    for id, group in former.groups.items():
        if contacts.groups.setdefault(id, group) is group and id in former.partial:
            contacts.partial.add(id)
    contacts.saved |= former.saved & former.groups.keys()
    if not contacts.friends_are_whole:
        former_ids = former.friends.keys() - contacts.no_contacts
        contacts.friends = {id: former.friends[id] for id in former_ids} | contacts.friends
        contacts.friends_are_whole = former.friends_are_whole


async def fetch_list(http: Http, session: Session) -> tuple[list[wire.Contact], bool]:
    """Fetch the contact list; return it and whether it is complete. Raises ``WeChatError``."""
    records: list[wire.Contact] = []
    whole = True
    seen: set[int] = set()
    seq = 0
    while seq not in seen:
        seen.add(seq)
        reply = await http.send(sync.get_contact(session, seq))
        good, broken = wire.each(reply.MemberList, wire.Contact)
        records += good
        if broken or len(good) < reply.MemberCount:
            whole = False
        seq = reply.Seq
        if seq == 0:
            break
    if not whole or not records:
        log.warning(
            "the contact list is incomplete; contacts that it lacks are not reported as lost"
        )
    return records, whole and bool(records)

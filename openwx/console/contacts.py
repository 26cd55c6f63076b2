"""Friends, groups and their members: searched, and shown with their pictures."""

import itertools
import logging
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

from aiohttp import hdrs, web

from openwx.accounts.avatars import Avatar
from openwx.console.context import PageContext
from openwx.domain.contacts import FRIEND, Chat, Friend, Group, Member, User
from openwx.errors import CallerError, Code, WeChatError

if TYPE_CHECKING:
    from openwx.accounts.account import Account

log = logging.getLogger("openwx.console")

PAGE = 60
MOST_LETTERS = 100
Kind = Literal["friends", "groups", "others"]
KINDS: tuple[Kind, ...] = ("friends", "groups", "others")


async def contacts(visit: PageContext) -> web.StreamResponse:
    """One page of friends, groups or public accounts with these letters in a name."""
    account = visit.account()
    letters = visit.texts.get("q", "").strip()[:MOST_LETTERS]
    kind: Kind = next((kind for kind in KINDS if kind == visit.texts.get("kind")), "friends")
    found = sorted(_found(_all(account, kind), letters), key=lambda one: one.displayname.casefold())
    start = visit.number("from") or 0
    page = found[start : start + PAGE]
    template = "parts/contacts.html" if visit.is_fragment else "contacts.html"
    return visit.page(
        template,
        account=account,
        kind=kind,
        kinds=counts_of_kinds(account),
        letters=letters,
        found=page,
        count=len(found),
        start=start,
        following=start + PAGE if start + PAGE < len(found) else None,
    )


def counts_of_kinds(account: "Account") -> dict[Kind, int]:
    """How many contacts there are of each kind."""
    return {kind: sum(1 for _ in _all(account, kind)) for kind in KINDS}


def _all(account: "Account", kind: Kind) -> Iterable[Chat]:
    if kind == "groups":
        return account.contacts.groups.values()
    return (
        friend
        for friend in account.contacts.friends.values()
        if (friend.category == FRIEND) == (kind == "friends")
    )


def _found(chats: Iterable[Chat], letters: str) -> Iterator[Chat]:
    wanted = letters.casefold()
    return (chat for chat in chats if not wanted or wanted in _names(chat).casefold())


def _names(chat: Chat | Member) -> str:
    if isinstance(chat, Group):
        return f"{chat.displayname}\n{chat.name}"
    return f"{chat.displayname}\n{chat.name}\n{chat.markname}\n{chat.account}\n{chat.display}"


async def contact(visit: PageContext) -> web.StreamResponse:
    """One friend, or a group with its members."""
    account = visit.account()
    chat = account.contacts.chat(visit.texts.get("id", ""))
    if chat is None:
        words = (
            "this contact is not known (any more): ids change with every login. Search for the name"
        )
        raise CallerError(Code.NOT_FOUND, words)
    if isinstance(chat, Friend):
        return visit.page("friend.html", account=account, chat=chat)
    letters = visit.texts.get("q", "").strip()[:MOST_LETTERS]
    wanted = letters.casefold()
    everybody = [one for one in chat.members.values() if wanted in _names(one).casefold()]
    start = visit.number("from") or 0
    template = "parts/members.html" if visit.is_fragment else "group.html"
    return visit.page(
        template,
        account=account,
        chat=chat,
        letters=letters,
        count=len(everybody),
        members=list(itertools.islice(everybody, start, start + PAGE)),
        following=start + PAGE if start + PAGE < len(everybody) else None,
    )


async def avatar(visit: PageContext) -> web.StreamResponse:
    """The picture of a friend, a group, a group's member, or the account itself.

    204 where there is none to be had now (nobody with this id is known, the account is not logged in, WeChat has none):
    then the letter beneath it is what the page shows, and nothing went wrong.
    """
    account = visit.account()
    found = await _picture_of(account, visit.texts.get("id", ""), visit.texts.get("group", ""))
    if found is None:
        return web.Response(status=HTTPStatus.NO_CONTENT)
    return web.Response(
        body=found.data,
        headers={hdrs.CONTENT_TYPE: found.mime, hdrs.CACHE_CONTROL: "private, max-age=600"},
    )


async def _picture_of(account: "Account", id: str, group_id: str) -> Avatar | None:
    room_id = ""
    people = account.contacts
    whom: User | Chat | Member | None
    whom = people.user if id == people.user.id else people.chat(id)
    if whom is None and (group := people.groups.get(group_id)):
        whom, room_id = group.members.get(id), group.room_id
    if whom is None or not account.is_running:
        return None
    try:
        return await account.avatars.of(whom, room_id)
    except (CallerError, WeChatError) as error:
        log.info("the picture of %s cannot be had: %s", whom.displayname, error)
        return None

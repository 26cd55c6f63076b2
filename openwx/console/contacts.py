"""Friends, groups and their members: search, profiles and avatars. ``Console`` routes to them."""

import itertools
import logging
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

from aiohttp import hdrs, web

from openwx.accounts.avatars import Avatar
from openwx.api.capabilities import require
from openwx.console.context import PageContext, base_of
from openwx.console.wording import PageError
from openwx.domain.contacts import FRIEND, Chat, Friend, Member, User
from openwx.domain.matching import called
from openwx.errors import CallerError, Code, WeChatError
from openwx.transports.base import Capability

if TYPE_CHECKING:
    from openwx.accounts.account import Account

log = logging.getLogger("openwx.console")

PAGE = 60
MOST_LETTERS = 100
ContactKind = Literal["friends", "groups", "others"]
KINDS: tuple[ContactKind, ...] = ("friends", "groups", "others")


async def contacts(context: PageContext) -> web.StreamResponse:
    """Show one page of friends, groups or public accounts whose names contain the letters."""
    account = context.account()
    letters = context.texts.get("q", "").strip()[:MOST_LETTERS]
    kinds = count_by_kind(account)
    kind: ContactKind = next(
        (kind for kind in kinds if kind == context.texts.get("kind")), "friends"
    )
    found = sorted(called(_all(account, kind), letters), key=lambda one: one.displayname.casefold())
    start = context.number("from") or 0
    page = found[start : start + PAGE]
    template = "parts/contacts.html" if context.is_fragment else "contacts.html"
    return context.page(
        template,
        account=account,
        kind=kind,
        kinds=kinds,
        letters=letters,
        found=page,
        count=len(found),
        changed=context.number("changed"),
        start=start,
        following=start + PAGE if start + PAGE < len(found) else None,
    )


def count_by_kind(account: "Account") -> dict[ContactKind, int]:
    """Count the contacts of each kind that there can be. Where there are no groups, there are no public accounts."""
    counts = {kind: sum(1 for _ in _all(account, kind)) for kind in KINDS}
    has_groups = Capability.GROUPS in account.capabilities
    return {
        kind: n
        for kind, n in counts.items()
        if kind == "friends" or has_groups or (kind == "others" and n)
    }


def _all(account: "Account", kind: ContactKind) -> Iterable[Chat]:
    if kind == "groups":
        return account.contacts.groups.values()
    return (
        friend
        for friend in account.contacts.friends.values()
        if (friend.category == FRIEND) == (kind == "friends")
    )


async def refresh(context: PageContext) -> web.StreamResponse:
    """Fetch all contacts anew from WeChat, as the route ``refresh_contacts`` does."""
    account = context.account()
    require(account, Capability.REFRESH)
    account.require_running()
    try:
        changed = await account.refreshes.all()
    except CallerError as error:
        if error.code != Code.QUEUE_FULL:
            raise
        raise PageError(Code.QUEUE_FULL, "error.refreshed") from None
    return context.redirect(f"{base_of(account.name)}/contacts", changed=str(changed))


async def contact(context: PageContext) -> web.StreamResponse:
    """Show one friend, or a group with its members."""
    account = context.account()
    chat = account.contacts.chat(context.texts.get("id", ""))
    if chat is None:
        raise PageError(Code.NOT_FOUND, "error.no_contact")
    if isinstance(chat, Friend):
        return context.page("friend.html", account=account, chat=chat)
    letters = context.texts.get("q", "").strip()[:MOST_LETTERS]
    matching = called(chat.members.values(), letters)
    start = context.number("from") or 0
    template = "parts/members.html" if context.is_fragment else "group.html"
    return context.page(
        template,
        account=account,
        chat=chat,
        letters=letters,
        count=len(matching),
        members=list(itertools.islice(matching, start, start + PAGE)),
        following=start + PAGE if start + PAGE < len(matching) else None,
    )


async def avatar(context: PageContext) -> web.StreamResponse:
    """Answer with the avatar of a friend, a group, a group's member, or the account itself.

    The answer is 204 if there is none now: the id is unknown, the account is not logged in, or WeChat has none.
    The page then shows the letter beneath it, and the browser logs no error.
    """
    account = context.account()
    found = await _avatar_of(account, context.texts.get("id", ""), context.texts.get("group", ""))
    if found is None:
        return web.Response(status=HTTPStatus.NO_CONTENT)
    return web.Response(
        body=found.data,
        headers={hdrs.CONTENT_TYPE: found.mime, hdrs.CACHE_CONTROL: "private, max-age=600"},
    )


async def _avatar_of(account: "Account", id: str, group_id: str) -> Avatar | None:
    room_id = ""
    contacts = account.contacts
    person: User | Chat | Member | None
    person = contacts.user if id == contacts.user.id else contacts.chat(id)
    if person is None and (group := contacts.groups.get(group_id)):
        person, room_id = group.members.get(id), group.room_id
    can = Capability.AVATARS in account.capabilities
    if person is None or not account.is_running or not can:
        return None
    try:
        return await account.avatars.of(person, room_id)
    except (CallerError, WeChatError) as error:
        log.info("the avatar of %s is not available: %s", person.displayname, error)
        return None

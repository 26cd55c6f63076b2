"""All accounts, the overview of one, its QR code, digits and local name, and starting and stopping it.
``Console`` routes to them.
"""

import asyncio
import re
import secrets
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import hdrs, web

from openwx.api.routes.accounts import VERIFY_CODE
from openwx.console.abilities import abilities_of
from openwx.console.contacts import count_by_kind
from openwx.console.context import ROOT, PageContext, base_of
from openwx.console.feed import newest_lines
from openwx.console.health import StatusView, health_elsewhere
from openwx.console.wording import PageError
from openwx.domain.contacts import Friend
from openwx.errors import CallerError, Code
from openwx.reasons import ReasonCode
from openwx.store.base import JournalError
from openwx.store.records import Counts

if TYPE_CHECKING:
    from openwx.accounts.account import Account

STOP_DELAY_S = 0.5
LONGEST_NAME = 100
"""In characters, as in the API."""
FEED_LENGTH = 12


class AccountRow(msgspec.Struct, frozen=True):
    """An account in the list of all. ``node`` runs it; empty where there is but one process, or none does."""

    name: str
    health: StatusView
    counts: Counts | None
    node: str


async def home(context: PageContext) -> web.StreamResponse:
    """Show all accounts, or lead to the only one."""
    names = context.manager.names
    if len(names) == 1:
        return context.redirect(base_of(names[0]))
    accounts = list(context.manager.accounts.values())
    counts = await asyncio.gather(*map(counts_of, accounts))
    rows = [
        AccountRow(account.name, context.health(account), count, context.manager.node)
        for account, count in zip(accounts, counts, strict=True)
    ]
    rows = sorted([*rows, *await _rows_elsewhere(context)], key=lambda row: row.name)
    template = "parts/accounts.html" if context.is_fragment else "accounts.html"
    sees_nodes = context.manager.node != "" and context.sees_all
    return context.page(template, rows=rows, sees_nodes=sees_nodes)


async def _rows_elsewhere(context: PageContext) -> list[AccountRow]:
    """Return the accounts that other nodes run, or none does."""
    manager, t = context.manager, context.t
    where = await manager.whereabouts()
    asked = [one for name, one in where.items() if name not in manager.accounts]
    there = await manager.listed_elsewhere(asked)
    return [
        AccountRow(one.account, health_elsewhere(one, there.get(one.account), t), None, one.node)
        for one in asked
    ]


async def overview(context: PageContext) -> web.StreamResponse:
    """Show one account: its state, its counters of the last hour, and the live feed."""
    account = context.account()
    return context.page(
        "overview.html",
        account=account,
        wrong_digits=context.texts.get("digits") == "wrong" and wants_digits(account),
        new_token=secrets.token_urlsafe(32) if context.wants_token_hint else "",
        **await summary_of(context, account),
        **await newest_lines(context, account, limit=FEED_LENGTH),
    )


async def pill(context: PageContext) -> web.StreamResponse:
    """Show the state of an account in a word."""
    return context.page("parts/pill.html", account=context.account())


async def summary_of(context: PageContext, account: "Account") -> dict[str, Any]:
    """Collect the values of the overview that change."""
    return {
        "counts": await counts_of(account),
        "people": count_by_kind(account),
        "abilities": abilities_of(account, context.t),
        "nameless": nameless_owner(account),
    }


async def counts_of(account: "Account") -> Counts | None:
    """Return the counters of the last hour; None while the journal cannot be read."""
    try:
        return await account.history.last_hour()
    except JournalError:
        return None


async def qrcode(context: PageContext) -> web.StreamResponse:
    png = context.account().qrcode_png
    if png is None:
        raise PageError(Code.NOT_FOUND, "error.no_qrcode")
    return web.Response(body=png, headers={hdrs.CONTENT_TYPE: "image/png"})


def wants_digits(account: "Account") -> bool:
    """Whether the phone shows digits that are to be handed in."""
    return account.reason.code is ReasonCode.NEED_VERIFY_CODE


async def verify_code(context: PageContext) -> web.StreamResponse:
    """Hand in the digits that the phone shows, as the route ``verify_code`` does."""
    account = context.account()
    code = "".join(context.texts.get("code", "").split())
    if not re.fullmatch(VERIFY_CODE, code, re.ASCII):
        raise PageError(Code.BAD_PARAMETER, "error.digits")
    try:
        is_right = await account.verify_code(code)
    except CallerError as error:
        if error.code != Code.NOT_POSSIBLE:
            raise
        raise PageError(Code.NOT_POSSIBLE, "error.no_digits_wanted") from None
    return context.redirect(base_of(account.name), **({} if is_right else {"digits": "wrong"}))


def nameless_owner(account: "Account") -> Friend | None:
    """Return the account's own person if neither WeChat nor anybody here has named them."""
    owner = account.contacts.friends.get(account.owner_id or "")
    return None if owner is None or owner.name or owner.markname else owner


async def name_owner(context: PageContext) -> web.StreamResponse:
    """Give the account's own person a name, as the route ``set_markname`` does."""
    account = context.account()
    account.require_running()
    owner = nameless_owner(account)
    if owner is None:
        raise PageError(Code.NOT_POSSIBLE, "error.not_possible")
    name = " ".join(context.texts.get("name", "").split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise PageError(Code.BAD_PARAMETER, "error.bad_request")
    await account.actions.set_markname(owner, name)
    return context.redirect(base_of(account.name))


async def offer_ilink(context: PageContext) -> web.StreamResponse:
    """Say what is lost and what stays with iLink, and ask whether to go over to it."""
    account = context.account()
    _require_ilink_possible(context, account)
    is_configured = account.name in context.manager.settings.accounts
    return context.page("ilink.html", account=account, is_configured=is_configured)


async def use_ilink(context: PageContext) -> web.StreamResponse:
    """Start an account that web WeChat refused over iLink."""
    account = context.account()
    _require_ilink_possible(context, account)
    await context.manager.change_transport(account, "ilink")
    return context.redirect(base_of(account.name))


def _require_ilink_possible(context: PageContext, account: "Account") -> None:
    if account.transport_kind == "ilink" or not context.manager.may_change_transport(account):
        raise PageError(Code.NOT_POSSIBLE, "error.transport")


async def start(context: PageContext) -> web.StreamResponse:
    account = context.account()
    await context.manager.start(account.name, {})
    return context.redirect(base_of(account.name))


async def stop(context: PageContext) -> web.StreamResponse:
    """Stop one of several accounts. Stopping the only one would end the server, and this page with it."""
    account = context.account()
    if context.manager.has_one_account:
        raise PageError(Code.NOT_POSSIBLE, "error.only_account")
    await context.manager.stop_account(account.name, STOP_DELAY_S)
    return context.redirect(ROOT)

"""All accounts at a glance, one account's first page, its QR code, and starting and stopping."""

import asyncio
import secrets
from typing import TYPE_CHECKING, Any

from aiohttp import hdrs, web

from openwx.console.contacts import counts_of_kinds
from openwx.console.context import ROOT, PageContext, base_of
from openwx.console.feed import newest
from openwx.errors import CallerError, Code
from openwx.store.base import JournalError
from openwx.store.records import Counts

if TYPE_CHECKING:
    from openwx.accounts.account import Account

STOP_DELAY_S = 0.5
FEED_SHOWN = 12


async def home(visit: PageContext) -> web.StreamResponse:
    """All accounts, or the only one."""
    accounts = list(visit.gateway.accounts.values())
    if len(accounts) == 1:
        return visit.go(base_of(accounts[0]))
    counts = await asyncio.gather(*map(counts_of, accounts))
    rows = [(one, visit.health(one), count) for one, count in zip(accounts, counts, strict=True)]
    template = "parts/accounts.html" if visit.is_fragment else "accounts.html"
    return visit.page(template, rows=rows)


async def overview(visit: PageContext) -> web.StreamResponse:
    """One account: how it is, what it did in the last hour, and what happens now."""
    account = visit.account()
    return visit.page(
        "overview.html",
        account=account,
        new_token=secrets.token_urlsafe(32) if visit.wants_token_hint else "",
        **await glance(visit, account),
        **await newest(visit, account, limit=FEED_SHOWN),
    )


async def pill(visit: PageContext) -> web.StreamResponse:
    """The part that tells in a word how it is."""
    return visit.page("parts/pill.html", account=visit.account())


async def glance(visit: PageContext, account: "Account") -> dict[str, Any]:
    """What the account's first lines tell."""
    return {"counts": await counts_of(account), "people": counts_of_kinds(account)}


async def counts_of(account: "Account") -> Counts | None:
    """None while the journal cannot be read: the page shows the rest."""
    try:
        return await account.history.last_hour()
    except JournalError:
        return None


async def qrcode(visit: PageContext) -> web.StreamResponse:
    png = visit.account().qrcode_png
    if png is None:
        raise CallerError(Code.NOT_FOUND, "no QR code is wanted now")
    return web.Response(body=png, headers={hdrs.CONTENT_TYPE: "image/png"})


async def start(visit: PageContext) -> web.StreamResponse:
    account = visit.account()
    await visit.gateway.start(account.name, {})
    return visit.go(base_of(account))


async def stop(visit: PageContext) -> web.StreamResponse:
    """Stop one of several; the only one would end the server, and this page with it."""
    account = visit.account()
    if len(visit.gateway.accounts) == 1:
        words = "this is the only account: stopping it ends openwx. Stop the program instead"
        raise CallerError(Code.NOT_POSSIBLE, words)
    await visit.gateway.stop_account(account, STOP_DELAY_S)
    return visit.go(ROOT)

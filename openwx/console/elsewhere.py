"""Pages of an account that does not run in this process: its owner's, or one that says that nobody runs it."""

from typing import TYPE_CHECKING

from aiohttp import web

from openwx.api.callers import Caller, Scope
from openwx.api.elsewhere import Whereabouts
from openwx.console.context import PageContext, base_of
from openwx.console.wording import PageError
from openwx.domain.events import State
from openwx.errors import Code

if TYPE_CHECKING:
    from openwx.api.peers.spool import Spool

RETRY_AFTER_S = 5


async def answer(
    context: PageContext, caller: Caller, body: "Spool | None"
) -> web.StreamResponse | None:
    """Answer for an account that is elsewhere; None where this process has it, or the page is of no account.

    Raise ``CallerError`` where its owner does not answer.
    """
    name, manager = context.request.match_info.get("account"), context.manager
    if name is None or manager.node == "" or name in manager.accounts:
        return None
    where = (await manager.whereabouts()).get(name)
    if where is None:
        raise PageError(Code.NOT_FOUND, "error.no_account", name=name[:100])
    hops = context.services.hops
    to = None if hops is None else await hops.owner_of(name)
    if hops is None or to is None:
        return await _without_owner(context, where)
    context.is_forwarded = True
    call = hops.page(context.request, caller, to, body)
    return await hops.respond(context.request, call, to, None, context.may_continue)


async def _without_owner(context: PageContext, where: Whereabouts) -> web.StreamResponse:
    """Show that no node runs the account, or start it again if that is what was asked."""
    request = context.request
    if request.method == "POST" and request.path.endswith("/start") and context.may(Scope.FULL):
        await context.manager.start(where.account, {})
        return context.redirect(base_of(where.account))
    if context.is_fragment or request.method == "POST":
        raise PageError(Code.NOT_RUNNING, "error.no_owner", name=where.account)
    has_stopped = where.state is State.STOP
    page = context.page("nobody.html", status=503, where=where, has_stopped=has_stopped)
    page.headers["Retry-After"] = str(RETRY_AFTER_S)
    return page

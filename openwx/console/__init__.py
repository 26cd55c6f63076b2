"""The console: pages for a person at ``/console``. The server renders them; scripts only refresh them.
``service`` adds it to the application.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from openwx import assets
from openwx.api.access import Access
from openwx.api.callers import Scope
from openwx.console import (
    accounts,
    auth,
    chats,
    contacts,
    deliveries,
    feed,
    live,
    media,
    nodes,
    search,
)
from openwx.console.context import LOGIN, ROOT, PageContext
from openwx.console.pages import PageHandlers
from openwx.console.services import ConsoleServices
from openwx.console.wording import PageError
from openwx.errors import Code

if TYPE_CHECKING:
    from openwx.accounts.manager import AccountManager
    from openwx.api.peers.hops import Hops
    from openwx.cluster.node import ClusterNode

STATIC = Path(__file__).parent / "static"
ACCOUNT = f"{ROOT}/accounts/{{account}}"


class Console:
    """The pages and their addresses."""

    def __init__(
        self,
        manager: "AccountManager",
        access: Access,
        node: "ClusterNode | None" = None,
        hops: "Hops | None" = None,
    ) -> None:
        """``node``: this process as one of several. ``hops``: what it asks the others."""
        self._services = ConsoleServices(manager, access, node, hops)

    def add_to(self, router: web.UrlDispatcher) -> None:
        pages = PageHandlers(self._services)
        assets.add_to(router, f"{ROOT}/static", assets.SHARED, STATIC)
        assets.add_icon(router)
        router.add_get("/", pages.handler(_to_console, None))
        router.add_get(LOGIN, pages.handler(auth.login_form, None))
        router.add_post(LOGIN, pages.handler(auth.log_in, None, audited=True))
        router.add_post(f"{ROOT}/language", pages.handler(auth.choose_language, None))
        router.add_post(f"{ROOT}/hide-token-hint", pages.handler(auth.hide_token_hint, Scope.READ))
        router.add_post(f"{ROOT}/logout", pages.handler(auth.log_out, Scope.READ, audited=True))
        router.add_get(ROOT, pages.handler(accounts.home, Scope.READ))
        for path, view in (
            ("", accounts.overview),
            ("/pill", accounts.pill),
            ("/qrcode", accounts.qrcode),
            ("/feed", feed.feed),
            ("/chats", chats.chats),
            ("/chat", chats.chat),
            ("/waiting", chats.waiting),
            ("/search", search.search),
            ("/contacts", contacts.contacts),
            ("/contact", contacts.contact),
            ("/avatar", contacts.avatar),
            ("/media/{id}", media.media),
            ("/deliveries", deliveries.deliveries),
            ("/delivery", deliveries.delivery),
        ):
            router.add_get(ACCOUNT + path, pages.handler(view, Scope.READ))
        router.add_get(f"{ACCOUNT}/live", pages.handler(live.live, Scope.READ), allow_head=False)
        router.add_get(f"{ACCOUNT}/ilink", pages.handler(accounts.offer_ilink, Scope.FULL))
        write = pages.handler(chats.write, Scope.SEND, audited=True, media=True)
        router.add_post(f"{ACCOUNT}/chat", write)
        mark_read = pages.handler(chats.mark_read, Scope.SEND, audited=True)
        router.add_post(f"{ACCOUNT}/mark-read", mark_read)
        for path, action in (
            ("/verify-code", accounts.verify_code),
            ("/name", accounts.name_owner),
            ("/contacts/refresh", contacts.refresh),
            ("/ilink", accounts.use_ilink),
            ("/start", accounts.start),
            ("/stop", accounts.stop),
            ("/deliveries/retry", deliveries.retry),
            ("/deliveries/drop", deliveries.drop),
        ):
            router.add_post(ACCOUNT + path, pages.handler(action, Scope.FULL, audited=True))
        router.add_get(f"{ROOT}/nodes", pages.handler(nodes.nodes, Scope.READ))
        router.add_get(f"{ROOT}/{{page:.*}}", pages.handler(_no_page, Scope.READ))

    def stop(self) -> None:
        """End the streams, because the server stops."""
        self._services.stop()


async def _no_page(_: PageContext) -> web.StreamResponse:
    raise PageError(Code.NOT_FOUND, "error.no_page")


async def _to_console(_: PageContext) -> web.StreamResponse:
    return web.Response(status=302, headers={hdrs.LOCATION: ROOT})

"""The console: pages for a person at ``/console``. The server renders them; scripts only refresh them."""

from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from openwx import assets
from openwx.api.access import Access
from openwx.console import accounts, auth, chats, contacts, deliveries, feed, live, media, search
from openwx.console.context import LOGIN, ROOT, PageContext
from openwx.console.pages import PageHandlers
from openwx.console.services import ConsoleServices
from openwx.console.wording import PageError
from openwx.errors import Code

if TYPE_CHECKING:
    from openwx.accounts.manager import AccountManager

STATIC = Path(__file__).parent / "static"
ACCOUNT = f"{ROOT}/accounts/{{account}}"


class Console:
    """The pages and their addresses."""

    def __init__(self, manager: "AccountManager", access: Access) -> None:
        self._services = ConsoleServices(manager, access)

    def add_to(self, router: web.UrlDispatcher) -> None:
        pages = PageHandlers(self._services)
        assets.add_to(router, f"{ROOT}/static", assets.SHARED, STATIC)
        assets.add_icon(router)
        router.add_get("/", pages.handler(_to_console, public=True))
        router.add_get(LOGIN, pages.handler(auth.login_form, public=True))
        router.add_post(LOGIN, pages.handler(auth.log_in, public=True))
        router.add_post(f"{ROOT}/language", pages.handler(auth.choose_language, public=True))
        router.add_post(f"{ROOT}/hide-token-hint", pages.handler(auth.hide_token_hint))
        router.add_post(f"{ROOT}/logout", pages.handler(auth.log_out))
        router.add_get(ROOT, pages.handler(accounts.home))
        for path, view in (
            ("", accounts.overview),
            ("/pill", accounts.pill),
            ("/qrcode", accounts.qrcode),
            ("/ilink", accounts.offer_ilink),
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
            router.add_get(ACCOUNT + path, pages.handler(view))
        router.add_get(f"{ACCOUNT}/live", pages.handler(live.live), allow_head=False)
        router.add_post(f"{ACCOUNT}/chat", pages.handler(chats.write, media=True))
        router.add_post(f"{ACCOUNT}/mark-read", pages.handler(chats.mark_read))
        router.add_post(f"{ACCOUNT}/contacts/refresh", pages.handler(contacts.refresh))
        router.add_post(f"{ACCOUNT}/verify-code", pages.handler(accounts.verify_code))
        router.add_post(f"{ACCOUNT}/name", pages.handler(accounts.name_owner))
        router.add_post(f"{ACCOUNT}/ilink", pages.handler(accounts.use_ilink))
        router.add_post(f"{ACCOUNT}/start", pages.handler(accounts.start))
        router.add_post(f"{ACCOUNT}/stop", pages.handler(accounts.stop))
        router.add_post(f"{ACCOUNT}/deliveries/retry", pages.handler(deliveries.retry))
        router.add_post(f"{ACCOUNT}/deliveries/drop", pages.handler(deliveries.drop))
        router.add_get(f"{ROOT}/{{page:.*}}", pages.handler(_no_page))

    def stop(self) -> None:
        """End the streams, because the server stops."""
        self._services.stop()


async def _no_page(_: PageContext) -> web.StreamResponse:
    raise PageError(Code.NOT_FOUND, "error.no_page")


async def _to_console(_: PageContext) -> web.StreamResponse:
    return web.Response(status=302, headers={hdrs.LOCATION: ROOT})

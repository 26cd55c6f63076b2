"""The console: pages for a person at ``/console``. Server-rendered; scripts only keep them fresh."""

from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from openwx import assets
from openwx.api.access import Access
from openwx.console import accounts, chats, contacts, deliveries, feed, live, media
from openwx.console.auth import Entry
from openwx.console.context import LOGIN, ROOT, PageContext
from openwx.console.pages import PageFrame
from openwx.errors import CallerError, Code

if TYPE_CHECKING:
    from openwx.accounts.manager import AccountManager

STATIC = Path(__file__).parent / "static"
ACCOUNT = f"{ROOT}/accounts/{{account}}"


class Console:
    """The pages and their addresses."""

    def __init__(self, gateway: "AccountManager", access: Access) -> None:
        self._frame = PageFrame(gateway, access)

    def add_to(self, router: web.UrlDispatcher) -> None:
        frame, entry = self._frame, Entry()
        assets.add_to(router, f"{ROOT}/static", assets.SHARED, STATIC)
        assets.add_icon(router)
        router.add_get("/", frame.handler(_to_console, public=True))
        router.add_get(LOGIN, frame.handler(entry.form, public=True))
        router.add_post(LOGIN, frame.handler(entry.log_in, public=True))
        router.add_post(f"{ROOT}/language", frame.handler(entry.choose_language, public=True))
        router.add_post(f"{ROOT}/hide-token-hint", frame.handler(entry.hide_token_hint))
        router.add_post(f"{ROOT}/logout", frame.handler(entry.log_out))
        router.add_get(ROOT, frame.handler(accounts.home))
        for path, view in (
            ("", accounts.overview),
            ("/pill", accounts.pill),
            ("/qrcode", accounts.qrcode),
            ("/feed", feed.feed),
            ("/chats", chats.chats),
            ("/chat", chats.chat),
            ("/waiting", chats.waiting),
            ("/contacts", contacts.contacts),
            ("/contact", contacts.contact),
            ("/avatar", contacts.avatar),
            ("/media/{id}", media.media),
            ("/deliveries", deliveries.deliveries),
            ("/delivery", deliveries.delivery),
        ):
            router.add_get(ACCOUNT + path, frame.handler(view))
        router.add_get(f"{ACCOUNT}/live", frame.handler(live.live), allow_head=False)
        router.add_post(f"{ACCOUNT}/chat", frame.handler(chats.write, media=True))
        router.add_post(f"{ACCOUNT}/start", frame.handler(accounts.start))
        router.add_post(f"{ACCOUNT}/stop", frame.handler(accounts.stop))
        router.add_post(f"{ACCOUNT}/deliveries/retry", frame.handler(deliveries.retry))
        router.add_post(f"{ACCOUNT}/deliveries/drop", frame.handler(deliveries.drop))
        router.add_get(f"{ROOT}/{{page:.*}}", frame.handler(_no_page))

    def stop(self) -> None:
        """End the streams, because the server stops."""
        self._frame.stop()


async def _no_page(_: PageContext) -> web.StreamResponse:
    raise CallerError(Code.NOT_FOUND, "there is no such page")


async def _to_console(_: PageContext) -> web.StreamResponse:
    return web.Response(status=302, headers={hdrs.LOCATION: ROOT})

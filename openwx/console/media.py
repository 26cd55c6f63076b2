"""Files of messages, by the numbers of their reports. ``Console`` routes to them."""

import asyncio
from urllib.parse import quote

from aiohttp import hdrs, web

from openwx.accounts.media import names, types
from openwx.console.context import PageContext
from openwx.console.messages import INLINE
from openwx.console.opening import head_of
from openwx.console.pages import HEADERS
from openwx.console.wording import PageError
from openwx.errors import Code
from openwx.reporter.payload import payload_in


async def media(context: PageContext) -> web.StreamResponse:
    """Serve pictures, sounds and videos inline (with ``Range``, for players), and all else as a download, so that
    nothing that others sent runs in the console."""
    account = context.account()
    report = await account.history.by_seq(context.id_in_path())
    payload = payload_in(report.body) if report else {}
    path = payload.get("media_path")
    if not path:
        raise PageError(Code.NOT_FOUND, "error.no_file")
    found = await asyncio.to_thread(head_of, str(path), context.media_roots, types.ENOUGH)
    if found is None:
        raise PageError(Code.NOT_FOUND, "error.file_gone")
    real, head = found
    mime = await types.mime_of(head)
    inline = mime in INLINE
    name = str(payload.get("media_name") or real.name)
    headers = HEADERS | {
        hdrs.CONTENT_TYPE: mime if inline else "application/octet-stream",
        hdrs.CONTENT_DISPOSITION: _disposition(name, inline=inline),
        hdrs.CACHE_CONTROL: "private, max-age=600",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return web.FileResponse(real, headers=headers)


def _disposition(name: str, *, inline: bool) -> str:
    """Make the header of RFC 6266, with the name in UTF-8."""
    shown = names.safe(name)[:200] or "file"
    return f"{'inline' if inline else 'attachment'}; filename*=UTF-8''{quote(shown, safe='')}"

"""Files of messages, by the number of the upload that told of them."""

import asyncio
from urllib.parse import quote

from aiohttp import hdrs, web

from openwx.accounts.history import payload_of
from openwx.accounts.media import names, types
from openwx.console.context import PageContext
from openwx.console.messages import INLINE
from openwx.console.opening import head_of
from openwx.console.pages import HEADERS
from openwx.errors import CallerError, Code


async def media(visit: PageContext) -> web.StreamResponse:
    """Pictures, sounds and films as such (with ``Range``, for players), all else as a file to save: nothing that
    others sent runs in this page."""
    account = visit.account()
    upload = await account.history.by_seq(visit.id_in_path())
    payload = payload_of(upload) if upload else {}
    path = payload.get("media_path")
    if not path:
        raise CallerError(Code.NOT_FOUND, "this message has no file, or is not kept any more")
    found = await asyncio.to_thread(head_of, str(path), visit.media_roots, types.ENOUGH)
    if found is None:
        raise CallerError(Code.NOT_FOUND, "the file is gone: media are kept for media.keep_days")
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
    """RFC 6266: the name in UTF-8, whatever is in it."""
    shown = names.shown(name)[:200] or "file"
    return f"{'inline' if inline else 'attachment'}; filename*=UTF-8''{quote(shown, safe='')}"

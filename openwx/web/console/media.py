"""Files of messages, by the number of the upload that told of them."""

import asyncio
import os
import stat
from pathlib import Path
from urllib.parse import quote

from aiohttp import hdrs, web

from openwx.errors import CallerError, Code
from openwx.gateway import magictype, names
from openwx.gateway.history import payload_of
from openwx.web.console.frame import HEADERS
from openwx.web.console.messages import INLINE
from openwx.web.console.visit import Visit


async def media(visit: Visit) -> web.StreamResponse:
    """A picture as a picture, all else as a file to save: nothing that others sent runs in this page."""
    account = visit.account()
    upload = await account.history.shown(visit.id_in_path())
    payload = payload_of(upload) if upload else {}
    path = payload.get("media_path")
    if not path:
        raise CallerError(Code.NOT_FOUND, "this message has no file, or is not kept any more")
    roots = [visit.gateway.folder.path, *visit.gateway.settings.media_roots]
    found = await asyncio.to_thread(_open, str(path), roots)
    if found is None:
        raise CallerError(Code.NOT_FOUND, "the file is gone: media are kept for media.keep_days")
    real, head = found
    mime = await magictype.mime_of(head)
    inline = mime in INLINE
    name = str(payload.get("media_name") or real.name)
    headers = HEADERS | {
        hdrs.CONTENT_TYPE: mime if inline else "application/octet-stream",
        hdrs.CONTENT_DISPOSITION: _disposition(name, inline=inline),
        hdrs.CACHE_CONTROL: "private, max-age=600",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return web.FileResponse(real, headers=headers)


def _open(path: str, roots: list[Path]) -> tuple[Path, bytes] | None:
    """A regular file below one of the roots, links resolved, and its first bytes; None where there is none."""
    try:
        real = Path(path).resolve(strict=True)
        if not any(real.is_relative_to(root.resolve()) for root in roots):
            return None
        if not stat.S_ISREG(real.stat().st_mode):
            return None
        handle = os.open(real, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(handle, "rb") as file:
            return real, file.read(magictype.ENOUGH)
    except (OSError, ValueError):
        return None


def _disposition(name: str, *, inline: bool) -> str:
    """RFC 6266: the name in UTF-8, whatever is in it."""
    shown = names.shown(name)[:200] or "file"
    return f"{'inline' if inline else 'attachment'}; filename*=UTF-8''{quote(shown, safe='')}"

"""`GET attachment` and `GET login_code`: what the page shows that is no JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from aiohttp import web

from ..asked import Asked, BadParameterError
from ..login import draw_qrcode
from ..serving import served
from ..world import World

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_SHOWN = frozenset(
    {
        "image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "audio/mpeg",
        "video/mp4",
    }
)  # fmt: skip
"""What a browser only draws or plays. Everything else could be a page with scripts: it is saved."""


def attachment(world: World) -> _Handler:
    """The picture, voice, film or file of a message: `account`, `msg_id`."""

    async def handle(request: web.Request) -> web.StreamResponse:
        asked = Asked(world, dict(request.query))
        try:
            medium = asked.sent.medium
        except (BadParameterError, LookupError):
            medium = None
        if medium is None or not medium.is_kept:
            return web.Response(status=404, text="no such attachment")
        asked_for = request.headers.get("Range", "")
        answer = served(medium, asked_for)
        shown = medium.mime in _SHOWN
        answer.headers.update(
            {
                "Content-Type": medium.mime if shown else "application/octet-stream",
                "Content-Security-Policy": "default-src 'none'; sandbox",
                "Cross-Origin-Resource-Policy": "same-origin",
                "X-Content-Type-Options": "nosniff",
                "Accept-Ranges": "bytes",
            }
        )
        if not shown:
            named = f"attachment; filename*=UTF-8''{quote(medium.name or 'file', safe='')}"
            answer.headers["Content-Disposition"] = named
        return answer

    return handle


def login_code(world: World) -> _Handler:
    """The QR code of a login that waits, by `uuid`; unlike `qrcode/<uuid>` no call of a client."""

    async def handle(request: web.Request) -> web.StreamResponse:
        uuid = request.query.get("uuid", "")
        if world.codes.find(uuid) is None:
            return web.Response(status=404, text="no such login code")
        picture = await asyncio.to_thread(draw_qrcode, uuid)
        return web.Response(
            body=picture, content_type="image/png", headers={"Cache-Control": "max-age=300"}
        )

    return handle

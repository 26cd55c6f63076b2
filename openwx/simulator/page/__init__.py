"""The phone page: what the owner's phone shows, and everybody who writes to it, in a browser. `server` adds it.

Static files with scripts; all that it does goes through the control API, and three requests of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiohttp import web

from openwx import assets, sse

from ..control_request import BadParameterError, ControlRequest
from ..service.login import PHONE_PAGE, draw_qrcode
from ..service.ranges import medium_response
from ..state import World

FILES = Path(__file__).parent / "files"

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_ATTACHMENT_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Accept-Ranges": "bytes",
}
_SHOWN = frozenset(
    {
        "image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "audio/mpeg",
        "video/mp4",
    }
)  # fmt: skip
"""The types that a browser only draws or plays. Others could be pages with scripts: they are saved."""
_EVENT_INTERVAL_S = 0.1
_KEEP_ALIVE_S = 15.0


def add_routes(app: web.Application, world: World) -> None:
    """Serve the page, its files, and what it shows besides the control API's JSON."""
    page = (FILES / "phone.html").read_text(encoding="utf-8")

    async def phone(request: web.Request) -> web.Response:
        return web.Response(text=page, content_type="text/html", headers=_HEADERS)

    async def changes(request: web.Request) -> web.StreamResponse:
        """Send a number for each thing that can change; the page then requests those that did.

        So a reader that is late, slow, or reconnects misses nothing.
        """
        response = web.StreamResponse(headers=sse.HEADERS)
        # The write after a disconnect raises; the stream then ends as it would at the close.
        with contextlib.suppress(ConnectionResetError), _watching(world):
            await response.prepare(request)
            await _send_changes(world, response)
        return response

    async def attachment(request: web.Request) -> web.StreamResponse:
        """Answer the picture, voice, film or file of a message: `account`, `msg_id`."""
        try:
            medium = ControlRequest(world, dict(request.query)).shown.medium
        except (BadParameterError, LookupError):
            medium = None
        if medium is None or not medium.is_kept:
            return web.Response(status=404, text="no such attachment")
        answer = medium_response(medium, request.headers.get("Range", ""))
        answer.headers.update(_ATTACHMENT_HEADERS)
        shown = medium.mime in _SHOWN
        answer.headers["Content-Type"] = medium.mime if shown else "application/octet-stream"
        if not shown:
            name = quote(medium.name or "file", safe="")
            answer.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
        return answer

    async def login_code(request: web.Request) -> web.StreamResponse:
        """Answer the QR code of a login, by `uuid`; unlike `qrcode/<uuid>`, no call is recorded."""
        uuid = request.query.get("uuid", "")
        code = world.codes.find(uuid)
        if code is None:
            return web.Response(status=404, text="no such login code")
        picture = await asyncio.to_thread(draw_qrcode, code.drawn)
        return web.Response(
            body=picture, content_type="image/png", headers={"Cache-Control": "max-age=300"}
        )

    app.router.add_get(PHONE_PAGE, phone)
    assets.add_to(app.router, "/_simulator/page", FILES)
    for handler in (changes, attachment, login_code):
        app.router.add_get(f"/_simulator/{handler.__name__}", handler)


async def _send_changes(world: World, response: web.StreamResponse) -> None:
    sent: dict[str, Any] = {}
    while not world.closing:
        now = _numbers(world)
        await response.write(sse.ALIVE if now == sent else sse.event(json.dumps(now).encode()))
        sent = now
        await asyncio.sleep(_EVENT_INTERVAL_S)
        await world.pulse.until(lambda: world.closing or _numbers(world) != sent, _KEEP_ALIVE_S)  # noqa: B023


@contextlib.contextmanager
def _watching(world: World) -> Iterator[None]:
    world.watchers += 1
    world.pulse.notify()
    try:
        yield
    finally:
        world.watchers -= 1
        world.pulse.notify()


def _numbers(world: World) -> dict[str, Any]:
    return {
        "world": world.control_pulse.count,
        "login": world.codes.pulse.count,
        "calls": world.calls_pulse.count,
        "accounts": [account.pulse.count for account in world.accounts],
    }

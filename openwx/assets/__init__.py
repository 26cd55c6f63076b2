"""Scripts and styles of pages, shipped with openwx: no page asks another host for anything."""

import hashlib
import mimetypes
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import hdrs, web

SHARED = Path(__file__).parent / "files"
"""What several pages use."""

_SERVED = frozenset({".css", ".js", ".svg", ".png"})


def add_to(router: web.UrlDispatcher, prefix: str, *folders: Path) -> None:
    """Serve the scripts, styles and pictures of ``folders``, each at ``prefix/NAME``. Read once, at the start."""
    for folder in folders:
        for path in sorted(folder.iterdir()):
            if path.suffix in _SERVED:
                router.add_get(f"{prefix}/{path.name}", _handler(path))


def _handler(path: Path) -> Callable[[web.Request], Awaitable[web.Response]]:
    data = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    etag = hashlib.sha256(data).hexdigest()[:16]
    headers = {
        hdrs.CONTENT_TYPE: f"{kind}; charset=utf-8" if kind.startswith("text/") else kind,
        hdrs.CACHE_CONTROL: "no-cache",
        hdrs.ETAG: f'"{etag}"',
        "X-Content-Type-Options": "nosniff",
    }

    async def handle(request: web.Request) -> web.Response:
        if any(tag.value in (etag, "*") for tag in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        return web.Response(body=data, headers=headers)

    return handle

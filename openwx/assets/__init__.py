"""Scripts, styles and icons of the pages, served by openwx itself: no page loads anything from another host.
The console, ``/docs`` and the simulator serve them.
"""

import functools
import hashlib
import mimetypes
from pathlib import Path

from aiohttp import hdrs, web

SHARED = Path(__file__).parent / "files"
"""The folder of files that several pages use."""

_SERVED = frozenset({".css", ".js", ".svg", ".png"})


def add_to(router: web.UrlDispatcher, prefix: str, *folders: Path) -> None:
    """Serve the scripts, styles and pictures of ``folders``, each at ``prefix/NAME``."""
    for folder in folders:
        for path in sorted(folder.iterdir()):
            if path.suffix in _SERVED:
                router.add_get(f"{prefix}/{path.name}", _Asset(path).serve)


def add_icon(router: web.UrlDispatcher) -> None:
    """Serve the icon, which browsers request on their own at /favicon.ico."""
    router.add_get("/favicon.ico", _Asset(SHARED / "icon.svg").serve)


class _Asset:
    """A file that is read from the disk once, on its first request."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @functools.cached_property
    def _data(self) -> bytes:
        return self._path.read_bytes()

    @functools.cached_property
    def _etag(self) -> str:
        return hashlib.sha256(self._data).hexdigest()[:16]

    @functools.cached_property
    def _headers(self) -> dict[str, str]:
        kind = mimetypes.guess_type(self._path.name)[0] or "application/octet-stream"
        return {
            hdrs.CONTENT_TYPE: f"{kind}; charset=utf-8" if kind.startswith("text/") else kind,
            hdrs.CACHE_CONTROL: "no-cache",
            hdrs.ETAG: f'"{self._etag}"',
            "X-Content-Type-Options": "nosniff",
        }

    async def serve(self, request: web.Request) -> web.Response:
        if any(tag.value in (self._etag, "*") for tag in request.if_none_match or ()):
            return web.Response(status=304, headers=self._headers)
        return web.Response(body=self._data, headers=self._headers)

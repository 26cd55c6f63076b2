"""What nearly every call is answered with: 200 and JSON that is all there, head and body in one write.

Of its head only the length and the date are not known beforehand. aiohttp copies, completes and writes out a dictionary
for each head, which takes longer than all that a route does besides. Where the answer must be another one (HTTP/1.0,
HEAD, a connection that ends with it), or is long, it is aiohttp's.
"""

import functools
import time
from email.utils import formatdate

from aiohttp import hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import SERVER_SOFTWARE, HttpVersion11

from openwx.api.chunked_json import PIECE, in_pieces

HEADERS = {
    hdrs.CONTENT_TYPE: "application/json; charset=utf-8",
    "X-Content-Type-Options": "nosniff",
}
_LINES = "".join(
    f"{name}: {value}\r\n" for name, value in {**HEADERS, hdrs.SERVER: SERVER_SOFTWARE}.items()
)


class WholeAnswer(web.StreamResponse):
    """200, with ``HEADERS`` and these bytes of JSON."""

    def __init__(self, json: bytes) -> None:
        super().__init__()
        self._json = json
        self._writer: AbstractStreamWriter
        self._other: web.StreamResponse | None = None
        """aiohttp's own answer, where it must be one."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Begin the answer. Nothing is written before ``write_eof``, unless it is aiohttp's."""
        goes_on = request.version == HttpVersion11 and request.keep_alive
        if goes_on and request.method != hdrs.METH_HEAD and len(self._json) <= PIECE:
            self._writer = request.writer
            return self._writer
        self._other = in_pieces(web.Response(body=self._json, headers=HEADERS))
        return await self._other.prepare(request)

    async def write_eof(self, data: bytes = b"") -> None:
        """Write all of it."""
        if self._other is not None:
            await self._other.write_eof(data)
        else:
            head = _head(int(time.time())) % len(self._json)
            await self._writer.write_eof(head + self._json)

    @property
    def keep_alive(self) -> bool | None:
        """Whether another request may follow."""
        return True if self._other is None else self._other.keep_alive


@functools.lru_cache(maxsize=1)
def _head(now: int) -> bytes:
    """The head in this second, with a place for the length."""
    date = f"{hdrs.DATE}: {formatdate(now, usegmt=True)}\r\n"
    return f"HTTP/1.1 200 OK\r\n{_LINES}{date}{hdrs.CONTENT_LENGTH}: %d\r\n\r\n".encode()

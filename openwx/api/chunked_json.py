"""Encodes and writes long answers in chunks, each once the last is being read; other tasks run in between.
``answers`` and ``connection`` call it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from itertools import chain

from aiohttp import hdrs, web

CHUNK = 64 * 1024
"""Approximate size of a chunk in bytes; a single item of a list may be larger."""
FEW = 8
"""Number of items that are encoded at once, however large they are: eight groups of 500 members take a millisecond."""


class ChunkedJson:
    """The JSON of a list."""

    def __init__(self, items: Sequence[object], encode: Callable[[object], bytes]) -> None:
        self._rest = _chunks(items, encode)
        self._begin: list[bytes] = []
        size = 0
        for chunk in self._rest:
            self._begin.append(chunk)
            size += len(chunk)
            if size > CHUNK:
                break

    @property
    def complete(self) -> bytes | None:
        """The JSON if it is short, else None."""
        return b"".join(self._begin) if self._begin[-1] == _END else None

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield all of it, once."""
        for chunk in chain(self._begin, self._rest):
            yield chunk
            await asyncio.sleep(0)


_END = b"]"


def _chunks(items: Sequence[object], encode: Callable[[object], bytes]) -> Iterator[bytes]:
    begin, count, head = 0, FEW, b"["
    while begin < len(items):
        chunk = encode(items[begin : begin + count])[1:-1]
        yield head + chunk
        begin, head = begin + count, b","
        # Items are not all of one size: the next chunk is four times as many at most.
        count = max(1, min(4 * count, count * CHUNK // len(chunk)))
    if not items:
        yield head
    yield _END


def in_chunks(response: web.StreamResponse) -> web.StreamResponse:
    """Have the body of a response written no faster than it is read."""
    if isinstance(response, web.Response):
        body = response.body
        if isinstance(body, bytes) and len(body) > CHUNK and not response.prepared:
            response.body = _cut(body)
            response.headers[hdrs.CONTENT_LENGTH] = str(len(body))
    return response


async def _cut(body: bytes) -> AsyncIterator[bytes]:
    for begin in range(0, len(body), CHUNK):
        yield body[begin : begin + CHUNK]

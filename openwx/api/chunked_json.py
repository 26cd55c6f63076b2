"""Long answers, a piece at a time: the next once the last is being read, and everybody else has a turn in between."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from itertools import chain

from aiohttp import hdrs, web

PIECE = 64 * 1024
"""About so many bytes are encoded and written at a time; a single item of a list may be more."""
FEW = 8
"""So many items may be encoded at once, however large they are: eight groups of 500 members take a millisecond."""


class Pieces:
    """The JSON of a list. ``whole`` where it is short."""

    def __init__(self, items: Sequence[object], encode: Callable[[object], bytes]) -> None:
        self._rest = _pieces(items, encode)
        self._begin: list[bytes] = []
        size = 0
        for piece in self._rest:
            self._begin.append(piece)
            size += len(piece)
            if size > PIECE:
                break

    @property
    def whole(self) -> bytes | None:
        return b"".join(self._begin) if self._begin[-1] == _END else None

    async def stream(self) -> AsyncIterator[bytes]:
        """All of it, once."""
        for piece in chain(self._begin, self._rest):
            yield piece
            await asyncio.sleep(0)


_END = b"]"


def _pieces(items: Sequence[object], encode: Callable[[object], bytes]) -> Iterator[bytes]:
    begin, count, head = 0, FEW, b"["
    while begin < len(items):
        piece = encode(items[begin : begin + count])[1:-1]
        yield head + piece
        begin, head = begin + count, b","
        # Items are not all of one size: the next piece is four times as many at most.
        count = max(1, min(4 * count, count * PIECE // len(piece)))
    if not items:
        yield head
    yield _END


def in_pieces(response: web.StreamResponse) -> web.StreamResponse:
    """The same answer, of which only so much is written at a time as is read."""
    if isinstance(response, web.Response) and not response.prepared:
        body = response.body
        if isinstance(body, bytes) and len(body) > PIECE:
            response.body = _cut(body)
            response.headers[hdrs.CONTENT_LENGTH] = str(len(body))
    return response


async def _cut(body: bytes) -> AsyncIterator[bytes]:
    for begin in range(0, len(body), PIECE):
        yield body[begin : begin + PIECE]

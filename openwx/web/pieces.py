"""Long lists in JSON, a piece at a time: everybody else has a turn in between, and nobody holds all of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from itertools import chain

PIECE = 64 * 1024
"""About so many bytes are encoded at a time; a single item may be more."""
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

"""Media as response bodies, whole or by ranges: written a block at a time, of any size. `downloads` answers with them.

For downloads of web clients, and attachments on the phone page.
"""

from __future__ import annotations

import re

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

from ..media import Medium


class MediumBody(Payload):
    """The bytes of a medium from `begin` up to `end`."""

    def __init__(self, medium: Medium, begin: int = 0, end: int | None = None) -> None:
        self.medium = medium
        self.begin = begin
        self.end = medium.size if end is None else min(end, medium.size)
        super().__init__(medium, content_type=medium.mime)
        self._size = self.end - self.begin

    def half(self) -> MediumBody:
        """Return the first half."""
        return MediumBody(self.medium, self.begin, (self.begin + self.end) // 2)

    def as_part(self) -> web.Response:
        """Return a response (206) that names the range."""
        named = f"bytes {self.begin}-{self.end - 1}/{self.medium.size}"
        return web.Response(body=self, status=206, headers={"Content-Range": named})

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        raise TypeError("a medium is no text")

    async def write(self, writer: AbstractStreamWriter) -> None:
        for block in self.medium.blocks(self.begin, self.end):
            await writer.write(block)

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        await self.write(writer)


def medium_response(medium: Medium, wanted: str = "") -> web.Response:
    """Return the whole medium, or the bytes that a `Range` header names: 206, or 416 without any."""
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted.strip())
    if found is None:
        return web.Response(body=MediumBody(medium))
    begin = int(found[1])
    end = min(int(found[2]) + 1 if found[2] else medium.size, medium.size)
    if begin >= end:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{medium.size}"})
    return MediumBody(medium, begin, end).as_part()

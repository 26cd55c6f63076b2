"""Multipart bodies are read the same however they arrive, and malformed ones are refused."""

import base64
from typing import cast

import pytest
from aiohttp import StreamReader

from openwx.api import multipart_reader
from openwx.api.multipart_reader import BodyTooLargeError, MultipartError, MultipartReader

TYPE = 'multipart/form-data; boundary="b b"'
BODY = (
    b"a preamble\r\n\r\n--b b  \r\n"
    b"Content-Disposition: form-data; name=a\r\n\r\n"
    b"one\r\n--b\r\n-- b b\n--b b\r\n--b b\r\n"
    b"\r\n--b b\r\n"  # no headers, and empty
    b"X-Folded: one\r\n two\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + base64.b64encode(bytes(range(256))).replace(b"w", b"w\r\n")
    + b"\r\n--b b\r\ncontent-transfer-encoding: quoted-printable\n\n=E4=BD=A0\r\n--b b--\r\nan epilogue"
)
PARTS = [b"one\r\n--b\r\n-- b b\n--b b", b"", bytes(range(256)), "你".encode()]


class Content:
    """A body that arrives in pieces of this size."""

    def __init__(self, body: bytes, size: int) -> None:
        self._body = body
        self._size = size

    async def readany(self) -> bytes:
        piece, self._body = self._body[: self._size], self._body[self._size :]
        return piece


def reader(body: bytes, size: int = 1000, limit: int = 10_000) -> MultipartReader:
    return MultipartReader(TYPE, cast("StreamReader", Content(body, size)), limit)


async def parts(of: MultipartReader) -> list[bytes]:
    return [b"".join([piece async for piece in of.read_part(headers)]) async for headers in of]


@pytest.mark.parametrize("size", [*range(1, 60), 1000])
async def test_parts_are_the_same_in_pieces_of_any_size(size: int) -> None:
    assert await parts(reader(BODY, size)) == PARTS
    headers = [headers async for headers in reader(BODY, size)]  # contents may be skipped
    assert headers[0] == {"content-disposition": "form-data; name=a"}
    assert headers[2] == {"x-folded": "one two", "content-transfer-encoding": "base64"}


@pytest.mark.parametrize("size", [*range(1, 9), 1000])
async def test_base64_is_judged_the_same_in_pieces_of_any_size(size: int) -> None:
    head, end = b"--b b\r\nContent-Transfer-Encoding: base64\r\n\r\n", b"\r\n--b b--"
    needless = head + b"YQ==\r\n==" + end
    assert await parts(reader(needless, size)) == [b"a"]
    for data in (b"YQ==\r\nYWFh", b"YQ=a", b"YWE=YQ==", b"YQ", b"YQ="):
        with pytest.raises(ValueError):  # noqa: PT011 - MultipartError, or that of base64
            await parts(reader(head + data + end, size))


async def test_no_parts() -> None:
    assert await parts(reader(b"--b b--\r\n")) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--b b",
        b"--b b\r\n",
        b"--b b\r\n\r\nwithout an end",
        b"--b b\r\n\r\nx\r\n--b bc\r\n",
        b"--b b\r\nno colon\r\n\r\nx\r\n--b b--",
        b"--b b\r\n: no name\r\n\r\nx\r\n--b b--",
        b"--b b\r\nContent-Transfer-Encoding: x\r\n\r\nx\r\n--b b--",
        b"--b b\r\nContent-Transfer-Encoding: base64\r\n\r\nx\r\n--b b--",
        b"--b b\r\n" + 200 * b"A: b\r\n" + b"\r\nx\r\n--b b--",
        b"--b b\r\nA: " + 9000 * b"b" + b"\r\n\r\nx\r\n--b b--",
    ],
)
@pytest.mark.parametrize("size", [1000, 10_000])
async def test_malformed_ones(body: bytes, size: int) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - MultipartError, or that of base64
        await parts(reader(body, size))


@pytest.mark.parametrize("boundary", ["", "; boundary=", f"; boundary={'x' * 71}"])
def test_no_good_boundary(boundary: str) -> None:
    with pytest.raises(MultipartError):
        MultipartReader(f"multipart/form-data{boundary}", cast("StreamReader", Content(b"", 1)), 1)


async def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BodyTooLargeError, match="100 bytes"):
        await parts(reader(BODY, limit=100))
    monkeypatch.setattr(multipart_reader, "MAX_LINES", 5)
    with pytest.raises(MultipartError):
        await parts(reader(BODY))
    monkeypatch.setattr(multipart_reader, "_MAX_QUOTED", 5)
    quoted = b"--b b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n123456\r\n--b b--\r\n"
    with pytest.raises(BodyTooLargeError, match="5 bytes"):
        await parts(reader(quoted))

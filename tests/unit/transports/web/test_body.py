"""Bodies of downloads from a server with wrong headers: what is accepted, and what is refused."""

import pytest
from aiohttp import web

from openwx.errors import BadResponse, Rejected, SessionEnded
from openwx.transports.web.download_body import LARGEST_REFUSAL, Piece
from openwx.transports.web.http import Call, Http

from .serving import Service

CALL = Call(name="webwxgetx", path="/x", reply=bytes)
REFUSAL = b'{"BaseResponse":{"Ret":1101,"ErrMsg":""}}'


def says(service: Service, body: bytes, status: int = 200, **headers: str) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body, status=status, headers=named)

    service.handler = answer


async def downloaded(http: Http, begin: int = 0, *sizes: int) -> tuple[bytes, Piece]:
    data = bytearray()

    async def put(part: bytes) -> None:
        data.extend(part)

    piece = await http.download(CALL, put, begin=begin, sizes=sizes)
    return bytes(data), piece


@pytest.mark.parametrize("ret", [-1, 1, 1100, 1101, 1102, 1205])
async def test_a_refusal_is_no_end_of_a_session(service: Service, http: Http, ret: int) -> None:
    says(service, b' \n{"BaseResponse": {"Ret": %d, "ErrMsg": "x"}}' % ret)
    for sizes in ((), (1000,)):
        with pytest.raises(Rejected) as refused:
            await downloaded(http, 0, *sizes)
        assert type(refused.value) is Rejected
        assert not isinstance(refused.value, SessionEnded)
        assert refused.value.ret == ret


@pytest.mark.parametrize(
    ("body", "status", "headers", "sizes"),
    [
        (REFUSAL, 200, {}, (len(REFUSAL),)),
        (REFUSAL, 200, {}, (7, len(REFUSAL))),
        (REFUSAL, 200, {"Content_Disposition": "attachment"}, ()),
        (REFUSAL, 206, {"Content_Range": f"bytes 0-{len(REFUSAL) - 1}/{len(REFUSAL)}"}, ()),
        (REFUSAL.replace(b"1101", b"0"), 200, {}, ()),
        (REFUSAL + b" " * LARGEST_REFUSAL, 200, {}, ()),
        (REFUSAL + b"\n{}", 200, {}, ()),
        (REFUSAL[:-1], 200, {}, ()),
        (b"\xef\xbb\xbf[" + REFUSAL + b"]", 200, {}, ()),
        (b'{"a":' * 800, 200, {}, ()),
        (b"{" + b"\xff" * 50, 200, {}, ()),
        (b" " * 20_000, 200, {}, ()),
        (b"", 200, {}, ()),
    ],
)
async def test_all_else_is_the_file(
    service: Service,
    http: Http,
    body: bytes,
    status: int,
    headers: dict[str, str],
    sizes: tuple[int, ...],
) -> None:
    says(service, body, status, **headers)
    assert await downloaded(http, 0, *sizes) == (body, Piece(len(body), len(body)))


@pytest.mark.parametrize(
    ("stated", "begin", "piece"),
    [
        ("bytes 0-4/5", 0, Piece(5, 5)),
        ("bytes 0-4/9", 0, Piece(5, 9)),
        ("bytes 4-8/9", 4, Piece(5, 9)),
        ("bytes 4-8/*", 4, Piece(5, None)),
        ("", 0, Piece(5, 5)),
    ],
)
async def test_a_piece_says_where_it_belongs(
    service: Service, http: Http, stated: str, begin: int, piece: Piece
) -> None:
    says(service, b"12345", 206, **({"Content_Range": stated} if stated else {}))
    assert await downloaded(http, begin) == (b"12345", piece)


@pytest.mark.parametrize(
    ("stated", "begin", "status"),
    [
        ("bytes 4-8/9", 0, 206),
        ("bytes 0-4/9", 4, 206),
        ("bytes 4-7/9", 4, 206),
        ("bytes 4-9/10", 4, 206),
        ("bytes 4-3/9", 4, 206),
        ("bytes */9", 4, 206),
        ("items 4-8/9", 4, 206),
        ("bytes ٤-٨/٩", 4, 206),
        ("", 4, 206),
        ("", 4, 200),
        ("", 0, 204),
        ("", 0, 302),
        ("bytes */5", 5, 416),
    ],
)
async def test_another_piece_than_was_asked_for(
    service: Service, http: Http, stated: str, begin: int, status: int
) -> None:
    says(service, b"12345", status, **({"Content_Range": stated} if stated else {}))
    with pytest.raises(BadResponse, match="webwxgetx"):
        await downloaded(http, begin)

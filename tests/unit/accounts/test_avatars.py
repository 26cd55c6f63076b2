"""The memory of pictures."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from openwx.accounts import avatars
from openwx.accounts.avatars import Avatars
from openwx.domain.contacts import Friend
from openwx.errors import BadResponse
from openwx.simulator.samples import png
from openwx.timing import Timing
from openwx.transports.network import Way
from openwx.transports.ratelimit import RateLimiter
from openwx.transports.web.http import Http
from openwx.transports.web.transport import WebTransport
from tests.served import ALL, served

from ..transports.web.serving import SESSION

PACE = Timing(backoff_first_s=0.001, backoff_most_s=0.002)


class Pictures:
    """Serves a picture to each name, and counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.special: dict[str, bytes] = {}

    async def answer(self, request: web.Request) -> web.Response:
        name = request.query["username"]
        self.asked.append(name)
        body = self.special.get(name, png((len(self.asked), 0, 0), 16))
        return web.Response(body=body, content_type="text/html")


@pytest.fixture
async def pictures() -> Pictures:
    return Pictures()


@pytest.fixture
async def known(pictures: Pictures) -> AsyncIterator[Avatars]:
    async with served({ALL: pictures.answer}) as url, aiohttp.TCPConnector() as connector:
        http = Http(Way(connector, base_url=url))
        limiter = RateLimiter(0.0, PACE.too_often)
        transport = WebTransport("default", http, mode="desktop", timing=PACE, limiter=limiter)
        transport._client.session = SESSION
        yield Avatars(transport, PACE)
        await http.close()


async def test_it_is_kept_and_bounded(
    known: Avatars, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = len((await known.of(Friend(id="@0"))).data)
    monkeypatch.setattr(avatars, "CACHE_SIZE", size * 3 + size // 2)
    for _ in range(2):
        for number in range(3):
            await known.of(Friend(id=f"@{number}"))
    assert pictures.asked == ["@0", "@1", "@2"]
    await known.of(Friend(id="@3"))
    await known.of(Friend(id="@2"))
    assert pictures.asked == ["@0", "@1", "@2", "@3"]
    await known.of(Friend(id="@0"))
    assert pictures.asked == ["@0", "@1", "@2", "@3", "@0"]


async def test_it_grows_old(
    known: Avatars, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(avatars, "CACHED_S", 0.0)
    first = await known.of(Friend(id="@0"))
    second = await known.of(Friend(id="@0"))
    assert first.etag != second.etag
    assert pictures.asked == ["@0", "@0"]
    assert known._size == len(second.data)


@pytest.mark.parametrize(
    "body",
    [
        b"<html><script>alert(1)</script></html>",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"\0" * (avatars.MAX_SIZE + 1),
        b"text",
    ],
    ids=["html", "svg", "large", "text"],
)
async def test_what_is_no_picture_is_not_shown(
    known: Avatars, pictures: Pictures, body: bytes
) -> None:
    pictures.special["@0"] = body
    with pytest.raises(BadResponse):
        await known.of(Friend(id="@0"))
    assert pictures.asked == ["@0"] * 3

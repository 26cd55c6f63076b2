"""A host of media that misbehaves: it stops no chat for long, and asks for no thousands of calls."""

import re
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from multidict import CIMultiDict, CIMultiDictProxy

from openwx.domain.media import MediaRef
from openwx.simulator import Account, Simulator
from openwx.transports.web import download

from .world import Receiver, World

_FROM = re.compile(r"bytes=(\d+)-")
_NOT_COPIED = ("Host", "Connection", "Transfer-Encoding", "Content-Encoding", "Content-Length")
Answers = Callable[[int], web.StreamResponse]
"""To a download from that byte on."""


class Host:
    """WeChat, but for the downloads of files."""

    def __init__(self, behind: str) -> None:
        self.answers: Answers
        self.asked = 0
        self._behind = behind
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self.server = TestServer(app)
        self._http: aiohttp.ClientSession

    async def __aenter__(self) -> "Host":
        self._http = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        await self.server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.server.close()
        await self._http.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/webwxgetmedia"):
            self.asked += 1
            asked = _FROM.fullmatch(request.headers.get("Range", ""))
            return self.answers(int(asked[1]) if asked else 0)
        async with self._http.request(
            request.method,
            f"{self._behind}{request.raw_path}",
            headers=_copied(request.headers),
            data=await request.read(),
            allow_redirects=False,
        ) as answer:
            body = await answer.read()
            return web.Response(status=answer.status, headers=_copied(answer.headers), body=body)


def _copied(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    copied = CIMultiDict(headers)
    for name in _NOT_COPIED:
        copied.popall(name, None)
    return copied


@pytest.fixture
async def host(simulator: Simulator) -> AsyncIterator[Host]:
    async with Host(simulator.url) as host:
        yield host


def part(begin: int, body: bytes, total: int) -> web.Response:
    stated = f"bytes {begin}-{begin + len(body) - 1}/{total}"
    return web.Response(status=206, body=body, headers={"Content-Range": stated})


@pytest.mark.parametrize(
    "answers",
    [lambda begin: part(begin, b"x", 10**9), lambda begin: part(begin, b"xx", begin + 1000)],
    ids=["a byte at a time", "a size that grows"],
)
async def test_a_file_that_comes_in_crumbs_is_given_up(
    world: World, account: Account, receiver: Receiver, host: Host, answers: Answers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(download, "MOST_PIECES", 20)
    host.answers = answers
    await world.run(base_url=str(host.server.make_url("")))
    friend = account.friend("小灰")
    friend.sends_file("crumbs.bin", b"x" * 5000)
    friend.says("next")
    report = await receiver.get(format="media")
    assert report["media_error"].endswith("it came in more than 20 pieces")
    await receiver.get(content="next")
    assert host.asked == 3 * 20


async def test_pieces_of_a_usual_size_are_put_together(
    world: World, account: Account, receiver: Receiver, host: Host
) -> None:
    body = bytes(range(256)) * 100
    host.answers = lambda begin: part(begin, body[begin : begin + 1000], len(body))
    await world.run(base_url=str(host.server.make_url("")))
    account.friend("小灰").sends_file("whole.bin", body)
    report = await receiver.get(format="media")
    assert (report["media_size"], host.asked) == (str(len(body)), 26)


@pytest.mark.parametrize(
    ("sizes", "seconds"), [((), 1800), ((79,), 120), ((16 * 2**20,), 1144), ((10**9, 1), 1800)]
)
def test_a_small_file_has_less_time_than_a_large_one(sizes: tuple[int, ...], seconds: int) -> None:
    assert round(download.longest_s(MediaRef(kind="file", msg_id="1", sizes=sizes))) == seconds

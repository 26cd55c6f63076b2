"""What of this machine, and of its network, can be reached through media: files that change, URLs that lead astray."""

import asyncio
import gzip
import os
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.resolver import ThreadedResolver

from openwx.accounts.media import fetcher
from openwx.simulator import Account, Fault, Simulator
from openwx.simulator.media import PNG
from tests.patience import PATIENCE_S
from tests.reply import Reply
from tests.served import ALL, served

from .world import Gateway, World

SECRET = b"what only the owner may read"
pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs links and FIFOs")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Write a file outside of all roots."""
    path = tmp_path / "private" / "key"
    path.parent.mkdir()
    path.write_bytes(SECRET)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "public"
    path.mkdir()
    return path


def link_to_secret(path: Path, secret: Path) -> None:
    path.unlink()
    path.symlink_to(secret)


def hard_link(path: Path, secret: Path) -> None:
    path.unlink()
    path.hardlink_to(secret)


def fifo(path: Path, _: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def other_content(path: Path, _: Path) -> None:
    path.write_bytes(SECRET * 2)


def nothing(path: Path, _: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("change", [link_to_secret, hard_link, fifo, other_content, nothing])
async def test_what_is_sent_is_what_was_judged(
    world: World,
    simulator: Simulator,
    account: Account,
    root: Path,
    secret: Path,
    change: Callable[[Path, Path], None],
) -> None:
    """A file is judged when it is named and read when its turn has come: meanwhile it may become another."""
    gateway = await world.run(media={"roots": [str(root)]})
    path = root / "a.png"
    path.write_bytes(PNG)
    first = simulator.faults.add("webwxsendmsg", Fault.HANG)
    ahead = asyncio.create_task(
        gateway.get("send_friend_message", id="filehelper", content="first")
    )
    await first.strikes()
    call = asyncio.create_task(
        gateway.get("send_friend_message", id="filehelper", media_path=str(path))
    )
    await gateway.queues(2)
    change(path, secret)
    first.release()
    assert (await ahead).code == 0
    reply = await call
    assert reply.code == -3, reply.words
    assert "can no longer be read" in reply.words
    assert [heard.text for heard in account.sent] == ["first"]
    # The queue goes on.
    assert (await gateway.get("send_friend_message", id="filehelper", content="next")).code == 0


async def test_what_is_kept_for_later_is_a_copy(
    world: World, account: Account, root: Path, secret: Path
) -> None:
    gateway = await world.run(media={"roots": [str(root)]})
    path = root / "a.png"
    path.write_bytes(PNG)
    reply = await gateway.get(
        "send_friend_message", id="filehelper", media_path=str(path), **{"async": "1"}
    )
    assert reply.code == 0
    link_to_secret(path, secret)
    sent = await world.receiver.get(post_type="send_message", uid=reply.json["uid"])
    assert sent["code"] == 0
    assert sent["media_path"] != str(path)


async def test_links_inside_of_the_roots_are_followed(world: World, root: Path) -> None:
    gateway = await world.run(media={"roots": [str(root)]})
    folder = root / "deep" / "er"
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(PNG)
    (root / "link").symlink_to(folder)
    reply = await gateway.get("upload_media", media_path=str(root / "link" / "a.png"))
    assert reply.code == 0, reply.words


# -- URLs ------------------------------------------------------------------------------------------------


class Site:
    """A server on this machine, which the gateway takes for a public one under the name ``site.example``."""

    def __init__(self) -> None:
        self.answer: Callable[[web.Request], Any] = lambda _: web.Response(body=PNG)
        self.asked: list[str] = []
        self.addresses = ["127.0.0.1"]
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://site.example:{self.port}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        answer = self.answer(request)
        return await answer if asyncio.iscoroutine(answer) else answer  # type: ignore[no-any-return]


@pytest.fixture
async def site(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    site = Site()
    resolve = ThreadedResolver.resolve

    async def resolved(
        self: ThreadedResolver, host: str, port: int = 0, family: Any = socket.AF_INET
    ) -> Any:
        if host != "site.example":
            return await resolve(self, host, port, family)
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
            for address in site.addresses
        ]

    monkeypatch.setattr(ThreadedResolver, "resolve", resolved)
    async with served({ALL: site.handle}) as url:
        site.port = int(url.rpartition(":")[2])
        yield site


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.1 counts as public, as the address of a site out there; every other address is judged as it is."""
    judge = fetcher.is_public
    monkeypatch.setattr(fetcher, "is_public", lambda host: host == "127.0.0.1" or judge(host))


async def fetched(gateway: Gateway, url: str) -> Reply:
    async with asyncio.timeout(PATIENCE_S):
        return await gateway.get("upload_media", media_path=url)


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["8.8.8.8", "127.0.0.1"],
        ["127.0.0.1", "8.8.8.8"],
        ["::ffff:127.0.0.1"],
        ["::ffff:169.254.169.254"],
        ["64:ff9b::7f00:1"],
        ["64:ff9b::a9fe:a9fe"],
        ["::127.0.0.1"],
        ["0.0.0.0"],
        ["fe80::1%lo"],
        ["fec0::1"],
    ],
)
async def test_a_name_that_leads_to_a_private_address(
    world: World, site: Site, addresses: list[str]
) -> None:
    site.addresses = addresses
    reply = await fetched(await world.run(), f"{site.url}/a.png")
    assert (reply.status, reply.code) == (403, -8), reply.words
    assert site.asked == []


@pytest.mark.parametrize(
    ("location", "status", "code"),
    [
        ("http://[::ffff:127.0.0.1]:{port}/b", 403, -8),
        ("http://[64:ff9b::7f00:1]:{port}/b", 403, -8),
        ("http://0.0.0.0:{port}/b", 403, -8),
        ("http://2130706433:{port}/b", 403, -8),
        ("http://127.1:{port}/b", 403, -8),
        ("//169.254.169.254/latest", 403, -8),
        ("file:///etc/passwd", 400, -2),
        ("gopher://localhost:{port}/b", 400, -2),
        ("", 200, -3),
        ("http://[", 200, -3),
    ],
)
@pytest.mark.usefixtures("trusted")
async def test_where_redirects_lead(
    world: World, site: Site, location: str, status: int, code: int
) -> None:
    shown = location.format(port=site.port)
    site.answer = lambda _: web.Response(status=302, headers={"Location": shown})
    reply = await fetched(await world.run(), f"{site.url}/a")
    assert (reply.status, reply.code) == (status, code), reply.words
    assert set(site.asked) == {"/a"}


@pytest.mark.usefixtures("trusted")
async def test_a_site_that_can_be_fetched_from(world: World, site: Site) -> None:
    """So the tests here have something to refuse."""
    assert (await fetched(await world.run(), f"{site.url}/a.png")).code == 0
    assert site.asked == ["/a.png"]


@pytest.mark.usefixtures("trusted")
async def test_a_proxy_of_the_environment_is_not_asked(
    world: World, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy would connect to any address, and nothing checks it there."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert (await fetched(await world.run(), f"{site.url}/a.png")).code == 0


@pytest.mark.usefixtures("trusted")
async def test_a_compressed_bomb(world: World, site: Site) -> None:
    bomb = gzip.compress(bytes(200_000_000))
    site.answer = lambda _: web.Response(body=bomb, headers={"Content-Encoding": "gzip"})
    gateway = await world.run(media={"max_size": 1_000_000})
    reply = await fetched(gateway, f"{site.url}/a.png")
    assert reply.code == -3
    assert "media.max_size" in reply.words
    assert not list((world.data_dir / "media").iterdir())


@pytest.mark.usefixtures("trusted")
async def test_an_answer_that_drips(
    world: World, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x")
            await asyncio.sleep(0.01)

    site.answer = drip
    monkeypatch.setattr(fetcher, "TIMEOUT", aiohttp.ClientTimeout(total=0.3, sock_read=30))
    reply = await fetched(await world.run(), f"{site.url}/a.png")
    assert reply.code == -3
    assert "no answer in time" in reply.words


@pytest.mark.usefixtures("trusted")
async def test_what_is_secret_in_an_address_is_not_repeated(world: World, site: Site) -> None:
    def hang_up(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    answers: list[Callable[[web.Request], web.Response]] = [
        lambda _: web.Response(status=500),
        lambda _: web.Response(body=b"x", headers={"Content-Encoding": "gzip"}),
        lambda request: web.Response(
            status=302, headers={"Location": f"http://u:hidden@nowhere.invalid:{'9' * 6}/"}
        ),
        lambda request: web.Response(status=302, headers={"Location": str(request.url)}),
        lambda _: web.Response(status=302, headers={"Location": "http://u:hidden[]@"}),
        hang_up,
    ]
    gateway = await world.run()
    for answer in answers:
        site.answer = answer
        address = f"http://bot:hidden@site.example:{site.port}/a?token=hidden#hidden"
        reply = await fetched(gateway, address)
        assert reply.code == -3, reply.words
        assert "hidden" not in reply.words

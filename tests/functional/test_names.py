"""Names of files: whole on every way in and out, however they were written; only paths are made safe."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from openwx.client import Client
from openwx.simulator import Account
from openwx.simulator.media import PNG
from tests.patience import PATIENCE_S
from tests.served import ALL, served

from .world import Gateway, Receiver, World

# Aiohttp, which reads the first part's header too, warns of what it does not understand.
pytestmark = pytest.mark.filterwarnings("ignore::aiohttp.BadContentDispositionHeader")

LONG = "很长的名字" * 150 + ".docx"
NAMES = [
    "Q&A: why? <1>.txt",
    ".env",
    "年度报告 v1.2",
    "say \"hi\" 'there'.txt",
    "100%25 & a;b=c.txt",
    "全角　空格 👨‍👩‍👧.txt",
    "C:no path.txt",
    "  spaces .txt",
]
TEXT = b"A=1\n"


@pytest.fixture
async def api(world: World) -> Gateway:
    gateway = await world.run(media={"private_hosts": ["127.0.0.1"]})
    await world.receiver.gets(
        event="state_change", params=["updating", "running"], timeout_s=PATIENCE_S
    )
    world.receiver.forget()
    return gateway


# -- in --------------------------------------------------------------------------------------------------


async def test_a_received_name_is_reported_whole(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    wanted = [*NAMES, LONG]
    for name in wanted:
        account.friend("小灰").sends_file(name, TEXT)
    reports = await receiver.gets(len(wanted), format="media", timeout_s=PATIENCE_S)
    assert [report["media_name"] for report in reports] == wanted
    for report in reports:
        path = Path(report["media_path"])
        assert path.parent == api.settings.media_dir
        assert path.read_bytes() == TEXT
        assert len(path.name.encode()) < 255


async def test_a_name_that_cannot_be_fetched_is_reported_whole(
    world: World, account: Account, receiver: Receiver
) -> None:
    await world.run(media={"download": False})
    account.friend("小灰").sends_file(NAMES[0], TEXT)
    report = await receiver.get(format="media")
    assert (report["media_name"], "media_error" in report) == (NAMES[0], True)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../evil.txt", "..／..／evil.txt"),
        ("a\u202etxt.exe", "atxt.exe"),
        ("two\nlines.txt", "two lines.txt"),
    ],
)
async def test_a_received_name_is_no_path(
    api: Gateway, account: Account, receiver: Receiver, name: str, shown: str
) -> None:
    account.friend("小灰").sends_file(name, TEXT)
    report = await receiver.get(format="media")
    assert report["media_name"] == shown
    assert Path(report["media_path"]).parent == api.settings.media_dir


async def test_what_came_goes_on_under_its_name(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    for name in NAMES:
        account.friend("小灰").sends_file(name, TEXT)
    for report in await receiver.gets(len(NAMES), format="media", timeout_s=PATIENCE_S):
        sent = await api.get("send_friend_message", id="filehelper", media_id=report["media_id"])
        assert sent.code == 0, sent.words
    heard = await account.filehelper.hears(len(NAMES), timeout_s=PATIENCE_S)
    assert [one.file_name for one in heard] == NAMES


# -- out -------------------------------------------------------------------------------------------------


async def is_sent_as(account: Account, receiver: Receiver, *names: str) -> None:
    """Check the names at the other side, in the upload to WeChat, and in the report."""
    heard = await account.filehelper.hears(len(names), timeout_s=PATIENCE_S)
    assert [one.file_name for one in heard] == list(names)
    assert [one.medium.name for one in heard if one.medium] == list(names)
    reports = await receiver.gets(len(names), post_type="send_message", timeout_s=PATIENCE_S)
    assert [report["media_name"] for report in reports] == list(names)


async def test_by_media_name(api: Gateway, account: Account, receiver: Receiver) -> None:
    names = [*NAMES, "长" * 196 + ".txt"]
    for number, name in enumerate(names):
        call = (api.get, api.post, api.post_json, api.post_parts)[number % 4]
        reply = await call(
            "send_friend_message", id="filehelper", media_data="QT0x", media_name=name
        )
        assert reply.code == 0, reply.words
    await is_sent_as(account, receiver, *names)


async def test_by_media_path(
    api: Gateway, account: Account, receiver: Receiver, tmp_path: Path
) -> None:
    for number, name in enumerate(NAMES):
        (tmp_path / name).write_bytes(TEXT)
        reply = await api.post_json(
            "send_friend_message",
            id="filehelper",
            media_path=str(tmp_path / name),
            **{"async": number % 2},
        )
        assert reply.code == 0, reply.words
        await receiver.gets(number + 1, post_type="send_message", timeout_s=PATIENCE_S)
        assert receiver.reports[-1].json["code"] == 0, receiver.reports[-1].json
    await is_sent_as(account, receiver, *NAMES)


async def test_beside_media_data(api: Gateway, account: Account, receiver: Receiver) -> None:
    for path in ("C:\\文件\\报告 1.txt", "/tmp/Q&A: why? <1>.txt", "年度报告 v1.2"):
        reply = await api.post(
            "send_friend_message", id="filehelper", media_data="QT0x", media_path=path
        )
        assert reply.code == 0, reply.words
    await is_sent_as(account, receiver, "报告 1.txt", "Q&A: why? <1>.txt", "年度报告 v1.2")


async def test_by_our_own_client(
    api: Gateway, account: Account, receiver: Receiver, tmp_path: Path
) -> None:
    async with Client(api.url) as wx:
        for name in NAMES:
            (tmp_path / name).write_bytes(TEXT)
            await wx.send_friend_message(id="filehelper", media=tmp_path / name)
    await is_sent_as(account, receiver, *NAMES)


def part(said: bytes) -> bytes:
    return (
        b'--x\r\nContent-Disposition: form-data; name="media"; ' + said + b"\r\n"
        b"Content-Type: application/octet-stream\r\n\r\nA=1\n\r\n"
        b'--x\r\nContent-Disposition: form-data; name="id"\r\n\r\nfilehelper\r\n--x--\r\n'
    )


PARTS = [
    (b'filename="Q&A: why? <1>.txt"', "Q&A: why? <1>.txt"),
    ('filename="年度报告 v1.2"'.encode(), "年度报告 v1.2"),
    ('filename="报告.txt"'.encode("gbk"), "报告.txt"),
    ('filename="誠"'.encode("gbk"), "誠"),
    ('filename="C:\\文件\\报告.txt"'.encode("gbk"), "报告.txt"),
    (f'filename="{LONG}"'.encode(), LONG),
    (b'filename=".env"', ".env"),
    (b'filename="%E6%8A%A5%E5%91%8A.txt"', "报告.txt"),
    (b'filename="=?UTF-8?B?5oql5ZGKLnR4dA==?="', "报告.txt"),
    (b"filename=\"x.txt\"; filename*=UTF-8''%E6%8A%A5%E5%91%8A%20%22a%22.txt", '报告 "a".txt'),
    (b'filename="say %22hi%22 (1).txt"', 'say "hi" (1).txt'),
    (b'filename="say \\"hi\\".txt"', 'say "hi".txt'),
    (b'filename="../../evil.txt"', "evil.txt"),
]


async def test_by_a_file_part(api: Gateway, account: Account, receiver: Receiver) -> None:
    for said, _ in PARTS:
        reply = await api.call(
            "send_friend_message",
            method="POST",
            data=part(said),
            headers={"Content-Type": "multipart/form-data; boundary=x"},
        )
        assert reply.code == 0, (said, reply.words)
    await is_sent_as(account, receiver, *(name for _, name in PARTS))


async def test_by_a_form_of_aiohttp(api: Gateway, account: Account, receiver: Receiver) -> None:
    """It percent-encodes names, but where an option says no."""
    names = [name for name in NAMES if "%" not in name]
    for name in names:
        form = aiohttp.FormData({"id": "filehelper"})
        form.add_field("media", TEXT, filename=name)
        assert (await api.call("send_friend_message", method="POST", data=form)).code == 0
    await is_sent_as(account, receiver, *names)


async def test_a_name_whose_bytes_are_no_text(api: Gateway, account: Account) -> None:
    reply = await api.call(
        "send_friend_message",
        method="POST",
        data=part(b'filename="\xff\xff.txt"'),
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    assert (reply.status, reply.code) == (400, -2)
    assert "media" in reply.words
    assert "UTF-8" in reply.words
    for name, status in (("%B1%A8%B8%E6.txt", 200), ("%FF%FF", 400)):
        reply = await api.call(
            "send_friend_message",
            method="POST",
            data=f"id=filehelper&media_data=QT0x&media_name={name}".encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        assert reply.status == status, reply.words
    assert "media_name" in reply.words
    (heard,) = await account.filehelper.hears()
    assert heard.file_name == "报告.txt"
    assert not any(".part" in file.name for file in api.settings.media_dir.iterdir())


SITE: list[tuple[str, str, str]] = [
    ("/a/%E6%8A%A5%E5%91%8A.txt", "", "报告.txt"),
    ("/%B1%A8%B8%E6.txt", "", "报告.txt"),
    ("/Q%26A%3A%20why%3F%20%3C1%3E.txt?token=x", "", "Q&A: why? <1>.txt"),
    ("/folder%2Freport.txt", "", "report.txt"),
    ("/1", 'attachment; filename="Q&A: why? <1>.txt"', "Q&A: why? <1>.txt"),
    ("/2", "attachment; filename*=UTF-8''" + quote(LONG), LONG),
    ("/3", 'attachment; filename="%E6%8A%A5%E5%91%8A.txt"', "报告.txt"),
    ("/4", 'attachment; filename="=?gbk?B?sai45i50eHQ=?="', "报告.txt"),
    ("/5", 'attachment; filename="../../evil.txt"', "evil.txt"),
    ("/6", "attachment; filename=报告 1.txt", "报告 1.txt"),
    ("/7.txt", "inline", "7.txt"),
]


@pytest.fixture
async def site() -> AsyncIterator[str]:
    said = {URL(path).raw_path: header for path, header, _ in SITE}

    async def answer(request: web.Request) -> web.Response:
        header = said[request.raw_path.partition("?")[0]]
        return web.Response(body=TEXT, headers={"Content-Disposition": header} if header else {})

    async with served({ALL: answer}) as url:
        yield url


async def test_by_address(api: Gateway, account: Account, receiver: Receiver, site: str) -> None:
    for path, _, _ in SITE:
        reply = await api.get("send_friend_message", id="filehelper", media_path=site + path)
        assert reply.code == 0, (path, reply.words)
    await is_sent_as(account, receiver, *(name for _, _, name in SITE))


# -- types -----------------------------------------------------------------------------------------------

M4V = b"\0\0\0\x20ftypM4V \0\0\0\1M4V M4A mp42isom" + bytes(40)
PDF = b"%PDF-1.4\n" + bytes(100)


@pytest.mark.parametrize(
    ("data", "name", "kind", "shown", "mime", "ext"),
    [
        (b"hello", "hello.png", "file", "hello.png", "text/plain", "txt"),
        (M4V, "film.mp4", "video", "film.mp4", "video/x-m4v", "m4v"),
        (PDF, "年度报告 v1.2", "file", "年度报告 v1.2.pdf", "application/pdf", "pdf"),
        (PNG, "a.txt", "image", "a.txt", "image/png", "png"),
        (b'{"a":1}\n', "app.log", "file", "app.log", "application/json", "log"),
    ],
)
async def test_the_content_says_the_type(
    api: Gateway,
    account: Account,
    receiver: Receiver,
    tmp_path: Path,
    data: bytes,
    name: str,
    kind: str,
    shown: str,
    mime: str,
    ext: str,
) -> None:
    (tmp_path / name).write_bytes(data)
    reply = await api.get("send_friend_message", id="filehelper", media_path=str(tmp_path / name))
    assert reply.code == 0, reply.words
    report = await receiver.get(post_type="send_message")
    found = [report[f"media_{part}"] for part in ("type", "name", "mime", "ext")]
    assert found == [kind, shown, mime, ext]
    account.friend("小灰").sends_file(name, data)
    report = await receiver.get(post_type="receive_message")
    found = [report[f"media_{part}"] for part in ("type", "name", "mime", "ext")]
    assert found == ["file", name, mime, ext]

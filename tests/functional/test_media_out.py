"""Media that callers and bots send: where they come from, how WeChat gets them, and what is reported."""

import base64
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from openwx.simulator import Account, Fault, Simulator
from openwx.simulator.media import GIF, JPEG, MP3, MP4, PNG, bytes_of
from tests.rows import rows
from tests.served import ALL, served

from .world import Gateway, Json, Receiver, World, replies, says

HELLO = "#!/bin/sh\necho 你好\n".encode()
KINDS = [
    ("a.png", PNG, "image", 3, "pic", "image/png"),
    ("b.jpg", JPEG, "image", 3, "pic", "image/jpeg"),
    ("c.gif", GIF, "emoticon", 47, "doc", "image/gif"),
    ("d.mp4", MP4, "video", 43, "video", "video/mp4"),
    ("报告 & <1>.txt", HELLO, "file", 6, "doc", "text/x-shellscript"),
    ("e.mp3", MP3, "file", 6, "doc", "audio/mpeg"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files that callers send; below the system's temporary folder."""
    folder = tmp_path / "files"
    folder.mkdir()
    return folder


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


class Site:
    """A web server that has files."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self.asked: list[str] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if (location := self.redirects.get(request.path)) is not None:
            return web.Response(status=302, headers={"Location": location})
        if (body := self.answers.get(request.path)) is not None:
            return web.Response(body=body)
        if request.path == "/broken":
            response = web.StreamResponse(headers={"Content-Length": "100000"})
            await response.prepare(request)
            await response.write(b"x" * 1000)
            assert request.transport is not None
            request.transport.abort()
            return response
        return web.Response(status=404)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    async with served({ALL: site.answer}) as site.url:
        yield site


@pytest.fixture
async def api(world: World) -> Gateway:
    """Run a gateway that may fetch from this machine; forget the reports of its login."""
    gateway = await world.run(media={"private_hosts": ["127.0.0.1"]})
    await world.receiver.gets(event="state_change", params=["updating", "running"])
    world.receiver.forget()
    return gateway


# -- where they come from --------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "data", "kind", "code", "sort", "mime"), KINDS)
async def test_every_kind_from_a_local_file(
    api: Gateway,
    account: Account,
    receiver: Receiver,
    folder: Path,
    name: str,
    data: bytes,
    kind: str,
    code: int,
    sort: str,
    mime: str,
) -> None:
    path = written(folder, name, data)
    friend = account.friend("小灰")
    reply = await api.post("send_friend_message", account="xiaohui2016", media_path=str(path))
    assert (reply.status, reply.code) == (200, 0), reply.words
    (heard,) = await friend.hears()
    assert heard.medium is not None
    assert (heard.medium.data, heard.medium.kind) == (data, sort)
    assert heard.medium.name == name
    assert heard.file_name == (name if kind == "file" else "")
    media_id, msg_id = reply.json["media_id"], reply.json["msg_id"]
    assert reply.json == {
        "code": 0,
        "status": "发送成功",
        "msg_id": heard.msg_id,
        "id": reply.json["id"],
        "media_id": f"{heard.medium.media_id}:{code}",
    }
    report = await receiver.get(post_type="send_message")
    found = {key: value for key, value in report.items() if key.startswith("media_")}
    assert found == {
        "media_id": media_id,
        "media_type": kind,
        "media_code": str(code),
        "media_path": str(path),
        "media_mime": mime,
        "media_name": name,
        "media_size": str(len(data)),
        "media_mtime": str(int(path.stat().st_mtime)),
        "media_ext": path.suffix[1:],
        "media_data": base64.encodebytes(data).decode(),
    }
    assert (report["format"], report["content"]) == ("media", f"[media]({path})")
    assert (report["code"], report["source"], report["id"]) == (0, "local", reply.json["id"])
    assert report["id"].startswith(f"{msg_id}:")


async def test_from_base64_from_a_part_and_from_a_url(
    api: Gateway, account: Account, receiver: Receiver, site: Site
) -> None:
    friend = account.friend("小灰")
    to: dict[str, str] = {"account": "xiaohui2016"}
    encoded = base64.encodebytes(PNG).decode()
    assert (await api.post("send_friend_message", **to, media_data=encoded)).code == 0
    assert (
        await api.post_json("send_friend_message", **to, media_data=encoded, media_name="x.png")
    ).code == 0
    form = aiohttp.FormData(to, quote_fields=False)
    form.add_field("media", PNG, filename="../../evil 图.png", content_type="text/plain")
    assert (await api.call("send_friend_message", method="POST", data=form)).code == 0
    site.answers["/pictures/logo"] = PNG
    url = f"{site.url}/pictures/logo?secret=1"
    assert (await api.get("send_friend_message", **to, media_path=url)).code == 0
    heard = await friend.hears(4)
    assert [one.medium and one.medium.data for one in heard] == [PNG] * 4
    assert [one.medium and one.medium.kind for one in heard] == ["pic"] * 4
    names = [one.medium.name for one in heard if one.medium]
    assert names[1:] == ["x.png", "evil 图.png", "logo.png"]
    for report in await receiver.gets(4, post_type="send_message"):
        path = Path(report["media_path"])
        assert path.parent == api.settings.media_dir
        assert path.read_bytes() == PNG
        assert path.stat().st_mode & 0o777 == 0o600


async def test_what_follows_a_redirect(api: Gateway, account: Account, site: Site) -> None:
    site.redirects["/a"] = "/b"
    site.answers["/b"] = PNG
    reply = await api.get("send_friend_message", id="filehelper", media_path=f"{site.url}/a")
    assert reply.code == 0
    (heard,) = await account.filehelper.hears()
    assert heard.medium is not None
    assert heard.medium.data == PNG


async def test_text_and_media_together(
    api: Gateway, account: Account, receiver: Receiver, folder: Path
) -> None:
    group = account.group("PERL学习交流")
    reply = await api.post(
        "send_group_message",
        displayname="PERL学习交流",
        content="看图",
        media_path=str(written(folder, "a.png", PNG)),
    )
    assert reply.code == 0
    text, picture = await group.hears(2)
    assert (text.text, text.msg_type, picture.msg_type) == ("看图", 1, 3)
    assert reply.json["msg_id"] == text.msg_id
    assert reply.json["media_msg_id"] == picture.msg_id
    assert picture.medium is not None
    assert reply.json["media_id"] == f"{picture.medium.media_id}:3"
    await receiver.gets(2, post_type="send_message", code=0)


async def test_upload_media_and_send_it_to_several(
    api: Gateway, account: Account, simulator: Simulator, folder: Path, receiver: Receiver
) -> None:
    path = written(folder, "大.txt", HELLO)
    reply = await api.get("upload_media", media_path=str(path))
    media_id = reply.json["media_id"]
    assert reply.json == {
        "media_id": media_id,
        "media_code": 6,
        "media_type": "file",
        "media_ext": "txt",
        "media_mime": "text/x-shellscript",
        "media_mtime": int(path.stat().st_mtime),
        "media_name": "大.txt",
        "media_path": str(path),
        "media_size": len(HELLO),
        "code": 0,
        "status": "success",
    }
    for to in ("filehelper", "filehelper"):
        sent = await api.get("send_friend_message", id=to, media_id=media_id)
        assert (sent.code, sent.json["media_id"]) == (0, media_id)
    first, second = await account.filehelper.hears(2)
    assert first.file_name == second.file_name == "大.txt"
    assert first.medium is not None
    assert first.medium.data == HELLO
    assert f"<totallen>{len(HELLO)}</totallen>" in str(first.msg["Content"])
    assert len(simulator.calls_of("webwxuploadmedia")) == 1
    reports = await receiver.gets(2, post_type="send_message")
    assert [one["media_name"] for one in reports] == ["大.txt"] * 2


async def test_a_media_id_outlives_a_restart(
    world: World, account: Account, simulator: Simulator, folder: Path
) -> None:
    gateway = await world.run()
    path = written(folder, "a & b.pdf", b"%PDF-1.4\n" + bytes_of(100))
    reply = await gateway.get("send_friend_message", id="filehelper", media_path=str(path))
    await gateway.stop()
    path.unlink()
    gateway = await world.start()
    await gateway.reaches("running")
    again = await gateway.get(
        "send_friend_message", id="filehelper", media_id=reply.json["media_id"]
    )
    assert again.code == 0
    first, second = await account.filehelper.hears(2)
    assert (second.file_name, second.medium) == (first.file_name, first.medium)
    assert len(simulator.calls_of("webwxuploadmedia")) == 1


async def test_a_file_that_wechat_has_forgotten_is_uploaded_again(
    api: Gateway, account: Account, receiver: Receiver, folder: Path
) -> None:
    path = written(folder, "a.png", PNG)
    uploaded = await api.get("upload_media", media_path=str(path))
    account.end_session(1102)
    await account.phone.sees_push_login()
    account.phone.confirm()
    await receiver.get(event="state_change", params=["updating", "running"])
    account.media.clear()
    sent = await api.get("send_friend_message", id="filehelper", media_id=uploaded.json["media_id"])
    assert sent.code == 0, sent.words
    assert sent.json["media_id"] != uploaded.json["media_id"]
    (heard,) = await account.filehelper.hears()
    assert heard.medium is not None
    assert heard.medium.data == PNG


# -- how WeChat gets them --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 512 * 1024, 512 * 1024 + 1, 3 * 2**20])
async def test_chunks(
    api: Gateway, account: Account, simulator: Simulator, folder: Path, size: int
) -> None:
    data = bytes_of(size, 7)
    path = written(folder, "a.bin", data)
    assert (await api.get("send_friend_message", id="filehelper", media_path=str(path))).code == 0
    (heard,) = await account.filehelper.hears()
    assert heard.medium is not None
    assert hashlib.md5(heard.medium.data).digest() == hashlib.md5(data).digest()
    assert len(simulator.calls_of("webwxuploadmedia")) == -(-size // (512 * 1024))


async def test_a_big_file_is_checked_first(
    world: World, account: Account, simulator: Simulator, folder: Path
) -> None:
    gateway = await world.run(media={"max_size": "40 MiB"})
    data = bytes_of(26 * 2**20, 3)
    path = written(folder, "big.bin", data)
    for _ in range(2):
        reply = await gateway.get(
            "send_friend_message", id="filehelper", media_path=str(path), media_name=f"{_}.bin"
        )
        assert reply.code == 0, reply.words
    first, second = await account.filehelper.hears(2)
    assert first.medium is not None
    assert first.medium.md5 == hashlib.md5(data).hexdigest()
    assert first.msg["Signature"]
    assert len(simulator.calls_of("webwxcheckupload")) == 2
    # WeChat had it the second time.
    assert len(simulator.calls_of("webwxuploadmedia")) == 52
    assert second.medium is not None
    assert second.medium.media_id == first.medium.media_id


@pytest.mark.parametrize(
    "fault", [Fault.DROP, Fault.LOSE_ANSWER, Fault.SERVER_ERROR, Fault.GARBAGE]
)
@pytest.mark.parametrize("call", ["webwxuploadmedia", "webwxsendmsgimg"])
async def test_a_fault_is_got_over(
    api: Gateway, account: Account, simulator: Simulator, folder: Path, call: str, fault: Fault
) -> None:
    simulator.faults.add(call, fault, times=1)
    path = written(folder, "a.png", PNG)
    reply = await api.get("send_friend_message", id="filehelper", media_path=str(path))
    assert reply.code == 0, reply.words
    (heard,) = await account.filehelper.hears()
    assert heard.medium is not None
    assert heard.medium.data == PNG
    assert len(account.sent) == 1


async def test_an_upload_without_a_media_id_is_no_success(
    api: Gateway, account: Account, simulator: Simulator, folder: Path, receiver: Receiver
) -> None:
    simulator.faults.add("webwxuploadmedia", Fault.EMPTY)
    path = written(folder, "a.png", PNG)
    reply = await api.get("send_friend_message", id="filehelper", media_path=str(path))
    assert (reply.status, reply.code) == (200, -5)
    assert not account.sent
    report = await receiver.get(post_type="send_message")
    assert (report["code"], report["msg"], report["media_path"]) == (-5, "发送失败", str(path))
    reply = await api.get("upload_media", media_path=str(path))
    assert (reply.status, reply.code) == (200, -1)


async def test_wechat_refuses(
    api: Gateway, account: Account, simulator: Simulator, folder: Path
) -> None:
    simulator.faults.add("webwxsendmsgimg", Fault.RET, times=1, ret=1205, errmsg="too often")
    path = written(folder, "a.png", PNG)
    reply = await api.get("send_friend_message", id="filehelper", media_path=str(path))
    assert (reply.status, reply.code) == (200, 1205)
    simulator.faults.add("webwxuploadmedia", Fault.RET, times=1, ret=1, errmsg="no")
    other = written(folder, "b.jpg", JPEG)
    reply = await api.get("upload_media", media_path=str(other))
    assert (reply.status, reply.code, reply.json["ret"]) == (200, 201, 1)
    assert not account.sent


# -- without a waiting caller ----------------------------------------------------------------------------


async def test_async_media_outlive_a_stop_and_their_file(
    world: World, account: Account, receiver: Receiver, folder: Path
) -> None:
    gateway = await world.start()
    await world.account.phone.logs_in()
    await gateway.reaches("running")
    account.phone.logs_out_web()
    await account.phone.sees_push_login()
    path = written(folder, "a.png", PNG)
    reply = await gateway.get(
        "send_friend_message", id="filehelper", media_path=str(path), content="x", **{"async": "1"}
    )
    assert (reply.status, reply.code) == (503, -4)
    account.phone.confirm()
    await gateway.reaches("running")
    world.simulator.faults.add("webwxuploadmedia", Fault.HANG)
    reply = await gateway.get(
        "send_friend_message", id="filehelper", media_path=str(path), content="x", **{"async": "1"}
    )
    assert reply.code == 0
    path.unlink()
    await gateway.stop()
    world.simulator.faults.clear()
    await (await world.start()).reaches("running")
    text, picture = await account.filehelper.hears(2)
    assert text.text == "x"
    assert picture.medium is not None
    assert picture.medium.data == PNG
    assert (await receiver.get(uid=reply.json["uid"], code=0))["format"] == "text"
    assert (await receiver.get(uid=reply.json["media_uid"], code=0))["format"] == "media"


async def test_to_all_uploads_once(
    api: Gateway, account: Account, simulator: Simulator, folder: Path
) -> None:
    path = written(folder, "a.png", PNG)
    reply = await api.get("send_friend_message", id="@all", media_path=str(path))
    assert (reply.code, reply.json["count"]) == (0, len(account.friends))
    for friend in account.friends:
        (heard,) = await friend.hears()
        assert heard.medium is not None
        assert heard.medium.data == PNG
    assert len(simulator.calls_of("webwxuploadmedia")) == 1


@pytest.mark.parametrize("by_url", [True, False])
async def test_a_reply_with_media(
    api: Gateway, account: Account, receiver: Receiver, folder: Path, site: Site, by_url: bool
) -> None:
    site.answers["/a.png"] = PNG
    media = f"{site.url}/a.png" if by_url else str(written(folder, "a.png", PNG))
    receiver.behaves(says({"reply": "给你发个图片", "media": media}), times=1)
    account.friend("小灰").says("hi")
    text, picture = await account.friend("小灰").hears(2)
    assert text.text == "给你发个图片"
    assert picture.medium is not None
    assert picture.medium.data == PNG
    await receiver.gets(2, post_type="send_message", code=0)


async def test_a_reply_with_media_that_cannot_be_had(
    api: Gateway, account: Account, receiver: Receiver, site: Site
) -> None:
    receiver.behaves(says({"media": f"{site.url}/none.png"}), times=1)
    account.friend("小灰").says("hi")
    report = await receiver.get(post_type="send_message")
    assert (report["code"], report["format"]) == (-3, "media")
    assert "404" in report["info"]
    receiver.behaves(replies("still there"), times=1, content="again")
    account.friend("小灰").says("again")
    assert await account.friend("小灰").hears_text() == "still there"


async def test_the_backends_own_address_may_be_private(
    world: World, account: Account, receiver: Receiver
) -> None:
    """Without ``private_hosts``: the backend is trusted with its own address."""
    receiver.behaves(says(PNG, content_type="image/png"), times=1, path="x")
    gateway = await world.run()
    url = receiver.url.replace("/post_api", "/a.png")
    reply = await gateway.get("send_friend_message", id="filehelper", media_path=url)
    assert (reply.status, reply.code) == (200, -3)
    assert "0 bytes" in reply.words  # it was fetched: this backend has nothing there


# -- bad input -------------------------------------------------------------------------------------------


def _fifo(folder: Path) -> str:
    os.mkfifo(folder / "fifo")
    return str(folder / "fifo")


def _link_outside(folder: Path) -> str:
    (folder / "link").symlink_to("/etc/hostname")
    return str(folder / "link")


BAD_PATHS: list[tuple[Any, int, int, str]] = [
    (lambda folder: str(folder / "none.png"), 200, -3, "no such file"),
    (str, 200, -3, "no regular file"),
    (lambda folder: str(written(folder, "empty", b"")), 200, -3, "0 bytes"),
    (_fifo, 200, -3, "no regular file"),
    (lambda _: "/etc/passwd", 403, -8, "media.roots"),
    (lambda folder: f"{folder}/../../../../../../etc/passwd", 403, -8, "media.roots"),
    (_link_outside, 403, -8, "media.roots"),
    (lambda _: "/dev/zero", 403, -8, "media.roots"),
    (lambda _: "http://", 400, -2, "media_path"),
    (lambda _: "http://[::1", 400, -2, "media_path"),
    (lambda _: "x" * 9000, 400, -2, "media_path"),
    (lambda folder: str(written(folder, "big", bytes(2_000_001))), 200, -3, "media.max_size"),
]


async def test_paths_that_cannot_be_sent(world: World, account: Account, folder: Path) -> None:
    gateway = await world.run(media={"max_size": 2_000_000})
    for make, status, code, words in BAD_PATHS:
        path = make(folder)
        for route in ("send_friend_message", "upload_media"):
            reply = await gateway.post(route, id="filehelper", media_path=path)
            assert (reply.status, reply.code) == (status, code), (path[:100], reply.words)
            assert words in reply.words
        (folder / "fifo").unlink(missing_ok=True)
        (folder / "link").unlink(missing_ok=True)
    assert not account.sent


@pytest.mark.parametrize("host", ["2130706433", "127.1", "0x7f.1", "0177.0.0.1"])
async def test_odd_spellings_of_private_addresses_lead_nowhere(
    world: World, site: Site, host: str
) -> None:
    site.answers["/a.png"] = PNG
    gateway = await world.run()
    url = f"http://{host}:{site.url.rpartition(':')[2]}/a.png"
    reply = await gateway.get("send_friend_message", id="filehelper", media_path=url)
    assert reply.code in (-3, -8), reply.words
    assert not site.asked


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/a.png",
        "http://localhost:{port}/a.png",
        "http://[::ffff:127.0.0.1]:{port}/a.png",
        "http://[::1]:{port}/a.png",
        "http://0.0.0.0:{port}/a.png",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/a.png",
        "http://user:secret@127.0.0.1:{port}/a.png",
    ],
)
async def test_private_addresses_are_refused(world: World, site: Site, url: str) -> None:
    site.answers["/a.png"] = PNG
    gateway = await world.run()
    url = url.format(port=site.url.rpartition(":")[2])
    reply = await gateway.get("send_friend_message", id="filehelper", media_path=url)
    assert (reply.status, reply.code) == (403, -8), reply.words
    assert "media.private_hosts" in reply.words
    assert "secret" not in reply.words
    assert not site.asked


async def test_a_redirect_to_a_private_address_is_refused(world: World, site: Site) -> None:
    gateway = await world.run(media={"private_hosts": ["127.0.0.1"]})
    port = site.url.rpartition(":")[2]
    location = f"http://localhost:{port}/b"
    site.redirects["/a"] = location
    reply = await gateway.get("send_friend_message", id="filehelper", media_path=f"{site.url}/a")
    assert (reply.status, reply.code) == (403, -8)
    assert site.asked == ["/a"]


async def test_urls_that_fail(api: Gateway, account: Account, site: Site) -> None:
    site.redirects["/loop"] = "/loop"
    site.redirects["/file"] = "file:///etc/passwd"
    site.answers["/empty"] = b""
    for path, code, words in (
        ("/none", -3, "404"),
        ("/loop", -3, "redirects"),
        ("/file", -2, "http"),
        ("/empty", -3, "0 bytes"),
        ("/broken", -3, "cannot be fetched"),
    ):
        reply = await api.get("upload_media", media_path=site.url + path)
        assert reply.code == code, (path, reply.words)
        assert words in reply.words
    reply = await api.get("upload_media", media_path="http://127.0.0.1:1/x")
    assert (reply.status, reply.code) == (200, -3)
    assert not account.sent
    assert not list(api.settings.media_dir.iterdir())


BAD: list[tuple[Json, int, int, str]] = [
    ({}, 400, -2, "media"),
    ({"media_data": "%%%"}, 400, -2, "media_data"),
    ({"media_data": "QQ"}, 400, -2, "media_data"),
    ({"media_id": "x"}, 400, -2, "media_id"),
    ({"media_id": "@crypt_1:99"}, 400, -2, "media_id"),
    ({"media_id": "123:3"}, 200, 100, "media_id"),
    ({"media_id": "@crypt_1:3", "media_path": "/tmp/x"}, 400, -2, "media_id"),
    ({"media_data": "QQ==", "media_name": "x" * 201}, 400, -2, "media_name"),
    ({"media_id": "@crypt_unknown:3"}, 200, 201, "webwxsendmsgimg"),
]


@rows(("params", "status", "code", "words"), BAD)
async def test_bad_parameters(
    api: Gateway, account: Account, params: Json, status: int, code: int, words: str
) -> None:
    for call in (api.get, api.post, api.post_json):
        reply = await call("send_friend_message", id="filehelper", **params)
        assert (reply.status, reply.code) == (status, code), reply.words
        assert words in reply.words
    assert not account.sent

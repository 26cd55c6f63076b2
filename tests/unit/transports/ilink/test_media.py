"""Media: encrypted and decrypted piece by piece, both ways, with every spelling of a key."""

import asyncio
import base64
import hashlib
import io
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from yarl import URL

from openwx.domain.events import State
from openwx.domain.media import Kind, LocalMedia, MediaRef, RemoteMedia
from openwx.domain.messages import MediaMessage
from openwx.errors import BadResponse, CallerError, Code, NotLoggedIn, Rejected, Unreachable
from openwx.transports.ilink import crypt, transfer
from openwx.transports.ilink.hosts import Hosts
from openwx.transports.ilink.http import PIECE
from openwx.transports.ilink.transport import ILinkTransport

from .fake import PERSON, Bot, Fake, decrypt, encrypt
from .running import Case, eventually

KEY = bytes(range(16))
RAW = base64.b64encode(KEY).decode()
HEX = base64.b64encode(KEY.hex().encode()).decode()
SIZES = [0, 1, 15, 16, 17, 31, 32, 33, 65_535, 65_536, 65_537, 200_000]


async def ref_of(case: Case, fake: Fake, bot: Bot, item: dict[str, Any]) -> MediaRef:
    count = len(case.inbox.messages)
    await fake.writes(bot, item_list=[item])
    message = (await case.inbox.gets(count + 1))[-1]
    assert isinstance(message, MediaMessage)
    return message.ref


def file_item(data: bytes, **media: Any) -> dict[str, Any]:
    return {
        "type": 4,
        "file_item": {
            "media": {"encrypt_query_param": "p", "aes_key": HEX, **media},
            "len": str(len(data)),
            "md5": hashlib.md5(data).hexdigest(),
            "file_name": "a.bin",
        },
    }


class Sink:
    """Takes a download, and remembers its largest piece."""

    def __init__(self) -> None:
        self.data = b""
        self.largest = 0

    async def write(self, data: bytes) -> None:
        assert data, "no empty piece"
        self.data += data
        self.largest = max(self.largest, len(data))


async def fetched(transport: ILinkTransport, ref: MediaRef) -> bytes:
    sink = Sink()
    await transport.download(ref, sink.write)
    return sink.data


# -- downloads -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", [RAW, HEX])
async def test_files_of_all_sizes_arrive(case: Case, fake: Fake, spelling: str) -> None:
    async with case.logged_in() as (transport, bot):
        for size in SIZES:
            data = os.urandom(size)
            fake.files["p+/="] = encrypt(data, KEY)
            item = file_item(data, aes_key=spelling, encrypt_query_param="p+/=")
            assert await fetched(transport, await ref_of(case, fake, bot, item)) == data


async def test_a_large_file_is_never_in_memory_as_a_whole(case: Case, fake: Fake) -> None:
    data = os.urandom(3_000_000)
    fake.files["p"] = encrypt(data, KEY)
    async with case.logged_in() as (transport, bot):
        sink = Sink()
        await transport.download(await ref_of(case, fake, bot, file_item(data)), sink.write)
        assert sink.data == data
        assert sink.largest <= 70_000


@pytest.mark.parametrize("key", [RAW, HEX, base64.b64encode(b"x" * 16).decode(), "nonsense", None])
async def test_the_key_of_a_picture_itself_wins(case: Case, fake: Fake, key: str | None) -> None:
    fake.files["p"] = encrypt(b"picture", KEY)
    media = {"encrypt_query_param": "p", "aes_key": key}
    image = {"media": media, "aeskey": KEY.hex().upper(), "mid_size": 16}
    async with case.logged_in() as (transport, bot):
        ref = await ref_of(case, fake, bot, {"type": 2, "image_item": image})
        assert await fetched(transport, ref) == b"picture"


async def test_a_picture_without_a_key_is_plain(case: Case, fake: Fake) -> None:
    fake.files["p"] = b"plain picture"
    async with case.logged_in() as (transport, bot):
        image = {"media": {"encrypt_query_param": "p"}}
        ref = await ref_of(case, fake, bot, {"type": 2, "image_item": image})
        assert await fetched(transport, ref) == b"plain picture"


@pytest.mark.parametrize(
    "item",
    [
        {"type": 2, "image_item": {"media": {"encrypt_query_param": "p", "aes_key": "x"}}},
        {"type": 2, "image_item": {"media": {"encrypt_query_param": "p", "aes_key": 5}}},
        {"type": 2, "image_item": {"media": {"encrypt_query_param": "p"}, "aeskey": "short"}},
        {"type": 3, "voice_item": {"media": {"encrypt_query_param": "p"}}},
        {"type": 5, "video_item": {"media": {"encrypt_query_param": "p", "aes_key": "QUJD"}}},
        {"type": 2, "image_item": {"media": {"full_url": "https://evil.example/c2c/download"}}},
        {"type": 2, "image_item": {}},
        {"type": 4, "file_item": {"media": {"aes_key": HEX}}},
    ],
)
async def test_a_file_that_cannot_be_fetched(case: Case, fake: Fake, item: dict[str, Any]) -> None:
    fake.files["p"] = encrypt(b"data", KEY)
    async with case.logged_in() as (transport, bot):
        ref = await ref_of(case, fake, bot, item)
        with pytest.raises(BadResponse):
            await fetched(transport, ref)


@pytest.mark.parametrize(
    ("cipher", "words"),
    [
        (encrypt(b"other data", KEY), "tells 4"),
        (encrypt(b"DATA", KEY), "another MD5"),
        (encrypt(b"data", KEY[::-1]), "not encrypted with its key"),
        (encrypt(b"data", KEY)[:-1], "not encrypted with its key"),
        (b"", "not encrypted with its key"),
        (b'{"ret":-14}', "not encrypted with its key"),
    ],
)
async def test_another_file_than_the_message_tells(
    case: Case, fake: Fake, cipher: bytes, words: str
) -> None:
    fake.files["p"] = cipher
    async with case.logged_in() as (transport, bot):
        ref = await ref_of(case, fake, bot, file_item(b"data"))
        with pytest.raises(BadResponse, match=words):
            await fetched(transport, ref)
        assert transport.is_usable, "a download ends no session"


async def test_a_file_that_comes_again_with_a_wrong_key(case: Case, fake: Fake) -> None:
    """The CDN has kept it from the first time, with the key of then; it is tried next, also after a restart."""
    fake.files["p"] = encrypt(b"data", KEY)
    wrong = base64.b64encode(os.urandom(16)).decode()
    async with case.logged_in() as (transport, bot):
        first = await ref_of(case, fake, bot, file_item(b"data"))
        assert await fetched(transport, first) == b"data"
        again = await ref_of(case, fake, bot, file_item(b"data", aes_key=wrong))
        with pytest.raises(BadResponse):
            await fetched(transport, again)
        assert await fetched(transport, again) == b"data"
        other = await ref_of(case, fake, bot, file_item(b"other", aes_key=wrong))
        for _ in range(3):
            with pytest.raises(BadResponse):
                await fetched(transport, other)
        await case.inbox.until(lambda: "keys" in case.inbox.saved)
    async with case.started() as transport:
        await case.inbox.enters(State.RUNNING, 2)
        with pytest.raises(BadResponse):
            await fetched(transport, again)
        assert await fetched(transport, again) == b"data"


async def test_a_full_address_counts_where_it_is_the_cdns(case: Case, fake: Fake) -> None:
    fake.files["full"] = encrypt(b"full", KEY)
    fake.files["p"] = encrypt(b"data", KEY)
    query = "/c2c/download?encrypted_query_param=full"
    async with case.logged_in() as (transport, bot):
        for origin in ("https://novac2c.cdn.weixin.qq.com", fake.url):
            ref = await ref_of(case, fake, bot, file_item(b"full", full_url=origin + query))
            assert await fetched(transport, ref) == b"full"
        for origin in ("https://evil.example", "http://novac2c.cdn.weixin.qq.com.evil.example"):
            ref = await ref_of(case, fake, bot, file_item(b"data", full_url=origin + query))
            assert await fetched(transport, ref) == b"data", "it is fetched by its parameter"


@pytest.mark.parametrize(("status", "kind"), [(500, Unreachable), (403, Rejected), (302, Rejected)])
async def test_refused_downloads(
    case: Case, fake: Fake, status: int, kind: type[Exception]
) -> None:
    async with case.logged_in() as (transport, bot):
        ref = await ref_of(case, fake, bot, file_item(b"data"))
        fake.says("download", "", status=status)
        with pytest.raises(kind) as caught:
            await fetched(transport, ref)
        assert type(caught.value) is kind
        for _ in range(2):  # once more on another connection: a GET may be repeated
            fake.drops("download")
        with pytest.raises(Unreachable):
            await fetched(transport, ref)


async def test_what_is_too_large_is_not_fetched_to_its_end(
    case: Case, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "LARGEST", 100_000)
    fake.files["p"] = encrypt(bytes(100_000), KEY)
    async with case.logged_in() as (transport, bot):
        ref = await ref_of(case, fake, bot, file_item(bytes(100_000)))
        assert len(await fetched(transport, ref)) == 100_000
        fake.files["p"] = encrypt(bytes(100_032), KEY)
        with pytest.raises(BadResponse, match="larger"):
            await fetched(transport, ref)


async def test_what_the_disk_says_passes_unchanged(case: Case, fake: Fake) -> None:
    fake.files["p"] = encrypt(bytes(1000), KEY)

    async def full(_: bytes) -> None:
        raise OSError(28, "No space left on device")

    async with case.logged_in() as (transport, bot):
        ref = await ref_of(case, fake, bot, file_item(bytes(1000)))
        with pytest.raises(OSError, match="No space"):
            await transport.download(ref, full)


async def test_a_download_needs_no_session(case: Case, fake: Fake) -> None:
    fake.files["p"] = encrypt(b"data", KEY)
    async with case.logged_in() as (_, bot):
        ref = await ref_of(case, fake, bot, file_item(b"data"))
    transport = case.create()
    assert await fetched(transport, ref) == b"data"
    assert not transport.can_forward(ref)
    with pytest.raises(BadResponse, match="not received by iLink"):
        await fetched(transport, MediaRef(kind="file", msg_id="1"))
    await transport.close()


# -- uploads -------------------------------------------------------------------------------------------------


def local(folder: Path, data: bytes, kind: Kind = "file", name: str = "report.pdf") -> LocalMedia:
    path = folder / name
    path.write_bytes(data)
    return LocalMedia(
        kind=kind,
        path=str(path),
        name=name,
        size=len(data),
        mime="application/pdf",
        ext=path.suffix[1:],
        md5=hashlib.md5(data).hexdigest(),
        mtime=0,
    )


async def sent(
    case: Case, fake: Fake, transport: ILinkTransport, bot: Bot, media: LocalMedia
) -> dict[str, Any]:
    count = len(case.inbox.messages)
    await fake.writes(bot, "send me something")
    await case.inbox.gets(count + 1)
    uploaded = await transport.upload(media, PERSON)
    assert await transport.send_media(PERSON, uploaded, "1")
    item: dict[str, Any] = fake.sent[-1]["item_list"][0]
    return item


@pytest.mark.parametrize(
    ("kind", "media_type", "item_type", "member"),
    [
        ("image", 1, 2, "image_item"), ("video", 2, 5, "video_item"), ("file", 3, 4, "file_item"),
        ("voice", 3, 4, "file_item"), ("emoticon", 1, 2, "image_item"), ("microvideo", 3, 4, "file_item"),
    ],
)  # fmt: skip
async def test_what_is_sent_is_shaped_as_the_service_wants(
    case: Case, fake: Fake, tmp_path: Path, kind: Kind, media_type: int, item_type: int, member: str
) -> None:
    data = os.urandom(1000)
    async with case.logged_in() as (transport, bot):
        item = await sent(case, fake, transport, bot, local(tmp_path, data, kind))
    (permit,) = [body for name, body in fake.calls if name == "getuploadurl"]
    assert permit["media_type"] == media_type
    assert permit["to_user_id"] == PERSON
    assert (permit["rawsize"], permit["filesize"]) == (1000, 1008)
    assert permit["rawfilemd5"] == hashlib.md5(data).hexdigest()
    assert item["type"] == item_type
    content = dict(item[member])
    media = content.pop("media")
    assert content == {
        "image_item": {"mid_size": 1008},
        "video_item": {"video_size": 1008},
        "file_item": {"file_name": "report.pdf", "len": "1000"},
    }[member]  # fmt: skip
    assert media.keys() == {"encrypt_query_param", "aes_key", "encrypt_type"}
    written = base64.b64decode(media["aes_key"]).decode()
    assert written == permit["aeskey"]
    assert decrypt(fake.files[media["encrypt_query_param"]], bytes.fromhex(written)) == data


async def test_files_of_all_sizes_come_back_as_they_were(
    case: Case, fake: Fake, tmp_path: Path
) -> None:
    fake.limit = 1000
    async with case.logged_in() as (transport, bot):
        for size in SIZES:
            data = os.urandom(size)
            item = await sent(case, fake, transport, bot, local(tmp_path, data))
            item["file_item"]["md5"] = hashlib.md5(data).hexdigest()
            assert await fetched(transport, await ref_of(case, fake, bot, item)) == data


async def test_the_full_address_counts_for_uploads_too(
    case: Case, fake: Fake, tmp_path: Path
) -> None:
    query = "/c2c/upload?encrypted_query_param=full%2B"
    async with case.logged_in() as (transport, _):
        fake.says(
            "getuploadurl",
            {"upload_full_url": f"https://novac2c.cdn.weixin.qq.com{query}", "upload_param": "p"},
            {"upload_full_url": f"https://evil.example{query}", "upload_param": "p"},
        )
        await transport.upload(local(tmp_path, b"data"), PERSON)
        await transport.upload(local(tmp_path, b"data"), None)
        assert fake.files.keys() == {"file-full+", "file-p"}


async def test_an_upload_is_tried_three_times(case: Case, fake: Fake, tmp_path: Path) -> None:
    data = os.urandom(100_000)
    async with case.logged_in() as (transport, _):
        fake.says("upload", "", status=500)
        fake.says("upload", "")  # no header
        await transport.upload(local(tmp_path, data), PERSON)
        uploads = [body for name, body in fake.calls if name == "cdn upload"]
        assert len(uploads) == 3
        assert uploads[0] == uploads[1] == uploads[2]
        fake.drops("upload")
        fake.says("upload", *[""] * 2, status=502)
        with pytest.raises(Unreachable):
            await transport.upload(local(tmp_path, data), PERSON)
        assert len([1 for name, _ in fake.calls if name == "cdn upload"]) == 6


async def test_a_refused_upload_is_final(case: Case, fake: Fake, tmp_path: Path) -> None:
    from aiohttp import web

    async def refuses(_: object, __: object) -> web.Response:
        headers = {"x-error-code": "-5102031", "x-error-message": "content not valid"}
        return web.Response(status=400, headers=headers)

    async with case.logged_in() as (transport, _):
        fake.strike("upload", refuses)
        with pytest.raises(Rejected, match="content not valid") as caught:
            await transport.upload(local(tmp_path, b"data"), PERSON)
        assert caught.value.ret == -5102031
        assert len([1 for name, _ in fake.calls if name == "cdn upload"]) == 1


@pytest.mark.parametrize("refuses", [True, False])
async def test_an_upload_that_breaks_off_in_the_middle(
    case: Case, fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, refuses: bool
) -> None:
    """The CDN answers before it has read the body, or stops reading."""
    over = asyncio.Event()
    connections: list[asyncio.Task[Any] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(asyncio.current_task())
        await reader.readuntil(b"\r\n\r\n")
        if refuses:
            writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
        await over.wait()
        writer.transport.abort()

    monkeypatch.setattr(transfer, "_longest_s", lambda _: 0.3)
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as cdn:
        host, port = cdn.sockets[0].getsockname()
        there = URL(f"http://{host}:{port}/c2c/upload")
        async with case.logged_in() as (transport, _):
            monkeypatch.setattr(Hosts, "media", lambda *_: there)
            with pytest.raises((Rejected, Unreachable)):
                await transport.upload(local(tmp_path, bytes(30_000_000)), PERSON)
        over.set()
        await eventually(lambda: all(task and task.done() for task in connections))
    await asyncio.sleep(0.05)  # the sockets notice


@pytest.mark.parametrize(
    "answer", [{"ret": -1}, {}, {"upload_full_url": "https://evil.example/c2c/upload"}, {"upload_param": 5}]
)  # fmt: skip
async def test_no_permission(case: Case, fake: Fake, tmp_path: Path, answer: Any) -> None:
    async with case.logged_in() as (transport, _):
        fake.says("getuploadurl", answer)
        with pytest.raises(Rejected) as caught:
            await transport.upload(local(tmp_path, b"data"), PERSON)
        assert type(caught.value) is Rejected


async def test_a_file_that_changed_is_not_sent(case: Case, fake: Fake, tmp_path: Path) -> None:
    media = local(tmp_path, bytes(300_000))
    async with case.logged_in() as (transport, _):
        for size in (299_999, 300_001, 10, 0):
            Path(media.path).write_bytes(bytes(size))
            with pytest.raises(OSError, match="changed"):
                await transport.upload(media, PERSON)
        Path(media.path).unlink()
        with pytest.raises(OSError, match="No such file"):
            await transport.upload(media, PERSON)
        assert not fake.files


async def test_a_file_that_is_too_large(case: Case, fake: Fake, tmp_path: Path) -> None:
    async with case.logged_in() as (transport, _):
        media = replace(local(tmp_path, b""), size=transfer.LARGEST + 1)
        with pytest.raises(CallerError) as caught:
            await transport.upload(media, PERSON)
        assert caught.value.code == Code.MEDIA
        assert "getuploadurl" not in [name for name, _ in fake.calls]


async def test_media_of_somebody_else_are_not_sent(case: Case, fake: Fake, tmp_path: Path) -> None:
    async with case.logged_in() as (transport, bot):
        await fake.writes(bot, "hello")
        await case.inbox.gets(1)
        uploaded = await transport.upload(local(tmp_path, b"data"), "other@im.wechat")
        strange = RemoteMedia(kind="file", media_id="@crypt_1")
        for media in (uploaded, strange, MediaRef(kind="file", msg_id="1")):
            with pytest.raises(Rejected):
                await transport.send_media(PERSON, media, "1")
        assert not fake.sent


async def test_no_upload_without_a_login(case: Case, tmp_path: Path) -> None:
    transport = case.create()
    assert transport.standing.state is State.INIT
    with pytest.raises(NotLoggedIn):
        await transport.upload(local(tmp_path, b"data"), PERSON)
    await transport.close()


# -- the cipher ----------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=100), max_size=12), st.binary(min_size=16, max_size=16))
async def test_any_pieces_make_the_same_cipher(pieces: list[bytes], key: bytes) -> None:
    async def plain() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    data = b"".join(pieces)
    cipher = [piece async for piece in crypt.encrypted(plain(), key)]
    assert b"".join(cipher) == encrypt(data, key)
    assert len(b"".join(cipher)) == crypt.cipher_size(len(data))
    sink = Sink()
    decryption = crypt.Decryption(key, sink.write)
    for piece in cipher:
        await decryption.take(piece)
    await decryption.end()
    assert sink.data == data


@given(
    st.one_of(st.none(), st.text(), st.integers()), st.one_of(st.none(), st.text(), st.integers())
)
def test_any_key_is_one_or_none(hexadecimal: object, encoded: object) -> None:
    key = crypt.key_in(hexadecimal, encoded)
    assert key is None or key == crypt.INVALID_KEY or len(bytes.fromhex(key)) == 16


def test_spellings_of_a_key() -> None:
    assert crypt.encoded_key(KEY) == HEX
    for given_ in (RAW, HEX, RAW.rstrip("="), f" {HEX} "):
        assert crypt.key_in("", given_) == KEY.hex()
    assert crypt.key_in(KEY.hex().upper(), RAW[::-1]) == KEY.hex()
    assert crypt.key_in("", "") is None
    assert crypt.key_in("zz", "") == crypt.INVALID_KEY


class SlowFile(io.RawIOBase):
    """A file whose first piece is there at once, and then the disk is slow."""

    def __init__(self, may_go_on: threading.Event) -> None:
        self._may_go_on = may_go_on
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._read >= PIECE:
            assert self._may_go_on.wait(10)
            assert not self.closed
        size = min(len(buffer), PIECE)
        buffer[:size] = bytes(size)
        self._read += size
        return size


async def test_a_connection_that_breaks_while_the_file_is_read(
    case: Case, fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_go_on = threading.Event()
    files: list[SlowFile] = []

    def open_slow(*_: object) -> SlowFile:
        files.append(SlowFile(may_go_on))
        return files[-1]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()
        asyncio.get_running_loop().call_later(0.1, may_go_on.set)

    monkeypatch.setattr(transfer, "open_regular", open_slow)
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as cdn:
        host, port = cdn.sockets[0].getsockname()
        there = URL(f"http://{host}:{port}/c2c/upload")
        async with case.logged_in() as (transport, _):
            monkeypatch.setattr(Hosts, "media", lambda *_: there)
            with pytest.raises(Unreachable):
                await transport.upload(local(tmp_path, bytes(3 * PIECE)), PERSON)
    assert [file.closed for file in files] == [True] * 3

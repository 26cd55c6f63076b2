"""A WeChat where an upload serves for one message to one chat: the file is kept here, under a ``media_id`` of ours."""

import base64
from pathlib import Path
from typing import Any

import pytest

from openwx.domain.media import MEDIA_CODES, RemoteMedia
from openwx.errors import Rejected
from tests.memory import MemoryTransports
from tests.memory_wechat import Chat, MemoryAccount, Sent

from .world import Gateway, Receiver, World

pytestmark = pytest.mark.in_memory

TEXT = base64.b64encode(b"some words").decode()
GIF = base64.b64encode(b"GIF89a" + bytes(40)).decode()


@pytest.fixture
def peer() -> MemoryTransports:
    return MemoryTransports("ilink")


@pytest.fixture
def account(account: MemoryAccount) -> MemoryAccount:
    account.drops_repeats = account.shares_uploads = False
    account.ids_last = True
    return account


async def sends(api: Gateway, to: Chat, **media: str) -> Any:
    reply = await api.post("send_friend_message", id=to.record.id, **media)
    assert reply.code == 0, reply.json
    return reply.json


def upload_in(sent: Sent) -> RemoteMedia:
    assert isinstance(sent.media, RemoteMedia)
    return sent.media


def is_ours(media_id: str) -> bool:
    local, _, code = media_id.partition(":")
    return len(local) == 32 and int(local, 16) >= 0 and code.isdigit()


async def test_each_send_uploads_its_file(api: Gateway, account: MemoryAccount) -> None:
    first, second = account.friend("小灰"), account.friend("momo")
    for to in (first, first, second):
        await sends(api, to, media_data=TEXT, media_name="x.txt")
    sent = [upload_in(one).source for one in account.sent]
    assert len(set(sent)) == len(account.uploads) == 3
    assert {media.md5 for media in account.uploads} == {account.uploads[0].md5}


async def test_what_was_sent_is_sent_on_by_our_media_id(
    world: World, account: MemoryAccount, receiver: Receiver
) -> None:
    api, friend = await world.run(), account.friend("小灰")
    media_id = (await sends(api, friend, media_data=TEXT, media_name="x.txt"))["media_id"]
    assert is_ours(media_id)
    report = await receiver.get(post_type="send_message")
    assert report["media_id"] == media_id
    assert Path(report["media_path"]).read_bytes() == b"some words"
    assert (await sends(api, friend, media_id=media_id))["media_id"] == media_id
    await api.stop()
    api = await world.run()
    assert (await sends(api, account.friend("momo"), media_id=media_id))["media_id"] == media_id
    assert len({upload_in(one).source for one in account.sent}) == 3
    assert {upload_in(one).name for one in account.sent} == {"x.txt"}


async def test_upload_media_keeps_the_file(
    world: World, account: MemoryAccount, tmp_path: Path
) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("some words")
    api = await world.run(media={"roots": [str(tmp_path)]})
    uploaded = (await api.get("upload_media", media_path=str(file))).json
    assert uploaded["code"] == 0, uploaded
    assert is_ours(uploaded["media_id"])
    assert uploaded["media_name"] == "notes.txt"
    assert account.uploads == []
    file.unlink()  # it is a copy
    await api.stop()
    api = await world.run(media={"roots": [str(tmp_path)]})
    for name in ("小灰", "momo"):
        answer = await sends(api, account.friend(name), media_id=uploaded["media_id"])
        assert answer["media_id"] == uploaded["media_id"]
    assert [media.name for media in account.uploads] == ["notes.txt"] * 2


async def test_the_transport_says_as_what_a_file_is_sent(
    api: Gateway, account: MemoryAccount, receiver: Receiver
) -> None:
    """A GIF is a sticker of web WeChat, and a picture here."""
    friend = account.friend("小灰")
    media_id = (await sends(api, friend, media_data=GIF, media_name="x.gif"))["media_id"]
    assert media_id.endswith(f":{MEDIA_CODES['image']}")
    assert (await receiver.get(post_type="send_message"))["media_type"] == "image"
    await sends(api, friend, media_id=media_id)
    assert [upload_in(one).kind for one in account.sent] == ["image", "image"]
    assert {media.mime for media in account.uploads} == {"image/gif"}


async def test_received_media_is_sent_on_from_its_file(
    api: Gateway, account: MemoryAccount, receiver: Receiver
) -> None:
    friend = account.friend("小灰")
    friend.sends_image(base64.b64decode(GIF))
    media_id = (await receiver.get(format="media"))["media_id"]
    answer = await sends(api, account.friend("momo"), media_id=media_id)
    assert is_ours(answer["media_id"])
    assert upload_in(account.sent[0]).source


async def test_an_unknown_media_id_is_not_found(api: Gateway, account: MemoryAccount) -> None:
    for unknown in ("@crypt_0_abc:3", f"{'0' * 32}:3"):
        reply = await api.get(
            "send_friend_message", id=account.friend("小灰").record.id, media_id=unknown
        )
        assert reply.code == 100, reply.json
    assert account.uploads == []


async def test_a_file_that_is_gone_is_an_error_of_the_media(
    api: Gateway, account: MemoryAccount, receiver: Receiver
) -> None:
    friend = account.friend("小灰")
    media_id = (await sends(api, friend, media_data=TEXT))["media_id"]
    Path((await receiver.get(post_type="send_message"))["media_path"]).unlink()
    reply = await api.get("send_friend_message", id=friend.record.id, media_id=media_id)
    assert (reply.code, len(account.sent)) == (-3, 1)


async def test_a_refused_file_is_not_uploaded_again(api: Gateway, account: MemoryAccount) -> None:
    """An upload that WeChat no longer knows is none of the reasons: it was made for this message."""
    fault = account.fails("send_media", Rejected("send", -2, "invalid arguments"))
    to = account.friend("小灰").record.id
    reply = await api.post("send_friend_message", id=to, media_data=TEXT)
    assert (reply.code, fault.hits, len(account.uploads)) == (201, 1, 1)

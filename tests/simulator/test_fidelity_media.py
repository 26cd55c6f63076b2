"""Published clients, unmodified, against the simulator: media, groups, friends."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from pathlib import Path
from typing import Any

from openwx.simulator import Account, SentMessage, Simulator
from openwx.simulator.media import GIF, JPEG, MP3, MP4, PNG, bytes_of
from tests.patience import PATIENCE_S

from .clients import HERE, NODE, WECHAT4U_HOME, needs_wechat4u, running, scanned


def of(data: bytes) -> dict[str, Any]:
    """Return what the client prints for bytes that it downloaded."""
    return {"size": len(data), "md5": hashlib.md5(data).hexdigest()}


def data_of(sent: SentMessage) -> bytes:
    assert sent.medium is not None
    return sent.medium.data


async def test_itchat_with_media_groups_and_friends(tmp_path: Path) -> None:
    big = bytes_of(512 * 1024 + 77)
    for name, data in (("a.png", PNG), ("a.gif", GIF), ("a.mp4", big), ("报告.txt", b"hello")):
        (tmp_path / name).write_bytes(data)
    command = (sys.executable, "-W", "ignore", HERE / "itchat_media_client.py")
    async with (
        asyncio.timeout(PATIENCE_S),
        Simulator(1) as simulator,
        running(*command, simulator.url, tmp_path) as (process, output),
    ):
        account = simulator.account()
        account.desktop_only = True
        await scanned(account, output)
        while (await output.until("code"))["status"] != "201":
            pass
        account.phone.confirm()
        await output.until("login")
        await account.comes_online()
        await _receives(account, output)
        account.friend("小灰").says("go")
        await output.until("done")
        _has_acted(account, output.all, big)
        account.phone.logs_out_web()
        await output.until("exit")
        assert await process.wait() == 0


async def _receives(account: Account, output: Any) -> None:
    friend, group = account.friend("小灰"), account.group("PERL学习交流")
    member = group.others[0]

    async def received() -> tuple[str, Any]:
        line = await output.until("received")
        return line["type"], line["content"]

    friend.sends_image(JPEG)
    assert await received() == ("Picture", of(JPEG))
    group.member_sends_image(member, PNG)
    assert await received() == ("Picture", of(PNG))
    friend.sends_sticker(GIF)
    assert await received() == ("Picture", of(GIF))
    friend.sends_app_sticker(GIF)
    assert await received() == ("Picture", of(GIF))
    friend.sends_voice(MP3)
    assert await received() == ("Recording", of(MP3))
    friend.sends_video(MP4)
    assert await received() == ("Video", of(MP4))
    friend.sends_short_video(MP4)
    assert await received() == ("Video", of(MP4))
    friend.sends_file("报告.txt", b"hello")
    assert await received() == ("Attachment", of(b"hello"))
    group.member_sends_file(member, "b.txt", b"there")
    assert await received() == ("Attachment", of(b"there"))
    friend.sends_link("标题", "描述", "https://x.y/?a=1&b=2")
    assert await received() == ("Sharing", "标题")
    friend.sends_location("深圳湾公园(望海路)")
    assert await received() == ("Map", "深圳湾公园(望海路)")
    friend.sends_card(account.friend("momo"))
    kind, card = await received()
    assert (kind, card["NickName"], card["Alias"]) == ("Card", "momo", "momo_0717")
    friend.recalls(friend.says("oops"))
    assert await received() == ("Note", '"小灰" 撤回了一条消息')
    group.notice("欢迎")
    assert await received() == ("Note", "欢迎")
    friend.transfers(0.1)
    assert await received() == ("Note", "收到转账0.10元")
    friend.shares_live_location()
    assert await received() == ("Note", "我发起了位置共享")
    request = account.asks_to_be_friends("客人", "你好")
    kind, asked = await received()
    assert (kind, asked["verifyContent"]) == ("Friends", request.ticket)
    assert asked["autoUpdate"]["Content"] == "你好"


def _has_acted(account: Account, lines: list[dict[str, Any]], big: bytes) -> None:
    acts = {line["act"]: line["ret"] for line in lines if line["what"] == "act"}
    assert set(acts.values()) == {0}, acts
    friend = account.friend("小灰")
    image, sticker, video, file, text = friend.inbox
    assert [heard.msg_type for heard in friend.inbox] == [3, 47, 43, 6, 1]
    assert (data_of(image), data_of(sticker), data_of(video)) == (PNG, GIF, big)
    assert (data_of(file), file.file_name) == (b"hello", "报告.txt")
    assert text.revoked
    assert friend.pinned
    assert friend.remark == "", "itchat pins without RemarkName: the remark is lost"
    group = account.group("新名字")
    assert [member.nickname for member in group.others] == ["小灰", "🥰"]
    avatars = [line["begins"] for line in lines if line["what"] == "avatar"]
    assert avatars == [b"\x89PNG\r\n\x1a\n".hex()] * 3
    (invitation,) = account.friend_requests_sent
    assert invitation.words == "你好"
    assert not invitation.person.is_friend


@needs_wechat4u
async def test_wechat4u_with_media_groups_and_friends(tmp_path: Path) -> None:
    assert NODE is not None
    big = bytes_of(512 * 1024 + 77)
    files = {"a.png": PNG, "a.txt": big, "a.gif": GIF}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    command = (NODE, HERE / "wechat4u_fidelity.cjs")
    async with (
        asyncio.timeout(PATIENCE_S),
        Simulator(1) as simulator,
        running(*command, simulator.url, WECHAT4U_HOME, tmp_path, *files) as (process, output),
    ):
        account = simulator.account()
        account.desktop_only = True
        await scanned(account, output)
        await output.until("avatar")
        account.phone.confirm()
        await output.until("contacts")
        friend, group = account.friend("小灰"), account.group("PERL学习交流")
        sent = [
            friend.sends_image(JPEG), group.member_sends_image(group.others[0], PNG),
            friend.sends_sticker(GIF), friend.sends_video(MP4),
            friend.sends_file("报告.txt", b"there"),
        ]  # fmt: skip
        friend.sends_voice(MP3)
        account.asks_to_be_friends("客人", "你好")
        await output.until("accepted")
        while len([line for line in output.all if line["what"] == "received"]) < 6:
            await output.until("received")
        fetched = {line["md5"] for line in output.all if line["what"] == "received"}
        assert fetched == {of(data)["md5"] for data in (JPEG, PNG, GIF, MP4, b"there", MP3)}
        assert account.friend("客人").is_friend
        friend.says("go")
        await output.until("done")
        assert [line for line in output.all if line["what"] == "error"] == []
        heard = [h for h in friend.inbox if h.medium is not None]
        assert [data_of(h) for h in heard[:3]] == [PNG, big, GIF]
        assert [h.forwarded for h in heard[3:]] == sent
        assert friend.inbox[-1].revoked
        assert (friend.remark, friend.pinned) == ("灰哥", True)
        made = account.group("新名字")
        assert [member.nickname for member in made.others] == ["小灰", "momo"]
        account.phone.says(account.filehelper, "退出wechat4u")
        await output.until("exit")
        assert await process.wait() == 0

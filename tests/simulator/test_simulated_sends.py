"""Sending and forwarding media and files, and recalls (reference, 6)."""

from __future__ import annotations

import html
import re
from typing import Any

import aiohttp
import pytest

from openwx.simulator import Account, Fault, Message, Simulator
from openwx.simulator.media import GIF, JPEG, MP4, PNG

from .web_client import Json, WebClient

FILES = "webwxsendappmsg"


def ret(answer: Json) -> int:
    return int(answer["BaseResponse"]["Ret"])


def unescaped(content: str) -> str:
    """Write a received content as wechat4u forwards it: without the sender of a group's message."""
    plain = content.replace("<br/>", "\n").replace("&lt;", "<").replace("&gt;", ">")
    return re.sub(r"^@\w+:\n", "", plain).replace("&amp;", "&")


@pytest.mark.parametrize(
    ("call", "type_", "kind", "data"),
    [
        ("webwxsendmsgimg", 3, "pic", JPEG),
        ("webwxsendvideomsg", 43, "video", MP4),
        ("webwxsendemoticon", 47, "doc", GIF),
    ],
)
async def test_what_was_uploaded_is_heard(
    client: WebClient, account: Account, call: str, type_: int, kind: str, data: bytes
) -> None:
    to, friend = await client.id_of("小灰"), account.friend("小灰")
    media_id = (await client.upload(data, kind))["MediaId"]
    answer = await client.send_kind(call, to, type_, MediaId=media_id)
    assert ret(answer) == 0
    (heard,) = await friend.hears()
    assert heard.msg_id == answer["MsgID"]
    assert (heard.msg_type, heard.forwarded) == (type_, None)
    assert heard.medium is not None
    assert (heard.medium.data, heard.medium.kind) == (data, kind)
    again = await client.send_kind(
        call, to, type_, MediaId="@crypt_wrong", ClientMsgId=heard.client_msg_id
    )
    assert (ret(again), again["MsgID"]) == (0, heard.msg_id)
    assert len(friend.inbox) == 1


async def test_media_ids_that_are_refused(
    client: WebClient, account: Account, simulator: Simulator
) -> None:
    to = await client.id_of("小灰")
    ids = {kind: (await client.upload(PNG, kind))["MediaId"] for kind in ("pic", "video", "doc")}
    received = account.friend("小灰").sends_image(PNG).msg_id

    async def sent(call: str, type_: int, media_id: str) -> int:
        return ret(await client.send_kind(call, to, type_, MediaId=media_id))

    assert await sent("webwxsendmsgimg", 3, ids["doc"]) == 1
    assert await sent("webwxsendmsgimg", 3, ids["video"]) == 1
    assert await sent("webwxsendvideomsg", 43, ids["pic"]) == 1
    assert await sent("webwxsendemoticon", 47, ids["video"]) == 1
    assert await sent("webwxsendmsgimg", 43, ids["pic"]) == 1, "the Type is that of the call"
    assert await sent("webwxsendmsgimg", 3, received) == 1, "a MsgId is no MediaId"
    assert await sent("webwxsendmsgimg", 3, "") == 1
    assert ret(await client.send_file(to, "a.txt", ids["pic"])) == 1
    other = WebClient(simulator.url)
    await other.log_in(simulator.add_account("other", friends=12, groups=0))
    assert ret(await other.send_kind("webwxsendmsgimg", "filehelper", 3, MediaId=ids["pic"])) == 1
    await other.http.close()
    assert account.sent == []


async def test_a_file(client: WebClient, account: Account) -> None:
    media_id = (await client.upload(b"hello", name="x"))["MediaId"]
    answer = await client.send_file(await client.id_of("小灰"), "a &amp; &lt;b&gt;.txt", media_id)
    assert ret(answer) == 0
    (heard,) = await account.friend("小灰").hears()
    assert (heard.file_name, heard.msg_type) == ("a & <b>.txt", 6)
    assert heard.medium is not None
    assert heard.medium.data == b"hello"
    again = await client.send_file(
        await client.id_of("小灰"), "b", "@crypt_x", ClientMsgId=heard.client_msg_id
    )
    assert again["MsgID"] == answer["MsgID"]
    assert len(account.sent) == 1


@pytest.mark.parametrize("title", ["a & b.txt", "<b>.txt", "a</title>", ""])
async def test_broken_xml_is_refused(client: WebClient, account: Account, title: str) -> None:
    media_id = (await client.upload(b"hello"))["MediaId"]
    assert ret(await client.send_file("filehelper", title, media_id)) == 1
    assert account.sent == []


async def test_app_messages_that_are_refused(client: WebClient, account: Account) -> None:
    account.friend("小灰").sends_link("t", "d", "http://u")
    own = "<appmsg><title>mine</title><type>5</type><url>http://u</url></appmsg>"
    assert ret(await client.send_kind(FILES, "filehelper", 5, Content=own)) == 1
    assert ret(await client.send_kind(FILES, "filehelper", 5, 2, Content=own)) == 1
    assert ret(await client.send_kind(FILES, "filehelper", 6, 2, Content=own)) == 1
    assert ret(await client.send_kind(FILES, "filehelper", 6, Content="<a></a>")) == 1
    assert account.sent == []


async def arrived(client: WebClient) -> Json:
    (message,) = (await client.sync())["AddMsgList"]
    return dict(message)


@pytest.mark.parametrize(
    ("verb", "data", "call", "type_"),
    [
        ("sends_image", JPEG, "webwxsendmsgimg", 3),
        ("sends_video", MP4, "webwxsendvideomsg", 43),
        ("sends_short_video", MP4, "webwxsendvideomsg", 43),
    ],
)
async def test_forwarding_pictures_and_videos(
    client: WebClient, account: Account, verb: str, data: bytes, call: str, type_: int
) -> None:
    group = account.group("PERL学习交流")
    others: Message = getattr(group, f"member_{verb}")(group.others[0], data)
    content = unescaped((await arrived(client))["Content"])
    before = getattr(account.friend("小灰"), verb)(data)
    await client.sync()
    to = await client.id_of("momo")
    answer = await client.send_kind(call, to, type_, 2, MediaId="", Content=content)
    assert ret(answer) == 0
    (heard,) = await account.friend("momo").hears()
    assert heard.forwarded is others is not before, "the same bytes, but another message"
    assert heard.medium is others.medium
    for wrong in (content[:-12], content.replace("aeskey", "key"), "<msg/>", ""):
        refused = await client.send_kind(call, to, type_, 2, MediaId="", Content=wrong)
        assert ret(refused) == 1, wrong
    both = await client.send_kind(call, to, type_, 2, MediaId="@crypt_x", Content=content)
    assert ret(both) == 1


async def test_forwarding_files_links_places_and_stickers(
    client: WebClient, account: Account
) -> None:
    friend, momo = account.friend("小灰"), account.friend("momo")
    to = await client.id_of("momo")

    async def forwarded(call: str, type_: int, content: str) -> bool:
        answer = await client.send_kind(call, to, type_, 2, MediaId="", Content=content)
        return ret(answer) == 0

    sent = friend.sends_file("a & b.txt", b"hello")
    message = await arrived(client)
    content = unescaped(message["Content"])
    assert not await forwarded(FILES, 6, content), "the attachid must be the received MediaId"
    attached = re.sub(
        "<attachid>.*</attachid>", f"<attachid>{message['MediaId']}</attachid>", content
    )
    both = {"MediaId": message["MediaId"], "Content": attached}
    assert ret(await client.send_kind(FILES, to, 6, 2, **both)) == 1
    assert await forwarded(FILES, 6, attached)
    (heard,) = await momo.hears()
    assert (heard.forwarded, heard.file_name) == (sent, "a & b.txt")
    assert heard.medium is not None
    assert heard.medium.data == b"hello"

    sent = friend.sends_link("A & B", "", "https://x.y/?a=1&b=2")
    assert await forwarded(FILES, 5, unescaped((await arrived(client))["Content"]))
    assert (await momo.hears())[0].forwarded is sent

    sent = friend.sends_location("那里 & 这里", 1.5, 2)
    original = (await arrived(client))["OriContent"]
    assert await forwarded("webwxsendmsg", 48, unescaped(original))
    assert (await momo.hears())[0].forwarded is sent

    sent = friend.sends_sticker(GIF)
    assert sent.medium is not None
    md5: Json = {"EMoticonMd5": sent.medium.md5, "EmojiFlag": 2}
    assert ret(await client.send_kind("webwxsendemoticon", to, 47, **md5)) == 0
    assert (await momo.hears())[0].forwarded is sent
    md5["EMoticonMd5"] = "0" * 32
    assert ret(await client.send_kind("webwxsendemoticon", to, 47, **md5)) == 1


async def test_what_was_sent_can_be_fetched(client: WebClient) -> None:
    media_id = (await client.upload(JPEG, "pic"))["MediaId"]
    answer = await client.send_kind("webwxsendmsgimg", "filehelper", 3, MediaId=media_id)
    assert await client.download("webwxgetmsgimg", msgid=answer["MsgID"]) == (200, JPEG)


@pytest.mark.parametrize(
    ("fault", "expected"), [(Fault.LOSE_ANSWER, aiohttp.ClientError), (Fault.EMPTY, ValueError)]
)
async def test_calls_that_take_effect_without_an_answer(
    client: WebClient, account: Account, simulator: Simulator, fault: Fault, expected: Any
) -> None:
    media_id = (await client.upload(JPEG, "pic"))["MediaId"]
    rule = simulator.faults.add("webwxsendmsgimg", fault, times=1)
    msg: Json = {"MediaId": media_id, "ClientMsgId": "1"}
    with pytest.raises(expected):
        await client.send_kind("webwxsendmsgimg", "filehelper", 3, **msg)
    assert rule.hits == len(account.sent) == 1
    assert ret(await client.send_kind("webwxsendmsgimg", "filehelper", 3, **msg)) == 0
    assert len(account.sent) == 1


async def test_a_picture_for_who_dropped_us_bounces(client: WebClient, account: Account) -> None:
    account.friend("小灰").unfriends_me()
    media_id = (await client.upload(JPEG, "pic"))["MediaId"]
    to = await client.id_of("小灰")
    assert ret(await client.send_kind("webwxsendmsgimg", to, 3, MediaId=media_id)) == 0
    assert account.sent[0].bounced
    assert (await arrived(client))["MsgType"] == 10000


async def test_taking_back(client: WebClient, account: Account, simulator: Simulator) -> None:
    to, friend = await client.id_of("小灰"), account.friend("小灰")

    async def revoke(msg_id: str, to: str = to) -> int:
        body = {"ClientMsgId": "1", "SvrMsgId": msg_id, "ToUserName": to}
        return ret(await client.post("webwxrevokemsg", body))

    sent = (await client.send(to, "oops"))["MsgID"]
    assert await revoke(sent, "filehelper") == 1
    assert await revoke("123") == 1
    assert await revoke(friend.says("theirs").msg_id, client.me) == 1
    assert not account.sent[0].revoked
    assert await revoke(sent) == 0
    assert friend.inbox[0].revoked
    written = account.phone.says(friend, "on the phone")
    assert await revoke(written.msg_id) == 0
    assert written.revoked
    simulator.settings.revoke_within_s = 0
    assert await revoke((await client.send(to, "late", "2"))["MsgID"]) == -2


async def test_contents_arrive_as_xml_of_the_service(client: WebClient, account: Account) -> None:
    """The XML is escaped once as a whole, so that its own escapes are escaped twice."""
    account.friend("小灰").sends_link("A & B", "", "http://u")
    content = (await arrived(client))["Content"]
    assert "&lt;title&gt;A &amp;amp; B&lt;/title&gt;" in content
    assert "<br/>" in content
    assert "<title>A &amp; B</title>" in html.unescape(content)

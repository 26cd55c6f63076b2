"""Messages with media and app messages as they arrive, and their bytes (reference, 5)."""

from __future__ import annotations

import html
from typing import Any
from xml.etree import ElementTree

import magic
import pytest

from openwx.simulator import Account, Fault, Group, Medium, Message, Simulator
from openwx.simulator.media import GIF, JPEG, MP3, MP4, PNG, bytes_of
from openwx.simulator.wire.shares import Article
from tests.rows import rows

from .web_client import Json, WebClient

RANGE = {"Range": "bytes=0-"}


async def arrived(client: WebClient) -> Json:
    (message,) = (await client.sync())["AddMsgList"]
    return dict(message)


def xml_of(message: Json) -> ElementTree.Element:
    """Parse the content as a client does."""
    content = html.unescape(message["Content"].replace("<br/>", "\n"))
    return ElementTree.fromstring(content)


@pytest.mark.parametrize(
    ("sample", "mime"),
    [(PNG, "image/png"), (JPEG, "image/jpeg"), (GIF, "image/gif"), (MP3, "audio/mpeg"),
     (MP4, "video/mp4")],
)  # fmt: skip
def test_samples_are_what_they_are_called(sample: bytes, mime: str) -> None:
    assert magic.from_buffer(sample, mime=True) == mime
    assert Medium(sample).mime == mime


def test_generated_media_are_the_same_everywhere() -> None:
    file, data = Medium.generated(3 * 2**20 + 7, 5), bytes_of(3 * 2**20 + 7, 5)
    assert file.data == data
    assert file.md5 == Medium(data).md5
    for begin, end in ((0, 10), (2**20 - 3, 2**20 + 3), (2**21 + 1, None)):
        assert b"".join(file.blocks(begin, end)) == data[begin:end]
        assert b"".join(Medium(data).blocks(begin, end)) == data[begin:end]


async def test_an_image(client: WebClient, account: Account) -> None:
    account.friend("小灰").sends_image(JPEG)
    message = await arrived(client)
    assert (message["MsgType"], message["ImgHeight"], message["MediaId"]) == (3, 120, "")
    image = xml_of(message).find("img")
    assert image is not None
    assert (image.get("length"), image.get("md5")) == (str(len(JPEG)), Medium(JPEG).md5)
    for name in ("MsgID", "msgid"):
        assert await client.download("webwxgetmsgimg", **{name: message["MsgId"]}) == (200, JPEG)
    full = await client.download("webwxgetmsgimg", MsgID=message["MsgId"], type="big")
    assert full == (200, JPEG)
    _, small = await client.download("webwxgetmsgimg", MsgID=message["MsgId"], type="slave")
    assert magic.from_buffer(small, mime=True) == "image/png"
    assert small != JPEG


async def test_a_voice(client: WebClient, account: Account) -> None:
    account.friend("小灰").sends_voice(MP3, 4.5)
    message = await arrived(client)
    assert (message["MsgType"], message["VoiceLength"]) == (34, 4500)
    assert await client.download("webwxgetvoice", msgid=message["MsgId"]) == (200, MP3)
    assert await client.download("webwxgetmsgimg", msgid=message["MsgId"]) == (200, b"")


async def test_videos_need_a_range(client: WebClient, account: Account) -> None:
    friend = account.friend("小灰")
    friend.sends_video(MP4, 7)
    message = await arrived(client)
    assert (message["MsgType"], message["PlayLength"]) == (43, 7)
    msg_id = message["MsgId"]
    assert await client.download("webwxgetvideo", msgid=msg_id) == (200, b"")
    assert await client.download("webwxgetvideo", RANGE, msgid=msg_id) == (206, MP4)
    middle = {"Range": "bytes=5-9"}
    assert await client.download("webwxgetvideo", middle, msgid=msg_id) == (206, MP4[5:10])
    beyond = {"Range": f"bytes={len(MP4)}-"}
    assert (await client.download("webwxgetvideo", beyond, msgid=msg_id))[0] == 416
    _, thumbnail = await client.download("webwxgetmsgimg", msgid=msg_id, type="slave")
    assert thumbnail.startswith(b"\x89PNG")
    friend.sends_short_video(MP4)
    message = await arrived(client)
    assert message["MsgType"] == 62
    assert await client.download("webwxgetvideo", RANGE, msgid=message["MsgId"]) == (206, MP4)


async def test_stickers(client: WebClient, account: Account) -> None:
    friend = account.friend("小灰")
    friend.sends_sticker(GIF)
    message = await arrived(client)
    emoji = xml_of(message).find("emoji")
    assert emoji is not None
    assert (message["MsgType"], emoji.get("md5")) == (47, Medium(GIF).md5)
    got = await client.download("webwxgetmsgimg", MsgID=message["MsgId"], type="big")
    assert got == (200, GIF)
    friend.sends_app_sticker(GIF)
    message = await arrived(client)
    assert (message["MsgType"], message["AppMsgType"]) == (49, 8)
    assert await client.download("webwxgetmsgimg", MsgID=message["MsgId"]) == (200, GIF)
    friend.sends_shop_sticker()
    message = await arrived(client)
    assert (message["HasProductId"], message["Content"]) == (1, "")
    assert await client.download("webwxgetmsgimg", MsgID=message["MsgId"]) == (200, b"")


async def test_a_file(client: WebClient, account: Account) -> None:
    friend = account.friend("小灰")
    friend.sends_file("合同 & <终稿>.pdf", b"%PDF-1.4")
    message = await arrived(client)
    assert (message["MsgType"], message["AppMsgType"], message["FileSize"]) == (49, 6, "8")
    app = xml_of(message).find("appmsg")
    assert app is not None
    assert app.findtext("title") == "合同 & <终稿>.pdf" == html.unescape(message["FileName"])
    assert app.findtext("appattach/fileext") == "pdf"
    query: Json = {
        "sender": message["FromUserName"], "mediaid": message["MediaId"], "filename": "x",
        "fromuser": client.base["Uin"], "pass_ticket": "undefined",
        "webwx_data_ticket": client.cookie("webwx_data_ticket"),
    }  # fmt: skip
    assert await client.download("webwxgetmedia", **query) == (200, b"%PDF-1.4")
    newer: Json = {**query, "encryfilename": message["EncryFileName"], "fromuser": client.me}
    del newer["filename"]
    assert await client.download("webwxgetmedia", **newer) == (200, b"%PDF-1.4")
    for name in query:
        without = {k: v for k, v in query.items() if k != name}
        assert await client.download("webwxgetmedia", **without) == (200, b""), name
        assert await client.download("webwxgetmedia", **{**without, name: ""}) == (200, b""), name
    another = {**query, "mediaid": "@crypt_other"}
    assert await client.download("webwxgetmedia", **another) == (200, b"")


async def test_downloads_need_the_session(
    client: WebClient, simulator: Simulator, account: Account
) -> None:
    msg_id = account.friend("小灰").sends_image(PNG).msg_id
    other = simulator.add_account("other", friends=12, groups=0)
    strange = other.friend("小灰").sends_image(PNG).msg_id
    for unknown in (strange, "1", ""):
        assert await client.download("webwxgetmsgimg", msgid=unknown) == (200, b"")
    assert await client.download("webwxgetmsgimg", msgid=msg_id, skey="@crypt_x") == (200, b"")
    client.http.cookie_jar.clear()
    assert await client.download("webwxgetmsgimg", msgid=msg_id) == (200, b"")


async def test_places(client: WebClient, account: Account) -> None:
    friend, group = account.friend("小灰"), account.group("PERL学习交流")
    friend.sends_location("深圳湾公园 & 海边(望海路)", 22.5, 113.9)
    message = await arrived(client)
    assert (message["MsgType"], message["SubMsgType"]) == (1, 48)
    assert message["Url"] == "http://apis.map.qq.com/uri/v1/geocoder?coord=22.5,113.9"
    place, _, picture = message["Content"].partition(":<br/>")
    assert place == "深圳湾公园 &amp; 海边(望海路)"
    assert message["MsgId"] in picture
    original = xml_of({"Content": message["OriContent"]}).find("location")
    assert original is not None
    assert (original.get("x"), original.get("label")) == ("22.5", "深圳湾公园 & 海边(望海路)")
    path, _, query = html.unescape(picture).partition("?")
    asked: Json = dict(pair.split("=") for pair in query.split("&"))
    assert (await client.download(path, **asked))[1].startswith(b"\x89PNG")

    group.member_sends_location(group.others[0], "那里")
    message = await arrived(client)
    session = account.session
    assert session is not None
    sender = session.id_of(group.others[0].person)
    assert message["Content"].startswith(f"{sender}:<br/>那里:<br/>/cgi-bin/")
    friend.sends_location_48("这里")
    message = await arrived(client)
    assert message["MsgType"] == 48
    assert xml_of(message).find("location") is not None
    friend.shares_live_location()
    assert (await arrived(client))["AppMsgType"] == 17


async def test_shares(client: WebClient, account: Account) -> None:
    friend = account.friend("小灰")

    async def app() -> tuple[Json, ElementTree.Element]:
        message = await arrived(client)
        assert message["MsgType"] == 49
        found = xml_of(message).find("appmsg")
        assert found is not None
        return message, found

    friend.sends_link("A & B", "<好>", "https://x.y/?a=1&b=2", "果壳", "wx12")
    message, shared = await app()
    assert (message["AppMsgType"], message["AppInfo"]["AppID"]) == (5, "wx12")
    assert (message["FileName"], message["Url"]) == ("A &amp; B", "https://x.y/?a=1&amp;b=2")
    assert shared.findtext("url") == "https://x.y/?a=1&b=2"
    assert (shared.findtext("title"), shared.findtext("des")) == ("A & B", "<好>")
    assert xml_of(message).findtext("appinfo/appname") == "果壳"

    friend.sends_mini_program("来看 & 看", "跳一跳")
    message, shared = await app()
    assert message["AppMsgType"] == 33
    assert shared.findtext("sourcedisplayname") == "跳一跳"

    friend.transfers(12.5, "饭钱 ]]> & 酒钱")
    message, shared = await app()
    assert message["AppMsgType"] == 2000
    assert shared.findtext("wcpayinfo/feedesc") == "￥12.50"
    assert shared.findtext("wcpayinfo/pay_memo") == "饭钱 ]]> & 酒钱"
    assert (shared.findtext("des") or "").startswith("收到转账12.50元。")

    friend.sends_red_packet("新年好")
    message, shared = await app()
    assert message["AppMsgType"] == 2001
    assert shared.findtext("wcpayinfo/receivertitle") == "新年好"

    for app_msg_type in (19, 0):
        friend.sends_chat_record("群聊的聊天记录", ["甲: 1 < 2", "乙: & 3"], app_msg_type)
        message, shared = await app()
        assert message["AppMsgType"] == app_msg_type
        assert shared.findtext("des") == "甲: 1 < 2\n乙: & 3"
        record = ElementTree.fromstring(shared.findtext("recorditem") or "")
        assert [d.text for d in record.iter("datadesc")] == ["甲: 1 < 2", "乙: & 3"]


async def test_red_packets_and_calls_as_web_clients_see_them(
    client: WebClient, account: Account
) -> None:
    friend, group = account.friend("小灰"), account.group("PERL学习交流")
    friend.sends_red_packet_notice()
    group.member_sends_red_packet_notice(group.others[0])
    friend.calls()
    first, second, call = (await client.sync())["AddMsgList"]
    assert first["Content"] == second["Content"] == "收到红包，请在手机上查看"
    assert (first["MsgType"], second["MsgType"], call["MsgType"]) == (10000, 10000, 50)


async def test_a_card(client: WebClient, account: Account) -> None:
    account.friend("小灰").sends_card(account.friend("Tom & Jerry <猫和老鼠>"))
    message = await arrived(client)
    assert message["MsgType"] == 42
    info = message["RecommendInfo"]
    assert info["UserName"] == await client.id_of("Tom &amp; Jerry &lt;猫和老鼠&gt;")
    assert (info["NickName"], info["Alias"]) == ("Tom &amp; Jerry &lt;猫和老鼠&gt;", "tomjerry")
    content = xml_of(message)
    assert (content.get("nickname"), content.get("sex")) == ("Tom & Jerry <猫和老鼠>", "1")


VERBS: list[tuple[str, tuple[Any, ...]]] = [
    ("sends_image", (PNG,)), ("sends_voice", (MP3,)), ("sends_video", (MP4,)),
    ("sends_short_video", (MP4,)), ("sends_sticker", (GIF,)), ("sends_shop_sticker", ()),
    ("sends_app_sticker", (GIF,)), ("sends_file", ("a.txt", b"hi")), ("sends_location", ("here",)),
    ("sends_location_48", ("here",)), ("shares_live_location", ()),
    ("sends_link", ("t", "d", "http://u")), ("sends_mini_program", ("t", "n")),
    ("sends_articles", ([Article("t"), Article("u")],)),
    ("transfers", (1,)), ("sends_red_packet", ("w",)), ("sends_chat_record", ("t", ["a"])),
    ("calls", ()),
]  # fmt: skip


@rows(("verb", "given"), VERBS)
async def test_members_and_the_phone_send_all_kinds(
    client: WebClient, account: Account, verb: str, given: tuple[Any, ...]
) -> None:
    group, friend = account.group("PERL学习交流"), account.friend("小灰")
    member = group.others[0]
    sent: list[Message] = [
        getattr(group, f"member_{verb}")(member, *given),
        getattr(account.phone, verb)(group, *given),
        getattr(account.phone, verb)(friend, *given),
    ]
    synced = (await client.sync())["AddMsgList"]
    assert [m["MsgId"] for m in synced] == [m.msg_id for m in sent]
    session = account.session
    assert session is not None
    assert synced[0]["Content"].startswith(f"{session.id_of(member.person)}:<br/>")
    assert {m["FromUserName"] for m in synced[1:]} == {client.me}
    assert synced[2]["ToUserName"] == session.id_of(friend)
    assert not synced[2]["Content"].startswith("@")
    with pytest.raises(ValueError, match="phone"):
        getattr(group, f"member_{verb}")(account.owner, *given)


async def test_recalls_on_the_phone(client: WebClient, account: Account) -> None:
    friend = account.friend("小灰")
    written = account.phone.says(friend, "oops")
    await client.send(await client.id_of("小灰"), "again")
    account.phone.recalls(written)
    account.phone.recalls(account.sent[0])
    assert written.revoked
    assert account.sent[0].revoked
    _, first, second = (await client.sync())["AddMsgList"]
    assert f"&lt;msgid&gt;{written.msg_id}&lt;/msgid&gt;" in first["Content"]
    assert f"&lt;msgid&gt;{account.sent[0].msg_id}&lt;/msgid&gt;" in second["Content"]
    assert first["FromUserName"] == client.me


def file_query(client: WebClient, message: Json) -> Json:
    """Return the query with which a client gets the file of a message."""
    return {
        "sender": message["FromUserName"], "mediaid": message["MediaId"], "filename": message["FileName"],
        "fromuser": str(client.base["Uin"]), "pass_ticket": "x",
        "webwx_data_ticket": client.cookie("webwx_data_ticket"),
    }  # fmt: skip


async def test_big_media_are_streamed(
    client: WebClient, account: Account, simulator: Simulator
) -> None:
    size = 64 * 2**20
    account.friend("小灰").sends_file("big.bin", Medium.generated(size, 8))
    url = f"{client.url}/cgi-bin/mmwebwx-bin/webwxgetmedia"
    query = file_query(client, await arrived(client))
    count = 0
    async with client.http.get(url, params=query) as answer:
        assert answer.headers["Content-Length"] == str(size)
        async for piece in answer.content.iter_any():
            count += len(piece)
    assert count == size
    simulator.faults.add("webwxgetmedia", Fault.TRUNCATE, times=1)
    assert len((await client.download("webwxgetmedia", **query))[1]) == size // 2


async def test_faults_of_downloads(
    client: WebClient, account: Account, simulator: Simulator
) -> None:
    msg_id = account.friend("小灰").sends_image(JPEG).msg_id
    simulator.faults.add("webwxgetmsgimg", Fault.EMPTY, times=1)
    simulator.faults.add("webwxgetmsgimg", Fault.TRUNCATE, times=1)
    simulator.faults.add("webwxgetmsgimg", Fault.GARBAGE, times=1)
    assert await client.download("webwxgetmsgimg", msgid=msg_id) == (200, b"")
    assert await client.download("webwxgetmsgimg", msgid=msg_id) == (200, JPEG[: len(JPEG) // 2])
    assert b"<html>" in (await client.download("webwxgetmsgimg", msgid=msg_id))[1]
    assert await client.download("webwxgetmsgimg", msgid=msg_id) == (200, JPEG)


async def test_half_of_what_is_asked_for(
    client: WebClient, account: Account, simulator: Simulator
) -> None:
    msg_id = account.friend("小灰").sends_image(JPEG).msg_id
    url = f"{client.url}/cgi-bin/mmwebwx-bin/webwxgetmsgimg"
    query = {"MsgID": msg_id, "skey": str(client.base["Skey"])}
    simulator.faults.add("webwxgetmsgimg", Fault.PARTIAL)
    got = b""
    while len(got) < len(JPEG):
        headers = {"Range": f"bytes={len(got)}-"} if got else {}
        async with client.http.get(url, params=query, headers=headers) as answer:
            assert answer.status == 206
            piece = await answer.read()
            end = len(got) + len(piece) - 1
            assert answer.headers["Content-Range"] == f"bytes {len(got)}-{end}/{len(JPEG)}"
            got += piece
    assert got == JPEG


@pytest.mark.parametrize("claimed", [None, 0, 7])
async def test_wrong_sizes(client: WebClient, account: Account, claimed: int | None) -> None:
    friend, size = account.friend("小灰"), len(GIF) if claimed is None else claimed
    friend.sends_file("a.gif", GIF, claimed)
    friend.sends_image(GIF, claimed)
    friend.sends_video(GIF, told_size=claimed)
    friend.sends_sticker(GIF, claimed)
    messages = (await client.sync())["AddMsgList"][-4:]
    assert messages[0]["FileSize"] == str(size)
    assert f"totallen&gt;{size}&lt;" in messages[0]["Content"]
    assert f' length="{size}"' in messages[1]["Content"]
    assert f' length="{size}"' in messages[2]["Content"]
    assert f' len="{size}"' in messages[3]["Content"]


async def test_a_file_that_is_not_named(
    client: WebClient, account: Account, simulator: Simulator
) -> None:
    account.friend("小灰").sends_file("报告.txt", b"hello")
    url = f"{client.url}/cgi-bin/mmwebwx-bin/webwxgetmedia"
    query = file_query(client, await arrived(client))
    for named in (True, False):
        simulator.settings.names_files = named
        async with client.http.get(url, params=query) as answer:
            assert await answer.read() == b"hello"
            assert ("Content-Disposition" in answer.headers) == named


async def test_avatars_of_members_need_their_group(client: WebClient, account: Account) -> None:
    group = account.group("PERL学习交流")
    other: Group = account.groups[3]
    stranger = next(
        m.person
        for m in group.others
        if not m.person.is_friend and m.person.key not in other.members
    )
    session = account.session
    assert session is not None
    user_name, room = session.id_of(stranger), session.room_of(group)
    asked = {"List": [{"UserName": user_name, "EncryChatRoomId": room}]}
    (record,) = (await client.post("webwxbatchgetcontact", asked))["ContactList"]
    path, _, query = record["HeadImgUrl"].partition("?")
    params: Json = dict(pair.split("=", 1) for pair in query.split("&"))
    assert (await client.download(path, **params))[1].startswith(b"\x89PNG")
    assert (await client.download(path, **{**params, "chatroomid": ""}))[1] == b""
    params["chatroomid"] = session.room_of(other)
    assert (await client.download(path, **params))[1] == b""
    _, picture = await client.download("webwxgetheadimg", userName=session.id_of(group))
    assert picture.startswith(b"\x89PNG")
    assert (await client.download("webwxgeticon", username=client.me))[1].startswith(b"\x89PNG")
    before = (await client.download("webwxgeticon", username=await client.id_of("小灰")))[1]
    account.friend("小灰").changes_avatar()
    after = (await client.download("webwxgeticon", username=await client.id_of("小灰")))[1]
    assert before != after
    client.http.cookie_jar.clear()
    assert await client.download("webwxgeticon", username=client.me) == (200, b"")

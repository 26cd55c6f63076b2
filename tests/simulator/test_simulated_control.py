"""The control API does the same as the scenario verbs."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from openwx.simulator import Account, Simulator
from openwx.simulator.control import GETS, POSTS
from openwx.simulator.control import __doc__ as control_doc
from openwx.simulator.media import GIF, JPEG, MP3, MP4, PNG, bytes_of
from openwx.simulator.verbs import KINDS
from openwx.simulator.wire.text import name_on_wire
from tests.control import Control
from tests.rows import rows

from .web_client import Json, WebClient

NEEDED: dict[str, Json] = {
    "sends_file": {"name": "a.txt", "data": base64.b64encode(b"hello").decode()},
    "sends_location": {"place": "here", "latitude": 1.5},
    "sends_location_48": {"place": "here"},
    "sends_link": {"title": "t", "url": "http://u"},
    "quotes": {"text": "yes"},
    "sends_articles": {"articles": ["t", {"title": "u", "url": "http://u"}]},
    "sends_mini_program": {"title": "t", "app_name": "n"},
    "transfers": {"amount": 2},
    "sends_chat_record": {"title": "t", "lines": ["a", "b"]},
    "sends_card": {"person": "momo"},
}


SENDS = [f"{who}{verb}" for who in ("friend/", "group/member_", "phone/") for verb in KINDS]


@rows("path", SENDS)
async def test_every_kind_is_sent(
    control: Control, client: WebClient, account: Account, path: str
) -> None:
    who, verb = path.removeprefix("group/member_").rpartition("/")[::2]
    member = account.group("PERL学习交流").others[0].nickname
    sender = {"friend": "小灰"} if who else {"group": "PERL学习交流", "member": member}
    if verb == "quotes":
        sender["msg_id"] = account.friend("小灰").says("what is quoted").msg_id
        await client.sync()
    sent = await control.post(path, **sender, **NEEDED.get(verb, {}))
    (message,) = (await client.sync())["AddMsgList"]
    assert message["MsgId"] == sent["msg_id"]
    assert message["MsgType"] != 1 or verb == "sends_location"


async def test_mentions_quotes_and_announcements(
    control: Control, client: WebClient, account: Account
) -> None:
    group = account.group("PERL学习交流")
    first, second = group.others[:2]
    whom = {"group": group.name, "member": first.nickname}
    sent = await control.post(
        "group/member_mentions", **whom, whom=[second.shown_name, "所有人"], text="hi"
    )
    await control.post("phone/mentions", group=group.name, whom=first.shown_name, text="you")
    await control.post("group/member_announces", **whom, text="a & b")
    await control.post("phone/announces", group=group.name, text="mine")
    await control.post(
        "group/member_quotes", **whom, msg_id=sent["msg_id"], text="no", as_text=True
    )
    said, mine, announced, my_own, quoted = (await client.sync())["AddMsgList"]
    assert said["Content"].endswith(f"@{name_on_wire(second.shown_name)}\u2005@所有人\u2005hi")
    assert mine["Content"] == f"@{name_on_wire(first.shown_name)}\u2005you"
    assert (announced["AppMsgType"], my_own["AppMsgType"]) == (87, 87)
    assert "<br/>- - - - - - - - - - - - - - -<br/>no" in quoted["Content"]
    entry = (await control.get("chat", group=group.name))["messages"][2]
    assert (entry["kind"], entry["text"]) == ("announcement", "a & b")
    wrong = {"articles": [{"headline": "x"}]}
    answer = await control.post("friend/sends_articles", friend="小灰", **wrong)
    assert "should be titles" in answer["error"]
    answer = await control.post("friend/sends_articles", friend="小灰", articles=[])
    assert "at least one article" in answer["error"]


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("friend/says", {"friend": "小灰", "text": "a\ud83d"}),
        ("friend/renames", {"friend": "小灰", "name": "\ude00"}),
        (
            "friend/sends_articles",
            {"friend": "小灰", "articles": [{"title": "\ud83d", "url": "u"}]},
        ),
        ("account/add", {"name": "\ud83d"}),
        ("clawbot/says", {"text": "\ud83d"}),
        ("friend/says", {"friend": "小灰", "text": "a", "\ud83d": "b"}),
    ],
)
async def test_half_of_a_surrogate_pair_is_refused(
    control: Control, client: WebClient, account: Account, path: str, given: Json
) -> None:
    """The account goes on, with whole characters."""
    async with client.http.post(f"{client.url}/_simulator/{path}", json=given) as answer:
        assert answer.status == 400
        assert "half of a surrogate pair" in (await answer.json())["error"]
    await control.post("friend/says", friend="小灰", text="whole")
    (message,) = (await client.sync())["AddMsgList"]
    assert message["Content"] == "whole"


def test_every_verb_is_documented() -> None:
    assert control_doc is not None
    assert set(SENDS) < set(POSTS)
    for path in (*GETS, *POSTS):
        verb = path.rpartition("/")[2]
        verb = verb.removeprefix("member_") if path in SENDS else verb
        assert f"`{path}`" in control_doc or f"`{verb}`" in control_doc, path


async def test_media_from_data_samples_and_noise(
    control: Control, client: WebClient, account: Account
) -> None:
    async def image(**file: Any) -> bytes:
        sent = await control.post("friend/sends_image", friend="小灰", **file)
        return (await client.download("webwxgetmsgimg", msgid=sent["msg_id"]))[1]

    assert await image() == JPEG
    assert await image(sample="png") == PNG
    assert await image(data=base64.b64encode(GIF).decode()) == GIF
    assert await image(size=1000, seed=7) == bytes_of(1000, 7)
    for wrong in ({"sample": "tiff"}, {"data": "%%%"}, {"size": "big"}):
        assert (
            "should be"
            in (await control.post("friend/sends_image", friend="小灰", **wrong))["error"]
        )
    for verb, call, data in (("voice", "webwxgetvoice", MP3), ("video", "webwxgetvideo", MP4)):
        sent = await control.post(f"friend/sends_{verb}", friend="小灰", seconds=9)
        ranged = {"Range": "bytes=0-"}
        assert (await client.download(call, ranged, msgid=sent["msg_id"]))[1] == data


async def test_what_was_sent_is_shown(control: Control, client: WebClient) -> None:
    media_id = (await client.upload(PNG, "pic", name="a.png"))["MediaId"]
    await client.send_kind("webwxsendmsgimg", "filehelper", 3, MediaId=media_id)
    (sent,) = await control.get("sent")
    assert (sent["medium"]["media_id"], sent["medium"]["name"]) == (media_id, "a.png")
    assert await control.get("media") == [sent["medium"]]
    whole = await control.get("medium", media_id=media_id)
    assert base64.b64decode(whole["data"]) == PNG
    assert "nothing" in (await control.get("medium", media_id="x"))["error"]


async def test_becoming_friends(control: Control, client: WebClient, account: Account) -> None:
    asked = await control.post("account/asks_to_be_friends", name="客人", words="你好")
    assert await control.get("friend_requests") == [asked]
    (message,) = (await client.sync())["AddMsgList"]
    assert message["Ticket"] == asked["ticket"]
    stranger = next(
        m.person for m in account.group("PERL学习交流").others if not m.person.is_friend
    )
    assert account.session is not None
    users = [{"Value": account.session.id_of(stranger), "VerifyUserTicket": ""}]
    await client.post("webwxverifyuser", {"Opcode": 2, "VerifyUserList": users})
    (sent,) = await control.get("friend_requests_sent")
    assert not sent["accepted"]
    await control.post("account/is_accepted", name=sent["key"])
    assert stranger.is_friend
    assert "did not ask" in (await control.post("account/is_accepted", name="x"))["error"]


async def test_recalls_invitations_and_avatars(
    control: Control, client: WebClient, account: Account, simulator: Simulator
) -> None:
    theirs = await control.post("friend/says", friend="小灰", text="1")
    await control.post("friend/recalls", friend="小灰", msg_id=theirs["msg_id"])
    ours = await control.post("phone/says", friend="小灰", text="2")
    await control.post("phone/recalls", msg_id=ours["msg_id"])
    sent = await client.send("filehelper", "3")
    await control.post("phone/recalls", msg_id=sent["MsgID"])
    kinds = [m["MsgType"] for m in (await client.sync())["AddMsgList"]]
    assert kinds == [1, 10002, 1, 10002, 10002]
    unknown = await control.post("phone/recalls", msg_id="1")
    assert unknown["error"] == "there is no message '1'"
    group = account.group("PERL学习交流")
    member = group.others[0].nickname
    said = await control.post("group/member_says", group=group.name, member=member, text="1")
    await control.post("group/member_recalls", group=group.name, msg_id=said["msg_id"])
    group.invited.append(account.friend("🥰"))
    listed = {g["name"]: g for g in await control.get("groups")}
    assert listed[group.name]["invited"] == ["🥰"]
    await control.post("group/accepts_invitation", group=group.name, member="🥰")
    assert account.friend("🥰").key in group.members
    again = await control.post("group/accepts_invitation", group=group.name, member="🥰")
    assert "not invited" in again["error"]
    await control.post("friend/changes_avatar", friend="小灰")
    assert account.friend("小灰").avatar_version == 2
    for off in (False, "false", 0):
        simulator.settings.keep_media = True
        await control.post("settings", revoke_within_s=0, keep_media=off)
        assert simulator.settings.keep_media is False


async def test_logins_are_refused(control: Control, client: WebClient, account: Account) -> None:
    refused = await control.post("account/refuse_login", ret=1204, message="no <more>")
    assert refused == {"done": True}
    assert account.refusal == (1204, "no <more>")
    await control.post("account/refuse_login")
    assert account.refusal[0] == 1203
    await control.post("account/allow_login")
    assert account.refusal is None


async def test_what_phones_and_friends_change(
    control: Control, client: WebClient, account: Account
) -> None:
    await control.post("phone/remarks", friend="momo", name="r")
    await control.post("phone/renames_me", name="新我")
    await control.post("friend/unfriends_me", friend="小灰")
    grey = account.friend("小灰")
    assert (account.friend("momo").remark, account.owner.nickname) == ("r", "新我")
    assert grey.has_dropped_me
    await control.post("phone/deletes", friend=str(grey.key))
    assert grey not in account.friends
    missing = await control.post("phone/remarks", friend="momo")
    assert missing == {"error": "name is missing"}

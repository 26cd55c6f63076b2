"""Initialisation and contacts (reference, 3)."""

from __future__ import annotations

import html

import pytest

from openwx.simulator import Account, Simulator

from .web_client import WebClient


async def test_init_lists_recent_chats_without_names_of_members(
    web: WebClient, account: Account
) -> None:
    answer = await web.log_in(account)
    group = next(c for c in answer["ContactList"] if c["UserName"].startswith("@@"))
    assert group["MemberCount"] == len(group["MemberList"])
    assert {m["NickName"] for m in group["MemberList"]} == {""}
    assert answer["ChatSet"].startswith("filehelper,@@")
    assert answer["SyncKey"]["Count"] == len(answer["SyncKey"]["List"])


async def test_names_on_the_wire(client: WebClient) -> None:
    names = {c["NickName"] for c in await client.contacts()}
    assert "Tom &amp; Jerry &lt;猫和老鼠&gt;" in names
    assert '阳光<span class="emoji emoji1f604"></span>宝贝' in names
    flag = '<span class="emoji emoji1f1e81f1f3"></span>'
    assert f"{flag}中国人{flag}" in names
    assert '拥抱<span class="emoji emoji1f450"></span明天' in names, "the service drops this >"
    assert "🥰" in names, "younger emoji come as they are"


async def test_pages_of_contacts(client: WebClient, simulator: Simulator, account: Account) -> None:
    simulator.settings.contact_page_size = 7
    contacts = await client.contacts()
    ids = [c["UserName"] for c in contacts]
    assert len(ids) == len(set(ids)) == 1 + 5 + 4 + 30 + sum(g.saved for g in account.groups)
    assert len(simulator.calls_of("webwxgetcontact")) == 7
    assert client.me in ids
    assert "filehelper" in ids
    assert all(c["MemberList"] == [] and c["Uin"] == 0 for c in contacts)
    assert sum(c["VerifyFlag"] & 8 > 0 for c in contacts) == 5


async def test_groups_and_their_members_by_batch(client: WebClient, account: Account) -> None:
    big = account.groups[1]
    group_id = await client.id_of("Python爱好者 &amp; 朋友们")
    body = {"Count": 1, "List": [{"UserName": group_id, "EncryChatRoomId": ""}]}
    answer = await client.post("webwxbatchgetcontact", body, type="ex")
    (record,) = answer["ContactList"]
    assert record["MemberCount"] == len(record["MemberList"]) == len(big.members) == 500
    assert "Province" not in record["MemberList"][0]
    assert any(m["DisplayName"] for m in record["MemberList"])

    room = record["EncryChatRoomId"]
    ask = [{"UserName": m["UserName"], "EncryChatRoomId": room} for m in record["MemberList"]]
    details = await client.post("webwxbatchgetcontact", {"Count": 50, "List": ask[:50]})
    assert details["Count"] == 50
    assert "Province" in details["ContactList"][0]
    too_many = await client.post("webwxbatchgetcontact", {"Count": 51, "List": ask[:51]})
    assert too_many["BaseResponse"]["Ret"] == 1
    misspelt = [{"UserName": group_id, "ChatRoomId": ""}]
    assert (await client.post("webwxbatchgetcontact", {"List": misspelt}))["Count"] == 1
    assert (await client.post("webwxbatchgetcontact", {"List": [{"UserName": "@0"}]}))["Count"] == 0


async def test_status_notify_pairs_ids_with_uins(client: WebClient, account: Account) -> None:
    body = {"Code": 3, "FromUserName": client.me, "ToUserName": client.me, "ClientMsgId": 1}
    answer = await client.post("webwxstatusnotify", body)
    assert answer["BaseResponse"]["Ret"] == 0
    assert await client.check() == ("0", "2")
    (message,) = (await client.sync())["AddMsgList"]
    assert (message["MsgType"], message["StatusNotifyCode"]) == (51, 4)
    content = html.unescape(message["Content"])
    lasting = content.split("<username>")[1].split("</username>")[0].split(",")
    ids = message["StatusNotifyUserName"].split(",")
    paired = dict(zip(ids, lasting, strict=True))
    friend = account.friend("小灰")
    assert paired[await client.id_of("小灰")] == str(friend.uin)
    assert paired[await client.id_of("PERL学习交流")] == account.group("PERL学习交流").uin
    assert any(name.startswith("wxid_") for name in lasting)
    assert any(name.endswith("@chatroom") for name in lasting)


async def test_marking_as_read(client: WebClient, account: Account) -> None:
    to = await client.id_of("小灰")
    await client.post("webwxstatusnotify", {"Code": 1, "FromUserName": client.me, "ToUserName": to})
    assert account.read_chats == [account.friend("小灰")]


async def test_changes_arrive_by_sync(client: WebClient, account: Account) -> None:
    friend = account.friend("小灰")
    friend.renames("小灰灰 & 😄")
    assert await client.check() == ("0", "4")
    (changed,) = (await client.sync())["ModContactList"]
    assert changed["NickName"] == '小灰灰 &amp; <span class="emoji emoji1f604"></span>'
    account.phone.deletes(friend)
    assert await client.check() == ("0", "6")
    (gone,) = (await client.sync())["DelContactList"]
    assert gone["UserName"] == changed["UserName"]
    account.add_friend("新朋友", alias="new_one")
    assert (await client.sync())["ModContactList"][0]["Alias"] == "new_one"


async def test_group_changes_arrive_with_a_notice(client: WebClient, account: Account) -> None:
    group = account.group("PERL学习交流")
    count = len(group.members)
    group.add_member("新人")
    answer = await client.sync()
    assert "新人" in answer["AddMsgList"][0]["Content"]
    assert answer["AddMsgList"][0]["MsgType"] == 10000
    (record,) = answer["ModContactList"]
    assert len(record["MemberList"]) == count + 1
    assert set(record["MemberList"][0]) == {
        "Uin", "UserName", "NickName", "AttrStatus", "PYInitial", "PYQuanPin", "RemarkPYInitial",
        "RemarkPYQuanPin", "MemberStatus", "DisplayName", "KeyWord",
    }  # fmt: skip
    group.remove_member("新人")
    group.rename("PERL & Python")
    (record,) = (await client.sync())["ModContactList"]
    assert (record["NickName"], record["MemberCount"]) == ("PERL &amp; Python", count)
    group.remove_member(account.owner)
    assert (await client.sync())["DelContactList"][0]["UserName"] == record["UserName"]


async def test_own_profile(client: WebClient, account: Account) -> None:
    account.phone.renames_me("我变了")
    profile = (await client.sync())["Profile"]
    assert (profile["BitFlag"], profile["NickName"]["Buff"]) == (190, "我变了")
    assert (await client.sync())["Profile"]["BitFlag"] == 0


async def test_remark_and_pin(client: WebClient, account: Account) -> None:
    friend, to = account.friend("小灰"), await client.id_of("小灰")
    await client.post("webwxoplog", {"CmdId": 2, "RemarkName": "灰哥", "UserName": to})
    assert friend.remark == "灰哥"
    assert (await client.sync())["ModContactList"][0]["RemarkName"] == "灰哥"
    await client.post("webwxoplog", {"CmdId": 3, "OP": 1, "UserName": to, "RemarkName": "灰哥"})
    assert (friend.pinned, friend.remark) == (True, "灰哥")
    await client.post("webwxoplog", {"CmdId": 3, "OP": 0, "UserName": to})
    assert (friend.pinned, friend.remark) == (False, "")


def test_a_seed_makes_the_same_world_and_a_big_one_fast() -> None:
    def names(simulator: Simulator) -> list[str]:
        account = simulator.account()
        members = [m.shown_name for g in account.groups for m in g.members.values()]
        return [f.nickname + f.alias + f.remark for f in account.friends] + members

    assert names(Simulator(7)) == names(Simulator(7))
    assert names(Simulator(7)) != names(Simulator(8))
    assert len(Simulator(friends=5000).account().friends) == 5000


async def test_avatars(client: WebClient) -> None:
    (friend,) = [c for c in await client.contacts() if c["NickName"] == "小灰"]
    async with client.http.get(client.url + friend["HeadImgUrl"]) as answer:
        assert answer.content_type == "image/png"


async def test_batch_look_up_of_people(client: WebClient, account: Account) -> None:
    group, friend = account.group("PERL学习交流"), account.friend("小灰")
    stranger = next(m.person for m in group.others if not m.person.is_friend)
    session = account.session
    assert session is not None
    ids = [session.id_of(person) for person in (friend, stranger, account.owner)]
    asked = {"List": [{"UserName": user_name} for user_name in ids]}
    known, blank, own = (await client.post("webwxbatchgetcontact", asked))["ContactList"]
    assert (known["NickName"], known["Alias"]) == ("小灰", "xiaohui2016")
    assert (blank["UserName"], blank["NickName"]) == (ids[1], "")
    assert own["UserName"] == client.me
    for wrong in ({"List": "x"}, {"List": ["x"]}, {}):
        assert (await client.post("webwxbatchgetcontact", wrong))["BaseResponse"]["Ret"] == 1


async def test_what_people_do(client: WebClient, account: Account) -> None:
    friend, group = account.friend("小灰"), account.group("PERL学习交流")
    stranger = next(m.person for m in group.others if not m.person.is_friend)

    async def changed() -> list[str]:
        return [c["UserName"] for c in (await client.sync())["ModContactList"]]

    session = account.session
    assert session is not None
    friend.changes(signature="新的", city="广州")
    friend.changes_avatar()
    account.phone.remarks(friend, "灰哥")
    assert await changed() == [session.id_of(friend)]
    stranger.renames("生人")
    assert session.id_of(group) in await changed()
    group.member_renames(stranger, "老生")
    assert group.member("老生").person is stranger
    assert await changed() == [session.id_of(group)]
    new = account.add_group("新群", [friend, "路人"], saved=False, owner=friend)
    (record,) = (await client.sync())["ModContactList"]
    assert (record["NickName"], record["ChatRoomOwner"]) == ("新群", session.id_of(friend))
    assert (record["MemberCount"], record["OwnerUin"]) == (3, 0)
    message = new.member_says("路人", "oops")
    new.member_recalls(message)
    account.phone.leaves(new)
    kinds = [m["MsgType"] for m in (await client.sync())["AddMsgList"]]
    assert kinds == [1, 10002, 51]
    await client.sync()
    await account.acknowledges()
    await account.hands_out(message)
    with pytest.raises(ValueError, match="no uin"):
        friend.changes(uin=1)
    with pytest.raises(LookupError, match="not in"):
        new.member_says(stranger, "x")
    with pytest.raises(LookupError, match="0 members"):
        new.member("nobody")
    with pytest.raises(LookupError, match="2 friends"):
        account.friend("张伟")
    with pytest.raises(LookupError, match="0 groups"):
        account.group("nothing")

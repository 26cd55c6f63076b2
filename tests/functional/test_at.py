"""`at` of a group's message: whom it mentions."""

import base64
from urllib.parse import quote

import pytest

from openwx.simulator import Account
from openwx.simulator.media import PNG

from .visitor import Visitor
from .world import Gateway, Receiver

GROUP = "Python爱好者 & 朋友们"


async def ids_of(api: Gateway, *names: str) -> list[str]:
    (group,) = (await api.get("search_group", displayname=GROUP)).json
    by_name = {one["displayname"]: one["id"] for one in group["member"]}
    return [by_name[name] for name in names]


async def test_members_are_mentioned_by_the_names_that_the_group_shows(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    group = account.group(GROUP)
    shown, other = [one for one in group.others if not one.person.is_friend][:2]
    group.member_renames(shown, "小@ 王 & <b>")
    await receiver.get(event="group_member_property_change")
    first, second = await ids_of(api, "小@ 王 & <b>", other.shown_name)
    answer = await api.get(
        "send_group_message", displayname=GROUP, content="在吗", at=f"{first}, {second},{first}"
    )
    assert answer.code == 0
    assert await group.hears_text() == f"@小@ 王 & <b>\u2005@{other.shown_name}\u2005在吗"
    report = await receiver.get(post_type="send_message")
    assert report["content"] == f"@小@ 王 & <b> @{other.shown_name} 在吗"
    assert [one["id"] for one in report["mentions"]] == [first, second]


async def test_my_name_for_a_friend_is_not_told_to_the_group(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    friend = account.friend("小灰")
    group = account.add_group("三人", [friend, account.stranger("路人")])
    await receiver.get(event="new_group")
    account.phone.remarks(friend, "欠我钱的人")
    await receiver.get(event="friend_property_change")
    (answer,) = (await api.get("search_group", displayname="三人")).json
    (id,) = [one["id"] for one in answer["member"] if one["name"] == "小灰"]
    await api.get("send_group_message", displayname="三人", content="hi", at=id)
    assert await group.hears_text() == "@小灰\u2005hi"


async def test_everybody_a_file_and_later(api: Gateway, account: Account) -> None:
    group = account.group(GROUP)
    answer = await api.post_json(
        "send_group_message", displayname=GROUP, at="@all", **{"async": 1}, content="later"
    )
    assert answer.code == 0
    assert await group.hears_text() == "@所有人\u2005later"
    (group_told,) = (await api.get("search_group", displayname=GROUP)).json
    data = base64.b64encode(PNG).decode()
    answer = await api.post("send_message", id=group_told["id"], at="@all", media_data=data)
    assert answer.code == 0
    text, picture = await group.hears(2)
    assert (text.text, picture.msg_type) == ("@所有人\u2005", 3)


@pytest.mark.parametrize(
    ("params", "code", "words"),
    [
        (
            {"at": "@nobody", "content": "x"},
            100,
            "no member of Python爱好者 & 朋友们 with id=@nobody",
        ),
        ({"at": "@all", "content": "x" * 16_380}, -2, "at and content are 16384 bytes"),
        ({"at": "@all"}, -2, "content is missing"),
    ],
)
async def test_what_cannot_be_mentioned(
    api: Gateway, account: Account, params: dict[str, str], code: int, words: str
) -> None:
    answer = await api.post("send_group_message", displayname=GROUP, **params)
    assert answer.code == code
    assert words in answer.json["status"]
    assert account.group(GROUP).inbox == []


async def test_nobody_is_mentioned_to_a_friend(api: Gateway, account: Account) -> None:
    answer = await api.get("send_message", displayname="小灰", content="x", at="@all")
    assert answer.code == -2
    assert "at is for groups only" in answer.json["status"]
    assert account.friend("小灰").inbox == []


async def test_a_visitor_of_the_console_mentions_a_member(api: Gateway, account: Account) -> None:
    group = account.group(GROUP)
    (answer,) = (await api.get("search_group", displayname=GROUP)).json
    (member,) = await ids_of(api, group.others[0].shown_name)
    console, id = "/console/accounts/default", quote(answer["id"])
    mention = f"{console}/chat?id={id}&at={quote(member)}"
    visitor = Visitor(api.url)
    try:
        assert mention in (await visitor.open(f"{console}/contact?id={id}")).links()
        page = await visitor.open(mention)
        assert page.values("at") == [member]
        assert f"The message mentions {group.others[0].shown_name}." in page.text
        fields = {"content": "在吗", "at": member}
        await visitor.submits(f"{console}/chat?id={id}", **fields)
        assert await group.hears_text() == f"@{group.others[0].shown_name}\u2005在吗"
        page = await visitor.open(f"{console}/chat?id={id}&at=@nobody")
        assert page.values("at") == []
    finally:
        await visitor.http.close()

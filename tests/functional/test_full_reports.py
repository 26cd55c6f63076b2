"""Reports tell everything: mentions, quotes, articles, mini programs, announcements; and several replies."""

from openwx.simulator import Account
from openwx.simulator.media import PNG
from openwx.simulator.wire.shares import Article
from tests.populations import LARGE
from tests.rows import rows

from .world import Gateway, Receiver, World, says

POPULATION = LARGE

GROUP = "PERL学习交流"
ME = "我是谁"


async def test_whom_a_text_mentions(api: Gateway, account: Account, receiver: Receiver) -> None:
    group = account.group(GROUP)
    writer, other = group.others[:2]
    group.member_renames(other, "小@ 王 🌹")
    await receiver.get(event="group_member_property_change")
    group.member_mentions(writer, [other, account.owner], "都在吗")
    report = await receiver.get(post_type="receive_message")
    assert report["content"] == f"@小@ 王 🌹 @{ME} 都在吗"
    (answer,) = (await api.get("search_group", displayname=GROUP)).json
    names = ("id", "uid", "displayname")
    mentioned, me = (
        next(one for one in answer["member"] if one["displayname"] == name)
        for name in ("小@ 王 🌹", ME)
    )
    assert report["mentions"] == [
        {name: mentioned[name] for name in names} | {"me": False},
        {name: me[name] for name in names} | {"me": True},
    ]
    assert (report["mentions_me"], report["mentions_all"]) == (True, False)


async def test_who_is_not_mentioned(api: Gateway, account: Account, receiver: Receiver) -> None:
    group = account.group(GROUP)
    group.member_says(group.others[0], f"@{ME} typed by hand")
    report = await receiver.get(type="group_message")
    assert report["mentions"] == []
    assert (report["mentions_me"], report["mentions_all"]) == (False, False)
    account.friend("小灰").says(f"@{ME}\u2005")
    assert "mentions" not in await receiver.get(type="friend_message")


async def test_everybody_is_mentioned_on_the_phone_too(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    group = account.group(GROUP)
    account.phone.mentions(group, ["所有人", group.others[0]], "开会")
    report = await receiver.get(post_type="send_message")
    assert (report["mentions_me"], report["mentions_all"]) == (False, True)
    assert [one["me"] for one in report["mentions"]] == [False]


async def test_a_quote(api: Gateway, account: Account, receiver: Receiver) -> None:
    group = account.group(GROUP)
    first, second = group.others[:2]
    said = group.member_says(first, "几点 <开会> & 在哪？")
    group.member_quotes(second, said, f"@{ME}\u2005七点")
    report = await receiver.get(content=f"@{ME} 七点")
    assert (report["format"], report["type"]) == ("text", "group_message")
    assert report["mentions_me"]
    assert report["quote"] == {
        "id": said.msg_id,
        "sender": first.shown_name,
        "content": "几点 <开会> & 在哪？",
        "format": "text",
    }


async def test_a_quote_of_what_has_no_words(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    friend = account.friend("小灰")
    picture = friend.sends_image(PNG)
    before = await receiver.get(format="media")
    friend.quotes(picture, "好看吗")
    report = await receiver.get(content="好看吗")
    assert report["quote"] == {
        "id": picture.msg_id,
        "sender": "小灰",
        "content": before["content"],
        "format": "media",
    }
    friend.quotes(friend.sends_link("一条新闻"), "看了吗")
    quote = (await receiver.get(content="看了吗"))["quote"]
    assert (quote["content"], quote["format"]) == ("一条新闻", "app")


async def test_a_quote_of_our_own_message(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    friend = account.friend("小灰")
    sent = (await api.get("send_friend_message", displayname="小灰", content="ours")).json
    [heard] = await friend.hears()
    friend.quotes(heard, "yes")
    quote = (await receiver.get(content="yes"))["quote"]
    assert (quote["id"], quote["sender"], quote["content"]) == (sent["msg_id"], ME, "ours")


async def test_a_quote_of_clients_without_quotes(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    group = account.group(GROUP)
    first, second = group.others[:2]
    said = group.member_mentions(first, [account.owner], "在吗")
    group.member_quotes(second, said, "不在", as_text=True)
    report = await receiver.get(content="不在")
    assert report["quote"] == {"sender": first.shown_name, "content": f"@{ME} 在吗"}
    assert not report["mentions_me"]


async def test_all_articles_of_a_push(api: Gateway, account: Account, receiver: Receiver) -> None:
    articles = [
        Article("头条 & <1>", "摘要", "https://mp.example/s?a=1&b=2", "https://pic.example/1"),
        Article("第二条", url="https://mp.example/s?a=2"),
        Article("第三条 ]]>", "三"),
    ]
    account.friend("小灰").sends_articles(articles)
    report = await receiver.get(format="app")
    assert report["app_items"] == [
        {"title": one.title, "desc": one.desc, "url": one.url, "cover": one.cover}
        for one in articles
    ]
    assert (report["app_type"], report["app_title"]) == (5, "头条 & <1>")
    assert "<mmreader>" in report["app_xml"]
    assert "app_path" not in report


@rows("kind", [33, 36])
async def test_a_mini_program(
    api: Gateway, account: Account, receiver: Receiver, kind: int
) -> None:
    friend = account.friend("小灰")
    friend.sends_mini_program(
        "点单", "茶馆", path="pages/cup.html?id=3&n=1", username="gh_1@app", app_msg_type=kind
    )
    report = await receiver.get(format="app")
    assert (report["app_type"], report["app_items"]) == (kind, [])
    assert (report["app_path"], report["app_username"]) == ("pages/cup.html?id=3&n=1", "gh_1@app")


async def test_an_announcement(api: Gateway, account: Account, receiver: Receiver) -> None:
    group = account.group(GROUP)
    group.member_announces(group.others[0], "明天放假\n<好好> 休息")
    report = await receiver.get(format="app")
    assert (report["content"], report["app_type"]) == ("明天放假\n<好好> 休息", 87)


async def test_numbers_may_be_numbers(world: World, account: Account, receiver: Receiver) -> None:
    await world.run(report={"numbers": True})
    account.friend("小灰").sends_link("x")
    report = await receiver.get(format="app")
    assert (report["app_type"], report["app_items"]) == (5, [])
    assert isinstance(report["time"], int)


async def test_several_replies_are_sent_in_order(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    friend = account.friend("小灰")
    receiver.behaves(says({"reply": ["one", "two"]}), content="list")
    friend.says("list")
    assert [one.text for one in await friend.hears(2)] == ["one", "two"]


async def test_what_follows_a_file_waits_for_it(
    world: World, account: Account, receiver: Receiver
) -> None:
    await world.run()
    path = world.data_dir / "media" / "a.png"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(PNG)
    friend = account.friend("小灰")
    answer = [{"media": str(path)}, {"reply": "after it"}, {"reply": "and", "media": str(path)}]
    receiver.behaves(says({"replies": answer}), content="replies")
    friend.says("replies")
    kinds = [(one.msg_type, one.text) for one in await friend.hears(4)]
    assert [kind for kind, _ in kinds] == [3, 1, 1, 3]
    assert [text for kind, text in kinds if kind == 1] == ["after it", "and"]


async def test_a_file_that_fails_does_not_stop_the_rest(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    friend = account.friend("小灰")
    answer = [{"media": "/no/such/file"}, {"reply": "all the same"}]
    receiver.behaves(says({"replies": answer}), content="replies")
    friend.says("replies")
    assert await friend.hears_text() == "all the same"
    assert (await receiver.get(post_type="send_message", format="media"))["code"] != 0

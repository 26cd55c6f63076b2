"""The pages in Chinese, in every state that the simulator can produce: no English in them but names and codes."""

import html
import io
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from openwx.config import AccessSettings, AccountSettings
from openwx.simulator import Account, Fault, Simulator
from openwx.simulator.media import GIF, JPEG, MP3, MP4
from openwx.simulator.wire.shares import Article

from .visitor import Page, Visitor
from .world import Gateway, Receiver, World, answers

ROOT = "/console"
ACCOUNT = f"{ROOT}/accounts/default"
AS_SCRIPT = {"HX-Request": "true"}

NAMES = re.compile(
    r"https?://\S+|@\w+|msg_\S+|[\w./-]+\.(?:md|toml|jpg|png|gif|mp3|mp4|pdf)\b"
    r"|\bmedia\.\w+|\bopenwx outbox list\b"
    r"|\b(?:openwx|filehelper|post_api|post_event_list|report|access|keys|token|login_mode|desktop|default|shop|home"
    r"|iLink|ClawBot|transport|ilink|web"
    r"|HTTP|API|webhook-id|uid|id|kB|MB|GB|EN|English)\b"
)
"""What a Chinese page says in Latin letters: names, codes, addresses, units, and the way to the English pages."""

SPOKEN = re.compile(r'\s(?:aria-label|title|placeholder|alt|data-confirm)="([^"]*)"')
UNSPOKEN = re.compile(
    r"<(svg|pre)\b.*?</\1>|<code[^>]*>[^\s<]*</code>|<details class=\"detail\">.*?</details>",
    re.DOTALL,
)
"""Drawings, the JSON of a report, codes, and the original text of an error, which is folded and called English."""


def english_in(page: Page, names: list[str]) -> list[str]:
    """List the words in Latin letters that a page shows or speaks, apart from names and codes."""
    shown = UNSPOKEN.sub(" ", page.html)
    text = html.unescape(" ".join([re.sub(r"<[^>]*>", " ", shown), *SPOKEN.findall(shown)]))
    for name in names:
        text = text.replace(name, " ")
    return re.findall("[A-Za-z]{2,}", NAMES.sub(" ", text))


def names_in(thing: object) -> list[str]:
    """List all texts in an answer of the API."""
    if isinstance(thing, dict):
        return [one for value in thing.values() for one in names_in(value)]
    if isinstance(thing, list):
        return [one for value in thing for one in names_in(value)]
    return [thing] if isinstance(thing, str) else []


@dataclass
class Reader:
    """A reader of Chinese. ``names`` are those of people and groups, the longest first."""

    visitor: Visitor
    names: list[str] = field(default_factory=list, repr=False)

    async def learn_names(self, gateway: Gateway) -> None:
        """Note the names and signatures of all contacts."""
        found: set[str] = set()
        for route in ("get_user_info", "get_friend_info", "get_group_info"):
            found |= set(names_in((await gateway.get(route)).json))
        self.names = sorted(filter(None, found), key=len, reverse=True)

    def check(self, page: Page) -> Page:
        """Assert that a page is Chinese."""
        found = english_in(page, self.names)
        assert not found, f"{page.url} says: {page.text}"
        assert re.search("[\u4e00-\u9fff]", page.text)
        return page

    async def open(self, path: str) -> Page:
        return self.check(await self.visitor.open(path))

    async def walk(self, start: str = ROOT) -> set[str]:
        """Follow all links from a page, some of each kind, and read each page. Return their addresses."""
        waiting, seen, counts = [start], {start}, dict[str, int]()
        while waiting:
            path = waiting.pop(0)
            page = await self.open(path)
            for link in page.links():
                kind = kind_of(link)
                if link in seen or not kind or counts.get(kind, 0) >= 6:
                    continue
                counts[kind] = counts.get(kind, 0) + 1
                seen.add(link)
                waiting.append(link)
        return seen

    async def until(self, path: str, words: str) -> Page:
        """Open a page again and again until it says this."""
        return self.check(await self.visitor.until(path, words))


PAGES = ("", "/chats", "/chat", "/contacts", "/contact", "/feed", "/deliveries", "/delivery")


def kind_of(link: str) -> str:
    """Name the page that a link leads to; empty for what is no page of an account."""
    parts = urlsplit(link)
    found = re.fullmatch(r"/console/accounts/[^/]+(/?\w*)", parts.path)
    if found is None or found[1] not in PAGES:
        return ""
    query = parse_qs(parts.query)
    return found[1] + "".join(query.get("state", query.get("kind", [])))


@pytest.fixture
async def reader() -> AsyncIterator[Callable[[Gateway], Awaitable[Reader]]]:
    visitors: list[Visitor] = []

    async def come(gateway: Gateway) -> Reader:
        visitors.append(Visitor(gateway.url, "zh-CN"))
        reader = Reader(visitors[-1])
        if (await gateway.client())["state"] == "running":
            await reader.learn_names(gateway)
        return reader

    yield come
    for visitor in visitors:
        await visitor.http.close()


Comes = Callable[[Gateway], Awaitable[Reader]]


@pytest.mark.parametrize("mode", ["web", "desktop"])
@pytest.mark.parametrize(
    ("ret", "words"), [(1203, "此微信号不能登录网页版（1203）"), (1204, "（1204）"), (-999, "微信返回码 -999")]
)  # fmt: skip
async def test_a_refused_login(
    world: World, account: Account, reader: Comes, mode: str, ret: int, words: str
) -> None:
    account.refuse_login(ret)
    gateway = await world.start(login_mode=mode)
    one = await reader(gateway)
    await one.until(ACCOUNT, "请用微信扫码")
    await account.phone.logs_in()
    await one.until(ACCOUNT, words)
    await one.until(f"{ACCOUNT}/feed", words)
    await one.walk()


@pytest.mark.parametrize(
    ("ret", "words"), [(1100, "在手机上退出"), (1101, "另一个网页端"), (1102, "登录已过期")]
)
async def test_an_ended_session(
    api: Gateway, account: Account, receiver: Receiver, reader: Comes, ret: int, words: str
) -> None:
    one = await reader(api)
    account.friend("小灰").says("在吗")
    await receiver.get(post_type="receive_message")
    account.end_session(ret)
    await one.until(ACCOUNT, words)
    await one.walk()
    await account.phone.sees_push_login()
    account.phone.cancel()
    await one.until(ACCOUNT, "请用微信扫码")
    await one.until(ACCOUNT, words)
    await one.walk()


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.DROP, Fault.GARBAGE])
async def test_wechat_in_trouble(
    world: World, simulator: Simulator, reader: Comes, fault: Fault
) -> None:
    simulator.faults.add("jslogin", fault)
    one = await reader(await world.start())
    await one.until(ACCOUNT, "openwx 会自动继续尝试")
    await one.walk()


@pytest.mark.parametrize("ret", [1205, -1])
async def test_contacts_that_are_refused(
    world: World, account: Account, simulator: Simulator, reader: Comes, ret: int
) -> None:
    simulator.faults.add("webwxgetcontact", Fault.RET, ret=ret)
    one = await reader(await world.start())
    await account.phone.logs_in()
    await one.until(ACCOUNT, "微信暂时拒绝")
    await one.walk()


async def test_a_backend_that_is_gone(
    api: Gateway, account: Account, receiver: Receiver, reader: Comes
) -> None:
    one = await reader(api)
    await receiver.stop()
    account.friend("小灰").says("有人吗")
    await one.until(ACCOUNT, "post_api 没有响应")
    await one.until(f"{ACCOUNT}/deliveries?state=waiting", "连接被拒绝")
    assert f"{ACCOUNT}/deliveries?state=waiting" in await one.walk()
    await receiver.start()


@pytest.mark.parametrize("status", [404, 500, 302])
async def test_a_backend_that_refuses(
    api: Gateway, account: Account, receiver: Receiver, reader: Comes, status: int
) -> None:
    one = await reader(api)
    elsewhere = {"Location": "http://elsewhere.example/"} if status == 302 else {}
    receiver.behaves(answers(status, **elsewhere), post_type="receive_message")
    account.friend("小灰").says("重要")
    await one.until(f"{ACCOUNT}/deliveries", f"HTTP {status}")
    pages = await one.walk()
    assert any("/delivery?" in path for path in pages)


@pytest.mark.parametrize(
    ("fault", "ret", "words"),
    [
        (Fault.RET, 1204, "微信限制了这个账号（1204）"),
        (Fault.RET, 1205, "（1205）"),
        (Fault.RET, 2, "微信拒绝了"),
        (Fault.SERVER_ERROR, 0, "多次失败"),
    ],
)
async def test_a_message_that_is_not_sent(
    api: Gateway,
    simulator: Simulator,
    receiver: Receiver,
    reader: Comes,
    fault: Fault,
    ret: int,
    words: str,
) -> None:
    one = await reader(api)
    simulator.faults.add("webwxsendmsg", fault, ret=ret, errmsg="不行")
    answer = await api.get("send_friend_message", account="xiaohui2016", content="好")
    assert answer.json["code"] != 0
    await receiver.get(post_type="send_message")
    await one.until(f"{ACCOUNT}/feed", words)
    await one.walk()


async def test_media_and_all_kinds_of_messages(
    api: Gateway, account: Account, simulator: Simulator, receiver: Receiver, reader: Comes
) -> None:
    one = await reader(api)
    friend, group = account.friend("小灰"), account.group("PERL学习交流")
    friend.sends_image(JPEG)
    friend.sends_voice(MP3, 2)
    friend.sends_video(MP4)
    friend.sends_sticker(GIF)
    friend.sends_file("路线.pdf", b"%PDF-1.4")
    await receiver.gets(5, format="media")
    simulator.faults.add("webwxgetmsgimg", Fault.EMPTY)
    friend.sends_image(JPEG)
    friend.sends_location("北京路", 39.9, 116.4)
    friend.sends_link("标题", "说明", "https://example.org/")
    friend.sends_articles([Article("头条", "说明"), Article("二条")])
    friend.sends_mini_program("小程序", "茶馆")
    friend.quotes(friend.says("引用我"), "引用了")
    friend.transfers("12.50")
    friend.sends_red_packet("恭喜发财")
    friend.sends_card(account.friend("momo"))
    friend.sends(9999, "")
    recalled = friend.says("写错了")
    friend.recalls(recalled)
    group.member_says(group.others[0], "大家好")
    group.member_mentions(group.others[0], [account.owner], "在吗")
    group.member_announces(group.others[0], "明天放假")
    group.notice("群公告")
    await receiver.get(content="群公告")
    await receiver.get(format="revoke")
    await one.until(f"{ACCOUNT}/feed", "群公告")
    await one.until(f"{ACCOUNT}/chats", "小灰")
    await one.walk()


async def test_events(api: Gateway, account: Account, receiver: Receiver, reader: Comes) -> None:
    friend, group = account.friend("小灰"), account.group("PERL学习交流")
    one = await reader(api)
    account.asks_to_be_friends("小红", "你好")
    account.add_friend("小蓝")
    account.lose_friend(account.friend("momo"))
    account.phone.remarks(friend, "灰灰")
    group.rename("学习")
    group.member_renames(group.others[0], "值日生")
    group.remove_member(group.others[1])
    account.add_group("新群", [friend])
    await receiver.get_event("new_group")
    await receiver.get_event("lose_group_member")
    await receiver.get_event("group_property_change")
    await receiver.get_event("friend_request")
    one.names += ["小红", "小蓝"]
    await one.walk()


@pytest.mark.usefixtures("stops_soon")
async def test_accounts_that_are_stopped(world: World, reader: Comes) -> None:
    settings = world.settings()
    base = AccountSettings.model_validate({"base_url": world.simulator.url})
    settings = settings.model_copy(update={"accounts": {"shop": base, "home": base}})
    gateway = await world.start(settings=settings)
    one = Reader(Visitor(gateway.url, "zh"))
    await one.until(f"{ROOT}/accounts/shop", "请用微信扫码")
    await gateway.get("stop_client", client="shop")
    await one.until(f"{ROOT}/accounts/shop", "已按要求停止")
    await one.walk(ROOT)
    await one.walk(f"{ROOT}/accounts/shop")
    await one.visitor.http.close()


async def test_forms_that_are_refused(
    world: World, account: Account, receiver: Receiver, reader: Comes
) -> None:
    gateway = await world.run(media={"max_size": 50_000})
    one = await reader(gateway)
    (friend,) = (await gateway.get("search_friend", account="xiaohui2016")).json
    chat = f"{ACCOUNT}/chat?id={friend['id']}"
    page = await one.open(chat)

    async def submits(path: str, words: str, **fields: object) -> None:
        for headers in (AS_SCRIPT, {}):
            form = aiohttp.FormData({"form_key": page.form_key})
            for name, value in fields.items():
                if isinstance(value, bytes):
                    form.add_field(name, io.BytesIO(value), filename="文件.jpg")
                else:
                    form.add_field(name, value)
            answer = await one.visitor.ask("POST", path, data=form, headers=headers)
            assert words in one.check(answer).text

    await submits(chat, "请输入内容，或选择文件", content="")
    await submits(chat, "文字太长", content="字" * 6000)
    await submits(chat, "文件无法使用", content="", media=bytes(60_000))
    await submits(chat, "文件无法使用", content="", media=b"")
    await submits(chat, "请求内容太大", content="", media=bytes(3_000_000))
    await submits(f"{ACCOUNT}/chat?id=@nobody", "找不到这个聊天", content="好")
    await submits(f"{ACCOUNT}/chat?line=no-such", "不在通讯录里", content="好")
    await submits(f"{ACCOUNT}/stop", "这是唯一的账号")
    await submits(f"{ACCOUNT}/deliveries/retry", "哪条上报")
    await submits(f"{ACCOUNT}/deliveries/retry", "它不存在", id="999")
    await submits(f"{ACCOUNT}/deliveries/drop", "必须是整数", id="x")
    account.phone.logs_out_web()
    await gateway.reaches("confirming")
    await submits(chat, "账号现在没有登录", content="好")
    form = {"form_key": "0" * 64}
    answer = await one.visitor.ask("POST", chat, data=form)
    assert "这个表单已过期" in one.check(answer).text


@pytest.mark.parametrize("path", [
    "/nothing", "/accounts/nobody", "/accounts/default/chat", "/accounts/default/chat?id=@x",
    "/accounts/default/delivery?id=9", "/accounts/default/contact?id=@x", "/accounts/default/media/9",
    "/accounts/default/media/x", "/accounts/default/feed?before=x", "/accounts/default/qrcode",
])  # fmt: skip
async def test_pages_that_do_not_exist(api: Gateway, reader: Comes, path: str) -> None:
    one = await reader(api)
    one.names += ["nobody", "before"]
    page = await one.open(ROOT + path)
    assert page.status in (400, 404)


async def test_requests_of_others(api: Gateway, reader: Comes) -> None:
    one = await reader(api)
    for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
        page = one.check(await one.visitor.ask("GET", ACCOUNT, headers=headers))
        assert (page.status, "不允许" in page.text) == (403, True)


async def test_the_login_at_the_console(world: World, reader: Comes) -> None:
    settings = world.settings().model_copy(
        update={"access": AccessSettings(token="a-token-that-fits")}
    )
    gateway = await world.start(settings=settings)
    one = Reader(Visitor(gateway.url, "zh"))
    await one.open(ROOT)
    for status in (401,) * 5 + (429,):
        page = one.check(await one.visitor.submits("/console/login", token="a-guess"))
        assert page.status == status
    await one.visitor.http.close()


def test_english_is_found() -> None:
    page = Page(200, '<p title="Not this">消息 from 小灰</p><svg><b>x</b></svg>'.encode(), {}, "")
    assert english_in(page, []) == ["from", "Not", "this"]

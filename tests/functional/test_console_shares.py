"""Quotes, mentions of the account, articles, mini programs and announcements on the page of a chat."""

from urllib.parse import quote
from xml.sax.saxutils import escape

from openwx.simulator import Account
from openwx.simulator.media import PNG
from openwx.simulator.wire.shares import Article
from tests.rows import rows

from .visitor import Comes, Page, Visitor
from .world import Gateway, Receiver

ACCOUNT = "/console/accounts/default"
GROUP = "PERL学习交流"


async def chat_with(visitor: Visitor, name: str) -> Page:
    contacts = await visitor.open(f"{ACCOUNT}/contacts?kind=groups&q={quote(name)}")
    (chat,) = {link for link in contacts.links() if "/chat?" in link}
    return await visitor.open(chat)


@rows(
    ("language", "mentions", "file", "gone"),
    [
        ("en", "mentions you", "[File]", "This message is not here any more."),
        ("zh", "提到了你", "[文件]", "这条消息已经不在了。"),
    ],
)
async def test_quotes_and_mentions(
    api: Gateway,
    account: Account,
    receiver: Receiver,
    comes: Comes,
    language: str,
    mentions: str,
    file: str,
    gone: str,
) -> None:
    group = account.group(GROUP)
    first, second = group.others[:2]
    said = group.member_says(first, "谁 <有空>？")
    group.member_quotes(second, said, "@我是谁\u2005你呢")
    group.member_quotes(second, group.member_sends_image(first, PNG), "好看")
    refer = "<refermsg><svrid>7</svrid><displayname>她</displayname></refermsg>"
    xml = f"<msg><appmsg><title>没了</title>{refer}</appmsg></msg>"
    group.member_sends(second, 49, escape(xml), AppMsgType=57)
    await receiver.get(content="没了")
    page = await chat_with(comes(api, language), GROUP)
    assert f"{first.shown_name} : 谁 <有空>？" in page.text
    assert f"{first.shown_name} : {file}" in page.text
    assert f"她 : {gone}" in page.text
    assert page.text.count(mentions) == page.text.count("你呢")


@rows(
    ("language", "labels"),
    [("en", ("Articles", "Mini program", "Announcement")), ("zh", ("文章", "小程序", "群公告"))],
)
async def test_what_is_shared(
    api: Gateway,
    account: Account,
    receiver: Receiver,
    comes: Comes,
    language: str,
    labels: tuple[str, ...],
) -> None:
    group = account.group(GROUP)
    member = group.others[0]
    articles = [
        Article("头条 <b>", "摘要", "https://example.org/1"),
        Article("二条", "", "javascript:alert(1)"),
        Article("", "", f"{api.url}/openwx/stop_client"),
    ]
    group.member_sends_articles(member, articles)
    group.member_sends_mini_program(member, "点单", "茶馆")
    group.member_announces(member, "明天放假\n<好好> 休息")
    await receiver.gets(3, format="app")
    page = await chat_with(comes(api, language), GROUP)
    for words in (*labels, "头条 <b>", "摘要", "二条", "点单", "茶馆", "<好好> 休息"):
        assert words in page.text, words
    assert "https://example.org/1" in page.links()
    assert not [link for link in page.links() if "javascript" in link or "stop_client" in link]

"""The console on a transport that cannot do all: what it shows, the digits, and going over to iLink."""

import asyncio
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from openwx.config import AccountSettings
from openwx.domain.contacts import UNKNOWN_FRIEND
from openwx.errors import LoginRefused
from openwx.transports.base import Capability
from tests.memory import MemoryTransports
from tests.memory_wechat import MemoryAccount
from tests.patience import PATIENCE_S

from .visitor import Comes
from .world import World

pytestmark = pytest.mark.in_memory

ACCOUNT = "/console/accounts/default"
FEW = frozenset({Capability.CONTACTS, Capability.SEND_TEXT, Capability.SEND_MEDIA})


@pytest.fixture
def few(peer: MemoryTransports) -> MemoryAccount:
    """Let the account be on a transport that is as able as iLink."""
    account = peer.account()
    peer.kind, account.capabilities = "ilink", FEW
    account.chats = account.friends[:2]
    return account


# -- what it can do --------------------------------------------------------------------------------------


async def test_the_connection_in_words(world: World, few: MemoryAccount, comes: Comes) -> None:
    gateway = await world.run()
    page = await comes(gateway).open(ACCOUNT)
    assert "Transport iLink (WeChat ClawBot)" in page.text
    assert "It can send texts, send pictures and files, list contacts" in page.text
    assert "It cannot read and write in groups, see the members of groups" in page.text
    assert "people who have written: 2" in page.text
    assert "groups: 0" not in page.text
    page = await comes(gateway, "zh").open(ACCOUNT)
    assert "传输方式 iLink（微信 ClawBot）" in page.text
    assert "支持 发文字、发图片和文件、列出联系人" in page.text


async def test_the_budget_of_each_person(world: World, few: MemoryAccount, comes: Comes) -> None:
    gateway = await world.run()
    visitor = comes(gateway)
    one, other = few.chats
    assert "more message" not in (await visitor.open(ACCOUNT)).text
    few.left = {one: 3, other: 1}
    page = await visitor.open(ACCOUNT)
    assert f"To {one.nickname} 3 more messages until" in page.text
    assert f"To {other.nickname} 1 more message until" in page.text
    few.left = {one: 0}
    page = await visitor.open(ACCOUNT)
    assert f"To {one.nickname} Nothing more until they write again" in page.text
    page = await comes(gateway, "zh").open(ACCOUNT)
    assert f"发给 {one.nickname} 不能再发了" in page.text


async def test_the_budget_stays_fresh(world: World, few: MemoryAccount, comes: Comes) -> None:
    gateway = await world.run()
    visitor = comes(gateway)
    few.left = {few.chats[0]: 7}
    request = visitor.http.get(f"{gateway.url}{ACCOUNT}/live?view=overview")
    async with asyncio.timeout(PATIENCE_S), request as stream:
        seen = ""
        while "7 more messages" not in seen:
            seen += (await stream.content.readany()).decode()
        few.left = {few.chats[0]: 6}
        while "6 more messages" not in seen:
            seen += (await stream.content.readany()).decode()


async def test_what_cannot_exist_is_not_shown(
    world: World, few: MemoryAccount, comes: Comes
) -> None:
    gateway = await world.run()
    visitor = comes(gateway)
    for path in ("/contacts", "/contacts?kind=groups", "/contacts?kind=others"):
        page = await visitor.open(ACCOUNT + path)
        assert page.status == 200
        assert few.chats[0].nickname in page.text
        for words in ("Groups", "Public accounts"):
            assert words not in page.text, path
        assert not [link for link in page.links() if "/avatar" in link]
    id = few.chats[0].record.id
    chat = f"{ACCOUNT}/chat?id={quote(id)}"
    assert 'name="media"' in (await visitor.open(chat)).html
    few.capabilities -= {Capability.SEND_MEDIA}
    page = await visitor.open(chat)
    assert 'name="content"' in page.html
    assert 'name="media"' not in page.html
    assert (await visitor.ask("GET", f"{ACCOUNT}/avatar?id={quote(id)}")).status == 204


async def test_nobody_has_written_yet(world: World, few: MemoryAccount, comes: Comes) -> None:
    few.chats = []
    visitor = comes(await world.run())
    for path in ("/contacts", "/chats"):
        page = await visitor.open(ACCOUNT + path)
        assert "Whoever writes to this account appears here." in page.text
        assert "group" not in page.text.lower()


async def test_web_wechat_shows_all(
    world: World, peer: MemoryTransports, account: MemoryAccount, comes: Comes
) -> None:
    peer.kind, account.capabilities = "web", frozenset(Capability)
    visitor = comes(await world.run())
    page = await visitor.open(ACCOUNT)
    assert "Transport web WeChat" in page.text
    assert "It cannot" not in page.text
    assert "groups: 2, public accounts: 1" in page.text
    page = await visitor.open(f"{ACCOUNT}/contacts")
    for words in ("Friends", "Groups", "Public accounts"):
        assert words in page.text
    assert [link for link in page.links() if "/avatar" in link]


# -- the digits ------------------------------------------------------------------------------------------


async def test_the_digits_are_asked_for(world: World, few: MemoryAccount, comes: Comes) -> None:
    few.wanted_code = "012345"
    gateway = await world.start()
    visitor = comes(gateway)
    await visitor.until(ACCOUNT, "Enter the digits that your phone shows")
    page = await visitor.submits(f"{ACCOUNT}/verify-code", code="12")
    assert (page.status, "Enter the 4 to 8 digits" in page.text) == (400, True)
    page = await visitor.submits(f"{ACCOUNT}/verify-code", code="999999")
    assert (page.status, "Those digits were wrong." in page.text) == (200, True)
    assert 'name="code"' in page.html, "to try again"
    page = await visitor.ask("POST", f"{ACCOUNT}/verify-code", data={"code": "012345"})
    assert page.status == 403, "without the form's key"
    page = await visitor.submits(f"{ACCOUNT}/verify-code", code="012 345")
    assert (page.status, "wrong" in page.text) == (200, False)
    await gateway.reaches("running")
    page = await visitor.open(f"{ACCOUNT}?digits=wrong")
    assert "Those digits were wrong." not in page.text
    assert 'name="code"' not in page.html
    page = await visitor.submits(f"{ACCOUNT}/verify-code", code="012345")
    assert (page.status, "No digits are wanted now." in page.text) == (400, True)


async def test_the_digits_in_chinese(world: World, few: MemoryAccount, comes: Comes) -> None:
    few.wanted_code = "012345"
    visitor = comes(await world.start(), "zh")
    page = await visitor.until(ACCOUNT, "请输入手机上显示的数字")
    assert "确认" in page.text


async def test_a_person_without_a_name(world: World, few: MemoryAccount, comes: Comes) -> None:
    me = few.friends[0]
    me.record = replace(me.record, name="", markname="", displayname=UNKNOWN_FRIEND)
    few.user = replace(few.user, name="", markname="", displayname=UNKNOWN_FRIEND)
    visitor = comes(await world.run())
    few.owner_id = me.record.id
    page = await visitor.open(ACCOUNT)
    assert "WeChat does not tell your name." in page.text
    assert "Bound to your WeChat · people who have written: 2" in page.text
    assert UNKNOWN_FRIEND not in page.text.partition("people who have written")[0]
    page = await visitor.submits(f"{ACCOUNT}/name", name=" ")
    assert page.status == 400
    page = await visitor.submits(f"{ACCOUNT}/name", name="x" * 101)
    assert page.status == 400
    page = await visitor.submits(f"{ACCOUNT}/name", name=" Ming  Xiao ")
    assert page.status == 200
    assert few.changes[-1] == ("set_markname", me.record.id, "Ming Xiao")


async def test_no_name_is_asked_of_the_named(
    world: World, few: MemoryAccount, comes: Comes
) -> None:
    visitor = comes(await world.run())
    few.owner_id = few.friends[0].record.id
    page = await visitor.open(ACCOUNT)
    assert f'action="{ACCOUNT}/name"' not in page.html
    page = await visitor.submits(f"{ACCOUNT}/name", name="another")
    assert (page.status, few.changes) == (400, [])


# -- iLink instead of web WeChat -------------------------------------------------------------------------


def transport(peer: MemoryTransports) -> str:
    """Return the setting of the account's newest transport."""
    return peer.settings["default"].transport


@pytest.fixture
def refused(peer: MemoryTransports) -> MemoryAccount:
    account = peer.account()
    peer.kind, account.capabilities = "web", frozenset(Capability)
    account.refusal = LoginRefused("login", 1203, "not this account")
    return account


async def test_a_refused_account_goes_over_to_ilink(
    world: World, refused: MemoryAccount, peer: MemoryTransports, comes: Comes
) -> None:
    gateway = await world.start()
    await gateway.reaches("stop")
    visitor = comes(gateway)
    page = await visitor.open(ACCOUNT)
    assert "This account can be connected by iLink instead" in page.text
    assert f"{ACCOUNT}/ilink" in page.links()
    page = await visitor.open(f"{ACCOUNT}/ilink")
    assert transport(peer) == "web", "looking changes nothing"
    for words in ("What is lost", "no groups", "ten, within 24 hours", "What stays", "config.toml"):
        assert words in page.text
    chinese = await comes(gateway, "zh").open(f"{ACCOUNT}/ilink")
    assert "会失去什么" in chinese.text
    peer.kind, refused.capabilities, refused.refusal = "ilink", FEW, None
    page = await visitor.submits(f"{ACCOUNT}/ilink")
    assert page.url.endswith(ACCOUNT)
    await gateway.reaches("running")
    assert transport(peer) == "ilink"
    assert "iLink" in (await visitor.open(ACCOUNT)).text
    page = await visitor.open(f"{ACCOUNT}/ilink")
    assert (page.status, "cannot be changed here" in page.text) == (400, True)
    await gateway.stop()
    again = await world.start()
    await again.reaches("running")
    assert transport(peer) == "ilink", "a restart remembers it"


async def test_the_configuration_wins(
    world: World, refused: MemoryAccount, peer: MemoryTransports, comes: Comes
) -> None:
    gateway = await world.start(transport="web")
    await gateway.reaches("stop")
    visitor = comes(gateway)
    page = await visitor.open(ACCOUNT)
    assert 'write transport = "ilink" for it in config.toml' in page.text
    assert f"{ACCOUNT}/ilink" not in page.links()
    page = await visitor.submits(f"{ACCOUNT}/ilink")
    assert page.status == 400
    assert (await gateway.client())["state"] == "stop"


async def test_the_configuration_takes_a_choice_back(
    world: World, refused: MemoryAccount, peer: MemoryTransports, comes: Comes
) -> None:
    gateway = await world.start()
    await gateway.reaches("stop")
    visitor = comes(gateway)
    refused.refusal = None
    await visitor.open(ACCOUNT)
    await visitor.submits(f"{ACCOUNT}/ilink")
    await gateway.reaches("running")
    await gateway.stop()
    await world.run(transport="web")
    assert transport(peer) == "web"


async def test_an_account_of_the_api_goes_over(
    world: World, refused: MemoryAccount, peer: MemoryTransports, comes: Comes
) -> None:
    refused.refusal = None
    gateway = await world.run()
    shop = peer.account("shop")
    shop.refusal = LoginRefused("login", 1203, "not this account")
    await gateway.get("start_client", client="shop", send_interval="7")
    visitor = comes(gateway)
    page = await visitor.until("/console/accounts/shop", "Login refused")
    shop.refusal = None
    page = await visitor.open("/console/accounts/shop/ilink")
    assert "start_client with transport=web" in page.text
    await visitor.submits("/console/accounts/shop/ilink")
    await visitor.until("/console/accounts/shop", "Running")
    settings = peer.settings["shop"]
    assert (settings.transport, settings.send_interval) == ("ilink", 7.0)
    await gateway.stop()
    await world.start()
    settings = peer.settings["shop"]
    assert (settings.transport, settings.send_interval) == ("ilink", 7.0)


def test_a_transport_is_a_setting() -> None:
    assert AccountSettings().transport == "web"

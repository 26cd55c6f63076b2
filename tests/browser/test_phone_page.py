"""The simulator's phone page, as somebody with a browser sees and uses it, beside a real gateway."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from openwx.simulator import Account, Simulator
from openwx.simulator.media import JPEG
from tests.functional.world import Gateway, Receiver, World
from tests.patience import PATIENCE_MS

from .conftest import Complaints

if TYPE_CHECKING:
    from playwright.async_api import Browser, Locator, Page


class PhonePage:
    """What a person does on the page."""

    def __init__(self, page: "Page", simulator: Simulator) -> None:
        self.page = page
        self.url = simulator.page_url
        self.screen = page.locator("#screen")

    async def opens(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        await self.page.goto(self.url)
        await self.screen.locator("#chats li").first.wait_for()

    async def presses(self, name: str, within: "Locator | None" = None) -> None:
        await (within or self.screen).get_by_role("button", name=name, exact=True).click()

    async def sees(self, text: str | re.Pattern[str], within: "Locator | None" = None) -> None:
        await (within or self.screen).get_by_text(text).first.wait_for()

    async def enters(self, chat: str) -> None:
        await self.screen.locator("#chats").get_by_role("link").filter(has_text=chat).click()
        await self.screen.locator(".talk").wait_for()

    async def leaves(self) -> None:
        """Go back from a chat; the phone has left it when this returns."""
        async with self.page.expect_response(
            lambda response: response.url.endswith("phone/leaves")
        ):
            await self.screen.get_by_role("link", name="Back").click()

    async def writes_as(self, who: str) -> None:
        writer = self.screen.get_by_role("combobox", name="Write as")
        await writer.select_option(label=who)

    async def says(self, text: str) -> None:
        await self.screen.get_by_role("textbox", name="Message").fill(text)
        await self.page.keyboard.press("Enter")

    async def picks(self, kind: str) -> None:
        """Something of the menu beside the text."""
        menu = self.screen.get_by_role("group", name="More to send")
        if not await menu.is_visible():
            await self.presses("More to send")
        await self.presses(kind, menu)

    def said(self, text: str) -> "Locator":
        return self.screen.locator(".said").filter(has_text=text)

    async def fills(self, **fields: str) -> None:
        """Return the fields of the open dialog."""
        dialog = self.page.get_by_role("dialog")
        for name, value in fields.items():
            await dialog.locator(f"[name={name}]").fill(value)
        await self.presses("OK", dialog)


@pytest.fixture
async def phone(
    page: "Page", simulator: Simulator, complaints: Complaints
) -> AsyncIterator[PhonePage]:
    phone = PhonePage(page, simulator)
    await phone.opens()
    yield phone
    assert not complaints


async def test_scan_and_confirm_start_the_gateway(phone: PhonePage, world: World) -> None:
    await phone.sees("No web client is logged in")
    gateway = await world.start()
    await phone.sees("A login QR code waits to be scanned")
    await phone.presses("Scan", phone.screen.locator(".banner"))
    code = phone.screen.get_by_role("img", name=re.compile("^Login QR code"))
    await code.wait_for()
    assert await code.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    await phone.presses("Scan this code")
    prompt = phone.page.get_by_role("alertdialog", name="Log in to WeChat on the web?")
    await prompt.wait_for()
    assert await phone.screen.get_attribute("inert") is not None
    await phone.presses("Log in", prompt)
    await gateway.reaches("running")
    await phone.sees("The web client is logged in")


async def test_a_cancelled_login_brings_another_code(phone: PhonePage, world: World) -> None:
    gateway = await world.start()
    await phone.presses("Scan", phone.screen.locator(".banner"))
    await phone.presses("Scan this code")
    prompt = phone.page.get_by_role("alertdialog")
    await phone.presses("Cancel", prompt)
    await prompt.wait_for(state="hidden")
    await phone.sees("A login QR code waits to be scanned")
    await phone.presses("Scan", phone.screen.locator(".banner"))
    await phone.presses("Scan this code")
    await phone.presses("Log in", prompt)
    await gateway.reaches("running")


async def test_a_friend_writes_and_the_gateway_answers(
    phone: PhonePage, api: Gateway, receiver: Receiver
) -> None:
    await phone.enters("小灰")
    await phone.says("在吗？<img src=x onerror=alert(1)> & 😄")
    report = await receiver.get(content="在吗？<img src=x onerror=alert(1)> & 😄")
    assert report["sender"] == "小灰"
    own = phone.said("<img src=x")
    await own.get_by_role("img", name="The web client has it").wait_for()
    await api.post("send_friend_message", displayname="小灰", content="在的\n<b>两行</b>")
    answer = phone.said("<b>两行</b>")
    await answer.get_by_text("by the web client").wait_for()
    assert "own" in (await answer.get_attribute("class") or "")
    await phone.writes_as("我是谁 (me, on the phone)")
    await phone.says("我在手机上")
    assert (await receiver.get(content="我在手机上"))["post_type"] == "send_message"


async def test_members_write_and_groups_change(
    phone: PhonePage, api: Gateway, receiver: Receiver, account: Account
) -> None:
    group = account.group("PERL学习交流")
    first, second = (member.shown_name for member in group.others[:2])
    await phone.enters("PERL学习交流")
    for member in (second, first):
        await phone.writes_as(member)
        await phone.says(f"{member}来了")
        report = await receiver.get(content=f"{member}来了")
        assert (report["group"], report["sender"]) == ("PERL学习交流", member)
    await phone.screen.get_by_role("link", name="About this chat").click()
    await phone.presses("Rename the group")
    await phone.fills(name="新群名")
    reported = await receiver.get_event("group_property_change")
    assert reported[2:] == ["PERL学习交流", "新群名"]
    await phone.presses("Add a member")
    await phone.fills(member="新成员")
    assert (await receiver.get_event("new_group_member"))[0]["name"] == "新成员"
    await phone.presses("Remove 新成员")
    assert (await receiver.get_event("lose_group_member"))[0]["name"] == "新成员"
    await phone.presses("Leave the group")
    assert (await receiver.get_event("lose_group"))[0]["displayname"] == "新群名"
    await phone.screen.locator("#chats").wait_for()
    assert await phone.screen.locator("#chats").get_by_text("新群名").count() == 0


async def test_a_message_is_taken_back(
    phone: PhonePage, api: Gateway, receiver: Receiver, account: Account
) -> None:
    await phone.enters("小灰")
    await phone.says("写错了")
    await receiver.get(content="写错了")
    await phone.said("写错了").hover()
    await phone.presses("Recall", phone.said("写错了"))
    await phone.sees("“小灰” recalled a message")
    await receiver.get(post_type="receive_message", format="revoke")
    await api.post("send_friend_message", displayname="小灰", content="发错了")
    await phone.said("发错了").hover()
    await phone.presses("Recall", phone.said("发错了"))
    await phone.sees("You recalled a message")
    assert [heard.revoked for heard in account.friend("小灰").inbox] == [True]


async def test_pictures_and_samples_of_every_kind(
    phone: PhonePage, api: Gateway, receiver: Receiver, account: Account, tmp_path: Path
) -> None:
    await phone.enters("小灰")
    async with phone.page.expect_file_chooser() as chooser:
        await phone.picks("Picture")
    picture = tmp_path / "photo.jpg"
    picture.write_bytes(JPEG)
    await (await chooser.value).set_files(picture)
    await receiver.gets(1, format="media")
    await phone.picks("Sample picture")
    reports = await receiver.gets(2, format="media")
    assert Path(reports[0]["media_path"]).read_bytes() == JPEG
    assert Path(reports[1]["media_path"]).read_bytes().startswith(b"\xff\xd8\xff")
    shown = phone.screen.locator(".said img")
    await shown.nth(1).wait_for()
    assert (
        await shown.last.evaluate("image => image.decode().then(() => image.naturalWidth)") == 640
    )
    for number, kind in enumerate(("Voice", "Video", "Sticker", "Sample file"), 3):
        await phone.picks(kind)
        await receiver.gets(number, format="media")
    for kind, found in {"Location": "location", "Link": "app", "Card": "card"}.items():
        await phone.picks(kind)
        await receiver.get(format=found)
    for kind in ("Mini program", "Transfer", "Red packet", "Chat record", "Live location", "Call"):
        before = len(account.timeline)
        await phone.picks(kind)
        assert await account.pulse.until(lambda n=before: len(account.timeline) > n, 10)  # type: ignore[misc]
    await phone.sees("￥8.88")


async def test_a_file_is_pasted(phone: PhonePage, api: Gateway, receiver: Receiver) -> None:
    await phone.enters("小灰")
    await phone.screen.get_by_role("textbox", name="Message").evaluate(
        """box => {
            const clipboardData = new DataTransfer();
            clipboardData.items.add(new File(["买茶"], "便条.txt", { type: "text/plain" }));
            const how = { clipboardData, bubbles: true, cancelable: true };
            box.dispatchEvent(new ClipboardEvent("paste", how));
        }"""
    )
    report = await receiver.get(media_name="便条.txt")
    assert Path(report["media_path"]).read_text(encoding="utf-8") == "买茶"
    assert await phone.said("便条.txt").get_by_role("link").get_attribute("download") == "便条.txt"


async def test_strangers_and_unread(
    phone: PhonePage, api: Gateway, receiver: Receiver, account: Account
) -> None:
    await phone.page.get_by_role("link", name="Friends").click()
    await phone.presses("A stranger asks to be friends", phone.screen.locator("header"))
    await phone.fills(name="客人", words="你好")
    assert (await receiver.get_event("friend_request"))[1:3] == ["客人", "你好"]
    await phone.presses("Accept on the phone")
    await phone.sees("Accepted")
    assert (await receiver.get_event("new_friend"))[0]["name"] == "客人"
    await phone.page.get_by_role("link", name="Chats").click()
    row = (
        phone.screen.locator("#chats li")
        .filter(has_text="momo")
        .or_(phone.screen.locator("#chats li").filter(has_text="李老师（数学）"))
    )
    account.friend("momo").says("没读")
    await row.get_by_label("1 unread").wait_for()
    async with phone.page.expect_response(lambda response: response.url.endswith("phone/opens")):
        await row.get_by_role("link").click()
    await phone.leaves()
    await row.wait_for()
    await row.get_by_label("1 unread").wait_for(state="hidden")
    account.friend("momo").says("还没读")
    await row.get_by_label("1 unread").wait_for()
    assert (await api.get("mark_read", account="momo_0717")).code == 0
    await row.get_by_label("1 unread").wait_for(state="hidden")


async def test_the_web_client_is_logged_out_and_in_again(phone: PhonePage, api: Gateway) -> None:
    await phone.presses("Log out")
    # The gateway asks the phone itself (a push login): nothing is to be scanned.
    await phone.presses("Log in", phone.page.get_by_role("alertdialog"))
    await api.reaches("running")
    await phone.sees("The web client is logged in")


async def test_faults_are_injected_and_calls_are_seen(
    phone: PhonePage, api: Gateway, account: Account
) -> None:
    lab = phone.page.locator("#lab")
    await lab.get_by_label("What goes wrong").select_option("ret")
    await lab.get_by_label("ret", exact=True).fill("1")
    await phone.presses("Inject", lab)
    await lab.get_by_text("webwxsendmsg: ret, 1× more, struck 0×").wait_for()
    reply = await api.get("send_friend_message", displayname="小灰", content="1")
    assert (reply.code, reply.json["ret"]) == (201, 1)
    await lab.get_by_text("Nothing goes wrong.").wait_for()
    struck = lab.locator("tr.struck")
    assert "webwxsendmsg" in await struck.first.inner_text()


async def test_accounts_are_added_and_switched(phone: PhonePage, simulator: Simulator) -> None:
    lab = phone.page.locator("#lab")
    await phone.presses("Add an account", lab)
    await phone.fills(name="shop", friends="3", groups="1")
    await lab.get_by_role("button", pressed=True).filter(has_text="我是谁2").wait_for()
    await phone.enters("小灰")
    await phone.says("给第二个帐号")
    second = simulator.account("shop")
    assert await second.pulse.until(lambda: second.timeline[-1:], 10)
    await phone.sees("给第二个帐号")
    assert not [m for m in simulator.account().received.values() if m.text == "给第二个帐号"]
    await lab.get_by_role("button").filter(has_text="我是谁").first.click()
    await phone.page.wait_for_function("() => document.querySelectorAll('#chats li').length > 5")


async def test_a_small_dark_screen_in_chinese(
    browser: "Browser", simulator: Simulator, api: Gateway, account: Account
) -> None:
    complaints = Complaints()
    options: dict[str, Any] = {"locale": "zh-CN", "color_scheme": "dark", "has_touch": True}
    context = await browser.new_context(viewport={"width": 360, "height": 640}, **options)
    page = await context.new_page()
    complaints.listen_to(page)
    account.friend("小灰").says("字" * 400)
    phone = PhonePage(page, simulator)
    await phone.opens()
    await phone.sees("网页微信已登录")
    assert await page.locator("html").get_attribute("lang") == "zh-CN"
    friend, group = account.friend("小灰").key, account.groups[1].key
    chats = [
        f"{screen}/{chat}"
        for screen in ("chat", "info")
        for chat in (f"friend/{friend}", f"group/{group}")
    ]
    for path in ("friends", "me", "lab", "scan", *chats, "chats"):
        await page.evaluate("path => { location.hash = '#/' + path }", path)
        await page.wait_for_function(
            "name => document.body.dataset.screen === name", arg=path.split("/")[0]
        )
        wide = await page.evaluate("() => document.documentElement.scrollWidth")
        assert wide == 360, path
    assert not await page.locator("#lab").is_visible()
    await context.close()
    assert not complaints


async def test_it_works_with_the_keyboard_alone(
    phone: PhonePage, api: Gateway, receiver: Receiver
) -> None:
    page = phone.page
    await phone.screen.get_by_role("searchbox", name="Search").focus()
    await page.keyboard.type("小灰")
    await phone.screen.locator("#chats li").nth(1).wait_for(state="hidden")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await phone.screen.locator(".talk").wait_for()
    assert await page.evaluate("() => document.activeElement.tagName") == "H1"
    for _ in range(12):
        await page.keyboard.press("Tab")
        if await page.evaluate("() => document.activeElement.name") == "text":
            break
    await page.keyboard.type("只用键盘")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("第二行")
    await page.keyboard.press("Enter")
    await receiver.get(content="只用键盘\n第二行")


async def test_the_page_comes_back_with_the_simulator(
    page: "Page", account: Account, simulator: Simulator
) -> None:
    async with Simulator(2, friends=3, groups=1) as first:
        phone = PhonePage(page, first)
        await phone.opens()
        port = first.port
    await phone.sees("The simulator does not answer", page.locator("#toast"))
    async with Simulator(2, port=port, friends=5, groups=1):
        await page.locator("#toast").wait_for(state="hidden")
        await page.wait_for_function("() => document.querySelectorAll('#chats li').length >= 6")


async def test_members_mention_quote_and_share(
    phone: PhonePage, api: Gateway, account: Account, receiver: Receiver
) -> None:
    first, second = account.group("PERL学习交流").others[:2]
    await phone.enters("PERL学习交流")
    await phone.writes_as(first.shown_name)
    await phone.says("谁有空？")
    await phone.writes_as(second.shown_name)
    await phone.presses("Quote", phone.said("谁有空？"))
    await phone.says("@我是谁 你呢")
    report = await receiver.get(content="@我是谁 你呢")
    assert (report["mentions_me"], report["quote"]["content"]) == (True, "谁有空？")
    await phone.sees(f"{first.shown_name}: 谁有空？", phone.said("你呢"))
    await phone.says("no quote any more")
    assert "quote" not in await receiver.get(content="no quote any more")
    await phone.picks("Announcement")
    await phone.picks("Articles")
    announced, push = await receiver.gets(2, format="app")
    assert (announced["app_type"], len(push["app_items"])) == (87, 2)
